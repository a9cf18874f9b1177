// Google Analytics' e-commerce objects, converted to the events that Exponea's SDK makes of Enhanced Ecommerce: the old
// ones, and those of Google Analytics 4. And orders, which are stored once however often they are told.

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

// The same fields, as Google Analytics 4 names them.
const GA4_ITEM_FIELDS =
  "item_id:product_id item_name:name item_brand:brand item_category:category item_variant:variant price quantity coupon" +
  " index:position item_list_name:list"
const GA4_PROMOTION_FIELDS = "promotion_id:promo_id promotion_name:name creative_name:creative creative_slot:position"
const GA4_ACTION_FIELDS =
  "transaction_id affiliation value:revenue tax shipping coupon item_list_name:list payment_type:option shipping_tier:option"

/** Google Analytics 4's event -> the kind that it stands for. @type {Record<string, string>} */
const GA4_KINDS = {
  view_item_list: "impressions",
  select_item: "click",
  view_item: "detail",
  add_to_cart: "add",
  remove_from_cart: "remove",
  view_promotion: "promoView",
  select_promotion: "promoClick",
  begin_checkout: "checkout",
  add_shipping_info: "checkout_option",
  add_payment_info: "checkout_option",
  purchase: "purchase",
  refund: "refund",
}

/**
 * @param {string} name of the event in Google Analytics 4
 * @param {Properties} params of the event
 * @returns {TrackedEvent[]}
 */
const convertGa4 = (name, { items = [], currency, ...params }) => {
  const kind = GA4_KINDS[name]
  const [, itemType, actionType] = KINDS[kind]
  const isPromotion = kind.startsWith("promo")
  const common = { tracked_via: "ga4", ...(currency && { currency_code: currency }) }
  const action = isPromotion ? {} : { ...common, ...pickFields(GA4_ACTION_FIELDS, params) }
  // a promotion may stand beside its items, or in each of them
  const listed = isPromotion && !items.some(item => item.promotion_id) ? [params] : items
  const fields = isPromotion ? GA4_PROMOTION_FIELDS : GA4_ITEM_FIELDS
  /** @type {TrackedEvent[]} */
  const events = itemType ? listed.map(item => [itemType, { ...common, ...action, ...pickFields(fields, item) }]) : []
  if (kind === "refund") action.refund_type = items.length ? "partial" : "full"
  return actionType ? [...events, [actionType, action]] : events
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
 * @param {string} [kind] one kind of action, or `all` that the object contains; or an event of Google Analytics 4, which
 *   the data layer entry may name as well
 * @returns {TrackedEvent[]}
 */
export const convertEcommerce = (given, kind) => {
  const object = given.ecommerce || given
  const ga4Name = kind || given.event
  const isOld = Object.keys(KINDS).some(name => object[name])
  if (!isOld && ga4Name in GA4_KINDS) return convertGa4(ga4Name, object)
  return convertOld(object, kind)
}

/** @param {Properties} object @param {string} [kind] @returns {TrackedEvent[]} */
const convertOld = (object, kind = "all") => {
  const names = Object.keys(KINDS)
  const present = names.filter(name => object[name] && (kind === "all" || kind === name))
  if (!present.length) throw new TypeError(`the object contains no "${kind}"; known kinds: ${names.join(", ")}`)
  const common = { tracked_via: "eecommerce", ...pickFields("currencyCode:currency_code", object) }
  return present
    .flatMap(name => convertAction(object[name], name))
    .map(([type, properties]) => [type, { ...common, ...properties }])
}

registerAdapter(({ withCallbacks, enqueue }, { track }) => ({
  /**
   * An order, stored once however often it is told: by a page that is loaded again, or by the order feed.
   *
   * @param {{number: string | number, total?: number | string, email?: string, currency?: string, status?: string}} order
   * @param {Properties} [properties] of the event
   */
  trackOrder: (order, properties) =>
    withCallbacks(() => enqueue("/track", {}, { type: "purchase", properties: { ...properties, location: location.href }, order })),
  /** @param {Properties} given @param {string} [kind] */
  trackEnhancedEcommerce: (given, kind) =>
    withCallbacks(() =>
      Promise.all(convertEcommerce(given, kind).map(([type, properties]) => track(type, properties))),
    ),
}))
