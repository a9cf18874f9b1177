// Simulates Tag Manager: runs a template's script with the API of its sandbox, within the template's permissions.
//
// The argument is JSON: {script, permissions}, with `pages`, each a list of steps, or with `setup` and `scenarios`, the
// template's own tests. Prints the outcome of each as JSON.

const vm = require("node:vm")
const { isDeepStrictEqual } = require("node:util")

const options = JSON.parse(process.argv[1])
const isPlainObject = value => Object.prototype.toString.call(value) === "[object Object]"

// The sandbox has no built-in objects, only literals and their methods.
const context = vm.createContext({})
const deleteGlobals = "for (const name of Object.getOwnPropertyNames(globalThis)) try { delete globalThis[name] } catch {}"
vm.runInContext(deleteGlobals, context)

/** Compile sandboxed code to a function with these parameters. */
const compile = (code, ...names) => vm.runInContext(`(function (${names}) {"use strict";\n${code}\n})`, context)

/** Copy a value between page and sandbox. Objects that are not plain become undefined. */
const copyAcross = value => {
  if (typeof value === "function") return (...args) => copyAcross(value(...args.map(copyAcross)))
  if (Array.isArray(value)) return Array.from(value, one => copyAcross(one))
  if (isPlainObject(value)) return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, copyAcross(one)]))
  return value === null || typeof value !== "object" ? value : undefined
}

