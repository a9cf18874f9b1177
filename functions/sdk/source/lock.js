// A lock across tabs, so that only one sends at a time: a Web Lock, or a lease in the store where that is unavailable.

import { uuid } from "./ids.js"

/** @typedef {import("./store.js").Store} Store */

/** Milliseconds; longer than a request may take, so that a lease does not expire during one. */
const LEASE = 30_000

/** @param {number} milliseconds */
export const sleep = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds))

/**
 * @param {Store} store
 * @param {LockManager} [locks]
 * @returns {(run: (renew: () => void) => Promise<void>) => Promise<void>} runs a function while holding the lock;
 *   `renew` extends the lease
 */
export const createLock = (store, locks = navigator.locks) => {
  const tabId = uuid()
  const renew = () => store.set("lease", `${tabId} ${Date.now() + LEASE}`)
  const leaseOwner = () => {
    const [id, until] = (store.get("lease") || "").split(" ")
    return +until > Date.now() ? id : null
  }

  /** @param {(renew: () => void) => Promise<void>} run */
  const runWithLease = async run => {
    while (leaseOwner() !== tabId) {
      if (!leaseOwner()) renew()
      await sleep(50 + 50 * Math.random()) // of two tabs that wrote at once, the later write wins
    }
    try {
      await run(renew)
    } finally {
      store.remove("lease")
    }
  }

  return run => {
    let hasRun = false
    const runOnce = () => ((hasRun = true), run(() => {}))
    if (!locks) return runWithLease(run)
    // a sandboxed page may use neither storage nor locks: the lease then works in memory
    return locks.request("hardlink", runOnce).catch(error => (hasRun ? Promise.reject(error) : runWithLease(run)))
  }
}
