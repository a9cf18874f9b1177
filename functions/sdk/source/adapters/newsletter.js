// Recognizes the recipient of a newsletter who follows a link in it: the link names them by a token of the shop's backend.
//
// The token proves no log-in, because a mail can be forwarded: the source takes it as one without proof, or refuses it. It is
// sent as it is, because the service alone can tell whether the shop signed it: anybody can make a link to a page.

import { registerAdapter } from "./register_adapter.js"

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
 * A link that has expired is no mistake of the page, and so no refused call.
 * @param {string} token a JWT
 * @param {number} time now, in milliseconds
 */
export const isUsable = (token, time) => {
  try {
    const { exp } = JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")))
    return exp * 1000 > time
  } catch {
    return false
  }
}

registerAdapter(({ config, enqueue, withCallbacks }, hardlink) => {
  const { start } = hardlink
  let recipient = takeToken()

  /** @param {any} options */
  const startWithRecipient = options => {
    start(options)
    const token = recipient
    recipient = ""
    // a page that knows who is logged in knows better than a mail
    if (!isUsable(token, Date.now()) || config.customer || config.signature) return
    // not `hardlink.identify`, which adds to a later log-in what the page identified before
    withCallbacks(() => enqueue("/identify", { recipient: token }))
  }
  return { start: startWithRecipient, initialize: startWithRecipient }
})
