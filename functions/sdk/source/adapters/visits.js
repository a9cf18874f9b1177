// Ends the session with the visit: after a pause, the same visitor goes on in a new session. So `visits` counts visits.

import { resolveConsent } from "../consent.js"
import { uuid } from "../ids.js"
import { registerAdapter } from "./register_adapter.js"

const CONSENT = "hardlink.consent"
/** When this visitor was last active, in milliseconds. */
const ACTIVE = "hardlink.active"
/** Minutes without activity that end a visit. */
const PAUSE = 30

/**
 * Whether a visit has ended. A time in the future was written by another clock, and ends nothing.
 *
 * @param {string | null} lastActive milliseconds
 * @param {number} time now, in milliseconds
 * @param {number} [pause] minutes
 */
export const hasEnded = (lastActive, time, pause = PAUSE) => !!lastActive && time - +lastActive > pause * 60_000

/** @param {string} name @returns {string | null} `null` too where storage is forbidden */
const readStorage = name => {
  try {
    return localStorage.getItem(name)
  } catch {
    return null
  }
}

registerAdapter((client, hardlink) => {
  const { config, visitor, enqueue } = client
  const { start } = hardlink
  let isStarted = false

  /** Go on in a new session of the same profile. A visitor whom the service has not seen yet has none. */
  const startVisit = () => {
    if (!visitor.getProfile()) return
    visitor.switchSession(uuid())
    if (config.storage === "server") enqueue("/session", { renew: true })
  }

  /** Record activity, after the end of a visit in a new session. @param {() => void} [beforeVisit] */
  const recordActivity = beforeVisit => {
    if (resolveConsent(readStorage(CONSENT), config, navigator) !== "granted") return
    if (hasEnded(readStorage(ACTIVE), Date.now(), config.visit?.pause)) {
      beforeVisit?.()
      startVisit()
    }
    try {
      localStorage.setItem(ACTIVE, `${Date.now()}`)
    } catch {} // forbidden: the session ends with the page
  }

  /** @param {any} options */
  const startWithVisits = options => {
    start(options)
    if (isStarted) return
    isStarted = true
    // what this page has tracked while it started belongs to the new visit
    recordActivity(() => (visitor.unsentSession = visitor.getSession()))
    const record = () => recordActivity()
    // before the page's own listeners, so that what they track belongs to the new visit
    for (const type of ["pointerdown", "keydown"]) addEventListener(type, record, { capture: true, passive: true })
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && record())
  }
  return { start: startWithVisits, initialize: startWithVisits }
})
