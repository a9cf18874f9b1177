// Google Analytics' Enhanced Ecommerce objects as the events that Exponea's SDK makes of them.

import { register } from "./register.js"

/** @typedef {Record<string, any>} Properties */
/** @typedef {[type: string, properties: Properties]} Tracked */

const PRODUCT = "id:product_id name brand category variant price quantity coupon position"
const IMPRESSION = `${PRODUCT} list`
const PROMOTION = "id:promo_id name creative position"
const ACTION = "id:transaction_id affiliation revenue tax shipping coupon list step option"

/** The fields of an object that mean something, under our names. @param {string} fields @param {Properties} [found] */
const pick = (fields, found = {}) =>
  Object.fromEntries(
    fields
      .split(" ")
      .map(field => field.split(":"))
      .flatMap(([theirs, ours = theirs]) => (found[theirs] ? [[ours, found[theirs]]] : [])),
  )

/** Kind -> what it lists, the event of each of these, and the one of the whole. @type {Record<string, string[]>} */
const KINDS = {
  impressions: ["", "product_impression"],
  click: ["products", "product_click"],
  detail: ["products", "product_detail"],
  add: ["products", "product_add_to_cart"],
  remove: ["products", "product_remove_from_cart"],
  promoView: ["promotions", "promo_impression"],
  promoClick: ["promotions", "promo_click"],
  checkout: ["products", "product_checkout", "checkout"],
  checkout_option: ["", "", "checkout_option"],
  purchase: ["products", "product_purchase", "transaction"],
  refund: ["products", "product_refund", "refund"],
}

/** @param {Properties} said of one kind @param {string} kind @returns {Tracked[]} */
const one = (said, kind) => {
  const [list, each, whole] = KINDS[kind]
  const listed = list ? said[list] || [] : each ? said : []
  const fields = list === "products" ? PRODUCT : list ? PROMOTION : IMPRESSION
  const action = list === "promotions" ? {} : pick(ACTION, said.actionField)
  /** @type {Tracked[]} */
  const events = listed.map(item => [each, { ...action, ...pick(fields, item) }])
  if (kind === "refund") action.refund_type = listed.length ? "partial" : "full"
  return whole ? [...events, [whole, action]] : events
}

/**
 * @param {Properties} given GA's object, or what GA's data layer holds around it
 * @param {string} [kind] one of GA's, or `all` that are in there
 * @returns {Tracked[]}
 */
export const ecommerce = (given, kind = "all") => {
  const found = given.ecommerce || given
  const kinds = Object.keys(KINDS)
  const there = kinds.filter(name => found[name] && (kind === "all" || kind === name))
  if (!there.length) throw new TypeError(`no "${kind}" in here: ${kinds.join(", ")}`)
  const common = { tracked_via: "eecommerce", ...pick("currencyCode:currency_code", found) }
  return there
    .flatMap(name => one(found[name], name))
    .map(([type, said]) => [type, { ...common, ...said }])
}

register(({ promised }, { track }) => ({
  /** @param {Properties} given @param {string} [kind] */
  trackEnhancedEcommerce: (given, kind) =>
    promised(() => Promise.all(ecommerce(given, kind).map(([type, said]) => track(type, said)))),
}))
