// The API of Hello Retail's script. Its tracking user is the session.

import { registerAdapter } from "./register_adapter.js"

/** @typedef {import("../client.js").Client} Client */
/** @typedef {Record<string, any>} Properties */

/** @param {Client} client */
const createHelloRetailApi = ({ visitor, enqueue, withCallbacks, normalizeIds }) => {
  /**
   * @param {string} type
   * @param {Properties} properties
   * @param {Properties} [body] further fields of the request
   * @param {(verdict: any) => void} [onSuccess]
   */
  const track = (type, { customerId, email, ...properties }, body, onSuccess) =>
    withCallbacks(() => {
      const ids = { ...normalizeIds(customerId), ...(email && { email }) }
      const { orderNumber: number, total, currency, status } = properties
      // the address is an identifier, so the order has to name it beside its number
      const order = number && { order: { number, total, email, currency, status } }
      // an e-mail address without a customer ID must not switch from the customer who is logged in to its owner
      return enqueue("/track", { ids, only_current_customer: !customerId, ...body }, { type, properties, ...order })
    }, onSuccess)

  return {
    /** @param {string | number} id */
    setCustomerId: id => withCallbacks(() => enqueue("/identify", { ids: normalizeIds(id) })),
    /** @param {Properties} conversion @param {(verdict: any) => void} [onSuccess] */
    trackConversion: (conversion, onSuccess) => track("conversion", conversion, {}, onSuccess),
    /** @param {string} source of the recommendation or search result */
    trackClick: source => track("click", { source }),
    /** @param {string | Properties} [page] its URL, or properties @param {string} [productNumber] */
    trackView: (page = location.href, productNumber) =>
      track("pageview", {
        referrer: document.referrer,
        ...(typeof page === "object" ? page : { url: page, productNumber }),
      }),
    /** @param {Properties} cart replaces the previous one */
    setCart({ email, ...cart }) {
      return track("cart", { ...cart, email }, { traits: { cart } })
    },
    clearCart: () => track("cart", {}, { traits: { cart: null } }),
    /** @param {(id: string) => void} [onSuccess] */
    getTrackingUserId: onSuccess => withCallbacks(() => Promise.resolve(visitor.getSession()), onSuccess),
  }
}

registerAdapter(client => ({ helloretail: createHelloRetailApi(client) }))
