// The calls that this tab made to Hardlink and their outcomes, for the panel. A real shop does not need this.

import { readStored, TAB, writeStored } from "./storage.js";

/** @typedef {{label: string, status: string}} Activity */

const MAX_ENTRIES = 12;
/** Milliseconds that a page waits for a call before it is left. The next page sends what was not sent by then. */
const MAX_WAIT = 1500;
/** @type {Set<() => void>} */
const listeners = new Set();
/** The newest first. @type {Activity[]} */
let entries = restoreEntries();

/** @returns {readonly Activity[]} the newest first */
export const readActivity = () => entries;

/** @param {() => void} listener called after every change */
export const onActivity = (listener) => listeners.add(listener);

/**
 * Show a call to Hardlink in the panel, with its outcome. Never rejects: a failed call must not affect the shop.
 * @param {string} label
 * @param {Promise<unknown>} call
 */
export async function trackActivity(label, call) {
  const entry = { label, status: "waiting" };
  entries = [entry, ...entries].slice(0, MAX_ENTRIES);
  notifyListeners();
  try {
    await call;
    entry.status = label.startsWith("identify") ? "linked" : "stored";
  } catch (error) {
    const { code, message } = /** @type {import("../../../functions/sdk/hardlink.js").Failure} */ (error);
    entry.status = code === "opted_out" ? "not sent" : `refused: ${message}`;
  }
  notifyListeners();
}

/** Remove all entries, when the customer logs out or declines tracking. */
export function clearActivity() {
  entries = [];
  notifyListeners();
}

/** Wait for a call, but not for long and without errors. @param {Promise<unknown>} call */
export function waitBriefly(call) {
  const timeout = new Promise((resolve) => setTimeout(resolve, MAX_WAIT));
  return Promise.race([call.catch(() => {}), timeout]);
}

/** Entries of the previous page. The SDK sent the pending ones as it was left, or sends them now. @returns {Activity[]} */
function restoreEntries() {
  /** @type {Activity[]} */
  const stored = readStored("activity", [], TAB);
  return stored.map((entry) => (entry.status === "waiting" ? { ...entry, status: "sent" } : entry));
}

function notifyListeners() {
  const isAllowed = readStored("consent", "") === "granted";
  writeStored("activity", isAllowed ? entries : undefined, TAB);
  for (const listener of listeners) listener();
}
