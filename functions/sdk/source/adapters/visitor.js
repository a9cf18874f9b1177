// Reads what this page may know of its visitor: the traits and segments that the project declares public.

import { resolveConsent } from "../consent.js"
import { createError, tellFailure } from "../errors.js"
import { registerAdapter } from "./register_adapter.js"

/** @typedef {{traits: Record<string, any>, segments: Record<string, boolean>, incomplete: Record<string, string>}} Values */

const CONSENT = "hardlink.consent"
const NOT_STARTED = { message: "call hardlink.start({token, target}) first", code: "not_started" }
const UNREACHABLE = { message: "the service does not answer", code: "unreachable" }
/** Milliseconds after which a request is aborted, as those of the queue are. */
const TIMEOUT = 20_000

/** The visitor's choice. @returns {string | null} `null` too where storage is forbidden */
const readChoice = () => {
  try {
    return localStorage.getItem(CONSENT)
  } catch {
    return null
  }
}

registerAdapter(({ config, visitor }, hardlink) => {
  const isAllowed = () => resolveConsent(readChoice(), config, navigator) === "granted"

  const request = async () => {
    const query = new URLSearchParams({ source: config.token || "", session: visitor.getSession() })
    const response = await fetch(`${config.target}/visitor?${query}`, {
      // in a header, so that no log of URLs has it
      headers: config.signature ? { authorization: `Bearer ${config.signature}` } : {},
      credentials: "omit",
      signal: AbortSignal.timeout?.(config.timeout || TIMEOUT),
    }).catch(() => {
      throw createError(UNREACHABLE)
    })
    const { status, ok } = response
    const { error, ...values } = await response.json().catch(() => ({ error: UNREACHABLE }))
    if (ok && !error) return values
    throw createError({ message: `the service answered ${status}`, ...error, status })
  }

  /** @returns {Promise<Values>} */
  const readValues = async () => {
    if (!config.token) throw createError(NOT_STARTED)
    // a page shows what it shows anybody, so a visitor's choice is no failure
    if (!isAllowed()) return { traits: {}, segments: {}, incomplete: {} }
    await hardlink.flush() // what this page has tracked until now counts
    return request()
  }

  /** @param {((values: Values) => void) | null} [onSuccess] @param {((error: Error) => void) | null} [onFailure] */
  const readVisitor = (onSuccess, onFailure) => {
    const promise = readValues()
    promise.then(onSuccess, error => {
      // a page that is left aborts its requests, which is nothing to tell
      if (error.code !== UNREACHABLE.code) tellFailure(error)
      onFailure?.(error)
    })
    return promise
  }
  // quoted: the build shortens this name where it is the core's own `visitor`
  return { "visitor": readVisitor }
})
