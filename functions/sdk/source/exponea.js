// The API of Exponea's web SDK, which is Hardlink's own API as well.

import { describeDevice } from "./device.js"

/** @typedef {import("./client.js").Client} Client */
/** @typedef {Record<string, any>} Properties */

/** @param {Client} client */
export const createExponeaApi = ({ config, visitor, enqueue, withCallbacks, normalizeIds, anonymize }) => {
  /** Identifiers that were sent from this page. @type {{session: string, ids: Properties}} */
  let sent = { session: "", ids: {} }

  /**
   * Add the identifiers that this page sent before, unless the new ones contradict them: then another customer is here.
   *
   * @param {any} given
   */
  const mergeIds = given => {
    const session = visitor.getSession()
    const previous = sent.session === session ? sent.ids : {}
    const ids = { ...normalizeIds(given) }
    const isOtherCustomer = Object.keys(ids).some(type => type in previous && previous[type] !== ids[type])
    sent = { session, ids: isOtherCustomer ? ids : { ...previous, ...ids } }
    return sent.ids
  }

  /** @param {Properties} [properties] */
  const withDefaults = properties => ({
    ...describeDevice(navigator.userAgent),
    location: location.href,
    ...config.track?.default_properties,
    ...properties,
  })

  const track = (type, properties, onSuccess, onFailure, immediate) =>
    withCallbacks(
      () => enqueue("/track", {}, { type, properties: withDefaults(properties) }),
      onSuccess,
      onFailure,
      immediate,
    )

  return {
    track,
    identify: (ids, properties, onSuccess, onFailure, immediate) =>
      withCallbacks(
        () => enqueue("/identify", { ids: mergeIds(ids), properties, token: config.signature }),
        onSuccess,
        onFailure,
        immediate,
      ),
    update: (properties, onSuccess, onFailure, immediate) =>
      withCallbacks(() => enqueue("/update", { properties }), onSuccess, onFailure, immediate),
    anonymize: (onSuccess, onFailure) => withCallbacks(anonymize, onSuccess, onFailure),

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
