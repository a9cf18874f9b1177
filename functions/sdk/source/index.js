// The SDK as a page has it: `window.hardlink`. It carries out what the snippet's stub has recorded so far.

import { createClient } from "./client.js"
import { exponea } from "./exponea.js"
import { createVisits } from "./visits.js"

/** @typedef {{path: string[], args: any[], resolve: (value: any) => void, reject: (error: any) => void}} Call */

const script = /** @type {HTMLScriptElement | null} */ (document.currentScript)
const client = createClient()
const words = exponea(client)
const visits = createVisits(client.config, words.track)

/** @param {import("./client.js").Config} given */
const start = given => {
  const identify = () => given.customer && words.identify(given.customer)
  const target = client.config.target || (script ? new URL(script.src).origin : undefined)
  const again = client.start({ target, ...given }, () => {
    identify()
    visits()
  })
  if (again) identify()
}

const hardlink = {
  version: "1.0.0",
  start,
  initialize: start,
  ...words,
  optIn: client.optIn,
  optOut: client.optOut,
  flush: client.flush,
  getSession: client.visitor.session,
  getProfile: client.visitor.profile,
}

/** @param {Call} call that the stub recorded */
const carryOut = ({ path, args, resolve, reject }) => {
  try {
    const word = path.reduce((found, name) => found?.[name], /** @type {any} */ (hardlink))
    if (!word) throw new TypeError(`no hardlink.${path.join(".")}: load sdk.js?with=...`)
    resolve(word(...args))
  } catch (error) {
    reject(error)
  }
}

const page = /** @type {any} */ (self)
const stub = page.hardlink
if (typeof stub?.version !== "string") {
  page.hardlink = hardlink
  const take = words => Object.assign(hardlink, words(client, hardlink))
  const vocabularies = (page.hardlinkWords ||= [])
  vocabularies.forEach(take)
  vocabularies.push = take // of a script that comes later
  /** @type {Call[]} */
  const calls = stub?.q || []
  const starts = ({ path }) => path[0] === "start" || path[0] === "initialize"
  for (const call of [...calls.filter(starts), ...calls.filter(call => !starts(call))]) carryOut(call)
  calls.push = call => (carryOut(call), 0)
}
