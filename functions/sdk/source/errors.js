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

/** Show in the browser's console what is wrong, once a page however often it happens. @param {string} message */
export const tellOnce = message => (told[message] ||= [console.warn(`Hardlink: ${message}`)])

/** Show why a call failed. @param {Reason} reason */
export const tellFailure = ({ field, message }) => tellOnce(`${field ? field + ": " : ""}${message}`)
