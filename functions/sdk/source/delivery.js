// Sends queued commands in order, one tab at a time, and retries those that the service could not take yet.

import { tellFailure } from "./errors.js"
import { createLock, sleep } from "./lock.js"
import { ABANDONED_AFTER, MAX_REQUEST_BYTES, byteLength, isAbandoned, isConsent, isOwn, takeBatch } from "./queue.js"

/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./queue.js").Queue} Queue */
/** @typedef {import("./queue.js").QueuedCommand} QueuedCommand */
/** @typedef {import("./visitor.js").Visitor} Visitor */

/** Longest time between two attempts, in milliseconds. */
const MAX_BACKOFF = 300_000
/** Milliseconds after which a tab certainly sees what another one removed: browser processes share storage with a delay. */
const STORAGE_DELAY = 1000
/** Longest pause that is respected, in milliseconds: a longer one was computed with a wrong clock. */
const DAY = 86_400_000

/**
 * The time to wait after a failed attempt: doubles each time, with jitter so that clients do not return all at once.
 *
 * @returns {number} milliseconds
 */
export const backOff = (attempts, first, random = Math.random()) =>
  Math.min(MAX_BACKOFF, first * 2 ** attempts) * (0.5 + random / 2)

/**
 * The delay that a `Retry-After` header asks for, given in seconds or as a date.
 *
 * @param {string | null} text
 * @param {number} time now, in milliseconds
 * @returns {number} milliseconds; 0 where there is no valid delay
 */
export const retryAfter = (text, time) => (text ? (+text * 1000 || Date.parse(text) - time || 0) : 0)

/**
 * @param {object} options
 * @param {Store} options.store
 * @param {Queue} options.queue
 * @param {Visitor} options.visitor
 * @param {import("./client.js").Config} options.config
 * @param {() => boolean} options.isAllowed whether anything but consent commands may be sent
 * @param {() => unknown} options.anonymize starts the session of a new visitor
 */
