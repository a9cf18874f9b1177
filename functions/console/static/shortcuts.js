// Keyboard shortcuts: a key activates the control with that `data-key`; others move between events and views.

import { showHelp } from "./dialogs.js";

let previousKey = "";

export function listenForShortcuts() {
  document.addEventListener("keydown", (event) => {
    const hasModifier = event.ctrlKey || event.metaKey || event.altKey;
    const isTyping = event.target instanceof HTMLElement && event.target.matches("input, select, textarea");
    if (hasModifier || isTyping || document.querySelector("dialog[open]")) return;
    const keys = previousKey === "g" ? `g${event.key}` : event.key;
    previousKey = event.key;
    if (handleKeys(keys)) event.preventDefault();
  });
}

/** @param {string} keys one key, or two of which the first is `g` @returns {boolean} whether they are a shortcut */
function handleKeys(keys) {
  switch (keys) {
    case "?": showHelp(); return true;
    case "gl": location.hash = "#/live"; return true;
    case "gc": location.hash = "#/customers"; return true;
    case "j": return focusEvent(1);
    case "k": return focusEvent(-1);
    default: return activateControl(keys);
  }
}

/** @param {string} key */
function activateControl(key) {
  if (!/^[a-z/]$/.test(key)) return false;
  // a control of the view takes precedence over one of the header
  const control = document.querySelector(`main [data-key="${key}"]`) ?? document.querySelector(`[data-key="${key}"]`)
    ?? (key === "/" ? document.querySelector("[data-find]") : null);
  if (control instanceof HTMLInputElement) control.focus();
  else if (control instanceof HTMLElement) control.click();
  return control !== null;
}

/** Focus the next (1) or the previous (-1) event. @param {number} step */
function focusEvent(step) {
  const events = [...document.querySelectorAll("li:not([hidden]) > .entry > summary")];
  const current = events.indexOf(/** @type {Element} */ (document.activeElement));
  const wished = current < 0 ? 0 : current + step;
  const target = events[Math.min(Math.max(wished, 0), events.length - 1)];
  if (target instanceof HTMLElement) target.focus();
  return events.length > 0;
}
