// Questions and the list of shortcuts, in dialogs that the keyboard can leave.

import { h } from "./dom.js";

/** @type {[string, string][]} */
const SHORTCUTS = [
  ["/", "search in what is shown"],
  ["g then l", "go to the live list"],
  ["g then c", "look up a customer"],
  ["j, k", "next or previous event"],
  ["Enter", "open or close an event"],
  ["p", "pause the live list, or go on"],
  ["r", "raw JSON, or pretty"],
  ["m", "older events"],
  ["t", "theme: system, light, dark"],
  ["?", "these shortcuts"],
  ["Esc", "close a dialog"],
];

/**
 * Whether somebody is sure.
 * @param {string} title
 * @param {string} verb what the button says
 * @param {Node[]} text
 * @returns {Promise<boolean>}
 */
export function ask(title, verb, text) {
  return new Promise((done) => {
    const made = dialog(title, text, () => done(made.returnValue === "yes"));
    made.append(h("div", { class: "buttons" },
      h("button", { type: "button", autofocus: true, onclick: () => made.close() }, "Cancel"),
      h("button", { type: "button", class: "danger", onclick: () => made.close("yes") }, verb)));
    made.showModal();
  });
}

export function help() {
  if (document.querySelector("dialog[open]")) return;
  const made = dialog("Keyboard", [
    h("dl", { class: "shortcuts" }, SHORTCUTS.map(([keys, what]) => h("div", {},
      h("dt", {}, keys.split(" ").map((part) => /^(then)$/.test(part) ? ` ${part} ` : h("kbd", {}, part.replace(",", "")))),
      h("dd", {}, what)))),
  ], () => {});
  made.append(h("div", { class: "buttons" },
    h("button", { type: "button", autofocus: true, onclick: () => made.close() }, "Close")));
  made.showModal();
}

/**
 * @param {string} title
 * @param {Node[]} inside
 * @param {() => void} closed
 */
function dialog(title, inside, closed) {
  const made = h("dialog", { "aria-labelledby": "dialog-title", onclose: () => {
    made.remove();
    closed();
  } }, h("h2", { id: "dialog-title" }, title), inside);
  document.body.append(made);
  return made;
}
