// What waits to be sent: an item each in the store, which all tabs of a site share, in the order in which it was said.

import { failure } from "./failure.js"
import { now, uuid } from "./ids.js"

/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./failure.js").Reason} Reason */

/**
 * @typedef {object} Item
 * @property {string} path `/track`, `/identify`, ...
 * @property {string} session
 * @property {Record<string, any>} body what is said beside source, session and profile; neighbours that say the same travel together
 * @property {object} [event] of `/track`
 * @property {string} [source] of the page that said it, where that was started: several may share a site
 */

/** @typedef {Item & {name: string, text: string}} Waiting */
/** @typedef {{name: string}} Named `q.<time, milliseconds>.<the tab in which it was said>` */

const MOST = 500
/** Characters, which is what browsers count. */
const MOST_TEXT = 256 * 1024
/** Bytes of one call: browsers send 64 KB, and no more, for a page that is gone. */
export const CALL = 60_000
const QUEUE_FULL = { message: "the queue is full", code: "queue_full" }
const TAB = uuid()
/** Milliseconds after which another tab's item has waited for too long: that tab is gone, or asleep. */
export const LEFT = 3000

/** Whether it was said in this tab, which is the only one that is sure to know whether it was sent. @param {Named} item */
export const isOwn = ({ name }) => name.endsWith(TAB)

/** Whether its tab should have sent it long ago; clocks may be put back. @param {Named} item */
export const isLeft = ({ name }) => Math.abs(Date.now() - parseFloat(name.slice(2))) > LEFT

/** Whether it withdraws a consent, or gives one: that is told whatever happens. @param {Item} item */
export const isConsent = ({ path, body }) => path === "/consent" || body.forget

/** @param {string} text @returns {number} of UTF-8 */
export const bytes = text => new Blob([text]).size

/** The items of the first call: neighbours of one kind, no more than one call holds. @param {Waiting[]} items */
export const together = items => {
  let size = 0
  /** @param {Waiting} item */
  const kind = ({ path, source, session, body }) => JSON.stringify([path, source, session, body])
  const end = items.findIndex(
    (item, number) =>
      (size += bytes(item.text)) > CALL * 0.9 && number ||
      (number && !item.event) ||
      kind(item) !== kind(items[0]),
  )
  return end < 0 ? items : items.slice(0, end)
}

/** @typedef {ReturnType<typeof createQueue>} Queue */

/** @param {Store} store @param {{token?: string}} config */
export const createQueue = (store, config) => {
  /** @type {Map<string, {resolve: (verdict: any) => void, reject: (error: Error) => void}>} */
  const waiting = new Map()
  const channel = window.BroadcastChannel && new BroadcastChannel("hardlink")

  /** @param {string} name @param {object | null} verdict @param {Reason} [reason] */
  const tell = (name, verdict, reason) => {
    const promise = waiting.get(name)
    waiting.delete(name)
    if (reason) promise?.reject(failure(reason))
    else promise?.resolve(verdict)
  }
  if (channel)
    channel.onmessage = ({ data: [name, verdict, reason] }) => {
      store.drop(name) // which this tab's storage may not know yet
      tell(name, verdict, reason)
    }

  const queue = {
    /** Everything that waits, the oldest first. @returns {Waiting[]} */
    items: () =>
      store.names("q.").flatMap(name => {
        try {
          const text = store.get(name) || ""
          return [{ ...JSON.parse(text), name, text }]
        } catch {
          store.drop(name) // nothing of ours
          return []
        }
      }),

    /** @param {Item} item @param {number} [time] @returns {Promise<any>} its verdict */
    add(item, time = now()) {
      const name = `q.${time.toFixed(3)}.${TAB}`
      item.source = config.token
      const text = JSON.stringify(item)
      if (text.length > MOST_TEXT) throw failure({ message: "too large", code: "too_large" })
      store.set(name, text, isConsent(item)) // an opt-out is told though the page goes
      const promise = new Promise((resolve, reject) => waiting.set(name, { resolve, reject }))
      promise.catch(() => {})
      queue.bound()
      return promise
    },

    /** The oldest give way. */
    bound() {
      const names = store.names("q.")
      const size = name => store.get(name)?.length || 0
      let total = names.reduce((sum, name) => sum + size(name), 0)
      for (let left = names.length; left > MOST || total > MOST_TEXT; left--) {
        const oldest = names[names.length - left]
        total -= size(oldest)
        queue.settle(oldest, null, QUEUE_FULL)
      }
    },

    /** @param {Waiting} item what it says from now on */
    change: ({ name, text: _, ...item }) => store.set(name, JSON.stringify(item)),

    /** An item's story ends. @param {string} name @param {object | null} verdict @param {Reason} [reason] why it failed */
    settle(name, verdict, reason) {
      store.drop(name)
      if (waiting.has(name)) tell(name, verdict, reason)
      else channel?.postMessage([name, verdict, reason])
    },

    /** @param {Reason} reason */
    empty(reason) {
      for (const item of queue.items()) if (!isConsent(item)) queue.settle(item.name, null, reason)
    },
  }
  return queue
}
