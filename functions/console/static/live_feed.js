// Polls the live list, and reports each entry once.

import { ApiError, get } from "./api.js";

/** @typedef {import("./entry.js").Entry} Entry */

const POLL_MS = 1500;
const HIDDEN_POLL_MS = 10_000;
const MAX_BACKOFF_MS = 30_000;
const MAX_REMEMBERED = 50_000;

/** Filters out entries that were seen before: the service repeats those of the last half minute. */
export class Deduplicator {
  /** In the order in which they were seen. @type {Set<string>} */
  #seenKeys = new Set();

  /** @param {Entry[]} entries @returns {Entry[]} those that were not seen before */
  filterNew(entries) {
    const newEntries = entries.filter(({ key }) => !this.#seenKeys.has(key) && this.#seenKeys.add(key));
    for (const key of this.#seenKeys) {
      if (this.#seenKeys.size <= MAX_REMEMBERED) break;
      this.#seenKeys.delete(key);
    }
    return newEntries;
  }
}

/**
 * Poll until the signal aborts. Failed calls are repeated, with increasing delays.
 * @param {(newEntries: Entry[]) => void} onEntries called for every answer, even if nothing is new
 * @param {(error: ApiError) => void} onError
 * @param {AbortSignal} signal
 */
export async function pollLive(onEntries, onError, signal) {
  const deduplicator = new Deduplicator();
  let cursor = null;
  let failures = 0;
  while (!signal.aborted) {
    let delay = document.hidden ? HIDDEN_POLL_MS : POLL_MS;
    try {
      const page = await get(["live"], { since: cursor }, signal);
      if (signal.aborted) return;
      cursor = page.cursor;
      failures = 0;
      onEntries(deduplicator.filterNew(page.events));
      if (page.more) delay = 0;
    } catch (error) {
      if (!(error instanceof ApiError)) return;
      onError(error);
      if (error.status === 401) return;
      delay = Math.min(MAX_BACKOFF_MS, POLL_MS * 2 ** failures);
      failures += 1;
    }
    await sleep(delay, signal);
  }
}

/**
 * Wait, but no longer than until the tab is shown or hidden, or the signal aborts.
 * @param {number} delay milliseconds
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function sleep(delay, signal) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", end);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, delay);
    document.addEventListener("visibilitychange", end);
    signal.addEventListener("abort", end);
  });
}
