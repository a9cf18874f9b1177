// Adopts the ID by which another system's script knew this browser, so that a returning visitor stays who they are.
//
// The service's dialects take that ID for the session. So what the old script sent, or still sends, and what the SDK
// sends is stored in one session. The ID of a profile is only named: the service takes none that it does not know.

import { resolveConsent } from "../consent.js"
import { registerAdapter } from "./register_adapter.js"

/** @typedef {{session?: string, profile?: string}} OldVisitor */

const CONSENT = "hardlink.consent"
/** Set once an ID was adopted: a visitor whose session has ended, or who opted out, is not recognized by it again. */
const ADOPTED = "hardlink.adopted"
/** An ID that a script made up, not a word such as `undefined`, a placeholder of zeros, or something encrypted. */
const MADE_UP_ID = /^(?=.*[1-9])[\w.-]{8,128}$/

/** @param {string} name @returns {string | null} `null` too where storage is forbidden */
const readStorage = name => {
  try {
    return localStorage.getItem(name)
  } catch {
    return null
  }
}

/** @param {string} name @returns {string} */
const readCookie = name => {
  const pair = document.cookie.split("; ").find(text => text.startsWith(`${name}=`)) || ""
  try {
    return decodeURIComponent(pair.slice(name.length + 1))
  } catch {
    return ""
  }
}

/**
 * An ID from a cookie, else from local storage, where some scripts put quotation marks around it.
 *
 * @param {string} name
 * @returns {string | undefined}
 */
const readId = name => {
  const ids = [readCookie(name), readStorage(name) || ""].map(text => text.replace(/^"(.*)"$/, "$1"))
  return ids.find(id => MADE_UP_ID.test(id))
}

/** Where each system's script stores its visitor, in the order in which they are looked for. @type {Record<string, () => OldVisitor>} */
const SYSTEMS = {
  exponea: () => ({ session: readId("__exponea_etc__") }),
  attraqt: () => ({ session: readId("attraqtsessionid") }),
  // a session of Tracardi ends with the visit, and its profile stays
  tracardi: () => ({ session: readId("tracardi-session-id"), profile: readId("tracardi-profile-id") }),
  helloretail: () => ({ session: readId("hello_retail_id") }),
  segment: () => ({ session: readId("ajs_anonymous_id") }),
}

/** @param {string[]} names @returns {OldVisitor | undefined} of the first system whose script was here */
const findOldVisitor = names => names.map(name => SYSTEMS[name]()).find(({ session, profile }) => session || profile)

/** The systems to look for. One that is not known is told. @param {string | string[]} [wanted] @returns {string[]} */
const chooseSystems = (wanted = Object.keys(SYSTEMS)) => {
  const names = [wanted].flat()
  for (const name of names)
    if (!(name in SYSTEMS))
      console.warn(`Hardlink: adopt: unknown system "${name}": known are ${Object.keys(SYSTEMS).join(", ")}`)
  return names.filter(name => name in SYSTEMS)
}

registerAdapter((client, hardlink) => {
  const { config, visitor, optIn } = client
  const { start } = hardlink
  let isFinished = !!readStorage(ADOPTED)

  /** Give the old ID to the session that this page has just begun. An earlier one stays. */
  const adopt = () => {
    const session = visitor.getSession()
    const isNew = session === visitor.unsentSession
    const found = isNew && !isFinished && findOldVisitor(chooseSystems(config.adopt))
    if (!found) return
    isFinished = true
    if (found.session) visitor.switchSession(found.session)
    if (found.profile) visitor.setProfile(found.profile, visitor.getSession())
    try {
      localStorage.setItem(ADOPTED, "1")
    } catch {} // forbidden: then the session is not stored either
  }

  // another tab's opt-in is heard here before the SDK itself hears it, and stores the session
  addEventListener("storage", ({ key, newValue }) => {
    if (key === CONSENT && newValue === "granted" && config.token) adopt()
  })

  /** Nothing is read of this device before the visitor consents. @param {any} options */
  const startAndAdopt = options => {
    start(options)
    if (resolveConsent(readStorage(CONSENT), config, navigator) === "granted") adopt()
  }
  client.optIn = () => {
    if (config.token) adopt()
    return optIn()
  }
  return { start: startAndAdopt, initialize: startAndAdopt, optIn: client.optIn }
})
