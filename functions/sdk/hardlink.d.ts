/**
 * Hardlink's browser SDK: `window.hardlink` of `sdk.js`, or the default export of `sdk.mjs` and of the npm package.
 *
 * Until the SDK is loaded, the snippet and the npm package queue each call and return a promise for it, also for
 * `getSession` and `getProfile`.
 */

export type Properties = Record<string, unknown>
export type Id = string | number
/** Identifiers by type, as the project declares the types. */
export type Ids = Record<string, Id | null | undefined>

/** The service's verdict on an event. If it is `rejected` or `dropped`, the promise is rejected with a `Failure`. */
export interface Verdict {
  id: string
  status: "stored" | "duplicate" | "rejected" | "dropped"
  field?: string
  reason?: string
}

/** The service's answer to `identify` or `update`. */
export interface Answer {
  session: { id: string }
  /** `null` if nothing was stored and the session has no profile. */
  profile: { id: string | null }
  customer?: { type: string; value: string } | null
  warnings: string[]
}

/** Why a call failed. */
export interface Failure extends Error {
  /** `opted_out`, `queue_full`, `too_large`, `not_started`, `rejected`, `dropped`, or an error code of the service. */
  code?: string
  /** The invalid field, such as `ids.registered`. */
  field?: string
  status?: number | string
}

type OnSuccess<T> = ((result: T) => void) | null
type OnFailure = ((error: Failure) => void) | null

export interface Config {
  /** The source's write key. */
  token?: string
  /** Another name for `token`. */
  writeKey?: string
  /** The API's URL. Default: the origin from which the script was loaded. */
  target?: string
  /** The customer who is logged in, as for `identify`. */
  customer?: Id | Ids
  /**
   * A JWT signed by the shop's backend, which proves who the customer is (see `signed` of the source); `identify` sends it.
   * After a log-in without a page load, pass the new one to another `start({token, target, signature})`.
   */
  signature?: string
  /** The identifier type of IDs that are given without one. Default: `registered`. */
  hardId?: string
  track?: {
    /** Track `page_visit` on every page load and navigation. Default: false. */
    visits?: boolean
    /** Properties that are added to every event. */
    default_properties?: Properties
  }
  /** `session_ping` events, from which the service derives sessions. On by default; `interval`: seconds, default 120. */
  ping?: { enabled?: boolean; interval?: number }
  /**
   * The systems whose old visitor IDs become this browser's session, the first that is found; default: any of them.
   * Requires `sdk.js?with=adopt`.
   */
  adopt?: AdoptedSystem | AdoptedSystem[]
  /** `required`: store and send nothing before `optIn()`. */
  consent?: "required"
  /**
   * Of IAB TCF 2.2: the purposes that the visitor has to consent to (default: 1 and 8), and the vendor, if you are one.
   * Requires `sdk.js?with=tcf`.
   */
  tcf?: { purposes?: number[]; vendor?: number }
  /** Minutes without activity that end a visit, and with it the session; default: 30. Requires `sdk.js?with=visits`. */
  visit?: { pause?: number }
  /** Treat Do Not Track as an opt-out. Default: false. */
  dnt?: boolean
  /** Treat Global Privacy Control as an opt-out. Default: false. */
  gpc?: boolean
  /**
   * Where the session ID is stored, for at most 13 months: in local storage (default), in a cookie of the page's domain, or
   * in local storage and a cookie that the service sets, which requires an API on the shop's own domain.
   */
  storage?: "local" | "cookie" | "server"
  /** Domain of the cookie, if it is not the page's own. */
  cookieDomain?: string
  /**
   * When another customer logs in and the source's policy is `refuse`: anonymize first, and identify again in the new
   * session, to which the calls after it belong as well. Default: false, `identify` is rejected with `another_customer`.
   */
  anonymizeOnConflict?: boolean
  /** Show each call, its verdict and its retries in the browser's console. Requires `sdk.js?with=debug`. */
  debug?: boolean
  /** Milliseconds for which events are collected before they are sent. Default: 100. */
  batch?: number
  /** Milliseconds before the second attempt; later delays double. Default: 1000. */
  retry?: number
  /** Milliseconds after which a request is aborted and repeated. Default: 20000. */
  timeout?: number
}

export type AdoptedSystem =
  "exponea" | "attraqt" | "tracardi" | "helloretail" | "segment" | "rudderstack" | "posthog"

