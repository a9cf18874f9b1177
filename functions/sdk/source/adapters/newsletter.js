// Recognizes the recipient of a newsletter who follows a link in it: the link names them by a token of the shop's backend.
//
// The token proves nothing, because a mail can be forwarded: it is sent as an identifier without a signature, which the
// source takes or refuses.

import { registerAdapter } from "./register_adapter.js"

/** @typedef {{sub: string, typ?: string, exp: number}} Claims `typ`: identifier type of `sub`; `exp`: in seconds */

const PARAMETER = "hardlink_recipient"

/** Remove the token from the page's address, so that no event and no other script has it. @returns {string} */
const takeToken = () => {
  const url = new URL(location.href)
  const token = url.searchParams.get(PARAMETER) || ""
  if (token) {
    url.searchParams.delete(PARAMETER)
    history.replaceState(history.state, "", url)
  }
  return token
}

/**
 * @param {string} token a JWT
 * @param {number} time now, in milliseconds
 * @returns {Claims | null} `null` where it is none, or has expired
 */
export const readClaims = (token, time) => {
  try {
    const text = atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"))
    const claims = JSON.parse(new TextDecoder().decode(Uint8Array.from(text, letter => letter.charCodeAt(0))))
    return claims.sub && claims.exp * 1000 > time ? claims : null
  } catch {
    return null
  }
}

registerAdapter(({ config, enqueue, withCallbacks, normalizeIds }, hardlink) => {
  const { start } = hardlink
  let recipient = readClaims(takeToken(), Date.now())

  /** @param {any} options */
  const startWithRecipient = options => {
    start(options)
    const claims = recipient
    recipient = null
    // a page that knows who is logged in knows better than a mail
    if (!claims || config.customer || config.signature) return
    const { typ, sub } = claims
    // not `hardlink.identify`, which adds to a later log-in what the page identified before
    withCallbacks(() => enqueue("/identify", { ids: normalizeIds(typ ? { [typ]: sub } : sub) }))
  }
  return { start: startWithRecipient, initialize: startWithRecipient }
})
