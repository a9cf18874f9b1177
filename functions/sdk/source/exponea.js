// Exponea's words, which are Hardlink's own as well.

import { device } from "./device.js"

/** @typedef {import("./client.js").Client} Client */
/** @typedef {Record<string, any>} Properties */

/** @param {Client} client */
export const exponea = ({ config, visitor, record, promised, identities, anonymize }) => {
  /** What was said of who is here, on this page. @type {{session: string, ids: Properties}} */
  let known = { session: "", ids: {} }

  /** Earlier IDs are said again, unless these are somebody else's. @param {any} given */
  const merged = given => {
    const session = visitor.session()
    const before = known.session === session ? known.ids : {}
    const ids = { ...identities(given) }
    const somebodyElse = Object.keys(ids).some(type => type in before && before[type] !== ids[type])
    known = { session, ids: somebodyElse ? ids : { ...before, ...ids } }
    return known.ids
  }

  /** @param {Properties} [properties] */
  const full = properties => ({
    ...device(navigator.userAgent),
    location: location.href,
    ...config.track?.default_properties,
    ...properties,
  })

  const track = (type, properties, ok, failed, immediate) =>
    promised(() => record("/track", {}, { type, properties: full(properties) }), ok, failed, immediate)

  return {
    track,
    identify: (ids, properties, ok, failed, immediate) =>
      promised(() => record("/identify", { ids: merged(ids), properties, token: config.signature }), ok, failed, immediate),
    update: (properties, ok, failed, immediate) =>
      promised(() => record("/update", { properties }), ok, failed, immediate),
    anonymize: (ok, failed) => promised(anonymize, ok, failed),

    /** @param {string | Element} target @param {string | ((event: Event) => string)} type @param {Properties} [properties] */
    trackLink(target, type, properties) {
      addEventListener(
        "click",
        event => {
          const clicked = /** @type {Element} */ (event.target)
          const hit = typeof target === "string" ? clicked.closest?.(target) : target.contains(clicked)
          if (!hit) return
          const name = typeof type === "function" ? type(event) : type
          track(name, properties, null, null, true)
        },
        true, // though the page itself stops the event
      )
    },
  }
}
