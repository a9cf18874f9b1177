// The API of Attraqt XO: a user that is sent with every activity. A page load forgets the user but keeps the session.

import { registerAdapter } from "./register_adapter.js"

/** @typedef {import("../client.js").Client} Client */
/** @typedef {{identities: Record<string, string>, segments: string[], traits: Record<string, any>}} User */

/** @param {string} name */
const isSessionId = name => name.toLowerCase() === "sessionid"

/** @param {unknown[]} values */
const requireStrings = (...values) => {
  const isString = value => typeof value === "string" && value !== ""
  if (!values.every(isString)) throw new TypeError("each argument must be a string that is not empty")
}

/** @param {Client} client */
const createXoApi = ({ visitor, enqueue, withCallbacks, anonymize, optIn, optOut }) => {
  /** @type {User} */
  let user
  let userSession = ""

  /** The current user, with changes. It starts empty in a new session, also where another tab logged out. @param {Partial<User>} [changes] */
  const updateUser = changes => {
    if (userSession !== visitor.getSession()) {
      userSession = visitor.getSession()
      user = { identities: {}, segments: [], traits: {} }
    }
    return (user = { ...user, ...changes })
  }

  /**
   * @param {Record<string, string>} identities
   * @returns {[string | undefined, Record<string, string>]} the session ID, and the other identities
   */
  const splitSessionId = identities => {
    const entries = Object.entries(identities)
    return [
      entries.find(([name]) => isSessionId(name))?.[1],
      Object.fromEntries(entries.filter(([name]) => !isSessionId(name))),
    ]
  }

  /** @param {Record<string, string>} given */
  const setUserIdentities = given => {
    if (!Object.keys(given).length) throw new TypeError("give at least one identity")
    const previous = updateUser()
    const [sessionId, identities] = splitSessionId(given)
    if (sessionId) visitor.switchSession(sessionId)
    userSession = visitor.getSession()
    user = { ...previous, identities }
  }

  /** @param {any} activity its own `user` takes precedence over the current one */
  const sendActivity = ({ action, user: activityUser, timestamp, ...properties }) => {
    const { identities = {}, segments, traits } = activityUser || updateUser()
    const [sessionId, ids] = splitSessionId(identities)
    const time = timestamp && { time: timestamp }
    return enqueue("/track", { ids, segments, traits, replace_lists: true }, { type: action, properties, ...time }, sessionId)
  }

  return {
    /** @param {string} repository @param {string} id */
    addUserIdentity(repository, id) {
      requireStrings(repository, id)
      setUserIdentities({ ...updateUser().identities, [repository]: id })
    },
    setUserIdentities,
    /** @param {string} segment */
    addUserSegment(segment) {
      requireStrings(segment)
      updateUser({ segments: [...updateUser().segments, segment] })
    },
    /** @param {string[]} segments */
    setUserSegments: segments => void updateUser({ segments }),
    /** @param {string} name @param {string} value */
    addUserTrait(name, value) {
      requireStrings(name)
      updateUser({ traits: { ...updateUser().traits, [name]: value } })
    },
    /** @param {Record<string, any>} traits */
    setUserTraits: traits => void updateUser({ traits }),
    /** @param {Partial<User>} given */
    setUser({ identities, segments = [], traits = {} }) {
      updateUser({ identities: {} })
      if (identities) setUserIdentities(identities)
      updateUser({ segments, traits })
    },
    clearUser: () => withCallbacks(anonymize),
    optIn,
    optOut,
    /** @param {any} activities one, or an array */
    send: activities =>
      withCallbacks(() =>
        Array.isArray(activities) ? Promise.all(activities.map(sendActivity)) : sendActivity(activities),
      ),
  }
}

registerAdapter(client => ({ xo: createXoApi(client) }))
