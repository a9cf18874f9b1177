// Loads the SDK in the browser: the adapters that were imported, then the core, which takes them over.

/** @type {(() => Promise<unknown>)[]} */
const adapters = []

/** Load an adapter before the core. Nothing happens on a server. @param {() => Promise<unknown>} load */
export const addAdapter = load => {
  if (typeof document !== "undefined") adapters.push(load)
}

/** Load everything once the page's modules were run, because any of them may import an adapter. */
export const loadCore = async () => {
  await new Promise(resolve => setTimeout(resolve))
  await Promise.all(adapters.map(load => load()))
  await import("../served/hardlink.js")
}
