// Export and erasure of a customer: offered where the service has the calls.

import { get, post, Refused } from "./api.js";
import { ask } from "./dialog.js";
import { h, show } from "./dom.js";

/** @type {Promise<boolean> | undefined} */
let offered;

/**
 * The buttons, empty where the calls are not there.
 * @param {string} type
 * @param {string} value
 * @param {import("./app.js").Context} context
 */
export function privacy(type, value, context) {
  const buttons = h("div", { class: "buttons privacy" });
  offered ??= isOffered();
  offered.then((there) => there && show(buttons,
    h("button", { type: "button", onclick: () => download(type, value, context) }, "Export"),
    h("button", { type: "button", class: "danger", onclick: () => erase(type, value, context) }, "Erase…")));
  return buttons;
}

/** Whether there is such a route: an answer in the service's own form says so, though nobody has this identifier. */
async function isOffered() {
  try {
    await get(["customers", "profile", "-", "export"]);
    return true;
  } catch (error) {
    return error instanceof Refused && error.status === 404 && error.code !== "";
  }
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
