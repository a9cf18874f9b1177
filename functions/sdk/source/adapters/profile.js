// Keeps the profile though the session is lost: the visitor goes on in a new session, and stays who they are.
//
// A page's own `localStorage.clear()`, or a visitor who deletes cookies alone, takes only one of two copies.

import { resolveConsent } from "../consent.js"
import { registerAdapter } from "./register_adapter.js"

const CONSENT = "hardlink.consent"
/** A cookie and an entry in local storage of this name hold `<time in milliseconds>.<profile ID>`. */
const COPY = "hardlink_profile"
/** Seconds: 13 months, as a session has. It is not renewed. */
const LIFETIME = 395 * 86400

/** @template T @param {() => T} use @returns {T | undefined} `undefined` where storage is forbidden or full */
const tryStorage = use => {
  try {
    return use()
  } catch {}
}

/** @param {string} text @returns {{createdAt: number, profile: string} | null} `null` for one that has expired */
export const parseCopy = (text, time = Date.now()) => {
  const [createdAt, profile] = text.split(".")
  const age = (time - +createdAt) / 1000
  return profile && Math.abs(age) < LIFETIME ? { createdAt: +createdAt, profile } : null
}

registerAdapter((client, hardlink) => {
  const { config, visitor, optIn, anonymize } = client
  const { start, anonymize: anonymizePage } = hardlink
  const { setProfile, clear } = visitor

  const readCopy = () => {
    const cookie = document.cookie.split("; ").find(text => text.startsWith(`${COPY}=`)) || ""
    return parseCopy(cookie.slice(COPY.length + 1)) || parseCopy(tryStorage(() => localStorage.getItem(COPY)) || "")
  }

  /** @param {string} text @param {number} seconds */
  const writeCookie = (text, seconds) => {
    const domain = config.cookieDomain ? `;domain=${config.cookieDomain}` : ""
    const secure = location.protocol === "https:" ? ";secure" : ""
    document.cookie = `${COPY}=${text};max-age=${seconds};path=/;samesite=lax${domain}${secure}`
  }

  const forget = () => {
    writeCookie("", 0)
    tryStorage(() => localStorage.removeItem(COPY))
  }

  const isAllowed = () =>
    config.token && resolveConsent(tryStorage(() => localStorage.getItem(CONSENT)) || null, config, navigator) === "granted"

  /** Copy the current profile to both places. Without one, its session is a new visitor's. */
  const copy = () => {
    if (!isAllowed()) return
    const profile = visitor.getProfile()
    if (!profile) return forget()
    const known = readCopy()
    const createdAt = known?.profile === profile ? known.createdAt : Date.now()
    const text = `${createdAt}.${profile}`
    writeCookie(text, Math.ceil(LIFETIME - (Date.now() - createdAt) / 1000))
    tryStorage(() => localStorage.setItem(COPY, text))
  }

  /** Name the kept profile in the session that this page has just begun, because none was stored. */
  const restore = () => {
    const session = visitor.getSession()
    const kept = session === visitor.unsentSession && !visitor.getProfile() && readCopy()
    if (kept) setProfile(kept.profile, session)
    copy()
  }

  /** @param {string | null} id @param {string} session */
  visitor.setProfile = (id, session) => {
    setProfile(id, session)
    copy()
  }
  visitor.clear = () => {
    clear()
    forget()
  }

  /** Nothing is read of this device before the visitor consents. @param {any} options */
  const startAndRestore = options => {
    start(options)
    if (isAllowed()) restore()
  }
  client.optIn = () => {
    const hasBegun = !!config.token
    const verdict = optIn()
    if (hasBegun) restore()
    return verdict
  }
  client.anonymize = () => (forget(), anonymize())
  /** @param {any[]} callbacks */
  const anonymizeAndForget = (...callbacks) => (forget(), anonymizePage(...callbacks))
  return { start: startAndRestore, initialize: startAndRestore, optIn: client.optIn, anonymize: anonymizeAndForget }
})
