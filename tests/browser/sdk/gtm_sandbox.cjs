// A stand-in for Tag Manager: runs a template's script with its sandbox's API, as far as the template's permissions go.
//
// The argument: {script, permissions} and `pages`, each the steps of what happens there, or `setup` and `scenarios`,
// the template's own tests. It prints what came of each as JSON.

const vm = require("node:vm")
const { isDeepStrictEqual } = require("node:util")

const asked = JSON.parse(process.argv[1])
const plain = value => Object.prototype.toString.call(value) === "[object Object]"

// Nothing of JavaScript's own is there, beside literals and what they can do.
const context = vm.createContext({})
const bare = "for (const name of Object.getOwnPropertyNames(globalThis)) try { delete globalThis[name] } catch {}"
vm.runInContext(bare, context)

/** A function of sandboxed code with these parameters. */
const compiled = (code, ...names) => vm.runInContext(`(function (${names}) {"use strict";\n${code}\n})`, context)

/** A value on its way between page and sandbox: a copy, and nothing at all of what has no counterpart there. */
const crossing = value => {
  if (typeof value === "function") return (...args) => crossing(value(...args.map(crossing)))
  if (Array.isArray(value)) return Array.from(value, one => crossing(one))
  if (plain(value)) return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, crossing(one)]))
  return value === null || typeof value !== "object" ? value : undefined
}