/** A new page, or a new environment for one of the template's tests. */
const createPage = () => {
  // -- permissions --------------------------------------------------------------------------------

  const used = new Set()

  /** The entries of a permission's parameter: strings, or objects made of rows. */
  const readList = (id, key) => {
    const found = options.permissions.find(({ instance }) => instance.key.publicId === id)
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
      const row = readList("access_globals", "keys").find(one => one.key === key) || {}
      const ways = how === "readwrite" ? ["read", "write"] : [how]
      return ways.every(way => row[way]) && ways.map(way => `${way} ${key}`)
    },
    access_consent(how, type) {
      const row = readList("access_consent", "consentTypes").find(one => one.consentType === type) || {}
      return row[how] && [`${how} ${type}`]
    },
    inject_script(url) {
      const pattern = readList("inject_script", "urls").find(one => urlMatches(url, one))
      return pattern && [pattern]
    },
    logging: () => options.permissions.some(({ instance }) => instance.key.publicId === "logging") && ["console"],
  }

  const requirePermission = (id, ...what) => {
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

  /** The sandbox's functions. Each checks its permission first. */
  const API = {
    addConsentListener(type, listener) {
      requirePermission("access_consent", "read", type)
      listeners.push({ type, listener })
    },
    callInWindow(path, ...args) {
      requirePermission("access_globals", "execute", path)
      const [object, name] = owner(path)
      return typeof object?.[name] === "function" ? copyAcross(object[name](...args.map(copyAcross))) : undefined
    },
    copyFromWindow(path) {
      requirePermission("access_globals", "read", path)
      const [object, name] = owner(path)
      return copyAcross(object?.[name])
    },
    createQueue(path) {
      requirePermission("access_globals", "readwrite", path)
      const [object, name] = owner(path)
      if (!object) throw new Error(`${path}: the parent object does not exist`)
      const queue = (object[name] ||= [])
      return item => queue.push(copyAcross(item))
    },
    getType: value =>
      value === null ? "null" : Array.isArray(value) ? "array" : typeof value,
    injectScript(url, success, failure, token) {
      requirePermission("inject_script", url)
      injected.push({ url, success, failure, token })
    },
    isConsentGranted(type) {
      requirePermission("access_consent", "read", type)
      return consents[type] !== false
    },
    logToConsole(...words) {
      requirePermission("logging")
      logged.push(words)
    },
    makeNumber: value => (value === undefined ? NaN : Number(value)),
    makeString: String,
    makeTableMap(rows, name, value) {
      const found = rows.filter(isPlainObject).map(row => [row[name], row[value]])
      return found.length ? Object.fromEntries(found) : undefined
    },
    Object: { keys: Object.keys },
    queryPermission: (id, ...what) => !!PERMITS[id](...what),
    setInWindow(path, value, override) {
      requirePermission("access_globals", "readwrite", path)
      const [object, name] = owner(path)
      if (object[name] && !override) return false
      object[name] = copyAcross(value)
      return true
    },
  }

  /** Tag Manager refuses to compile a template that requires one of these APIs without its permission. */
  const REQUIRED_PERMISSIONS = {
    addConsentListener: "access_consent",
    callInWindow: "access_globals",
    copyFromWindow: "access_globals",
    createQueue: "access_globals",
    injectScript: "inject_script",
    isConsentGranted: "access_consent",
    logToConsole: "logging",
    setInWindow: "access_globals",
  }

  const requireApi = name => {
    if (!Object.hasOwn(API, name)) throw new Error(`there is no API ${name}`)
    const id = REQUIRED_PERMISSIONS[name]
    if (id && !options.permissions.some(({ instance }) => instance.key.publicId === id))
      throw new Error(`not permitted: ${name} needs ${id}`)
    return API[name]
  }

  const template = compile(options.script, "data", "require")

  // -- steps on a page ----------------------------------------------------------------------------

  /** Calls that the SDK received. */
  const called = []
  const recordCall = (path, args) => {
    const last = args.findLastIndex(arg => arg !== undefined)
    called.push([path, ...args.slice(0, last + 1)])
  }

  /** A loaded SDK, which records its calls. */
  const sdk = (path = []) =>
    new Proxy(() => recordCall(path.join("."), []), {
      get: (_, name) => (path.length || name !== "version" ? sdk([...path, name]) : "1.0.0"),
      apply: (_, __, args) => recordCall(path.join("."), args),
    })

  /** Load the SDK: it makes the queued calls, beginning with the start. */
  const load = sdkToLoad => {
    const { q } = page.hardlink || {}
    const queue = Array.isArray(q) ? q : []
    page.hardlink = sdkToLoad || sdk()
    const isStart = ({ path }) => path[0] === "start"
    for (const { path, args, resolve, reject } of [...queue.filter(isStart), ...queue.filter(one => !isStart(one))]) {
      if (typeof resolve !== "function" || typeof reject !== "function") throw new Error("a queued call needs resolve and reject")
      recordCall(path.join("."), args)
    }
  }

  const outcomes = []
  const scripts = []
  const STEPS = {
    tag(data) {
      const ends = []
      outcomes.push(ends)
      const [gtmOnSuccess, gtmOnFailure] = ["success", "failure"].map(end => () => void ends.push(end))
      template({ ...data, gtmOnSuccess, gtmOnFailure }, requireApi)
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

  const runSteps = steps => {
    for (const [name, what] of steps) {
      STEPS[name](what)
      for (const { url, token } of injected) if (!scripts.some(one => one[0] === url)) scripts.push([url, token])
    }
    const queue = Array.isArray(page.hardlink?.q) ? page.hardlink.q : []
    const queued = queue.map(({ path, args }) => [path.join("."), ...args.filter(arg => arg !== undefined)])
    const names = Object.keys(page)
    return { called, queued, scripts, outcomes, logged, names, used: [...used] }
  }

  // -- the template's own tests -------------------------------------------------------------------

  const equal = (one, other) => isDeepStrictEqual(copyAcross(one), copyAcross(other))

  /** The functions that a scenario may use, and the number of its assertions. */
  const createTestApi = () => {
    const mocks = {}
    const calls = {}
    let assertions = 0

    const recorded = name => (...args) => {
      ;(calls[name] ||= []).push(args)
      const mock = Object.hasOwn(mocks, name) ? mocks[name] : API[name]
      return typeof mock === "function" ? mock(...args) : mock
    }
    const check = (holds, ...what) => {
      assertions++
      if (!holds) throw new Error(what.map(one => (typeof one === "string" ? one : JSON.stringify(one))).join(" "))
    }
    const done = name => calls[name] || []

    return {
      assertionCount: () => assertions,
      require: name => (requireApi(name), typeof API[name] === "function" ? recorded(name) : API[name]),
      mock: (name, value) => void (mocks[name] = value),
      runCode(data) {
        const ends = { gtmOnSuccess: recorded("gtmOnSuccess"), gtmOnFailure: recorded("gtmOnFailure") }
        template({ ...data, ...ends }, name => {
          const api = requireApi(name)
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

  const runScenario = ({ name, code }) => {
    const { assertionCount, ...testApi } = createTestApi()
    try {
      compile(`${options.setup}\n${code}`, ...Object.keys(testApi))(...Object.values(testApi))
      return { name, error: assertionCount() ? null : "the scenario asserts nothing" }
    } catch (error) {
      return { name, error: error.message }
    }
  }

  return { runSteps, runScenario }
}

const { pages = [], scenarios = [] } = options
const outcomes = [...pages.map(steps => createPage().runSteps(steps)), ...scenarios.map(one => createPage().runScenario(one))]
console.log(JSON.stringify(outcomes))
