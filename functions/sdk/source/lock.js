// A lock across tabs, so that only one sends at a time.

/** @param {number} milliseconds */
export const sleep = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds))

/**
 * Where a page has no Web Locks (sandboxed frames, pages without TLS), two tabs may both send a command of a closed one,
 * which changes nothing: the service stores each once.
 *
 * @param {LockManager} [locks]
 * @returns {(run: () => Promise<void>) => Promise<void>} runs a function while holding the lock
 */
export const createLock = (locks = navigator.locks) => run => {
  if (!locks) return run()
  let hasRun = false
  const runOnce = () => ((hasRun = true), run())
  return locks.request("hardlink", runOnce).catch(error => (hasRun ? Promise.reject(error) : run()))
}
