// Hello Retail's words. The tracking user is the session.

import { register } from "./register.js"

/** @typedef {import("../client.js").Client} Client */
/** @typedef {Record<string, any>} Properties */

/** @param {Client} client */
const helloretail = ({ visitor, record, promised, identities }) => {
  /** @param {string} type @param {Properties} properties @param {Properties} [more] @param {(verdict: any) => void} [ok] */
  const track = (type, { customerId, email, ...properties }, more, ok) =>
    promised(() => {
      const ids = { ...identities(customerId), ...(email && { email }) }
      // an address alone is said of whoever is logged in here, and finds nobody else
      return record("/track", { ids, stays: !customerId, ...more }, { type, properties })
    }, ok)

  return {
    /** @param {string | number} id */
    setCustomerId: id => promised(() => record("/identify", { ids: identities(id) })),
    /** @param {Properties} conversion @param {(verdict: any) => void} [ok] */
    trackConversion: (conversion, ok) => track("conversion", conversion, {}, ok),
    /** @param {string} source of the recommendation or search result */
    trackClick: source => track("click", { source }),
    /** @param {string | Properties} [page] @param {string} [productNumber] */
    trackView: (page = location.href, productNumber) =>
      track("pageview", {
        referrer: document.referrer,
        ...(typeof page === "object" ? page : { url: page, productNumber }),
      }),
    /** @param {Properties} cart the whole of it */
    setCart({ email, ...cart }) {
      return track("cart", { ...cart, email }, { traits: { cart } })
    },
    clearCart: () => track("cart", {}, { traits: { cart: null } }),
    /** @param {(id: string) => void} [tell] */
    getTrackingUserId: tell => promised(() => Promise.resolve(visitor.session()), tell),
  }
}

register(client => ({ helloretail: helloretail(client) }))