/** A page of its own, or a bench for a test: nothing of another is left. */
const fresh = () => {
  // -- permissions --------------------------------------------------------------------------------

  const used = new Set()

  /** What a permission's parameter lists: texts as they are, rows as objects. */
  const listed = (id, key) => {
    const found = asked.permissions.find(({ instance }) => instance.key.publicId === id)
    const { listItem = [] } = found?.instance.param.find(one => one.key === key)?.value || {}
    const value = one => one.string ?? one.boolean
    const row = one => Object.fromEntries(one.mapKey.map((name, n) => [value(name), value(one.mapValue[n])]))
    return listItem.map(one => (one.mapKey ? row(one) : value(one)))
  }

  const urlMatches = (url, pattern) => {
    const [, host, path] = /^https:\/\/([^/]+)(\/.*)$/.exec(pattern)
    const { protocol, hostname, pathname, search } = URL.canParse(url) ? new URL(url) : {}
    if (protocol !== "https:") return false
    const here = host === "*" || host === hostname || (host.startsWith("*.") && hostname.endsWith(host.slice(1)))
    const parts = path.split("*").map(part => part.replace(/[.?+^$()[\]{}|\\]/g, "\\$&"))
    return here && new RegExp(`^${parts.join(".*")}$`).test(pathname + search)
  }

  const PERMITS = {
    access_globals(how, key) {
      const row = listed("access_globals", "keys").find(one => one.key === key) || {}
      const ways = how === "readwrite" ? ["read", "write"] : [how]
      return ways.every(way => row[way]) && ways.map(way => `${way} ${key}`)
    },
    access_consent(how, type) {
      const row = listed("access_consent", "consentTypes").find(one => one.consentType === type) || {}
      return row[how] && [`${how} ${type}`]
    },
    inject_script(url) {
      const pattern = listed("inject_script", "urls").find(one => urlMatches(url, one))
      return pattern && [pattern]
    },
    logging: () => asked.permissions.some(({ instance }) => instance.key.publicId === "logging") && ["console"],
  }

  const demand = (id, ...what) => {
    const found = PERMITS[id](...what)
    if (!found) throw new Error(`not permitted: ${[id, ...what].join(" ")}`)
    for (const one of found) used.add(`${id} ${one}`)
  }

  // -- the page -----------------------------------------------------------------------------------

  const page = {}
  const injected = []
  const logged = []
  const consents = {}
  const listeners = []

  const owner = path => {
    const names = path.split(".")
    const last = names.pop()
    return [names.reduce((found, name) => found?.[name], page), last]
  }

  /** What the sandbox's functions do, once they are permitted to. */
  const API = {
    addConsentListener(type, listener) {
      demand("access_consent", "read", type)
      listeners.push({ type, listener })
    },
    callInWindow(path, ...args) {
      demand("access_globals", "execute", path)
      const [object, name] = owner(path)
      return typeof object?.[name] === "function" ? crossing(object[name](...args.map(crossing))) : undefined
    },
    copyFromWindow(path) {
      demand("access_globals", "read", path)
      const [object, name] = owner(path)
      return crossing(object?.[name])
    },
    createQueue(path) {
      demand("access_globals", "readwrite", path)
      const [object, name] = owner(path)
      if (!object) throw new Error(`${path}: there is nothing to hold it`)
      const queue = (object[name] ||= [])
      return item => queue.push(crossing(item))
    },
    getType: value =>
      value === null ? "null" : Array.isArray(value) ? "array" : typeof value,
    injectScript(url, success, failure, token) {
      demand("inject_script", url)
      injected.push({ url, success, failure, token })
    },
    isConsentGranted(type) {
      demand("access_consent", "read", type)
      return consents[type] !== false
    },
    logToConsole(...words) {
      demand("logging")
      logged.push(words)
    },
    makeNumber: value => (value === undefined ? NaN : Number(value)),
    makeString: String,
    makeTableMap(rows, name, value) {
      const found = rows.filter(plain).map(row => [row[name], row[value]])
      return found.length ? Object.fromEntries(found) : undefined
    },
    Object: { keys: Object.keys },
    queryPermission: (id, ...what) => !!PERMITS[id](...what),
    setInWindow(path, value, override) {
      demand("access_globals", "readwrite", path)
      const [object, name] = owner(path)
      if (object[name] && !override) return false
      object[name] = crossing(value)
      return true
    },
  }

  /** An API without a permission of its kind is refused when the template is compiled. */
  const NEEDS = {
    addConsentListener: "access_consent",
    callInWindow: "access_globals",
    copyFromWindow: "access_globals",
    createQueue: "access_globals",
    injectScript: "inject_script",
    isConsentGranted: "access_consent",
    logToConsole: "logging",
    setInWindow: "access_globals",
  }

  const required = name => {
    if (!Object.hasOwn(API, name)) throw new Error(`there is no API ${name}`)
    const id = NEEDS[name]
    if (id && !asked.permissions.some(({ instance }) => instance.key.publicId === id))
      throw new Error(`not permitted: ${name} needs ${id}`)
    return API[name]
  }

  const template = compiled(asked.script, "data", "require")

  // -- things that happen on a page ---------------------------------------------------------------

  /** What the SDK was told, in its order. */
  const said = []
  const call = (path, args) => {
    const last = args.findLastIndex(arg => arg !== undefined)
    said.push([path, ...args.slice(0, last + 1)])
  }

  /** An SDK that has been loaded. It carries out what waits, what starts it first. */
  const sdk = (path = []) =>
    new Proxy(() => call(path.join("."), []), {
      get: (_, name) => (path.length || name !== "version" ? sdk([...path, name]) : "1.0.0"),
      apply: (_, __, args) => call(path.join("."), args),
    })

  const load = found => {
    const { q } = page.hardlink || {}
    const waiting = Array.isArray(q) ? q : []
    page.hardlink = found || sdk()
    const starts = ({ path }) => path[0] === "start"
    for (const { path, args, resolve, reject } of [...waiting.filter(starts), ...waiting.filter(one => !starts(one))]) {
      if (typeof resolve !== "function" || typeof reject !== "function") throw new Error("a call takes an answer")
      call(path.join("."), args)
    }
  }

  const outcomes = []
  const scripts = []
  const STEPS = {
    tag(data) {
      const ends = []
      outcomes.push(ends)
      const [gtmOnSuccess, gtmOnFailure] = ["success", "failure"].map(end => () => void ends.push(end))
      template({ ...data, gtmOnSuccess, gtmOnFailure }, required)
    },
    sdk: load,
    core: () => load(new Proxy(sdk(), { get: (found, name) => (name === "xo" ? undefined : found[name]) })),
    loaded() {
      load()
      for (const { success } of injected.splice(0)) success()
    },
    failed() {
      for (const { failure } of injected.splice(0)) failure()
    },
    consent(granted) {
      const changed = (consents.analytics_storage !== false) !== granted
      consents.analytics_storage = granted
      if (changed) for (const { type, listener } of listeners) if (type === "analytics_storage") listener(type, granted)
    },
  }

  const happened = steps => {
    for (const [name, what] of steps) {
      STEPS[name](what)
      for (const { url, token } of injected) if (!scripts.some(one => one[0] === url)) scripts.push([url, token])
    }
    const queued = Array.isArray(page.hardlink?.q) ? page.hardlink.q : []
    const waiting = queued.map(({ path, args }) => [path.join("."), ...args.filter(arg => arg !== undefined)])
    const names = Object.keys(page)
    return { said, waiting, scripts, outcomes, logged, names, used: [...used] }
  }

  // -- the template's own tests -------------------------------------------------------------------

  const equal = (one, other) => isDeepStrictEqual(crossing(one), crossing(other))

  /** What a scenario may do, and how many things it looked at. */
  const bench = () => {
    const mocks = {}
    const calls = {}
    let looked = 0

    const recorded = name => (...args) => {
      ;(calls[name] ||= []).push(args)
      const mock = Object.hasOwn(mocks, name) ? mocks[name] : API[name]
      return typeof mock === "function" ? mock(...args) : mock
    }
    const check = (holds, ...what) => {
      looked++
      if (!holds) throw new Error(what.map(one => (typeof one === "string" ? one : JSON.stringify(one))).join(" "))
    }
    const done = name => calls[name] || []

    return {
      looked: () => looked,
      require: name => (required(name), typeof API[name] === "function" ? recorded(name) : API[name]),
      mock: (name, value) => void (mocks[name] = value),
      runCode(data) {
        const ends = { gtmOnSuccess: recorded("gtmOnSuccess"), gtmOnFailure: recorded("gtmOnFailure") }
        template({ ...data, ...ends }, name => {
          const api = required(name)
          return typeof api === "function" ? recorded(name) : api
        })
      },
      assertApi: name => ({
        wasCalled: () => check(done(name).length > 0, name, "was not called"),
        wasNotCalled: () => check(!done(name).length, name, "was called"),
        wasCalledWith: (...args) => check(done(name).some(one => equal(one, args)), name, "was not called with", args),
      }),
      assertThat: actual => ({
        isEqualTo: wanted => check(equal(actual, wanted), actual ?? "nothing", "is not", wanted ?? "nothing"),
        isTrue: () => check(actual === true, actual ?? "nothing", "is not true"),
        isFalse: () => check(actual === false, actual ?? "nothing", "is not false"),
      }),
    }
  }

  API.gtmOnSuccess = API.gtmOnFailure = () => {}

  const tested = ({ name, code }) => {
    const { looked, ...tools } = bench()
    try {
      compiled(`${asked.setup}\n${code}`, ...Object.keys(tools))(...Object.values(tools))
      return { name, error: looked() ? null : "it looks at nothing" }
    } catch (error) {
      return { name, error: error.message }
    }
  }

  return { happened, tested }
}

const { pages = [], scenarios = [] } = asked
const found = [...pages.map(steps => fresh().happened(steps)), ...scenarios.map(one => fresh().tested(one))]
console.log(JSON.stringify(found))
