// Texts by name: in local storage where that is allowed and possible, else in memory for as long as the page lives.

const PREFIX = "hardlink."

/**
 * @typedef {object} Store
 * @property {(name: string) => string | null} get
 * @property {(name: string, text: string, always?: boolean) => void} set `always`: though nothing may be stored yet
 * @property {(name: string) => void} drop
 * @property {(start: string) => string[]} names those that begin so, in their order
 * @property {() => void} persist store what was kept in memory so far
 */

/**
 * @param {() => boolean} allowed whether anything may be stored on this device
 * @param {() => Storage} storage asked every time, as asking raises where storage is forbidden
 * @returns {Store}
 */
export const createStore = (allowed, storage = () => localStorage) => {
  /** @type {Map<string, string>} */
  const memory = new Map()

  /** @template T @param {(storage: Storage) => T} use @returns {T | undefined} nothing where it is forbidden or full */
  const local = use => {
    try {
      return use(storage())
    } catch {}
  }

  /** @type {Store} */
  const store = {
    get: name => memory.get(name) ?? local(found => found.getItem(PREFIX + name)) ?? null,
    set(name, text, always) {
      const stored =
        (always || allowed()) && local(found => (found.setItem(PREFIX + name, text), true))
      if (stored) memory.delete(name)
      else memory.set(name, text)
    },
    drop(name) {
      memory.delete(name)
      local(found => found.removeItem(PREFIX + name))
    },
    names(start) {
      const stored = local(Object.keys) || []
      const own = stored.filter(key => key.startsWith(PREFIX)).map(key => key.slice(PREFIX.length))
      return [...new Set([...memory.keys(), ...own])].filter(name => name.startsWith(start)).sort()
    },
    persist() {
      for (const [name, text] of [...memory]) store.set(name, text)
    },
  }
  return store
}
