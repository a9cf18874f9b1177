// Switches that several views have, and the theme.

import { mode } from "./entry.js";
import { h } from "./dom.js";

const THEME = "hardlink-theme";
const THEMES = ["system", "light", "dark"];

/**
 * Pretty or raw.
 * @param {() => void} changed
 */
export function rawSwitch(changed) {
  const button = h("button", {
    type: "button", "data-key": "r", "aria-pressed": String(mode.raw),
    onclick: () => {
      mode.raw = !mode.raw;
      button.setAttribute("aria-pressed", String(mode.raw));
      changed();
    },
  }, "Raw JSON");
  return button;
}

/** Light, dark, or as the machine has it. */
export function themeSwitch() {
  const button = h("button", { type: "button", class: "quiet", "data-key": "t", onclick: () => {
    setTheme(THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length]);
    label();
  } });
  const label = () => {
    button.textContent = { light: "☀", dark: "☾" }[theme()] ?? "◐";
    button.setAttribute("aria-label", `Theme: ${theme()}`);
    button.title = `Theme: ${theme()}`;
  };
  label();
  return button;
}

/** Which theme was chosen: no secret, so it outlives the tab. */
function theme() {
  const found = localStorage.getItem(THEME) ?? "";
  return THEMES.includes(found) ? found : THEMES[0];
}

/** @param {string} [chosen] */
export function setTheme(chosen = theme()) {
  localStorage.setItem(THEME, chosen);
  document.documentElement.dataset.theme = chosen;
}
