// Tracardi's tracker payload, completed with this browser's source, session and profile.

import { registerAdapter } from "./register_adapter.js"

/** @typedef {import("../client.js").Client} Client */
/** @typedef {Record<string, any>} Properties */

/** @param {Client} client */
const createTracardiApi = ({ visitor, enqueue, withCallbacks }) => {
  /** @param {any} payload a `session` or `profile` in it becomes this browser's */
  const send = ({ source: _, session, profile, events, ...body }) =>
    withCallbacks(async () => {
      if (session?.id) visitor.switchSession(session.id)
      const currentSession = visitor.getSession()
      if (profile?.id) visitor.setProfile(profile.id, currentSession)
      const sendEvent = event =>
        enqueue("/track", body, event).catch(error => ({ ...error, reason: error.message }))
      const results = await Promise.all(events.map(sendEvent))
      return { session: { id: currentSession }, profile: { id: visitor.getProfile() }, results }
    })

  return {
    send,
    /** @param {string} type @param {Properties} [properties] @param {Properties} [options] */
    track: (type, properties, options) => send({ events: [{ type, properties, options }] }),
  }
}

registerAdapter(client => ({ tracardi: createTracardiApi(client) }))
