// The switch between raw JSON and formatted values, and the theme switch.

import { h } from "./dom.js";
import { display } from "./entry.js";

const STORAGE_KEY = "hardlink-theme";
const THEMES = ["system", "light", "dark"];
/** @type {Record<string, string>} */
const SYMBOLS = { system: "◐", light: "☀", dark: "☾" };

/** @param {() => void} onChanged */
export function createRawSwitch(onChanged) {
  const toggle = () => {
    display.raw = !display.raw;
    button.setAttribute("aria-pressed", String(display.raw));
    onChanged();
  };
  const button = h("button", {
    type: "button", "data-key": "r", "aria-pressed": String(display.raw), onclick: toggle,
  }, "Raw JSON");
  return button;
}

export function createThemeSwitch() {
  const selectNext = () => {
    applyTheme(THEMES[(THEMES.indexOf(readTheme()) + 1) % THEMES.length]);
    updateLabel();
  };
  const button = h("button", { type: "button", class: "quiet", "data-key": "t", onclick: selectNext });
  const updateLabel = () => {
    const label = `Theme: ${readTheme()}`;
    button.textContent = SYMBOLS[readTheme()];
    button.setAttribute("aria-label", label);
    button.title = label;
  };
  updateLabel();
  return button;
}

/** The theme that was chosen before, or `system`. */
function readTheme() {
  const theme = localStorage.getItem(STORAGE_KEY) ?? "";
  return THEMES.includes(theme) ? theme : THEMES[0];
}

/** Apply a theme, and store it in local storage, because it is no secret. @param {string} [theme] */
export function applyTheme(theme = readTheme()) {
  localStorage.setItem(STORAGE_KEY, theme);
  document.documentElement.dataset.theme = theme;
}
