/** Hardlink's browser SDK: `window.hardlink`, or the default export of `sdk.mjs`. */

export type Properties = Record<string, unknown>
export type Id = string | number
/** Identifiers by their types, as the project declares them. */
export type Ids = Record<string, Id | null | undefined>

/** What the service said of an event. A `rejected` or `dropped` one rejects its promise with a `Failure`. */
export interface Verdict {
  id: string
  status: "stored" | "duplicate" | "rejected" | "dropped"
  field?: string
  reason?: string
}

/** What the service said of `identify` or `update`. */
export interface Told {
  session: { id: string }
  /** `null` where nothing was stored, and there is none. */
  profile: { id: string | null }
  customer?: { type: string; value: string } | null
  warnings: string[]
}

/** Why something was not stored. */
export interface Failure extends Error {
  /** `opted_out`, `queue_full`, `too_large`, `not_started`, `rejected`, `dropped`, or an error code of the service. */
  code?: string
  /** What is at fault, such as `ids.registered`. */
  field?: string
  status?: number | string
}

type Ok<T> = ((told: T) => void) | null
type Failed = ((error: Failure) => void) | null

export interface Config {
  /** The source's write key. */
  token?: string
  /** The same, by another name. */
  writeKey?: string
  /** Where the service answers; where the SDK's script came from, if nothing is said. */
  target?: string
  /** Who is here, as for `identify`. */
  customer?: Id | Ids
  /**
   * A token that proves who is here, signed by the shop's backend (`signed` of the source): `identify` sends it. Say it
   * again after a log-in without a page load: `start({token, target, signature})`.
   */
  signature?: string
  /** The type of an identifier that comes without one: `registered`. */
  hardId?: string
  track?: {
    /** Track `page_visit` at every page load and navigation. */
    visits?: boolean
    /** Properties of every event. */
    default_properties?: Properties
  }
  /** `session_ping`, of which the service makes sessions; `interval` in seconds, 120. */
  ping?: { enabled?: boolean; interval?: number }
  /** `required`: nothing is stored or sent before `optIn()`. */
  consent?: "required"
  /** Take Do Not Track for a no. */
  dnt?: boolean
  /** Take Global Privacy Control for a no. */
  gpc?: boolean
  /**
   * Where the session's ID is kept: local storage; a cookie of the page's domain; or local storage and a cookie that the
   * service sets, for an API on the shop's own domain. For 13 months at most.
   */
  storage?: "local" | "cookie" | "server"
  /** Domain of the cookie, where it is not the page's own. */
  cookieDomain?: string
  /** Milliseconds for which events gather before they are sent: 100. */
  batch?: number
  /** Milliseconds before the second attempt: 1000. */
  retry?: number
  /** Milliseconds that a call may take: 20000. */
  timeout?: number
}

/** Exponea's words, and Hardlink's own. */
export interface Hardlink {
  readonly version: string
  /** A second one changes what it says, and identifies its `customer`. */
  start(config: Config): void
  initialize(config: Config): void
  track(type: string, properties?: Properties | null, ok?: Ok<Verdict>, failed?: Failed, immediate?: boolean): Promise<Verdict>
  identify(ids: Id | Ids, properties?: Properties | null, ok?: Ok<Told>, failed?: Failed, immediate?: boolean): Promise<Told>
  update(properties: Properties, ok?: Ok<Told>, failed?: Failed, immediate?: boolean): Promise<Told>
  /** A new session of nobody yet: whoever uses this device from now on is somebody else. */
  anonymize(ok?: Ok<{ session: { id: string } }>, failed?: Failed): Promise<{ session: { id: string } }>
  /** Tracks clicks on whatever the selector finds, now or later, or on an element. */
  trackLink(target: string | Element, type: string | ((event: Event) => string), properties?: Properties): void
  optIn(): Promise<unknown>
  optOut(): Promise<unknown>
  /** Send what waits, now. */
  flush(): Promise<void>
  getSession(): string
  getProfile(): string | null
  /** Loaded with `sdk.js?with=ecommerce`. */
  trackEnhancedEcommerce(ecommerce: Properties, kind?: EcommerceKind): Promise<Verdict[]>
  /** Loaded with `sdk.js?with=xo`. */
  xo: Xo
  /** Loaded with `sdk.js?with=helloretail`. */
  helloretail: HelloRetail
  /** Loaded with `sdk.js?with=tracardi`. */
  tracardi: Tracardi
}

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

export interface User {
  identities: Record<string, string>
  segments?: string[]
  traits?: Properties
}

export interface Activity {
  action: string
  target: Record<string, string>
  /** This activity's own, in place of the one that was set. */
  user?: User
  timestamp?: string
  [more: string]: unknown
}

/** Attraqt XO's words. */
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
  products?: { productNumber?: Id; url?: string; quantity?: number; lineTotal?: number }[]
}

/** Hello Retail's words. */
export interface HelloRetail {
  setCustomerId(id: Id): Promise<Told>
  trackConversion(conversion: Conversion, ok?: Ok<Verdict>): Promise<Verdict>
  trackClick(source: string): Promise<Verdict>
  trackView(url?: string, productNumber?: Id): Promise<Verdict>
  trackView(page: { url?: string; productNumber?: Id }): Promise<Verdict>
  setCart(cart: Cart): Promise<Verdict>
  clearCart(): Promise<Verdict>
  getTrackingUserId(tell?: Ok<string>): Promise<string>
}

export interface Payload {
  session?: { id: string }
  profile?: { id: string } | null
  context?: Properties
  properties?: Properties
  options?: Properties
  events: { type: string; properties?: Properties; context?: Properties; options?: Properties; tags?: string[] }[]
}

/** Tracardi's words. */
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
