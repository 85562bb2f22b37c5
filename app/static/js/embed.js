/*
 * Loader for partners' pages: puts the booking into a frame, keeps the frame as tall as its content, hands over where the
 * visitor came from, and tells the page what happened through document events and the data layer.
 */
(function () {
  "use strict";
  const script = document.currentScript || document.querySelector("script[data-a1-partner]:not([data-a1-loaded])");
  if (!script || !script.src || !script.dataset.a1Partner || script.dataset.a1Loaded) return;
  script.dataset.a1Loaded = "1";

  const UTM = ["utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "utm_id"];
  const CLICK_IDS = ["gclid", "gbraid", "wbraid", "fbclid", "msclkid", "ttclid"];
  const EVENTS = ["step_viewed", "step_completed", "submitted"];
  const STORE = "a1booking";
  const KEEP_MS = 90 * 24 * 3600 * 1000;
  const TALLEST = 6000;

  const options = script.dataset;
  const origin = new URL(script.src).origin;
  const mode = options.a1Mode === "popup" || options.a1Mode === "float" ? options.a1Mode : "inline";
  /* A tag manager may run the snippet twice; one dialog and one button are enough. */
  if (mode !== "inline" && window.A1Booking) return;
  const shortest = Number(options.a1MinHeight) || 420;
  const offset = Number(options.a1Offset) || 0;
  const title = options.a1Title || "Book a garage door repair";
  /* Global Privacy Control and a denied consent mean: no click ids, and nothing is remembered. */
  const mayTrack = !navigator.globalPrivacyControl && options.a1Consent !== "denied";
  const told = {};
  let frame = null;
  let dialog = null;

  function memory() {
    try {
      return JSON.parse(localStorage.getItem(STORE)) || {};
    } catch {
      return {};
    }
  }

  function remember(touches) {
    try {
      if (mayTrack) localStorage.setItem(STORE, JSON.stringify(touches));
      else localStorage.removeItem(STORE);
    } catch {
      /* Storage is closed to us here; attribution then covers this page view only. */
    }
  }

  function cut(value) {
    return String(value).slice(0, 255);
  }

  function presentTouch() {
    const query = new URLSearchParams(location.search);
    const touch = {};
    UTM.concat(mayTrack ? CLICK_IDS : []).forEach(function (name) {
      if (query.get(name)) touch[name] = cut(query.get(name));
    });
    try {
      const referrer = new URL(document.referrer).origin;
      if (referrer !== location.origin) touch.rf = cut(referrer);
    } catch {
      /* No referrer: the visitor typed the address or the browser keeps it. */
    }
    const direct = Object.keys(touch).length === 0;
    touch.lp = cut(location.origin + location.pathname);
    touch.at = new Date().toISOString();
    return { touch: touch, direct: direct };
  }

  function fresh(touch) {
    return touch && Date.now() - Date.parse(touch.at) < KEEP_MS ? touch : null;
  }

  /* The last touch that was not direct wins; the first one is kept beside it. */
  function touches() {
    const present = presentTouch();
    const stored = mayTrack ? memory() : {};
    const last = present.direct ? fresh(stored.last) || present.touch : present.touch;
    const first = fresh(stored.first) || present.touch;
    remember({ first: first, last: last });
    return { first: first, last: last };
  }

  function address() {
    const url = new URL("/e/" + encodeURIComponent(options.a1Partner), origin);
    const page = new URLSearchParams(location.search);
    const known = touches();
    const set = function (name, value) {
      if (value) url.searchParams.set(name, cut(value));
    };
    set("embed", "1");
    set("mode", mode);
    set("po", location.origin);
    UTM.concat(CLICK_IDS, "lp").forEach(function (name) {
      set(name, known.last[name]);
    });
    /* Sent even when empty: the frame's own referrer is this page, which is not where the visitor came from. */
    url.searchParams.set("rf", known.last.rf || "");
    const first = JSON.stringify(known.first);
    if (mayTrack && first.length <= 900) url.searchParams.set("ft", first);
    set("zip", page.get("zip"));
    set("issue", page.get("issue"));
    set("lang", options.a1Locale);
    set("variant", options.a1Variant);
    set("hue", options.a1Hue);
    return url.href;
  }

  function style(element, rules) {
    Object.assign(element.style, rules);
    return element;
  }

  function makeFrame() {
    frame = document.createElement("iframe");
    frame.title = title;
    frame.src = address();
    if (mode === "inline") frame.loading = "lazy";
    style(frame, {
      display: "block", width: "100%", height: shortest + "px", minHeight: shortest + "px",
      border: "0", borderRadius: "16px", colorScheme: "normal", background: "transparent"
    });
    return frame;
  }

  function makeDialog() {
    const close = document.createElement("button");
    close.type = "button";
    close.textContent = "\u00d7";
    close.setAttribute("aria-label", options.a1CloseLabel || "Close");
    style(close, {
      position: "sticky", top: "0", float: "right", width: "44px", height: "44px", border: "0", borderRadius: "50%",
      background: "transparent", color: "inherit", font: "28px/1 sans-serif", cursor: "pointer", zIndex: "1"
    });
    close.addEventListener("click", shut);
    dialog = document.createElement("dialog");
    dialog.setAttribute("aria-label", title);
    style(dialog, {
      width: "min(760px, calc(100vw - 16px))", maxWidth: "none", maxHeight: "calc(100dvh - 16px)", padding: "8px",
      border: "0", borderRadius: "20px", overflow: "auto", boxSizing: "border-box"
    });
    dialog.append(close, makeFrame());
    document.body.append(dialog);
  }

  function open() {
    if (mode === "inline") return frame && frame.scrollIntoView();
    if (!dialog) makeDialog();
    if (!dialog.open) dialog.showModal();
  }

  function shut() {
    if (dialog && dialog.open) dialog.close();
  }

  function resize(height) {
    if (Number.isFinite(height)) frame.style.height = Math.min(Math.max(Math.ceil(height), shortest), TALLEST) + "px";
  }

  /* A new step begins at the top; the page only moves when that top is out of sight. */
  function showTop() {
    if (dialog) {
      dialog.scrollTop = 0;
      return;
    }
    const top = frame.getBoundingClientRect().top - offset;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (top < 0) window.scrollBy({ top: top, behavior: calm ? "auto" : "smooth" });
  }

  function word(value) {
    return typeof value === "string" ? value.slice(0, 64) : undefined;
  }

  function announce(data) {
    const key = [data.visit, data.event, data.step].join();
    if (!EVENTS.includes(data.event) || told[key]) return;
    told[key] = true;
    const detail = {
      step: word(data.step), index: Number(data.index), total: Number(data.total),
      partner: word(data.partner), embed: mode, reference: word(data.reference)
    };
    document.dispatchEvent(new CustomEvent("a1booking:" + data.event, { detail: detail }));
    window.dataLayer = window.dataLayer || [];
    window.dataLayer.push({
      event: "booking_" + data.event, booking_step: detail.step, booking_step_index: detail.index,
      booking_partner: detail.partner, booking_embed: mode, booking_id: detail.reference
    });
  }

  /* Only our own frame, on our own origin, in the version we know, is listened to; nothing is ever sent into it. */
  window.addEventListener("message", function (message) {
    const data = message.data;
    if (message.origin !== origin || !frame || message.source !== frame.contentWindow) return;
    if (!data || data.source !== "a1-booking" || data.v !== 1) return;
    if (data.type === "height") resize(data.height);
    if (data.type === "moved") showTop();
    if (data.type === "step") announce(data);
    if (data.type === "escape") shut();
  });

  function start() {
    if (mode === "inline") {
      const target = options.a1Target ? document.querySelector(options.a1Target) : null;
      if (!target) script.after(makeFrame());
      else if (!target.querySelector("iframe")) target.append(makeFrame());
      return;
    }
    if (mode === "float") {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = options.a1Label || title;
      style(button, {
        position: "fixed", right: "16px", bottom: "16px", zIndex: "2147483000", minHeight: "56px", padding: "0 24px",
        border: "0", borderRadius: "28px", background: "#154fc3", color: "#fff", font: "600 17px/1.2 system-ui, sans-serif",
        boxShadow: "0 8px 24px -8px rgb(0 0 0 / 45%)", cursor: "pointer"
      });
      button.addEventListener("click", open);
      document.body.append(button);
    }
    document.addEventListener("click", function (click) {
      if (!click.target.closest || !click.target.closest("[data-a1-open]")) return;
      click.preventDefault();
      open();
    });
  }

  window.A1Booking = { open: open, close: shut };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