export const createDelivery = ({ store, queue, visitor, config, isAllowed, anonymize }) => {
  const withLock = createLock()
  /** @type {Promise<void> | null} */
  let flushing = null
  /** Keys of the commands that are being sent. @type {string[]} */
  let inFlight = []
  let timer = 0

  /** @param {QueuedCommand[]} commands */
  const buildRequest = ([{ path, source, session, body, event }, ...others], profile = visitor.getProfile()) => ({
    url: config.target + path,
    text: JSON.stringify({
      source: { id: source || config.token },
      session: { id: session },
      ...(profile && session === visitor.getSession() && { profile: { id: profile } }),
      ...body,
      sent: Date.now(),
      ...(event && { events: [event, ...others.map(other => other.event)] }),
    }),
  })

  /** The commands that may be sent now, the oldest first. @param {(command: QueuedCommand) => boolean} [filter] */
  const listSendable = filter => {
    const commands = config.token ? queue.list().filter(command => isAllowed() || isConsent(command)) : []
    return filter ? commands.filter(filter) : commands
  }

  /** @param {QueuedCommand[]} commands */
  const post = async commands => {
    const { url, text } = buildRequest(commands)
    const response = await fetch(url, {
      method: "POST",
      body: text, // a string is sent as text/plain, which needs no CORS preflight
      keepalive: byteLength(text) < MAX_REQUEST_BYTES, // completes even if the visitor leaves the page
      credentials: commands[0].path === "/session" ? "include" : "omit",
      signal: AbortSignal.timeout?.(config.timeout || 20_000),
    })
    const { status } = response
    // a success that is not JSON comes from a captive portal, not from the service
    const answer = await response.json().catch(() => !response.ok && {})
    const shouldRetry = !answer || /^(408|429|5..)$/.test(`${status}`)
    return { status, answer, shouldRetry, retryDelay: retryAfter(response.headers.get("retry-after"), Date.now()) }
  }

  /** Settle each command with its verdict. @param {QueuedCommand[]} commands @param {any} answer */
  const settleAll = (commands, { session, profile, results, ...others }) => {
    visitor.unsentSession = ""
    if (profile) visitor.setProfile(profile.id, commands[0].session)
    commands.forEach(({ key }, index) => {
      const verdict = results?.[index] || { session, profile, ...others }
      const hasFailed = /^(rejected|dropped)$/.test(verdict.status)
      queue.settle(key, verdict, hasFailed && { code: verdict.status, message: verdict.reason, ...verdict })
    })
  }

  /** Move the commands of a session to the current one. @param {QueuedCommand[]} commands @param {string} fromSession */
  const moveToCurrentSession = (commands, fromSession) => {
    for (const command of commands)
      if (command.session === fromSession) queue.replaceCommand({ ...command, session: visitor.getSession() })
  }

  /** @param {QueuedCommand[]} commands @param {{status: number, answer: any}} response */
  const handleRefusal = (commands, { status, answer }) => {
    const { error = { message: `the service answered ${status}` } } = answer
    const [{ key: firstKey, session, body, event }] = commands
    const { ids, ...bodyWithoutIds } = body
    const isBadId = status === 400 && event && /^ids\b/.test(error.field)
    if (isBadId) {
      // the event itself is valid, so it is sent again without the identifiers
      tellFailure(error)
      for (const command of commands) queue.replaceCommand({ ...command, body: bodyWithoutIds })
    } else if (config.anonymizeOnConflict && error.code === "another_customer" && session === visitor.getSession()) {
      // this customer's calls began with the refused one: earlier ones stay with the customer before
      const ofThisCustomer = queue.list().filter(({ key }) => key >= firstKey)
      anonymize()
      moveToCurrentSession(ofThisCustomer, session)
    } else for (const { key } of commands) queue.settle(key, null, { ...error, status })
  }

  /**
   * The pause after a failed attempt is stored as `<end in milliseconds> <attempts> <status>`, for all tabs.
   *
   * @param {number} index of the part to read
   */
  const readPause = index => +(store.get("hold") || "").split(" ")[index] || 0

  /** Milliseconds until the next attempt; 0 where there is no pause. */
  const remainingPause = () => {
    const remaining = readPause(0) - Date.now()
    return remaining > 0 && remaining <= DAY ? remaining : 0
  }

  /**
   * Send this tab's own commands, then those that other tabs abandoned.
   *
   * Tabs see each other's removals with a delay. So it waits before it sends abandoned commands, which their tab may
   * have sent already, and waits afterwards while it still holds the lock, so that the next tab does not repeat them.
   */
  const deliver = async () => {
    let takesAbandoned = false
    // tabs that opened at the same time each started a session: all continue under the one that was stored last
    moveToCurrentSession(listSendable(isOwn), visitor.unsentSession)
    try {
      while (!remainingPause()) {
        const commands = takeBatch(listSendable(command => isOwn(command) || (takesAbandoned && isAbandoned(command))))
        if (!commands.length) {
          if (takesAbandoned || !listSendable(isAbandoned).length) return
          await sleep(STORAGE_DELAY)
          takesAbandoned = true
          continue
        }
        inFlight = commands.map(({ key }) => key)
        const response = await post(commands).catch(() => ({ status: 0, answer: {}, shouldRetry: true, retryDelay: 0 }))
        const pause = response.shouldRetry &&
          Math.min(DAY, Math.max(response.retryDelay, backOff(readPause(1), config.retry || 1000)))
        config.onAttempt?.(commands, response.status, response.answer, pause)
        if (pause) {
          store.set("hold", `${Date.now() + pause} ${readPause(1) + 1} ${response.status}`)
          continue
        }
        store.remove("hold")
        if (response.status > 299) handleRefusal(commands, response)
        else {
          settleAll(commands, response.answer)
          const [{ path, session }] = commands
          if (path === "/session" && session === visitor.getSession()) {
            visitor.switchSession(response.answer.session.id) // the service's cookie may name an earlier session
            moveToCurrentSession(queue.list(), session)
          }
        }
      }
    } finally {
      inFlight = []
      if (takesAbandoned) await sleep(STORAGE_DELAY)
    }
  }

  /** Send the queue now. @returns {Promise<void>} resolves when it is empty or has to pause */
  const flush = () => {
    clearTimeout(timer)
    timer = 0
    return (flushing ??= withLock(deliver).finally(() => {
      flushing = null
      if (listSendable().length)
        scheduleFlush(remainingPause() || (listSendable(isOwn).length ? undefined : ABANDONED_AFTER))
    }))
  }

  /** Send the queue soon, unless that is scheduled already. */
  const scheduleFlush = (milliseconds = config.batch ?? 100) => {
    timer ||= setTimeout(flush, milliseconds)
  }

  /** Hand the queue to the browser as the page closes. There is no answer, so the next page sends it again. */
  const onPageHide = () => {
    let commands = listSendable(command => isOwn(command) && !inFlight.includes(command.key))
    if (remainingPause() || commands[0]?.path === "/session") return
    for (let batch; (batch = takeBatch(commands)).length; commands = commands.slice(batch.length)) {
      const { url, text } = buildRequest(batch)
      if (!navigator.sendBeacon(url, text)) return // the browser takes no more
    }
  }

  /** End a pause that was caused by a lost network, which is stored with status 0. */
  const onOnline = () => {
    if (store.get("hold")?.endsWith(" 0")) store.remove("hold")
    return flush()
  }

  return { flush, scheduleFlush, onPageHide, onOnline }
}
