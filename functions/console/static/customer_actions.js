// Export and erasure of a customer.

import { ApiError, get, post } from "./api.js";
import { confirmAction } from "./dialogs.js";
import { h } from "./dom.js";

/** Time for the browser to start the download, after which its data is released. */
const DOWNLOAD_MS = 60_000;

/**
 * @param {string} type
 * @param {string} value
 * @param {import("./app.js").Context} context
 */
export function createCustomerActions(type, value, context) {
  return h("div", { class: "buttons" },
    h("button", { type: "button", onclick: () => exportCustomer(type, value, context) }, "Export"),
    h("button", { type: "button", class: "danger", onclick: () => eraseCustomer(type, value, context) }, "Erase…"));
}

/** @param {string} type @param {string} value @param {import("./app.js").Context} context */
async function exportCustomer(type, value, context) {
  try {
    const document = await get(["customers", "export"], { [type]: value });
    const file = new Blob([JSON.stringify(document, null, 2)], { type: "application/json" });
    const url = URL.createObjectURL(file);
    h("a", { href: url, download: `${type}-${value}.json` }).click();
    setTimeout(() => URL.revokeObjectURL(url), DOWNLOAD_MS);
  } catch (error) {
    if (error instanceof ApiError) context.showError(error);
  }
}

/** @param {string} type @param {string} value @param {import("./app.js").Context} context */
async function eraseCustomer(type, value, context) {
  const isConfirmed = await confirmAction("Erase this customer?", "Erase", [
    h("p", {}, "All events, sessions, identifiers and attributes of ", h("strong", {}, `${type} ${value}`),
      " are deleted. This cannot be undone."),
  ]);
  if (!isConfirmed) return;
  try {
    await post(["customers", "erase"], {}, { [type]: value });
    context.showMessage("The customer is erased and no longer shown. Their events are deleted within minutes.");
    location.hash = "#/customers";
  } catch (error) {
    if (error instanceof ApiError) context.showError(error);
  }
}
