// Show what arrives without reloading, so that neither scroll position nor selection is lost.
"use strict";

async function refresh() {
  const answer = await fetch("/");
  const next = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const selector of ["#received", ".foot"]) {
    const here = document.querySelector(selector);
    const there = next.querySelector(selector);
    if (here.innerHTML !== there.innerHTML) here.innerHTML = there.innerHTML;
  }
}

async function watch() {
  try {
    if (!document.hidden) await refresh();
  } catch {
    // The simulator is being restarted; the next round asks again.
  }
  setTimeout(watch, 2000);
}

setTimeout(watch, 2000);
