// Errors that tell a page, and the developer in front of it, why a call failed.

/**
 * @typedef {object} Reason
 * @property {string} message
 * @property {string} [code] `invalid`, `unknown_source`, `opted_out`, ...
 * @property {string} [field] of the request that is invalid
 * @property {number} [status] of the HTTP response
 */

/** @param {Reason} reason @returns {Error & Reason} */
export const createError = reason => Object.assign(new Error(reason.message), reason)

/** @type {Record<string, unknown>} */
const told = {}

/**
 * Show in the browser's console why a call failed, each reason once a page. An opt-out is no mistake, and is not shown.
 *
 * @param {Reason} reason
 */
export const tellFailure = ({ code, field, message }) => {
  const text = `Hardlink: ${field ? field + ": " : ""}${message}`
  if (code !== "opted_out") told[text] ||= [console.warn(text)]
}
