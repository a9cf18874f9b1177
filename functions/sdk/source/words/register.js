// Vocabularies stand before the SDK in the file that a page loads: it finds them here, and takes them up; one that is
// there already takes them up at once.

/** @typedef {import("../client.js").Client} Client */

/** @param {(client: Client, hardlink: Record<string, any>) => object} words what they add to `hardlink` */
export const register = words => {
  const page = /** @type {any} */ (self)
  page.hardlinkWords ||= []
  page.hardlinkWords.push(words)
}
