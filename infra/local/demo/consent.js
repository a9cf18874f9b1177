// The question that a shop has to ask: nothing is stored or sent before a yes.

import { h } from "/console/dom.js";
import { identify } from "./customer.js";
import { read, write } from "./kept.js";
import { forget, soon } from "./told.js";

/** @returns {"granted" | "denied" | ""} what this visitor said */
export const said = () => read("consent", "");

/** @type {Set<() => void>} */
const listeners = new Set();
/** @param {() => void} listener */
export const onSaid = (listener) => listeners.add(listener);

const box = h("section", { class: "consent", "aria-label": "Privacy", hidden: true },
  h("p", {}, "May Nook remember what you look at? Before you say yes, nothing is stored and nothing is sent."),
  h("div", { class: "buttons" },
    h("button", { type: "button", class: "primary", onclick: () => answer("granted") }, "Yes, remember"),
    h("button", { type: "button", onclick: () => answer("denied") }, "No, thanks")));

export function banner() {
  box.hidden = Boolean(said());
  return box;
}

/** What opens the question again. */
export function choices() {
  return h("button", { type: "button", class: "link", onclick: () => {
    box.hidden = false;
    box.querySelector("button")?.focus();
  } }, "Privacy choices");
}

/** @param {"granted" | "denied"} given */
async function answer(given) {
  const before = said();
  write("consent", given);
  box.hidden = true;
  if (given === "denied") forget();
  const told = given === "granted" ? hardlink.optIn() : hardlink.optOut();
  if (given === "granted" && before !== given) identify();
  await soon(told);
  for (const listener of listeners) listener();
}
