// Commands that wait to be sent: one store entry each, shared by all tabs of a site, in the order they were made.

import { createError } from "./errors.js"
import { now, uuid } from "./ids.js"

/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./errors.js").Reason} Reason */

/**
 * @typedef {object} Command
 * @property {string} path `/track`, `/identify`, ...
 * @property {string} session
 * @property {Record<string, any>} body of the request, without source, session, profile and events
 * @property {object} [event] of `/track`
 * @property {string} [source] write key of the page that made it; pages of one site may use different ones
 */

/** @typedef {Command & {key: string, text: string}} QueuedCommand `text`: the command as it is stored */
/** @typedef {{key: string}} Keyed `q.<time in milliseconds>.<ID of the tab that made it>` */

const MAX_COMMANDS = 500
/** In characters, because that is how browsers measure local storage. */
const MAX_CHARACTERS = 256 * 1024
/** Of one request: browsers send at most 64 KB for a page that is being closed. */
export const MAX_REQUEST_BYTES = 60_000
const QUEUE_FULL = { message: "the queue is full", code: "queue_full" }
const TAB_ID = uuid()
/** Milliseconds after which another tab's command counts as abandoned: that tab is closed or suspended. */
export const ABANDONED_AFTER = 3000

/** Whether this tab made it. Only that tab knows for certain whether it was sent. @param {Keyed} command */
export const isOwn = ({ key }) => key.endsWith(TAB_ID)

/** Whether its tab failed to send it. The age may be negative where the clock was set back. @param {Keyed} command */
export const isAbandoned = ({ key }) => Math.abs(Date.now() - parseFloat(key.slice(2))) > ABANDONED_AFTER

/** Whether it reports a consent or its withdrawal, and so must be sent in any case. @param {Command} command */
export const isConsent = ({ path, body }) => path === "/consent" || body.forget

/** @param {string} text @returns {number} bytes in UTF-8 */
export const byteLength = text => new Blob([text]).size

/**
 * The commands of the next request: the first one, and the events after it that have the same body and fit.
 *
 * @param {QueuedCommand[]} commands
 */
export const takeBatch = commands => {
  let size = 0
  /** @param {QueuedCommand} command */
  const groupKey = ({ path, source, session, body }) => JSON.stringify([path, source, session, body])
  const end = commands.findIndex(
    (command, index) =>
      (size += byteLength(command.text)) > MAX_REQUEST_BYTES * 0.9 && index ||
      (index && !command.event) ||
      groupKey(command) !== groupKey(commands[0]),
  )
  return end < 0 ? commands : commands.slice(0, end)
}

/** @typedef {ReturnType<typeof createQueue>} Queue */

/** @param {Store} store @param {{token?: string}} config */
export const createQueue = (store, config) => {
  /** Promises of this tab's commands. @type {Map<string, {resolve: (verdict: any) => void, reject: (error: Error) => void}>} */
  const pending = new Map()
  const channel = window.BroadcastChannel && new BroadcastChannel("hardlink")

  /** @param {string} key @param {object | null} verdict @param {Reason} [reason] */
  const settlePromise = (key, verdict, reason) => {
    const promise = pending.get(key)
    pending.delete(key)
    if (reason) promise?.reject(createError(reason))
    else promise?.resolve(verdict)
  }
  if (channel)
    channel.onmessage = ({ data: [key, verdict, reason] }) => {
      store.remove(key) // this tab may still see what another tab has removed
      settlePromise(key, verdict, reason)
    }

  const queue = {
    /** All commands, the oldest first. @returns {QueuedCommand[]} */
    list: () =>
      store.listKeys("q.").flatMap(key => {
        try {
          const text = store.get(key) || ""
          return [{ ...JSON.parse(text), key, text }]
        } catch {
          store.remove(key) // not JSON, so the SDK did not write it
          return []
        }
      }),

    /** @param {Command} command @param {number} [time] its place in the queue @returns {Promise<any>} its verdict */
    append(command, time = now()) {
      const key = `q.${time.toFixed(3)}.${TAB_ID}`
      command.source = config.token
      const text = JSON.stringify(command)
      if (text.length > MAX_CHARACTERS) throw createError({ message: "the call is too large", code: "too_large" })
      store.set(key, text, isConsent(command)) // an opt-out must survive the page, though nothing else may be stored
      const promise = new Promise((resolve, reject) => pending.set(key, { resolve, reject }))
      promise.catch(() => {})
      queue.dropOldest()
      return promise
    },

    /** Drop the oldest commands until the queue is within its limits. */
    dropOldest() {
      const newestFirst = store.listKeys("q.").reverse()
      let total = 0
      newestFirst.forEach((key, index) => {
        total += store.get(key)?.length || 0
        if (index >= MAX_COMMANDS || total > MAX_CHARACTERS) queue.settle(key, null, QUEUE_FULL)
      })
    },

    /** @param {QueuedCommand} command to store in place of the one with its key */
    replaceCommand: ({ key, text: _, ...command }) => store.set(key, JSON.stringify(command)),

    /**
     * Remove a command, and settle its promise in whichever tab made it.
     *
     * @param {string} key
     * @param {object | null} verdict
     * @param {Reason} [reason] why it failed
     */
    settle(key, verdict, reason) {
      store.remove(key)
      if (pending.has(key)) settlePromise(key, verdict, reason)
      else channel?.postMessage([key, verdict, reason])
    },

    /** Reject all commands but those that report a consent. @param {Reason} reason */
    rejectAll(reason) {
      for (const command of queue.list()) if (!isConsent(command)) queue.settle(command.key, null, reason)
    },
  }
  return queue
}
