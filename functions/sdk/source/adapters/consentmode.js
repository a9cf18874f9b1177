// Google Consent Mode v2: the decision on `analytics_storage` that a consent banner pushes is the visitor's opt-in or opt-out.

import { registerAdapter } from "./register_adapter.js"

/** @typedef {import("../client.js").Client} Client */
/** @typedef {{analytics_storage?: "granted" | "denied"}} Decision */

/** Google's snippet pushes the arguments of `gtag("consent", "default" | "update", {...})`. @param {any} entry */
const readDecision = entry => {
  const [command, kind, decision] = entry?.[0] === "consent" ? entry : []
  const state = decision?.analytics_storage
  return command && /^(granted|denied)$/.test(state) ? { kind, state } : null
}

registerAdapter((client, hardlink) => {
  const { start } = hardlink
  /** @type {{kind: string, state: string} | null} */
  let latest = null
  let isStarted = false

  const apply = () => {
    // a default of `denied` is no decision: the banner is still to be answered
    if (!isStarted || !latest || (latest.kind === "default" && latest.state === "denied")) return
    if (latest.state === "granted") hardlink.optIn()
    else hardlink.optOut()
  }

  /** @param {any} entry */
  const receive = entry => {
    const decision = readDecision(entry)
    if (!decision) return
    latest = decision
    apply()
  }

  const page = /** @type {any} */ (self)
  const dataLayer = (page.dataLayer ||= [])
  const push = dataLayer.push
  dataLayer.push = function (...entries) {
    const length = push.apply(this, entries)
    entries.forEach(receive)
    return length
  }
  dataLayer.forEach(receive)

  /** Nothing is stored or sent before the banner's decision. @param {any} options */
  const startWithConsent = options => {
    start({ ...options, consent: "required" })
    isStarted = true
    apply()
  }
  return { start: startWithConsent, initialize: startWithConsent }
})
