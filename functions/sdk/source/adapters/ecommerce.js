// Google Analytics' Enhanced Ecommerce objects, converted to the events that Exponea's SDK makes of them.

import { registerAdapter } from "./register_adapter.js"

/** @typedef {Record<string, any>} Properties */
/** @typedef {[type: string, properties: Properties]} TrackedEvent */

// Fields to copy, separated by spaces: "name", or "their name:our name".
const PRODUCT_FIELDS = "id:product_id name brand category variant price quantity coupon position"
const IMPRESSION_FIELDS = `${PRODUCT_FIELDS} list`
const PROMOTION_FIELDS = "id:promo_id name creative position"
const ACTION_FIELDS = "id:transaction_id affiliation revenue tax shipping coupon list step option"

/** Copy fields that are not empty, under our names. @param {string} fields @param {Properties} [object] */
const pickFields = (fields, object = {}) =>
  Object.fromEntries(
    fields
      .split(" ")
      .map(field => field.split(":"))
      .flatMap(([theirName, ourName = theirName]) => (object[theirName] ? [[ourName, object[theirName]]] : [])),
  )

/**
 * By kind: the field that lists items, the event type of each item, and the event type of the whole action.
 * @type {Record<string, string[]>}
 */
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

/** @param {Properties} action @param {string} kind @returns {TrackedEvent[]} */
const convertAction = (action, kind) => {
  const [listField, itemType, actionType] = KINDS[kind]
  const items = listField ? action[listField] || [] : itemType ? action : []
  const itemFields =
    listField === "products" ? PRODUCT_FIELDS : listField ? PROMOTION_FIELDS : IMPRESSION_FIELDS
  const properties = listField === "promotions" ? {} : pickFields(ACTION_FIELDS, action.actionField)
  /** @type {TrackedEvent[]} */
  const events = items.map(item => [itemType, { ...properties, ...pickFields(itemFields, item) }])
  if (kind === "refund") properties.refund_type = items.length ? "partial" : "full"
  return actionType ? [...events, [actionType, properties]] : events
}

/**
 * @param {Properties} given the ecommerce object, or the data layer entry that contains it
 * @param {string} [kind] one kind of action, or `all` that the object contains
 * @returns {TrackedEvent[]}
 */
export const convertEcommerce = (given, kind = "all") => {
  const object = given.ecommerce || given
  const names = Object.keys(KINDS)
  const present = names.filter(name => object[name] && (kind === "all" || kind === name))
  if (!present.length) throw new TypeError(`the object contains no "${kind}"; known kinds: ${names.join(", ")}`)
  const common = { tracked_via: "eecommerce", ...pickFields("currencyCode:currency_code", object) }
  return present
    .flatMap(name => convertAction(object[name], name))
    .map(([type, properties]) => [type, { ...common, ...properties }])
}

registerAdapter(({ withCallbacks }, { track }) => ({
  /** @param {Properties} given @param {string} [kind] */
  trackEnhancedEcommerce: (given, kind) =>
    withCallbacks(() =>
      Promise.all(convertEcommerce(given, kind).map(([type, properties]) => track(type, properties))),
    ),
}))
