// Errors that tell a page why a call failed.

/**
 * @typedef {object} Reason
 * @property {string} message
 * @property {string} [code] `invalid`, `unknown_source`, `opted_out`, ...
 * @property {string} [field] of the request that is invalid
 * @property {number} [status] of the HTTP response
 */

/** @param {Reason} reason @returns {Error & Reason} */
export const createError = reason => Object.assign(new Error(reason.message), reason)
