// Attraqt XO's words: a user whom every activity carries, and of whom a page load leaves the session alone.

import { register } from "./register.js"

/** @typedef {import("../client.js").Client} Client */
/** @typedef {{identities: Record<string, string>, segments: string[], traits: Record<string, any>}} User */

/** @param {string} name */
const isSession = name => name.toLowerCase() === "sessionid"

/** @param {unknown[]} texts */
const demand = (...texts) => {
  if (texts.some(text => typeof text !== "string" || !text)) throw new TypeError("give texts")
}

/** @param {Client} client */
const xo = ({ visitor, record, promised, anonymize, optIn, optOut }) => {
  /** @type {User} */
  let user
  let session = ""

  /** The user of this session: after a log-out, in any tab, it is nobody's. @param {Partial<User>} [changed] */
  const current = changed => {
    if (session !== visitor.session()) {
      session = visitor.session()
      user = { identities: {}, segments: [], traits: {} }
    }
    return (user = { ...user, ...changed })
  }

  /** Splits a session off identities. @param {Record<string, string>} all @returns {[string | undefined, Record<string, string>]} */
  const apart = all => {
    const entries = Object.entries(all)
    return [
      entries.find(([name]) => isSession(name))?.[1],
      Object.fromEntries(entries.filter(([name]) => !isSession(name))),
    ]
  }

  /** @param {Record<string, string>} all */
  const setUserIdentities = all => {
    if (!Object.keys(all).length) throw new TypeError("give an identity")
    const before = current()
    const [id, identities] = apart(all)
    if (id) visitor.goOn(id)
    session = visitor.session()
    user = { ...before, identities }
  }

  /** @param {any} activity */
  const one = ({ action, user: own, timestamp, ...properties }) => {
    const { identities = {}, segments, traits } = own || current()
    const [id, ids] = apart(identities)
    const time = timestamp && { time: timestamp }
    return record("/track", { ids, segments, traits }, { type: action, properties, ...time }, id)
  }

  return {
    /** @param {string} repository @param {string} id */
    addUserIdentity(repository, id) {
      demand(repository, id)
      setUserIdentities({ ...current().identities, [repository]: id })
    },
    setUserIdentities,
    /** @param {string} segment */
    addUserSegment(segment) {
      demand(segment)
      current({ segments: [...current().segments, segment] })
    },
    /** @param {string[]} segments */
    setUserSegments: segments => void current({ segments }),
    /** @param {string} name @param {string} value */
    addUserTrait(name, value) {
      demand(name)
      current({ traits: { ...current().traits, [name]: value } })
    },
    /** @param {Record<string, any>} traits */
    setUserTraits: traits => void current({ traits }),
    /** @param {Partial<User>} given */
    setUser({ identities, segments = [], traits = {} }) {
      current({ identities: {} })
      if (identities) setUserIdentities(identities)
      current({ segments, traits })
    },
    clearUser: () => promised(anonymize),
    optIn,
    optOut,
    /** @param {any} activities one or several */
    send: activities =>
      promised(() =>
        Array.isArray(activities) ? Promise.all(activities.map(one)) : one(activities),
      ),
  }
}

register(client => ({ xo: xo(client) }))
