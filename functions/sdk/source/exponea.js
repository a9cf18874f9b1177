// The API of Exponea's web SDK, which is Hardlink's own API as well.

import { describeDevice } from "./device.js"

/** @typedef {import("./client.js").Client} Client */
/** @typedef {Record<string, any>} Properties */

/** @param {Client} client */
export const createExponeaApi = ({ config, visitor, enqueue, withCallbacks, normalizeIds, anonymize }) => {
  /** Identifiers from this page that the service accepted, by session. @type {Record<string, Properties>} */
  let accepted = {}

  /** @param {any} given @param {Properties} [properties] */
  const sendIdentify = async (given, properties) => {
    const session = visitor.getSession()
    const ids = normalizeIds(given)
    /**
     * Add the identifiers that were accepted before, unless the new ones contradict them: then another customer is here.
     * One that was refused would have every later call refused.
     */
    const mergeIds = (previous = accepted[session] || {}) => ({
      ...(Object.keys(ids).every(type => (previous[type] ?? ids[type]) === ids[type]) && previous),
      ...ids,
    })
    const verdict = await enqueue("/identify", { ids: mergeIds(), properties, token: config.signature })
    accepted = { [session]: mergeIds() }
    return verdict
  }

  /** @param {any} properties what is not an object is sent as it is, and the service says that it must be one */
  const withDefaults = (properties = {}) =>
    typeof properties === "object"
      ? {
          ...describeDevice(navigator.userAgent),
          location: location.href,
          ...config.track?.default_properties,
          ...properties,
        }
      : properties

  const track = (type, properties, ...callbacks) =>
    withCallbacks(() => enqueue("/track", {}, { type, properties: withDefaults(properties) }), ...callbacks)

  return {
    track,
    identify: (ids, properties, ...callbacks) => withCallbacks(() => sendIdentify(ids, properties), ...callbacks),
    update: (properties, ...callbacks) => withCallbacks(() => enqueue("/update", { properties }), ...callbacks),
    anonymize: (...callbacks) => withCallbacks(anonymize, ...callbacks),

    /**
     * Track clicks on an element, or on all present and future elements that match a selector.
     *
     * @param {string | Element} target
     * @param {string | ((event: Event) => string)} type
     * @param {Properties} [properties]
     */
    trackLink(target, type, properties) {
      addEventListener(
        "click",
        event => {
          const clicked = /** @type {Element} */ (event.target)
          const isHit = typeof target === "string" ? clicked.closest?.(target) : target.contains(clicked)
          if (!isHit) return
          const name = typeof type === "function" ? type(event) : type
          track(name, properties, null, null, true)
        },
        true, // capture: the page may stop the event's propagation
      )
    },
  }
}
