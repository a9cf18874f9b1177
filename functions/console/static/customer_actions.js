// Export and erasure of a customer.

import { ApiError, post } from "./api.js";
import { exportCustomer } from "./customer_export.js";
import { confirmAction } from "./dialogs.js";
import { h, setChildren } from "./dom.js";
import { formatCount } from "./format.js";
import { viewPath } from "./links.js";

/** Time for the browser to start the download, after which its data is released. */
const DOWNLOAD_MS = 60_000;

/**
 * @param {string} type
 * @param {string} value
 * @param {import("./app.js").Context} context
 */
export function createCustomerActions(type, value, context) {
  const progress = h("p", { class: "dim progress", role: "status" });
  const exportButton = h("button", { type: "button", onclick: download }, "Export");
  return h("div", { class: "buttons" }, progress, exportButton,
    h("button", { type: "button", class: "danger", onclick: () => eraseCustomer(type, value, context) }, "Erase…"));

  async function download() {
    exportButton.disabled = true;
    setChildren(progress, "Exporting…");
    const showCount = (/** @type {number} */ count) => setChildren(progress, `Exporting… ${formatCount(count, "event")}`);
    try {
      saveFile(await exportCustomer({ [type]: value }, showCount, context.signal), `${type}-${value}.json`);
    } catch (error) {
      if (error instanceof ApiError) context.showError(error);
    }
    setChildren(progress);
    exportButton.disabled = false;
  }
}

/** @param {Blob} file @param {string} name */
function saveFile(file, name) {
  const url = URL.createObjectURL(file);
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), DOWNLOAD_MS);
}

/** @param {string} type @param {string} value @param {import("./app.js").Context} context */
async function eraseCustomer(type, value, context) {
  const isConfirmed = await confirmAction("Erase this customer?", "Erase", [
    h("p", {}, "All events, sessions, identifiers and attributes of ", h("strong", {}, `${type} ${value}`),
      " are deleted. This cannot be undone."),
  ]);
  if (!isConfirmed) return;
  try {
    const { erasure } = await post(["customers", "erase"], {}, { [type]: value });
    context.showMessage("The customer is erased and no longer shown. Their events are deleted within minutes.");
    location.hash = viewPath("erasures", erasure.id);
  } catch (error) {
    if (error instanceof ApiError) context.showError(error);
  }
}
