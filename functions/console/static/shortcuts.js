// The keyboard: one key a control that says so by `data-key`, and ways between events and views.

import { help } from "./dialog.js";

let before = "";

export function listen() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target instanceof HTMLElement && event.target.matches("input, select, textarea")) return;
    const pair = before === "g" ? `g${event.key}` : event.key;
    before = event.key;
    if (act(pair)) event.preventDefault();
  });
}

/** @param {string} key */
function act(key) {
  switch (key) {
    case "?": help(); return true;
    case "gl": location.hash = "#/live"; return true;
    case "gc": location.hash = "#/customers"; return true;
    case "j": return step(1);
    case "k": return step(-1);
    default: return press(key);
  }
}

/** @param {string} key */
function press(key) {
  if (!/^[a-z/]$/.test(key)) return false;
  const control = document.querySelector(`main [data-key="${key}"]`) ?? document.querySelector(`[data-key="${key}"]`)
    ?? (key === "/" ? document.querySelector("[data-find]") : null);
  if (control instanceof HTMLInputElement) control.focus();
  else if (control instanceof HTMLElement) control.click();
  return control !== null;
}

/** @param {number} by */
function step(by) {
  const all = [...document.querySelectorAll("li:not([hidden]) > .entry > summary")];
  const at = all.indexOf(/** @type {Element} */ (document.activeElement));
  const next = all[at < 0 ? 0 : Math.min(Math.max(at + by, 0), all.length - 1)];
  if (next instanceof HTMLElement) next.focus();
  return all.length > 0;
}
