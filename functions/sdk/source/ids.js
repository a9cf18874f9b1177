// Random IDs, and a clock that never repeats a time, so that calls sort in the order in which they were made.

/**
 * A random UUID (version 4). `crypto.randomUUID` is available on secure pages only.
 *
 * @returns {string}
 */
export const uuid = () =>
  "10000000-1000-4000-8000-100000000000".replace(/[018]/g, digit =>
    (+digit ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (+digit / 4)))).toString(16),
  )

let last = 0

/**
 * The current time, or a microsecond after the previous result where the clock has not advanced.
 *
 * @returns {number} milliseconds since 1970
 */
export const now = () => (last = Math.max(Date.now(), +(last + 0.001).toFixed(3)))
