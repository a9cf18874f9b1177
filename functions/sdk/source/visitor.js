// The visitor of this browser: their session ID, and the profile ID that the service assigned.

import { uuid } from "./ids.js"

/** @typedef {import("./store.js").Store} Store */
/** @typedef {ReturnType<typeof createVisitor>} Visitor */

/** Seconds: 13 months, the longest that European regulators accept for a tracking cookie. */
const LIFETIME = 395 * 86400
const COOKIE = "hardlink_session"

/**
 * A session is stored as `<creation time in milliseconds>.<ID>`.
 *
 * @param {Store} store
 * @param {{storage?: string, cookieDomain?: string}} config
 * @param {() => boolean} isAllowed whether consent permits storing on this device
 */
export const createVisitor = (store, config, isAllowed) => {
  const usesCookie = () => config.storage === "cookie" && isAllowed()

  /** @param {string} value @param {number} seconds until it expires */
  const writeCookie = (value, seconds) => {
    const domain = config.cookieDomain ? `;domain=${config.cookieDomain}` : ""
    const secure = location.protocol === "https:" ? ";secure" : ""
    const text = encodeURIComponent(value)
    document.cookie = `${COOKIE}=${text};max-age=${seconds};path=/;samesite=lax${domain}${secure}`
  }

  const readCookie = () => {
    try {
      return decodeURIComponent(document.cookie.match(`(?:^|; )${COOKIE}=([^;]*)`)?.[1] || "")
    } catch {} // malformed, so the SDK did not write it
  }

  /** @returns the stored session, or `null` where there is none or it has expired */
  const readSession = () => {
    const [createdAt, ...id] = ((usesCookie() && readCookie()) || store.get("session") || "").split(".")
    const age = (Date.now() - +createdAt) / 1000
    return Math.abs(age) < LIFETIME
      ? { createdAt, id: id.join("."), remaining: Math.ceil(LIFETIME - age) }
      : null
  }

  /**
   * Store a session in one place only, so that a cookie that the visitor deletes is not restored from local storage.
   *
   * @param {string} value
   * @param {number} seconds
   */
  const saveSession = (value, seconds) => {
    if (usesCookie()) writeCookie(value, seconds)
    if (usesCookie() && readCookie()) store.remove("session")
    else store.set("session", value)
  }

  /** @param {string} id */
  const setSession = id => (saveSession(`${Date.now()}.${id}`, LIFETIME), id)

  const visitor = {
    /** The session that this tab created, until the service has stored something under it; else empty. */
    unsentSession: "",

    hasSession: () => !!readSession(),

    /** @returns {string} the session's ID; a new session is started where there is none */
    getSession: () => readSession()?.id || (visitor.unsentSession = visitor.startSession()),

    /** Start the session of a new visitor. @param {string} [id] @returns {string} */
    startSession(id = uuid()) {
      visitor.unsentSession = ""
      store.remove("profile")
      return setSession(id)
    },

    /** Continue with the same visitor under another session, also with what was not sent yet. @param {string} id */
    switchSession: id => id === visitor.getSession() || setSession(id),

    /** @returns {string | null} */
    getProfile: () => store.get("profile"),

    /**
     * @param {string | null} id `null` where the profile no longer exists
     * @param {string} session to which the profile belongs; ignored unless it is the current one
     */
    setProfile(id, session) {
      if (session !== visitor.getSession()) return
      if (id) store.set("profile", id)
      else store.remove("profile")
    },

    /** Store a session that was kept in memory until consent was given. */
    persist() {
      const session = readSession()
      if (session) saveSession(`${session.createdAt}.${session.id}`, session.remaining)
    },

    /** Remove session and profile from this device. */
    clear() {
      store.remove("session")
      store.remove("profile")
      if (config.storage === "cookie") writeCookie("", 0)
    },
  }
  return visitor
}
