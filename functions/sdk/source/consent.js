// Whether this visitor may be tracked, which all tabs ask anew every time.

/**
 * `open`: store and send. `held`: keep in memory until the visitor decides. `closed`: do nothing.
 * @typedef {"open" | "held" | "closed"} Mode
 */

/**
 * @param {string | null} said what the visitor said: `granted` or `denied`
 * @param {{consent?: string, dnt?: boolean, gpc?: boolean}} config
 * @param {{doNotTrack?: string | null, globalPrivacyControl?: boolean}} signals of the browser
 * @returns {Mode}
 */
export const mode = (said, config, signals) => {
  if (said) return said === "granted" ? "open" : "closed"
  if (config.dnt && signals.doNotTrack === "1") return "closed"
  if (config.gpc && signals.globalPrivacyControl) return "closed"
  return config.consent === "required" ? "held" : "open"
}
