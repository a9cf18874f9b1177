// How an adapter reaches the SDK. Both are in one file, the adapters first; or the SDK is on the page already.

/** @typedef {import("../client.js").Client} Client */

/**
 * Add an adapter's methods to `hardlink`, as soon as the SDK is loaded.
 *
 * @param {(client: Client, hardlink: Record<string, any>) => object} createApi returns the methods
 */
export const registerAdapter = createApi => {
  const page = /** @type {any} */ (self)
  page.hardlinkAdapters ||= []
  page.hardlinkAdapters.push(createApi)
}
