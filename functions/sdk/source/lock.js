// One tab sends at a time: a Web Lock, or where there is none a lease in the store.

import { uuid } from "./ids.js"

/** @typedef {import("./store.js").Store} Store */

/** Milliseconds: longer than a call may take. */
const LEASE = 30_000

/** @param {number} milliseconds */
export const sleep = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds))

/**
 * @param {Store} store
 * @param {LockManager} [locks]
 * @returns {(run: (renew: () => void) => Promise<void>) => Promise<void>}
 */
export const createLock = (store, locks = navigator.locks) => {
  const me = uuid()
  const renew = () => store.set("lease", `${me} ${Date.now() + LEASE}`)
  const owner = () => {
    const [id, until] = (store.get("lease") || "").split(" ")
    return +until > Date.now() ? id : null
  }

  /** @param {(renew: () => void) => Promise<void>} run */
  const lease = async run => {
    while (owner() !== me) {
      if (!owner()) renew()
      await sleep(50 + 50 * Math.random()) // whoever wrote last has it
    }
    try {
      await run(renew)
    } finally {
      store.drop("lease")
    }
  }

  return run => {
    let ran = false
    const once = () => ((ran = true), run(() => {}))
    if (!locks) return lease(run)
    // a page that may store nothing may hold no lock either
    return locks.request("hardlink", once).catch(error => (ran ? Promise.reject(error) : lease(run)))
  }
}
