// Modal dialogs: confirmations, and the list of keyboard shortcuts.

import { h } from "./dom.js";

/** @type {[keys: string, effect: string][]} */
const SHORTCUTS = [
  ["/", "filter the view, or search"],
  ["g then l", "go to the live list"],
  ["g then c", "look up a customer"],
  ["j, k", "next or previous event"],
  ["Enter", "open or close an event"],
  ["p", "pause or resume the live list"],
  ["r", "switch between raw JSON and formatted values"],
  ["m", "load older events"],
  ["t", "change the theme: system, light, dark"],
  ["?", "show these shortcuts"],
  ["Esc", "close a dialog"],
];

/**
 * Ask the user to confirm an action.
 * @param {string} title
 * @param {string} verb label of the button that confirms
 * @param {Node[]} text
 * @returns {Promise<boolean>} whether it was confirmed
 */
export function confirmAction(title, verb, text) {
  return new Promise((resolve) => {
    const dialog = createDialog(title, text, () => resolve(dialog.returnValue === "yes"));
    dialog.append(h("div", { class: "buttons" },
      h("button", { type: "button", autofocus: true, onclick: () => dialog.close() }, "Cancel"),
      h("button", { type: "button", class: "danger", onclick: () => dialog.close("yes") }, verb)));
    dialog.showModal();
  });
}

export function showHelp() {
  if (document.querySelector("dialog[open]")) return;
  const rows = SHORTCUTS.map(([keys, effect]) => h("div", {}, h("dt", {}, createKeys(keys)), h("dd", {}, effect)));
  const dialog = createDialog("Keyboard shortcuts", [h("dl", { class: "shortcuts" }, rows)], () => {});
  dialog.append(h("div", { class: "buttons" },
    h("button", { type: "button", autofocus: true, onclick: () => dialog.close() }, "Close")));
  dialog.showModal();
}

/** @param {string} keys such as `g then l` */
function createKeys(keys) {
  return keys.split(" ").map((part) => (part === "then" ? ` ${part} ` : h("kbd", {}, part.replace(",", ""))));
}

/**
 * @param {string} title
 * @param {Node[]} content
 * @param {() => void} onClosed
 */
function createDialog(title, content, onClosed) {
  const removeDialog = () => {
    dialog.remove();
    onClosed();
  };
  const dialog = h("dialog", { "aria-labelledby": "dialog-title", onclose: removeDialog },
    h("h2", { id: "dialog-title" }, title), content);
  document.body.append(dialog);
  return dialog;
}
