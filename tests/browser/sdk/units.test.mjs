// Unit tests of the SDK's modules that need no browser.

import assert from "node:assert/strict"
import { readFile } from "node:fs/promises"
import { describe, test } from "node:test"

/** The text of a source module, in which the modules that it imports are inlined as data URLs. */
const inlineImports = async name => {
  const text = await readFile(new URL(`../../../functions/sdk/source/${name}.js`, import.meta.url), "utf8")
  const imports = [...text.matchAll(/from "\.\/(\w+)\.js"/g)].map(([, imported]) => imported)
  let linked = text
  for (const imported of imports)
    linked = linked.replace(`"./${imported}.js"`, JSON.stringify(await dataUrl(imported)))
  return linked
}
const dataUrl = async name => `data:text/javascript,${encodeURIComponent(await inlineImports(name))}`
const load = async name => import(await dataUrl(name))

globalThis.window ??= {}
const { resolveConsent } = await load("consent")
const { describeDevice } = await load("device")
const { now, uuid } = await load("ids")
const { createStore } = await load("store")
const { ABANDONED_AFTER, createQueue, isAbandoned, isConsent, isOwn, takeBatch } = await load("queue")
const { createLock } = await load("lock")
const { backOff, retryAfter } = await load("delivery")

class Storage {
  constructor(maxEntries = Infinity) {
    Object.defineProperty(this, "maxEntries", { value: maxEntries })
  }
  getItem(key) { return this[key] ?? null }
  setItem(key, text) {
    if (Object.keys(this).length >= this.maxEntries) throw new Error("full")
    this[key] = text
  }
  removeItem(key) { delete this[key] }
}

const storeIn = (storage = new Storage()) => createStore(() => true, () => storage)

describe("consent", () => {
  const rows = [
    ["granted by default", null, {}, {}, "granted"],
    ["pending if consent is required", null, { consent: "required" }, {}, "pending"],
    ["granted by the visitor", "granted", { consent: "required" }, {}, "granted"],
    ["denied by the visitor", "denied", {}, {}, "denied"],
    ["denied by Do Not Track if enabled", null, { dnt: true }, { doNotTrack: "1" }, "denied"],
    ["granted despite signals if not enabled", null, {}, { doNotTrack: "1", globalPrivacyControl: true }, "granted"],
    ["granted without a signal", null, { dnt: true, gpc: true }, { doNotTrack: null }, "granted"],
    ["denied by Global Privacy Control if enabled", null, { gpc: true }, { globalPrivacyControl: true }, "denied"],
    ["granted by the visitor despite a signal", "granted", { gpc: true }, { globalPrivacyControl: true }, "granted"],
  ]
  for (const [name, choice, config, signals, wanted] of rows)
    test(name, () => assert.equal(resolveConsent(choice, config, signals), wanted))
})

describe("device", () => {
  const rows = [
    ["Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1 Version/17.0 Mobile Safari/604.1", "iOS", "Safari", "iPhone"],
    ["Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36 Edg/120.0", "Windows", "Edge", "Other"],
    ["Mozilla/5.0 (Linux; Android 14; SM-G991B) AppleWebKit/537.36 SamsungBrowser/23.0 Chrome/115.0 Mobile Safari/537.36", "Android", "Samsung Internet", "Android"],
    ["Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:121.0) Gecko/20100101 Firefox/121.0", "Mac OS", "Firefox", "Other"],
    ["Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 Chrome/120.0 Safari/537.36 OPR/106.0", "Chrome OS", "Opera", "Other"],
    ["Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) AppleWebKit/605.1 CriOS/120.0 Mobile Safari/604.1", "iOS", "Chrome", "iPad"],
    ["curl/8", "Other", "Other", "Other"],
  ]
  for (const [agent, os, browser, name] of rows)
    test(agent.slice(0, 60), () => assert.deepEqual(describeDevice(agent), { os, browser, device: name }))
})

test("IDs are unique UUIDs", () => {
  const ids = Array.from({ length: 1000 }, uuid)
  assert.equal(new Set(ids).size, 1000)
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})

test("times strictly increase", () => {
  const times = Array.from({ length: 5000 }, now)
  assert.deepEqual(times, [...new Set(times)].sort((a, b) => a - b))
  assert.ok(Math.abs(times[0] - Date.now()) < 1000)
})

describe("the store", () => {
  test("keeps values in memory until storing is allowed", () => {
    const storage = new Storage()
    let allowed = false
    const store = createStore(() => allowed, () => storage)
    store.set("a", "1")
    store.set("consent", "denied", true)
    assert.deepEqual({ ...storage }, { "hardlink.consent": "denied" })
    assert.deepEqual(store.listKeys(""), ["a", "consent"])
    allowed = true
    store.persist()
    assert.deepEqual({ ...storage }, { "hardlink.consent": "denied", "hardlink.a": "1" })
  })
  test("works in memory if storage is full", () => {
    const storage = new Storage(1)
    const store = createStore(() => true, () => storage)
    for (const name of ["b", "a"]) store.set(name, name)
    assert.deepEqual({ ...storage }, { "hardlink.b": "b" })
    assert.deepEqual(store.listKeys(""), ["a", "b"])
    store.remove("a")
    assert.equal(store.get("a"), null)
  })
  test("works in memory if storage is forbidden", () => {
    const store = createStore(() => true, () => { throw new Error("forbidden") })
    store.set("a", "1")
    assert.equal(store.get("a"), "1")
  })
  test("ignores the entries of others", () => {
    const storage = new Storage()
    storage.setItem("cart", "1")
    assert.deepEqual(createStore(() => true, () => storage).listKeys(""), [])
  })
})

