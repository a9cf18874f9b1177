// Whether this visitor may be tracked. Evaluated for every call, because other tabs may change the answer.

/**
 * `granted`: store and send. `pending`: keep in memory until the visitor decides. `denied`: do nothing.
 * @typedef {"granted" | "pending" | "denied"} ConsentState
 */

/**
 * @param {string | null} choice of the visitor: `granted`, `denied`, or `null` before they choose
 * @param {{consent?: string, dnt?: boolean, gpc?: boolean}} config
 * @param {{doNotTrack?: string | null, globalPrivacyControl?: boolean}} signals of the browser
 * @returns {ConsentState}
 */
export const resolveConsent = (choice, config, signals) => {
  if (choice) return choice === "granted" ? choice : "denied"
  if (config.dnt && signals.doNotTrack === "1") return "denied"
  if (config.gpc && signals.globalPrivacyControl) return "denied"
  return config.consent === "required" ? "pending" : "granted"
}
