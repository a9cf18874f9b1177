// Export and erasure of a customer.

import { get, post, Refused } from "./api.js";
import { ask } from "./dialog.js";
import { h } from "./dom.js";

/**
 * The buttons.
 * @param {string} type
 * @param {string} value
 * @param {import("./app.js").Context} context
 */
export function privacy(type, value, context) {
  return h("div", { class: "buttons privacy" },
    h("button", { type: "button", onclick: () => download(type, value, context) }, "Export"),
    h("button", { type: "button", class: "danger", onclick: () => erase(type, value, context) }, "Erase…"));
}

/** @param {string} type @param {string} value @param {import("./app.js").Context} context */
async function download(type, value, context) {
  try {
    const found = await get(["customers", type, value, "export"]);
    const url = URL.createObjectURL(new Blob([JSON.stringify(found, null, 2)], { type: "application/json" }));
    h("a", { href: url, download: `${type}-${value}.json` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  } catch (error) {
    if (error instanceof Refused) context.fail(error);
  }
}

/** @param {string} type @param {string} value @param {import("./app.js").Context} context */
async function erase(type, value, context) {
  const sure = await ask("Erase this customer?", "Erase", [
    h("p", {}, "All events, sessions, identifiers and attributes of ", h("strong", {}, `${type} ${value}`),
      " are deleted. This cannot be undone."),
  ]);
  if (!sure) return;
  try {
    await post(["customers", type, value, "erase"], {});
    context.tell("The customer is erased: nothing shows them any more. Their events are deleted within minutes.");
    location.hash = "#/customers";
  } catch (error) {
    if (error instanceof Refused) context.fail(error);
  }
}
