// Why something was not stored, as an `Error` that a page can read.

/**
 * @typedef {object} Reason
 * @property {string} message
 * @property {string} [code] of the answer: `invalid`, `unknown_source`, `opted_out`, ...
 * @property {string} [field] that is at fault
 * @property {number} [status] of HTTP
 */

/** @param {Reason} reason @returns {Error & Reason} */
export const failure = reason => Object.assign(new Error(reason.message), reason)
