// Random IDs, and a clock that never says the same time twice, so that what was done first comes first.

/** @returns {string} a UUID; `crypto.randomUUID` is there on secure pages only */
export const uuid = () =>
  "10000000-1000-4000-8000-100000000000".replace(/[018]/g, digit =>
    (+digit ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (+digit / 4)))).toString(16),
  )

let last = 0

/** @returns {number} milliseconds since 1970, to the microsecond where it must differ from the time before */
export const now = () => (last = Math.max(Date.now(), +(last + 0.001).toFixed(3)))
