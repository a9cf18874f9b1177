// Sends what waits, in its order, until the service has it: by one tab at a time, again after a while where it must be.

import { createLock } from "./lock.js"
import { CALL, bytes, together } from "./queue.js"

/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./queue.js").Queue} Queue */
/** @typedef {import("./queue.js").Waiting} Waiting */
/** @typedef {import("./visitor.js").Visitor} Visitor */

/** Milliseconds between two attempts, at most. */
const LONGEST = 300_000

/** How long to wait before the next attempt, in milliseconds: twice as long every time, and never all at once. */
export const backOff = (attempts, first, random = Math.random()) =>
  Math.min(LONGEST, first * 2 ** attempts) * (0.5 + random / 2)

/** Milliseconds that a `Retry-After` asks for: seconds, or a date. @param {string | null} text @param {number} time */
export const retryAfter = (text, time) => (text ? (+text * 1000 || Date.parse(text) - time || 0) : 0)

/**
 * @param {object} given
 * @param {Store} given.store
 * @param {Queue} given.queue
 * @param {Visitor} given.visitor
 * @param {{target?: string, token?: string, batch?: number, retry?: number, timeout?: number}} given.config
 * @param {() => boolean} given.allowed whether anything but an opt-out may be sent
 */
export const createDelivery = ({ store, queue, visitor, config, allowed }) => {
  const locked = createLock(store)
  /** @type {Promise<void> | null} */
  let running = null
  /** Names of the items that are being sent. @type {string[]} */
  let sent = []
  let holding = false
  let timer = 0

  /** @param {Waiting[]} items */
  const call = ([{ path, session, body, event }, ...others], profile = visitor.profile()) => ({
    url: config.target + path,
    text: JSON.stringify({
      source: { id: config.token },
      session: { id: session },
      ...(profile && session === visitor.session() && { profile: { id: profile } }),
      ...body,
      sent: Date.now(),
      ...(event && { events: [event, ...others.map(other => other.event)] }),
    }),
  })

  const next = () => {
    const items = queue.items()
    return allowed() ? items : items.filter(item => item.path === "/consent" || item.body.forget)
  }

  /** @param {Waiting[]} items */
  const post = async items => {
    const { url, text } = call(items)
    const response = await fetch(url, {
      method: "POST",
      body: text, // as text, for which browsers ask no permission first
      keepalive: bytes(text) < CALL, // it arrives though the visitor leaves the page
      credentials: items[0].path === "/session" ? "include" : "omit",
      signal: AbortSignal.timeout?.(config.timeout || 20_000),
    })
    const { status } = response
    const answer = await response.json().catch(() => !response.ok && {}) // a portal's own page is no answer
    const again = !answer || status === 429 || status === 408 || status > 499
    return { status, answer, again, after: retryAfter(response.headers.get("retry-after"), Date.now()) }
  }

  /** What the service said of each item. @param {Waiting[]} items @param {any} answer */
  const told = (items, { session, profile, results, ...more }) => {
    if (profile) visitor.keepProfile(profile.id, items[0].session)
    items.forEach(({ name }, number) => {
      const verdict = results?.[number] || { session, profile, ...more }
      const failed = verdict.status === "rejected" || verdict.status === "dropped"
      queue.settle(name, verdict, failed && { code: verdict.status, message: verdict.reason, ...verdict })
    })
  }

  /** The browser's cookie names another session: what waits under the new one is said under that. */
  const moved = (from, to) => {
    if (from !== visitor.session()) return
    visitor.goOn(to)
    for (const item of queue.items()) if (item.session === from) queue.change({ ...item, session: to })
  }

  /** @param {Waiting[]} items @param {{status: number, answer: any}} refusal */
  const refused = (items, { status, answer }) => {
    const { error = { message: `the service answers ${status}` } } = answer
    const { ids, ...rest } = /** @type {any} */ (items[0].body)
    if (status === 400 && items[0].event && /^ids\b/.test(error.field)) {
      console.warn(`Hardlink: ${error.field}: ${error.message}`) // what happened is kept all the same
      for (const item of items) queue.change({ ...item, body: rest })
    } else for (const { name } of items) queue.settle(name, null, { ...error, status })
  }

  const [until, attempts] = [0, 1].map(part => () => +(store.get("hold") || "").split(" ")[part] || 0)

  /** @param {() => void} renew */
  const deliver = async renew => {
    holding = true
    try {
      for (let items; (items = together(next())).length; ) {
        if (until() > Date.now()) return later(until() - Date.now())
        renew()
        sent = items.map(({ name }) => name)
        const found = await post(items).catch(error => ({ status: 0, answer: {}, again: true, after: 0, error }))
        if (found.again) {
          const wait = Math.max(found.after, backOff(attempts(), config.retry || 1000))
          store.set("hold", `${Date.now() + wait} ${attempts() + 1} ${found.status}`)
          continue
        }
        store.drop("hold")
        if (found.status > 299) refused(items, found)
        else {
          told(items, found.answer)
          if (items[0].path === "/session") moved(items[0].session, found.answer.session.id)
        }
      }
    } finally {
      sent = []
      holding = false
    }
  }

  /** Send what waits, now. @returns {Promise<void>} */
  const flush = () => {
    clearTimeout(timer)
    timer = 0
    return (running ??= locked(deliver).finally(() => {
      running = null
      if (!timer && next().length) later()
    }))
  }

  /** Send what waits, soon. */
  const later = (milliseconds = config.batch ?? 100) => {
    timer ||= setTimeout(flush, milliseconds)
  }

  /** The page goes: hand the browser what it takes. What is not answered waits for the next page, which sends it again. */
  const leave = () => {
    if (running && !holding) return // another tab sends
    let items = next().filter(({ name }) => !sent.includes(name))
    if (until() > Date.now() || items[0]?.path === "/session") return
    for (let some; (some = together(items)).length; items = items.slice(some.length)) {
      const { url, text } = call(some)
      if (!navigator.sendBeacon(url, text)) return
    }
  }

  return {
    flush,
    later,
    leave,
    /** The network is back. */
    online() {
      if (store.get("hold")?.endsWith(" 0")) store.drop("hold")
      clearTimeout(timer)
      timer = 0
      return flush()
    },
  }
}
