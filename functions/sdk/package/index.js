// The SDK for bundlers: the same files as `sdk.js`, loaded in the browser only, so that a server may import this.

import { loadCore } from "./loading.js"

/** @typedef {{path: PropertyKey[], args: any[], resolve: (value: any) => void, reject: (error: any) => void}} Call */

const page = /** @type {any} */ (globalThis)
const isBrowser = typeof document !== "undefined"

/** A promise that nobody has to handle: a rejection that is not handled ends a server. @param {Promise<any>} promise */
const mayFail = promise => (promise.catch(() => {}), promise)

const onServer = () => {
  const reason = { code: "no_browser" }
  return mayFail(Promise.reject(Object.assign(new Error("Hardlink works in browsers only"), reason)))
}

/** Calls that wait for the core, in the snippet's form: the page may have its stub already. @type {Call[]} */
const calls = isBrowser ? ((page.hardlink ||= { q: [] }).q ?? []) : []

/** @param {PropertyKey[]} path @param {any[]} args */
const queueCall = (path, args) =>
  mayFail(new Promise((resolve, reject) => calls.push({ path, args, resolve, reject })))

/** @param {PropertyKey[]} path */
const refuse = path => {
  const message = `hardlink.${path.join(".")} is not loaded: import "hardlink-sdk/${String(path[0])}" first`
  console.warn(`Hardlink: ${message}`)
  return mayFail(Promise.reject(new TypeError(message)))
}

/** Call a method of the page's SDK, now or when it is loaded. @param {PropertyKey[]} path @param {any[]} args */
const call = (path, args) => {
  if (!isBrowser) return onServer()
  const isLoaded = typeof page.hardlink.version === "string"
  if (!isLoaded) return queueCall(path, args)
  const method = path.reduce((object, name) => object?.[name], page.hardlink)
  return method ? method(...args) : refuse(path)
}

/** Methods of any name, and of adapters: `hardlink.track`, `hardlink.xo.send`. @param {PropertyKey[]} path */
const createMethods = path =>
  new Proxy(() => {}, {
    // a promise has `then`, and what awaits an object asks for it
    get: (_, name) => (name === "then" || typeof name === "symbol" ? undefined : createMethods([...path, name])),
    apply: (_, __, args) => call(path, args),
  })

if (isBrowser) loadCore()

export default createMethods([])
