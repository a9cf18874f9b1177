// Tracardi's words: the tracker payload, completed with what this browser knows.

import { register } from "./register.js"

/** @typedef {import("../client.js").Client} Client */
/** @typedef {Record<string, any>} Properties */

/** @param {Client} client */
const tracardi = ({ visitor, record, promised }) => {
  /** @param {any} payload `session` and `profile`, where they are given, are kept from now on */
  const send = ({ source: _, session, profile, events, ...body }) =>
    promised(async () => {
      if (session?.id) visitor.goOn(session.id)
      const here = visitor.session()
      if (profile?.id) visitor.keepProfile(profile.id, here)
      const verdict = event =>
        record("/track", body, event).catch(error => ({ ...error, reason: error.message }))
      const results = await Promise.all(events.map(verdict))
      return { session: { id: here }, profile: { id: visitor.profile() }, results }
    })

  return {
    send,
    /** @param {string} type @param {Properties} [properties] @param {Properties} [options] */
    track: (type, properties, options) => send({ events: [{ type, properties, options }] }),
  }
}

register(client => ({ tracardi: tracardi(client) }))
