// Export of a customer as one file, of any size: one call where that is enough, else the events page by page.

import { ApiError, get } from "./api.js";

const PAGE_SIZE = 1000;
const TOO_LARGE = 413;
/** After every event, so an export since then has everything but events. */
const NEVER = "2286-01-01T00:00:00Z";

/**
 * @param {Record<string, string>} owner the query parameter that names the customer
 * @param {(events: number) => void} onProgress called with the number of events so far
 * @param {AbortSignal} signal
 * @returns {Promise<Blob>} a JSON document; rejects with an `ApiError`
 */
export async function exportCustomer(owner, onProgress, signal) {
  try {
    const document = await get(["customers", "export"], owner, signal);
    return toFile([JSON.stringify(document, null, 2)]);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== TOO_LARGE) throw error;
  }
  const { events: _, ...rest } = await get(["customers", "export"], { ...owner, since: NEVER }, signal);
  const head = JSON.stringify({ ...rest, since: null, until: null }, null, 2);
  return toFile([head.replace(/\n}$/, ',\n  "events": ['), ...await readEvents(owner, onProgress, signal), "\n  ]\n}"]);
}

/**
 * Read all events, the oldest first, as parts of a file: one text of all of them may be longer than a browser allows.
 * @param {Record<string, string>} owner
 * @param {(events: number) => void} onProgress
 * @param {AbortSignal} signal
 */
async function readEvents(owner, onProgress, signal) {
  /** @type {string[]} */
  const parts = [];
  let count = 0;
  /** @type {string | null} */
  let cursor = null;
  do {
    /** @type {{events: object[], cursor: string | null}} */
    const page = await get(["customers", "events"], { ...owner, limit: PAGE_SIZE, cursor }, signal);
    const texts = page.events.reverse().map((event) => `\n    ${JSON.stringify(event)}`);
    // pages come newest first
    if (texts.length) parts.unshift(`${texts.join(",")}${parts.length ? "," : ""}`);
    count += page.events.length;
    cursor = page.cursor;
    onProgress(count);
  } while (cursor);
  return parts;
}

/** @param {string[]} parts */
const toFile = (parts) => new Blob(parts, { type: "application/json" });