describe("a batch", () => {
  const command = (key, more = {}) => ({ key, path: "/track", session: "s", body: {}, event: {}, text: "x".repeat(100), ...more })
  const batchKeys = commands => takeBatch(commands).map(({ key }) => key).join("")
  test("is empty if the queue is", () => assert.deepEqual(takeBatch([]), []))
  test("holds successive events of one session", () => assert.equal(batchKeys([command("a"), command("b"), command("c", { session: "t" }), command("d")]), "ab"))
  test("holds successive events with the same body", () => assert.equal(batchKeys([command("a"), command("b", { body: { ids: { x: 1 } } })]), "a"))
  test("is no larger than a browser sends for a closed page", () => {
    const large = { text: "ü".repeat(13_000) }
    assert.equal(batchKeys([command("a", large), command("b", large), command("c", large)]), "ab")
    assert.equal(batchKeys([command("a", { text: "x".repeat(200_000) }), command("b")]), "a")
  })
  test("holds one command that is not an event, and keeps the order", () => {
    const identify = command("i", { path: "/identify", event: undefined })
    assert.equal(batchKeys([identify, identify]), "i")
    assert.equal(batchKeys([command("a"), identify, command("b")]), "a")
  })
})

describe("a command", () => {
  const commandOfAge = age => ({ key: `q.${(Date.now() - age).toFixed(3)}.another-tab` })
  test("is left to its tab at first", () => assert.ok(!isAbandoned(commandOfAge(0)) && !isAbandoned(commandOfAge(ABANDONED_AFTER - 1000))))
  test("is abandoned after that", () => assert.ok(isAbandoned(commandOfAge(ABANDONED_AFTER + 1000))))
  test("is abandoned if the clock was set back", () => assert.ok(isAbandoned(commandOfAge(-ABANDONED_AFTER - 1000))))
  test("is owned by the tab that made it", () => {
    const queue = createQueue(storeIn(), { token: "web" })
    queue.append({ path: "/track", session: "s", body: {} })
    assert.ok(queue.list().every(isOwn) && !isOwn(commandOfAge(0)))
  })
})

test("commands that report an opt-out stay in the queue", async () => {
  const queue = createQueue(storeIn(), { token: "web" })
  const verdict = queue.append({ path: "/track", session: "s", body: {} })
  queue.append({ path: "/session", session: "s", body: { forget: true } })
  queue.append({ path: "/consent", session: "s", body: { tracking: "denied" } })
  queue.rejectAll({ message: "no", code: "opted_out" })
  await assert.rejects(verdict, { code: "opted_out" })
  assert.ok(queue.list().length === 2 && queue.list().every(isConsent))
})

test("delays double up to five minutes, with jitter", () => {
  assert.deepEqual([0, 1, 2, 20].map(attempts => backOff(attempts, 1000, 1)), [1000, 2000, 4000, 300_000])
  assert.equal(backOff(1, 1000, 0), 1000)
})

test("Retry-After is seconds, a date, or invalid", () => {
  const time = Date.parse("2026-11-22T10:00:00Z")
  assert.equal(retryAfter("7", time), 7000)
  assert.equal(retryAfter("Sun, 22 Nov 2026 10:00:09 GMT", time), 9000)
  assert.equal(retryAfter(null, time), 0)
  assert.equal(retryAfter("soon", time), 0)
})

test("an error inside a lock is raised, and the function is not run again", async () => {
  let runs = 0
  const locks = { request: (_, run) => run() }
  const lock = createLock(locks)
  await assert.rejects(lock(async () => { runs++; throw new Error("inside") }), /inside/)
  assert.equal(runs, 1)
})

test("without locks a function is run at once", async () => {
  let runs = 0
  await createLock(null)(async () => void runs++)
  assert.equal(runs, 1)
})

test("where a lock is forbidden, as in a sandboxed frame, a function is run once", async () => {
  let runs = 0
  await createLock({ request: async () => { throw new Error("forbidden") } })(async () => void runs++)
  assert.equal(runs, 1)
})

test("a command keeps the source with which it was made", () => {
  const config = { token: "one" }
  const queue = createQueue(storeIn(), config)
  queue.append({ path: "/track", session: "s", body: { token: "jwt" }, event: {} })
  config.token = "other"
  queue.append({ path: "/track", session: "s", body: { token: "jwt" }, event: {} })
  const [first, second] = queue.list()
  assert.deepEqual([first.source, second.source], ["one", "other"])
  assert.equal(takeBatch([first, second]).length, 1)
})

test("a full queue rejects the oldest command", async () => {
  const queue = createQueue(storeIn(), { token: "web" })
  const promises = Array.from({ length: 501 }, (_, n) => queue.append({ path: "/track", session: "s", body: {}, event: { n } }))
  await assert.rejects(promises[0], { code: "queue_full" })
  assert.equal(queue.list().length, 500)
  queue.settle(queue.list()[0].key, { status: "stored" })
  assert.deepEqual(await promises[1], { status: "stored" })
  for (const promise of promises) promise.catch(() => {})
})
