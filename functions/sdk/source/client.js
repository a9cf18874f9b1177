// The core that all adapters share: one visitor, one consent and one queue.

import { resolveConsent } from "./consent.js"
import { createDelivery } from "./delivery.js"
import { createError, tellFailure } from "./errors.js"
import { now, uuid } from "./ids.js"
import { createQueue } from "./queue.js"
import { createStore } from "./store.js"
import { createVisitor } from "./visitor.js"

/** @typedef {ReturnType<typeof createClient>} Client */
/**
 * @typedef {import("../hardlink.js").Config & {token?: string, onAttempt?: OnAttempt}} Config `onAttempt`: of the adapter `debug`
 * @typedef {(commands: import("./queue.js").QueuedCommand[], status: number, answer: any, pause: number | false) => void} OnAttempt
 */
/** @typedef {((result: any) => void) | null} Callback */

const OPTED_OUT = { message: "tracking is off for this visitor", code: "opted_out" }
const DEBUG_MISSING = { message: "debug needs sdk.js?with=debug" }
const NOT_STARTED = { message: "call hardlink.start({token, target}) first", code: "not_started" }

export const createClient = () => {
  /** @type {Config} */
  const config = {}
  const isStarted = () => !!config.token
  const consentState = () => resolveConsent(store.get("consent"), config, navigator)
  const isAllowed = () => isStarted() && consentState() === "granted"

  const store = createStore(isAllowed)
  const queue = createQueue(store, config)
  const visitor = createVisitor(store, config, isAllowed)
  /** Start a new, anonymous session. What is queued is still sent under the previous one. */
  const anonymize = async () => {
    const id = visitor.startSession()
    if (config.storage === "server") await enqueue("/session", { renew: true })
    return { session: { id } }
  }
  const delivery = createDelivery({ store, queue, visitor, config, isAllowed, anonymize })
  let startTracking = () => {}

  /**
   * Queue a command, and send it soon.
   *
   * @param {string} path of the API call, such as `/track`
   * @param {Record<string, any>} body
   * @param {Record<string, any>} [event] of `/track`; gets an ID and a time unless it has them
   * @param {string} [session] to use instead of the visitor's own
   * @returns {Promise<any>} the service's verdict; rejects with a `Failure`
   */
  const enqueue = async (path, body, event, session = visitor.getSession()) => {
    if (!isStarted()) throw createError(NOT_STARTED)
    if (consentState() === "denied") throw createError(OPTED_OUT)
    const time = now()
    const payload = event ? { event: { id: uuid(), time, ...event }, body } : { body: { ...body, time } }
    const verdict = queue.append({ path, session, ...payload }, time)
    delivery.scheduleFlush()
    return verdict
  }

  /**
   * Run an API call, and report its outcome to the callbacks as well as in the promise.
   *
   * @param {() => Promise<any>} run
   * @param {Callback} [onSuccess]
   * @param {Callback} [onFailure]
   * @param {boolean} [immediate] whether to send the queue now
   */
  const withCallbacks = (run, onSuccess, onFailure, immediate) => {
    const promise = (async () => run())()
    // a failure that the page ignores must not become an unhandled rejection, and must not be mute either
    promise.then(onSuccess, error => {
      tellFailure(error)
      onFailure?.(error)
    })
    if (immediate) delivery.flush()
    return promise
  }

  /**
   * Identifiers by type: a bare ID is a hard one, and empty values and Exponea's `cookie` are left out.
   *
   * @param {any} given one ID, or IDs by type
   * @returns {Record<string, any>}
   */
  const normalizeIds = given => {
    const ids = given && typeof given === "object" ? given : { [config.hardId || "registered"]: given }
    return Object.fromEntries(
      Object.entries(ids).filter(([type, id]) => type !== "cookie" && id != null && id !== ""),
    )
  }

  const optIn = () =>
    withCallbacks(async () => {
      if (store.get("consent") === "granted") return
      store.set("consent", "granted", true)
      onConsentGranted()
      return enqueue("/consent", { tracking: "granted" })
    })

  const optOut = () =>
    withCallbacks(async () => {
      const isKnown = consentState() === "granted" && visitor.hasSession()
      const session = visitor.getSession()
      store.set("consent", "denied", true)
      onConsentDenied()
      if (!isKnown) return // the service has never heard of this visitor
      if (config.storage === "server") queue.append({ path: "/session", session, body: { forget: true } })
      const verdict = queue.append({ path: "/consent", session, body: { tracking: "denied" } })
      delivery.flush()
      return verdict
    })

  const onConsentGranted = () => {
    store.persist()
    visitor.persist()
    startTracking()
    delivery.flush()
  }
  const onConsentDenied = () => {
    queue.rejectAll(OPTED_OUT)
    visitor.clear()
  }

  /**
   * Start the SDK. A second call changes the options that it names and keeps the others.
   *
   * @param {Config} options
   * @param {() => void} onAllowed called once, as soon as this visitor may be tracked or is asked for consent
   * @returns {boolean | void} whether it was started before
   */
  const start = ({ writeKey, token = writeKey || config.token, target, ...options }, onAllowed) => {
    if (!token || !target) throw createError(NOT_STARTED)
    if (options.debug && !config.onAttempt) tellFailure(DEBUG_MISSING)
    const wasStarted = isStarted()
    Object.assign(config, options, { token, target: target.replace(/\/+$/, "") })
    if (wasStarted) return true
    startTracking = () => {
      startTracking = () => {}
      if (config.storage === "server" && !visitor.hasSession())
        queue.append({ path: "/session", session: visitor.getSession(), body: {} }, 0) // time 0: first in the queue
      onAllowed()
    }
    if (consentState() !== "denied") startTracking()
    delivery.scheduleFlush()

    addEventListener("online", delivery.onOnline)
    addEventListener("pagehide", delivery.onPageHide)
    addEventListener("pageshow", delivery.flush)
    document.addEventListener("visibilitychange", delivery.flush)
    addEventListener("storage", ({ key, newValue }) => {
      if (key !== "hardlink.consent") return
      if (newValue === "granted") onConsentGranted()
      else if (newValue) onConsentDenied()
    })
  }

  return {
    config,
    visitor,
    enqueue,
    withCallbacks,
    normalizeIds,
    anonymize,
    optIn,
    optOut,
    start,
    flush: delivery.flush,
  }
}
