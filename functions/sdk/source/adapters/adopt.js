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
/** Before an ID that RudderStack's script stores as JSON in base64. What its first version encrypted is left alone. */
const RUDDERSTACK_PREFIX = "RS_ENC_v3_"
/** PostHog's script stores all that it knows of its visitor under one name, as JSON. */
const POSTHOG_NAME = /^ph_.+_posthog$/
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

/** @param {string} text as a script stored it @returns {string} */
const decode = text => {
  try {
    return text.startsWith(RUDDERSTACK_PREFIX) ? atob(text.slice(RUDDERSTACK_PREFIX.length)) : text
  } catch {
    return "" // not base64, so the script did not write it
  }
}

/**
 * An ID from a cookie, else from local storage, where some scripts put quotation marks around it.
 *
 * @param {string} name
 * @returns {string | undefined}
 */
const readId = name => {
  const texts = [readCookie(name), readStorage(name) || ""]
  const ids = texts.map(text => decode(text).replace(/^"(.*)"$/, "$1"))
  return ids.find(id => MADE_UP_ID.test(id))
}

/** The names of cookies, and of entries in local storage. @returns {string[]} */
const listNames = () => {
  const cookies = document.cookie.split("; ").map(text => text.split("=")[0])
  try {
    return [...cookies, ...Object.keys(localStorage)]
  } catch {
    return cookies
  }
}

/** @param {string | null} text @returns {Record<string, any>} empty where it is not JSON */
const readJson = text => {
  try {
    return JSON.parse(text || "{}")
  } catch {
    return {}
  }
}

/**
 * PostHog's ID of the visitor: that of the device after a log-in, because the other one is the user's then.
 *
 * Its cookie has only a part of what local storage has, and does not say whether there was a log-in.
 *
 * @returns {string | undefined}
 */
const readPosthogId = () => {
  const name = listNames().find(name => POSTHOG_NAME.test(name)) || ""
  const stored = { ...readJson(readStorage(name)), ...readJson(readCookie(name)) }
  const id = stored.$user_state === "anonymous" ? stored.distinct_id : stored.$device_id
  return MADE_UP_ID.test(id) ? id : undefined
}

/** Where each system's script stores its visitor, in the order in which they are looked for. @type {Record<string, () => OldVisitor>} */
const SYSTEMS = {
  exponea: () => ({ session: readId("__exponea_etc__") }),
  attraqt: () => ({ session: readId("attraqtsessionid") }),
  // a session of Tracardi ends with the visit, and its profile stays
  tracardi: () => ({ session: readId("tracardi-session-id"), profile: readId("tracardi-profile-id") }),
  helloretail: () => ({ session: readId("hello_retail_id") }),
  segment: () => ({ session: readId("ajs_anonymous_id") }),
  rudderstack: () => ({ session: readId("rl_anonymous_id") }),
  posthog: () => ({ session: readPosthogId() }),
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
