// What all vocabularies stand on: one visitor, one consent, one queue.

import { mode } from "./consent.js"
import { createDelivery } from "./delivery.js"
import { failure } from "./failure.js"
import { now, uuid } from "./ids.js"
import { createQueue } from "./queue.js"
import { createStore } from "./store.js"
import { createVisitor } from "./visitor.js"

/** @typedef {ReturnType<typeof createClient>} Client */
/** @typedef {import("../hardlink.js").Config & {token?: string}} Config */
/** @typedef {((told: any) => void) | null} Callback */

const OPTED_OUT = { message: "this visitor is not to be tracked", code: "opted_out" }
const NOT_STARTED = { message: "call hardlink.start({token, target}) first", code: "not_started" }

export const createClient = () => {
  /** @type {Config} */
  const config = {}
  const started = () => !!config.token
  const consent = () => mode(store.get("consent"), config, navigator)
  const allowed = () => started() && consent() === "open"

  const store = createStore(allowed)
  const queue = createQueue(store, config)
  const visitor = createVisitor(store, config, allowed)
  const delivery = createDelivery({ store, queue, visitor, config, allowed })
  let begin = () => {}

  /**
   * @param {string} path
   * @param {Record<string, any>} body
   * @param {Record<string, any>} [event]
   * @param {string} [session] another than this browser's
   * @returns {Promise<any>} what the service said of it
   */
  const record = async (path, body, event, session = visitor.session()) => {
    if (!started()) throw failure(NOT_STARTED)
    if (consent() === "closed") throw failure(OPTED_OUT)
    const time = now()
    const said = event ? { event: { id: uuid(), time, ...event }, body } : { body: { ...body, time } }
    const told = queue.add({ path, session, ...said }, time)
    delivery.later()
    return told
  }

  /**
   * The promise of a call, which tells its callbacks as well; who listens to neither is not bothered.
   *
   * @param {() => Promise<any>} make
   * @param {Callback} [ok] @param {Callback} [failed] @param {boolean} [immediate]
   */
  const promised = (make, ok, failed, immediate) => {
    const promise = (async () => make())()
    promise.then(ok, failed || (() => {}))
    if (immediate) delivery.flush()
    return promise
  }

  /** A bare ID is a hard one; empty ones are none. @param {any} given @returns {Record<string, any>} */
  const identities = given => {
    const ids = given && typeof given === "object" ? given : { [config.hardId || "registered"]: given }
    return Object.fromEntries(
      Object.entries(ids).filter(([type, id]) => type !== "cookie" && id != null && id !== ""),
    )
  }

  /** Another session, which is nobody's yet; what was said before goes out under the one before. */
  const anonymize = async () => {
    const id = visitor.begin()
    if (config.storage === "server") await record("/session", { renew: true })
    return { session: { id } }
  }

  const optIn = () =>
    promised(async () => {
      if (store.get("consent") === "granted") return
      store.set("consent", "granted", true)
      opened()
      return record("/consent", { tracking: "granted" })
    })

  const optOut = () =>
    promised(async () => {
      const known = consent() === "open" && visitor.known()
      const session = visitor.session()
      store.set("consent", "denied", true)
      closed()
      if (!known) return
      if (config.storage === "server") queue.add({ path: "/session", session, body: { forget: true } })
      const told = queue.add({ path: "/consent", session, body: { tracking: "denied" } })
      delivery.flush()
      return told
    })

  const opened = () => {
    store.persist()
    visitor.persist()
    begin()
    delivery.flush()
  }
  const closed = () => {
    queue.empty(OPTED_OUT)
    visitor.forget()
  }

  /**
   * @param {Config} given what is not said again stays as it is
   * @param {() => void} visits what to do once this visitor may be tracked
   * @returns {boolean | void} whether it was started before
   */
  const start = ({ writeKey, token = writeKey || config.token, target, ...more }, visits) => {
    if (!token || !target) throw failure(NOT_STARTED)
    const again = started()
    Object.assign(config, more, { token, target: target.replace(/\/+$/, "") })
    if (again) return true
    begin = () => {
      begin = () => {}
      if (config.storage === "server" && !visitor.known())
        queue.add({ path: "/session", session: visitor.session(), body: {} }, 0) // before all else
      visits()
    }
    if (consent() !== "closed") begin()
    delivery.later()

    addEventListener("online", delivery.online)
    addEventListener("pagehide", delivery.leave)
    addEventListener("pageshow", delivery.flush)
    document.addEventListener("visibilitychange", delivery.flush)
    addEventListener("storage", ({ key, newValue }) => {
      if (key !== "hardlink.consent") return
      if (newValue === "granted") opened()
      else if (newValue) closed()
    })
  }

  return {
    config,
    visitor,
    record,
    promised,
    identities,
    anonymize,
    optIn,
    optOut,
    start,
    flush: delivery.flush,
  }
}
