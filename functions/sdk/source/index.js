// The entry point: puts the SDK at `window.hardlink` and replays the calls that the snippet's stub recorded.

import { createAutotrack } from "./autotrack.js"
import { createClient } from "./client.js"
import { tellFailure } from "./errors.js"
import { createExponeaApi } from "./exponea.js"

/** @typedef {{path: string[], args: any[], resolve: (value: any) => void, reject: (error: any) => void}} Call */

const script = /** @type {HTMLScriptElement | null} */ (document.currentScript)
const client = createClient()
const api = createExponeaApi(client)
const startAutotrack = createAutotrack(client.config, api.track)

/** @param {import("./client.js").Config} options */
const start = options => {
  const identifyCustomer = () => options.customer && api.identify(options.customer)
  const target = client.config.target || (script?.src && new URL(script.src).origin)
  const wasStarted = client.start({ target, ...options }, () => {
    identifyCustomer()
    startAutotrack()
  })
  if (wasStarted) identifyCustomer()
}

const hardlink = {
  version: "1.0.0",
  start,
  initialize: start,
  ...api,
  optIn: client.optIn,
  optOut: client.optOut,
  flush: client.flush,
  getSession: client.visitor.getSession,
  getProfile: client.visitor.getProfile,
}

/** Run one call that the stub recorded, and settle the promise that the stub returned for it. @param {Call} call */
const replay = ({ path, args, resolve, reject }) => {
  try {
    const method = path.reduce((object, name) => object?.[name], /** @type {any} */ (hardlink))
    if (!method) throw new TypeError(`hardlink.${path.join(".")} is not loaded: use sdk.js?with=...`)
    resolve(method(...args))
  } catch (/** @type {any} */ error) {
    tellFailure(error)
    reject(error)
  }
}

const page = /** @type {any} */ (self)
const stub = page.hardlink
const isLoaded = typeof stub?.version === "string"
if (!isLoaded) {
  page.hardlink = hardlink

  const addAdapter = createApi => Object.assign(hardlink, createApi(client, hardlink))
  const adapters = (page.hardlinkAdapters ||= [])
  adapters.forEach(addAdapter)
  adapters.push = addAdapter // for scripts that are loaded later

  /** @type {Call[]} */
  const calls = stub?.q || []
  const isStart = ({ path }) => +(hardlink[path[0]] === hardlink.start) // also `initialize`
  for (const call of [...calls].sort((one, other) => isStart(other) - isStart(one))) replay(call)
  calls.push = call => (replay(call), 0) // the page may have kept a reference to the stub
}
