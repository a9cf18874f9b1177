// For developers: warns of mistakes in calls, and with `debug: true` shows each call, its verdict and its retries.

import { registerAdapter } from "./register_adapter.js"

/** @typedef {import("../client.js").Client} Client */
/** @typedef {import("../queue.js").QueuedCommand} QueuedCommand */

/** The options of `start`; an object lists the options within one. */
const OPTIONS = {
  token: 1,
  writeKey: 1,
  target: 1,
  customer: 1,
  signature: 1,
  hardId: 1,
  track: { visits: 1, default_properties: 1 },
  ping: { enabled: 1, interval: 1 },
  adopt: 1,
  consent: 1,
  visit: { pause: 1 },
  tcf: { purposes: 1, vendor: 1 },
  dnt: 1,
  gpc: 1,
  storage: 1,
  cookieDomain: 1,
  batch: 1,
  retry: 1,
  timeout: 1,
  anonymizeOnConflict: 1,
  debug: 1,
}
/** Attempts without an answer, after which a page should be told that something is wrong. */
const SILENT_ATTEMPTS = 2

/** @param {unknown} value */
const isObject = value => value !== null && typeof value === "object" && !Array.isArray(value)

/** @param {unknown} value @returns {string} as it would be written in code, shortened */
const show = value => (JSON.stringify(value) ?? String(value)).slice(0, 60)

/**
 * What is wrong with the options of `start`, a sentence each.
 *
 * @param {any} options
 * @returns {string[]}
 */
export const checkOptions = options => {
  if (!isObject(options)) return [`start needs an object, such as {token, target}: not ${show(options)}`]
  const problems = findUnknown(options, OPTIONS, "")
  for (const name of ["token", "writeKey"])
    if (name in options && !(typeof options[name] === "string" && options[name].trim()))
      problems.push(`${name} is ${show(options[name])}: give the write key of your source (sources.toml)`)
  if ("target" in options && !/^https?:\/\/./.test(options.target))
    problems.push(`target is ${show(options.target)}: give the URL of the API, with https://`)
  return problems
}

/** @param {object} options @param {Record<string, any>} known @param {string} path @returns {string[]} */
const findUnknown = (options, known, path) =>
  Object.entries(options).flatMap(([name, value]) => {
    const known_ = Object.hasOwn(known, name) && known[name]
    if (!known_) return [`unknown option ${path}${name} of start: known are ${Object.keys(known).join(", ")}`]
    if (!isObject(known_) || value === undefined) return []
    if (!isObject(value)) return [`option ${path}${name} of start must be an object: not ${show(value)}`]
    return findUnknown(value, known_, `${path}${name}.`)
  })

/**
 * What is wrong with a call that looks right to a browser, or an empty text. The service says what else is wrong.
 *
 * @param {string} method
 * @param {unknown} properties
 */
export const checkProperties = (method, properties) =>
  Array.isArray(properties) ? `${method}: properties must be an object, not an array: ${show(properties)}` : ""

/** @param {QueuedCommand[]} commands @returns {string} such as `track purchase, view` */
const describeCommands = ([{ path, event }, ...others]) => {
  const types = event ? [event, ...others.map(other => other.event)].map(sent => /** @type {any} */ (sent).type) : []
  return `${path.slice(1)} ${types.join(", ")}`.trim()
}

registerAdapter((client, hardlink) => {
  let silentAttempts = 0
  /** @param {string} problem */
  const warn = problem => problem && console.warn(`Hardlink: ${problem}`)

  /** @param {QueuedCommand[]} commands @param {number} status @param {any} answer @param {number | false} pause */
  const showAttempt = (commands, status, answer, pause) => {
    silentAttempts = status ? 0 : silentAttempts + 1
    if (silentAttempts === SILENT_ATTEMPTS)
      warn(`${client.config.target} does not answer: is this the URL of the API, and is it running?`)
    if (!client.config.debug) return
    const retry = pause ? `, again in ${Math.ceil(pause / 1000)} s` : ""
    console.log(`Hardlink: ${describeCommands(commands)} -> ${status || "no answer"}${retry}`, answer)
  }
  client.config.onAttempt = showAttempt

  const { start, track, identify } = hardlink
  const checkedStart = options => {
    checkOptions(options).forEach(warn)
    return start(options)
  }
  return {
    start: checkedStart,
    initialize: checkedStart,
    track(type, properties, ...callbacks) {
      warn(checkProperties("track", properties))
      return track(type, properties, ...callbacks)
    },
    identify(ids, properties, ...callbacks) {
      warn(checkProperties("identify", properties))
      return identify(ids, properties, ...callbacks)
    },
  }
})
