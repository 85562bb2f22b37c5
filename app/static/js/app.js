/* What the wizard does beyond htmx: focus, announcements, the frame's height, events for the host page, trouble on the line. */
(function () {
  "use strict";
  const doc = document;
  const framed = window.parent !== window;
  const sent = {};
  const indexes = {};
  let wizard, lastTried, slowTimer;
  let lastHeight = 0;

  function one(selector, root) {
    return (root || doc).querySelector(selector);
  }

  /* Only the origin the server printed may listen; without it nothing leaves the frame. */
  function tell(type, data) {
    const meta = one('meta[name="a1-parent"]');
    if (framed && meta) {
      window.parent.postMessage(Object.assign({ source: "a1-booking", v: 1, type: type }, data), meta.content);
    }
  }

  /* Tells the host page two visits apart without giving away the token in our address. */
  function visit() {
    return Array.from(location.pathname.split("/")[2] || "").reduce(function (sum, sign) {
      return (sum * 31 + sign.charCodeAt(0)) | 0;
    }, 7);
  }

  function event(name, step, index, reference) {
    const data = wizard.dataset;
    const key = name + step;
    if (sent[key]) return;
    sent[key] = true;
    tell("step", {
      event: name, step: step, index: index, total: +data.total, partner: data.partner,
      embed: framed, reference: reference, visit: visit()
    });
  }

  function events() {
    const data = wizard.dataset;
    if (data.completed) event("step_completed", data.completed, indexes[data.completed] || data.idx - 1);
    if (data.submitted) event("submitted", "review", indexes.review || +data.total, data.submitted);
    indexes[data.step] = +data.idx;
    if (+data.idx) event("step_viewed", data.step, +data.idx);
  }

  function say(text, seen) {
    const live = one("#live");
    live.textContent = text || "";
    live.classList.toggle("show", !!seen);
  }

  function trouble(seen) {
    one("#net").hidden = !seen;
  }

  function height() {
    const now = Math.ceil(one("#page").getBoundingClientRect().height);
    if (Math.abs(now - lastHeight) > 1) tell("height", { height: (lastHeight = now) });
  }

  /* A new step took the place of the old one: by Continue, by Back, or by the browser's history. */
  function arrived() {
    const now = one("#wizard");
    if (!now || now === wizard) return;
    wizard = now;
    trouble(false);
    say(wizard.dataset.say);
    events();
    choice();
    height();
    tell("moved");
    const target = one("[data-focus]", wizard);
    if (target) target.focus({ preventScroll: framed });
    if (!framed) window.scrollTo(0, 0);
  }

  /* The chosen window stays readable beside Continue while other days are looked at. */
  function choice() {
    const out = one("[data-choice]", wizard);
    const picked = out && one("[name=slot_id]:checked", wizard);
    if (picked) {
      const legend = one("legend", picked.closest(".slots") || doc.createElement("p"));
      const label = picked.parentNode;
      const parts = legend ? [legend, label] : [one("b", label), one("small", label)];
      out.textContent = parts.map(function (part) {
        return part.textContent.trim();
      }).join(", ");
    }
  }

  function polls(detail) {
    return detail.elt.hasAttribute("data-status");
  }

  function failed(e) {
    if (!polls(e.detail)) trouble(true);
  }

  doc.addEventListener("change", function (e) {
    choice();
    if (e.target.hasAttribute("data-emergency")) say(one(".safety h2").textContent);
  });

  doc.addEventListener("click", function (e) {
    const link = e.target.closest('a[href^="tel:"]');
    if (link && wizard.dataset.call && navigator.sendBeacon) navigator.sendBeacon(wizard.dataset.call);
    if (e.target.closest("#net button") && lastTried) {
      trouble(false);
      if (lastTried.requestSubmit) lastTried.requestSubmit();
      else lastTried.click();
    }
  });

  doc.addEventListener("keydown", function (e) {
    if (e.key === "Escape") tell("escape");
  });

  doc.addEventListener("htmx:beforeRequest", function (e) {
    if (polls(e.detail)) return;
    lastTried = e.detail.elt;
    trouble(false);
    clearTimeout(slowTimer);
    slowTimer = setTimeout(function () {
      say(one("#live").dataset.slow, true);
    }, 4000);
  });

  doc.addEventListener("htmx:afterRequest", function (e) {
    if (polls(e.detail)) return;
    clearTimeout(slowTimer);
    if (one("#live.show")) say();
  });

  ["htmx:sendError", "htmx:timeout", "htmx:responseError"].forEach(function (name) {
    doc.addEventListener(name, failed);
  });

  /* A visit that ended meanwhile cannot be put back into the page: show what the server says now. */
  doc.addEventListener("htmx:historyCacheMissLoadError", function () {
    location.reload();
  });

  wizard = one("#wizard");
  if (wizard) {
    events();
    choice();
    new MutationObserver(arrived).observe(one("#main"), { childList: true });
    if (one(".note[data-focus]", wizard)) one("[data-focus]", wizard).focus();
  }
  if (framed && window.ResizeObserver) {
    new ResizeObserver(function () {
      requestAnimationFrame(height);
    }).observe(one("#page"));
  }
})();