/** Hardlink's own API, which is also that of Exponea's SDK. */
export interface Hardlink {
  readonly version: string
  /** Start the SDK. A second call changes the options that it names, and identifies its `customer`. */
  start(config: Config): void
  /** The same as `start`. */
  initialize(config: Config): void
  track(type: string, properties?: Properties | null, onSuccess?: OnSuccess<Verdict>, onFailure?: OnFailure, immediate?: boolean): Promise<Verdict>
  identify(ids: Id | Ids, properties?: Properties | null, onSuccess?: OnSuccess<Answer>, onFailure?: OnFailure, immediate?: boolean): Promise<Answer>
  update(properties: Properties, onSuccess?: OnSuccess<Answer>, onFailure?: OnFailure, immediate?: boolean): Promise<Answer>
  /** Start a new, anonymous session, for example at log-out. */
  anonymize(onSuccess?: OnSuccess<{ session: { id: string } }>, onFailure?: OnFailure): Promise<{ session: { id: string } }>
  /** Track clicks on an element, or on all present and future elements that match a selector. */
  trackLink(target: string | Element, type: string | ((event: Event) => string), properties?: Properties): void
  /** Consent to tracking. */
  optIn(): Promise<unknown>
  /** Stop tracking, empty the queue, and delete session and profile from this device. */
  optOut(): Promise<unknown>
  /** Send all queued calls now. */
  flush(): Promise<void>
  getSession(): string
  getProfile(): string | null
  /** Requires `sdk.js?with=ecommerce`. */
  trackEnhancedEcommerce(ecommerce: Properties, kind?: EcommerceKind): Promise<Verdict[]>
  /** An order, stored once however often it is told. Requires `sdk.js?with=ecommerce`. */
  trackOrder(order: Order, properties?: Properties): Promise<Verdict>
  /**
   * Traits and segments of this visitor that the project declares public, after what the page has tracked until now is
   * sent. Without consent all are empty, and nothing is sent. Requires `sdk.js?with=visitor`.
   */
  visitor(onSuccess?: OnSuccess<VisitorValues>, onFailure?: OnFailure): Promise<VisitorValues>
  /** Requires `sdk.js?with=xo`. */
  xo: Xo
  /** Requires `sdk.js?with=helloretail`. */
  helloretail: HelloRetail
  /** Requires `sdk.js?with=tracardi`. */
  tracardi: Tracardi
}

/** What the service computes of a visitor's events. */
export interface VisitorValues {
  /** By name, such as `recently_viewed: ["lamp", "rug"]`; their types are those that the project declares. */
  traits: Record<string, any>
  segments: Record<string, boolean>
  /** Name -> why its value is not exact. */
  incomplete: Record<string, string>
}

export interface Order {
  number: Id
  total?: number | string
  email?: string
  currency?: string
  status?: string
}

/** Of Enhanced Ecommerce, then the events of Google Analytics 4. */
export type EcommerceKind =
  | "all"
  | "impressions"
  | "click"
  | "detail"
  | "add"
  | "remove"
  | "promoView"
  | "promoClick"
  | "checkout"
  | "checkout_option"
  | "purchase"
  | "refund"
  | "view_item_list"
  | "select_item"
  | "view_item"
  | "add_to_cart"
  | "remove_from_cart"
  | "view_promotion"
  | "select_promotion"
  | "begin_checkout"
  | "add_shipping_info"
  | "add_payment_info"

export interface User {
  identities: Record<string, string>
  segments?: string[]
  traits?: Properties
}

export interface Activity {
  action: string
  target: Record<string, string>
  /** Used for this activity instead of the current user. */
  user?: User
  timestamp?: string
  [field: string]: unknown
}

/** The API of Attraqt XO. */
export interface Xo {
  addUserIdentity(repository: string, id: string): void
  setUserIdentities(identities: Record<string, string>): void
  addUserSegment(segment: string): void
  setUserSegments(segments: string[]): void
  addUserTrait(name: string, value: string): void
  setUserTraits(traits: Properties): void
  setUser(user: Partial<User>): void
  clearUser(): Promise<{ session: { id: string } }>
  optIn(): Promise<unknown>
  optOut(): Promise<unknown>
  send(activity: Activity): Promise<Verdict>
  send(activities: Activity[]): Promise<Verdict[]>
}

export interface Cart {
  total?: number
  url?: string
  productNumbers?: Id[]
  urls?: string[]
  email?: string
}

export interface Conversion extends Omit<Cart, "url"> {
  orderNumber?: Id
  customerId?: Id
  currency?: string
  status?: string
  products?: { productNumber?: Id; url?: string; quantity?: number; lineTotal?: number }[]
}

/** The API of Hello Retail's script. */
export interface HelloRetail {
  setCustomerId(id: Id): Promise<Answer>
  trackConversion(conversion: Conversion, onSuccess?: OnSuccess<Verdict>): Promise<Verdict>
  trackClick(source: string): Promise<Verdict>
  trackView(url?: string, productNumber?: Id): Promise<Verdict>
  trackView(page: { url?: string; productNumber?: Id }): Promise<Verdict>
  setCart(cart: Cart): Promise<Verdict>
  clearCart(): Promise<Verdict>
  getTrackingUserId(onSuccess?: OnSuccess<string>): Promise<string>
}

export interface Payload {
  session?: { id: string }
  profile?: { id: string } | null
  context?: Properties
  properties?: Properties
  options?: Properties
  events: { type: string; properties?: Properties; context?: Properties; options?: Properties; tags?: string[] }[]
}

/** The API of Tracardi's tracker. */
export interface Tracardi {
  send(payload: Payload): Promise<{ session: { id: string }; profile: { id: string | null }; results: Verdict[] }>
  track(type: string, properties?: Properties, options?: Properties): ReturnType<Tracardi["send"]>
}

declare const hardlink: Hardlink
export default hardlink

declare global {
  interface Window {
    hardlink: Hardlink
  }
}
