// Who is here: the session that this browser keeps, and the profile that the service gave it.

import { uuid } from "./ids.js"

/** @typedef {import("./store.js").Store} Store */
/** @typedef {ReturnType<typeof createVisitor>} Visitor */

/** Seconds: 13 months, which is as long as a tracking cookie may live in Europe. */
const LIFETIME = 395 * 86400
const COOKIE = "hardlink_session"

/**
 * A session is kept as `<when it was made, milliseconds>.<ID>`.
 *
 * @param {Store} store
 * @param {{storage?: string, cookieDomain?: string}} config
 * @param {() => boolean} allowed whether anything may be stored on this device
 */
export const createVisitor = (store, config, allowed) => {
  const inCookie = () => config.storage === "cookie" && allowed()

  /** @param {string} value @param {number} seconds */
  const setCookie = (value, seconds) => {
    const domain = config.cookieDomain ? `;domain=${config.cookieDomain}` : ""
    const secure = location.protocol === "https:" ? ";secure" : ""
    const text = encodeURIComponent(value)
    document.cookie = `${COOKIE}=${text};max-age=${seconds};path=/;samesite=lax${domain}${secure}`
  }

  const cookie = () => {
    try {
      return decodeURIComponent(document.cookie.match(`(?:^|; )${COOKIE}=([^;]*)`)?.[1] || "")
    } catch {} // nothing of ours
  }

  const read = () => {
    const [made, ...id] = ((inCookie() && cookie()) || store.get("session") || "").split(".")
    const age = (Date.now() - +made) / 1000
    return Math.abs(age) < LIFETIME ? { made, id: id.join("."), left: Math.ceil(LIFETIME - age) } : null
  }

  /** In one place only: a cookie that the visitor deletes does not come back. @param {string} value @param {number} seconds */
  const keep = (value, seconds) => {
    if (inCookie()) setCookie(value, seconds)
    if (inCookie() && cookie()) store.drop("session")
    else store.set("session", value)
  }

  /** @param {string} id */
  const write = id => {
    visitor.first = ""
    keep(`${Date.now()}.${id}`, LIFETIME)
    return id
  }

  const visitor = {
    /** The session that this tab made as there was none, until the service has heard of it. */
    first: "",

    /** Whether there is one already. */
    known: () => !!read(),

    /** @returns {string} the session's ID, made where there is none */
    session: () => read()?.id || (visitor.first = visitor.begin()),

    /** Somebody else is here from now on. @param {string} [id] @returns {string} */
    begin: (id = uuid()) => (store.drop("profile"), write(id)),

    /** The same visitor goes on under another session. @param {string} id */
    goOn: id => id === visitor.session() || write(id),

    /** @returns {string | null} */
    profile: () => store.get("profile"),

    /** @param {string | null} id none where there is none any more @param {string} session under which it was answered */
    keepProfile(id, session) {
      if (session !== visitor.session()) return
      if (id) store.set("profile", id)
      else store.drop("profile")
    },

    /** What was kept in memory is stored. */
    persist() {
      const found = read()
      if (found) keep(`${found.made}.${found.id}`, found.left)
    },

    forget() {
      store.drop("session")
      store.drop("profile")
      if (config.storage === "cookie") setCookie("", 0)
    },
  }
  return visitor
}
