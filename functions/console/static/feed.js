// What comes in, each entry once: asks again and again, and knows what it has told already.

import { get, Refused } from "./api.js";

/** @typedef {import("./entry.js").Entry} Entry */

const PAUSE = 1500;
const HIDDEN = 10_000;
const LONGEST = 30_000;
const REMEMBERED = 50_000;

/** Entries that were told, the oldest forgotten first: the service repeats those of the last half minute only. */
export class Once {
  /** @type {Set<string>} */
  #seen = new Set();

  /**
   * Those of these entries that are new.
   * @param {Entry[]} entries
   */
  of(entries) {
    const fresh = entries.filter((one) => !this.#seen.has(one.key) && this.#seen.add(one.key));
    for (const key of this.#seen) {
      if (this.#seen.size <= REMEMBERED) break;
      this.#seen.delete(key);
    }
    return fresh;
  }
}

/**
 * Tell what comes in until the signal aborts.
 * @param {(fresh: Entry[]) => void} tell called with every answer, though nothing is new
 * @param {(error: Refused) => void} fail called when a call fails; it is made again
 * @param {AbortSignal} signal
 */
export async function follow(tell, fail, signal) {
  const once = new Once();
  let cursor = null;
  let failures = 0;
  while (!signal.aborted) {
    let wait = document.hidden ? HIDDEN : PAUSE;
    try {
      const page = await get(["live"], { since: cursor }, signal);
      if (signal.aborted) return;
      cursor = page.cursor;
      failures = 0;
      tell(once.of(page.events));
      if (page.more) wait = 0;
    } catch (error) {
      if (!(error instanceof Refused)) return;
      fail(error);
      if (error.status === 401) return;
      wait = Math.min(LONGEST, PAUSE * 2 ** failures++);
    }
    await slept(wait, signal);
  }
}

/**
 * Until the time is over, the tab is looked at again, or nobody waits any more.
 * @param {number} wait milliseconds
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function slept(wait, signal) {
  return new Promise((done) => {
    const end = () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", end);
      signal.removeEventListener("abort", end);
      done();
    };
    const timer = setTimeout(end, wait);
    document.addEventListener("visibilitychange", end);
    signal.addEventListener("abort", end);
  });
}
