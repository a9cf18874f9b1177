// Strings by key: in local storage where that is allowed and possible, else in memory until the page is left.

const PREFIX = "hardlink."

/**
 * @typedef {object} Store
 * @property {(key: string) => string | null} get
 * @property {(key: string, text: string, always?: boolean) => void} set `always`: store it without consent
 * @property {(key: string) => void} remove
 * @property {(prefix: string) => string[]} listKeys all keys with this prefix, sorted
 * @property {() => void} persist move what is in memory to local storage
 */

/**
 * @param {() => boolean} isAllowed whether consent permits storing on this device
 * @param {() => Storage} getStorage evaluated for each access, because it throws where storage is forbidden
 * @returns {Store}
 */
export const createStore = (isAllowed, getStorage = () => localStorage) => {
  /** @type {Map<string, string>} */
  const memory = new Map()

  /** @template T @param {(storage: Storage) => T} use @returns {T | undefined} `undefined` where storage is forbidden or full */
  const tryStorage = use => {
    try {
      return use(getStorage())
    } catch {}
  }

  /** @type {Store} */
  const store = {
    get: key => memory.get(key) ?? tryStorage(storage => storage.getItem(PREFIX + key)) ?? null,
    set(key, text, always) {
      const isStored =
        (always || isAllowed()) && tryStorage(storage => (storage.setItem(PREFIX + key, text), true))
      if (isStored) memory.delete(key)
      else memory.set(key, text)
    },
    remove(key) {
      memory.delete(key)
      tryStorage(storage => storage.removeItem(PREFIX + key))
    },
    listKeys(prefix) {
      const stored = tryStorage(Object.keys) || []
      const own = stored.filter(key => key.startsWith(PREFIX)).map(key => key.slice(PREFIX.length))
      return [...new Set([...memory.keys(), ...own])].filter(key => key.startsWith(prefix)).sort()
    },
    persist() {
      for (const [key, text] of [...memory]) store.set(key, text)
    },
  }
  return store
}
