// What this tab told Hardlink, and what came of it: only the panel needs it, a real shop has nothing like this.

import { read, TAB, write } from "./kept.js";

/** @typedef {{label: string, status: string}} Told */

const MOST = 12;
/** Milliseconds for which a page waits before it goes on: what was not sent by then, the next page sends. */
const PATIENCE = 1500;
/** @type {Set<() => void>} */
const listeners = new Set();
/** @type {Told[]} the newest first */
let entries = stored();

/** @returns {readonly Told[]} */
export const told = () => entries;

/** @param {() => void} listener called at every change */
export const onTold = (listener) => listeners.add(listener);

/**
 * Notes what was told, and what the service says of it. Never fails: a shop goes on whatever becomes of its tracking.
 * @param {string} label
 * @param {Promise<unknown>} promise
 */
export async function note(label, promise) {
  const entry = { label, status: "waiting" };
  entries = [entry, ...entries].slice(0, MOST);
  changed();
  try {
    await promise;
    entry.status = label.startsWith("identify") ? "linked" : "stored";
  } catch (error) {
    const { code, message } = /** @type {import("../../functions/sdk/hardlink.js").Failure} */ (error);
    entry.status = code === "opted_out" ? "not sent" : `refused: ${message}`;
  }
  changed();
}

/** Who was here is here no more. */
export function forget() {
  entries = [];
  changed();
}

/** @param {Promise<unknown>} promise */
export const soon = (promise) =>
  Promise.race([promise.catch(() => {}), new Promise((resolve) => setTimeout(resolve, PATIENCE))]);

/** What an earlier page told and heard nothing of went out as it was left, or goes out now. @returns {Told[]} */
function stored() {
  /** @type {Told[]} */
  const found = read("told", [], TAB);
  return found.map((entry) => (entry.status === "waiting" ? { ...entry, status: "sent" } : entry));
}

/** Before a visitor agrees nothing of this is stored either. */
function changed() {
  write("told", read("consent", "") === "granted" ? entries : undefined, TAB);
  for (const listener of listeners) listener();
}
