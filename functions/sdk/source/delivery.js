// Sends what waits, in its order, until the service has it: by one tab at a time, again after a while where it must be.

import { createLock, sleep } from "./lock.js"
import { CALL, LEFT, bytes, isConsent, isLeft, isOwn, together } from "./queue.js"

/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./queue.js").Queue} Queue */
/** @typedef {import("./queue.js").Waiting} Waiting */
/** @typedef {import("./visitor.js").Visitor} Visitor */

/** Milliseconds between two attempts, at most. */
const LONGEST = 300_000
/** Milliseconds after which a tab sees what another one has dropped: browsers tell their processes of it later. */
const SEEN = 1000
/** Milliseconds: whoever says to come again later than that has, or had, a wrong clock. */
const DAY = 86_400_000

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
  let timer = 0

  /** @param {Waiting[]} items */
  const call = ([{ path, source, session, body, event }, ...others], profile = visitor.profile()) => ({
    url: config.target + path,
    text: JSON.stringify({
      source: { id: source || config.token },
      session: { id: session },
      ...(profile && session === visitor.session() && { profile: { id: profile } }),
      ...body,
      sent: Date.now(),
      ...(event && { events: [event, ...others.map(other => other.event)] }),
    }),
  })

  /** @param {(item: Waiting) => boolean} [wanted] */
  const next = wanted => {
    const items = config.token ? queue.items().filter(item => allowed() || isConsent(item)) : []
    return wanted ? items.filter(wanted) : items
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
    visitor.first = ""
    if (profile) visitor.keepProfile(profile.id, items[0].session)
    items.forEach(({ name }, number) => {
      const verdict = results?.[number] || { session, profile, ...more }
      const failed = verdict.status === "rejected" || verdict.status === "dropped"
      queue.settle(name, verdict, failed && { code: verdict.status, message: verdict.reason, ...verdict })
    })
  }

  /** What waits under a session is said under this browser's. @param {Waiting[]} items @param {string} from */
  const moved = (items, from) => {
    for (const item of items)
      if (item.session === from) queue.change({ ...item, session: visitor.session() })
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

  /** After a failure: until when to wait, and how many attempts there were. @param {number} part */
  const hold = part => +(store.get("hold") || "").split(" ")[part] || 0

  /** Milliseconds to the next attempt. */
  const held = () => {
    const left = hold(0) - Date.now()
    return left > 0 && left <= DAY ? left : 0
  }

  /**
   * This tab's own items, then those that others left. These stay for a while first, and the next tab waits for a while
   * afterwards: what a tab has sent and dropped, others may see for some moments more, and would send again.
   *
   * @param {() => void} renew
   */
  const deliver = async renew => {
    let others = false
    moved(next(isOwn), visitor.first) // tabs that were opened together go on under one session
    try {
      while (!held()) {
        const items = together(next(item => isOwn(item) || (others && isLeft(item))))
        if (!items.length) {
          if (others || !next(isLeft).length) return
          await sleep(SEEN)
          others = true
          continue
        }
        renew()
        sent = items.map(({ name }) => name)
        const found = await post(items).catch(error => ({ status: 0, answer: {}, again: true, after: 0, error }))
        if (found.again) {
          const wait = Math.min(DAY, Math.max(found.after, backOff(hold(1), config.retry || 1000)))
          store.set("hold", `${Date.now() + wait} ${hold(1) + 1} ${found.status}`)
          continue
        }
        store.drop("hold")
        if (found.status > 299) refused(items, found)
        else {
          told(items, found.answer)
          const [{ path, session }] = items
          if (path === "/session" && session === visitor.session()) {
            visitor.goOn(found.answer.session.id) // the browser's cookie may name another one
            moved(queue.items(), session)
          }
        }
      }
    } finally {
      sent = []
      if (others) await sleep(SEEN)
    }
  }

  /** Send what waits, now. @returns {Promise<void>} */
  const flush = () => {
    clearTimeout(timer)
    timer = 0
    return (running ??= locked(deliver).finally(() => {
      running = null
      if (next().length) later(held() || (next(isOwn).length ? undefined : LEFT))
    }))
  }

  /** Send what waits, soon. */
  const later = (milliseconds = config.batch ?? 100) => {
    timer ||= setTimeout(flush, milliseconds)
  }

  /** The page goes: hand the browser what it takes. What is not answered waits for the next page, which sends it again. */
  const leave = () => {
    let items = next(item => isOwn(item) && !sent.includes(item.name))
    if (held() || items[0]?.path === "/session") return
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
