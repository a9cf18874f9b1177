// IAB Transparency and Consent Framework 2.2: the consent that the page's consent platform (CMP) reports is the visitor's
// opt-in or opt-out.

import { resolveConsent } from "../consent.js"
import { registerAdapter } from "./register_adapter.js"

/**
 * What a CMP reports, as far as it is used here.
 *
 * @typedef {object} TcData
 * @property {"tcloaded" | "cmpuishown" | "useractioncomplete"} [eventStatus]
 * @property {boolean} [gdprApplies]
 * @property {{consents?: Record<string, boolean>}} [purpose] by the purpose's number
 * @property {{consents?: Record<string, boolean>}} [vendor] by the vendor's number
 */
/** @typedef {{purposes?: number[], vendor?: number}} TcfOptions */

const VERSION = 2
const CONSENT = "hardlink.consent"
/** To store on the device, and to measure how content performs. */
const PURPOSES = [1, 8]

/**
 * @param {TcData} data
 * @param {TcfOptions} options
 * @returns {boolean | null} whether the visitor consents; `null` before they decided
 */
export const readDecision = ({ eventStatus, purpose, vendor }, options) => {
  // while the banner is shown, earlier decisions may be reported already
  if (!/^(tcloaded|useractioncomplete)$/.test(`${eventStatus}`)) return null
  const hasPurposes = (options.purposes || PURPOSES).every(number => purpose?.consents?.[number])
  return hasPurposes && (!options.vendor || !!vendor?.consents?.[options.vendor])
}

/** Whether this visitor opted out on an earlier page, or on this one. */
const isOptedOut = () => {
  try {
    return localStorage.getItem(CONSENT) === "denied"
  } catch {
    return false // storage is forbidden
  }
}

registerAdapter(({ config }, hardlink) => {
  const { start } = hardlink
  let isStarted = false

  /** @param {TcData} data @param {boolean} isValid */
  const receive = (data, isValid) => {
    if (!isValid) return
    // the framework asks nobody where the GDPR does not apply, so only the browser's signals count there
    const isFree = data.gdprApplies === false
    // and an opt-out is not undone by a platform that asked nobody
    if (isFree && isOptedOut()) return
    const decision = isFree
      ? resolveConsent(null, { ...config, consent: undefined }, navigator) === "granted"
      : readDecision(data, config.tcf || {})
    if (decision) hardlink.optIn()
    else if (decision === false) hardlink.optOut()
  }

  const listen = () => {
    const { __tcfapi } = /** @type {any} */ (self)
    if (__tcfapi) __tcfapi("addEventListener", VERSION, receive)
    return !!__tcfapi
  }

  /** Nothing is stored or sent before the visitor's decision. @param {any} options */
  const startWithConsent = options => {
    start({ ...options, consent: "required" })
    if (isStarted) return
    isStarted = true
    if (listen()) return
    // the CMP's stub should stand before the SDK; some pages load it later
    addEventListener("load", () => {
      if (!listen())
        console.warn("Hardlink: tcf: this page has no __tcfapi, so nothing is tracked: load the consent platform first")
    })
  }
  return { start: startWithConsent, initialize: startWithConsent }
})
