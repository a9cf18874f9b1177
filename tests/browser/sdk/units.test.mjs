// The SDK's parts that need no browser.

import assert from "node:assert/strict"
import { readFile } from "node:fs/promises"
import { describe, test } from "node:test"

/** The sources are no package: each is loaded with all that it imports under names of its own. */
const source = async name => {
  const text = await readFile(new URL(`../../../functions/sdk/source/${name}.js`, import.meta.url), "utf8")
  const imports = [...text.matchAll(/from "\.\/(\w+)\.js"/g)].map(([, imported]) => imported)
  let linked = text
  for (const imported of imports)
    linked = linked.replace(`"./${imported}.js"`, JSON.stringify(await address(imported)))
  return linked
}
const address = async name => `data:text/javascript,${encodeURIComponent(await source(name))}`
const load = async name => import(await address(name))

globalThis.window ??= {}
const { mode } = await load("consent")
const { device } = await load("device")
const { now, uuid } = await load("ids")
const { createStore } = await load("store")
const { together, createQueue, isConsent, isLeft, isOwn, LEFT } = await load("queue")
const { createLock } = await load("lock")
const { backOff, retryAfter } = await load("delivery")

class Storage {
  constructor(most = Infinity) {
    Object.defineProperty(this, "most", { value: most })
  }
  getItem(key) { return this[key] ?? null }
  setItem(key, text) {
    if (Object.keys(this).length >= this.most) throw new Error("full")
    this[key] = text
  }
  removeItem(key) { delete this[key] }
}

const stored = (storage = new Storage()) => createStore(() => true, () => storage)

describe("consent", () => {
  const rows = [
    ["open where nothing is said", null, {}, {}, "open"],
    ["held where it is required", null, { consent: "required" }, {}, "held"],
    ["open once it is granted", "granted", { consent: "required" }, {}, "open"],
    ["closed once it is denied", "denied", {}, {}, "closed"],
    ["closed where Do Not Track is honoured", null, { dnt: true }, { doNotTrack: "1" }, "closed"],
    ["open where it is not", null, {}, { doNotTrack: "1", globalPrivacyControl: true }, "open"],
    ["open where no signal is sent", null, { dnt: true, gpc: true }, { doNotTrack: null }, "open"],
    ["closed where GPC is honoured", null, { gpc: true }, { globalPrivacyControl: true }, "closed"],
    ["open where the visitor said yes nevertheless", "granted", { gpc: true }, { globalPrivacyControl: true }, "open"],
  ]
  for (const [name, said, config, signals, wanted] of rows)
    test(name, () => assert.equal(mode(said, config, signals), wanted))
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
    test(agent.slice(0, 60), () => assert.deepEqual(device(agent), { os, browser, device: name }))
})

test("IDs are UUIDs, each another", () => {
  const ids = Array.from({ length: 1000 }, uuid)
  assert.equal(new Set(ids).size, 1000)
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})

test("no two times are the same, and all are in order", () => {
  const times = Array.from({ length: 5000 }, now)
  assert.deepEqual(times, [...new Set(times)].sort((a, b) => a - b))
  assert.ok(Math.abs(times[0] - Date.now()) < 1000)
})

describe("the store", () => {
  test("keeps in memory what may not be stored yet, and stores it then", () => {
    const storage = new Storage()
    let allowed = false
    const store = createStore(() => allowed, () => storage)
    store.set("a", "1")
    store.set("consent", "denied", true)
    assert.deepEqual({ ...storage }, { "hardlink.consent": "denied" })
    assert.deepEqual(store.names(""), ["a", "consent"])
    allowed = true
    store.persist()
    assert.deepEqual({ ...storage }, { "hardlink.consent": "denied", "hardlink.a": "1" })
  })
  test("goes on in memory where storage is full", () => {
    const storage = new Storage(1)
    const store = createStore(() => true, () => storage)
    for (const name of ["b", "a"]) store.set(name, name)
    assert.deepEqual({ ...storage }, { "hardlink.b": "b" })
    assert.deepEqual(store.names(""), ["a", "b"])
    store.drop("a")
    assert.equal(store.get("a"), null)
  })
  test("goes on in memory where storage is forbidden", () => {
    const store = createStore(() => true, () => { throw new Error("forbidden") })
    store.set("a", "1")
    assert.equal(store.get("a"), "1")
  })
  test("leaves alone what is not its own", () => {
    const storage = new Storage()
    storage.setItem("cart", "1")
    assert.deepEqual(createStore(() => true, () => storage).names(""), [])
  })
})

describe("what travels together", () => {
  const item = (name, more = {}) => ({ name, path: "/track", session: "s", body: {}, event: {}, text: "x".repeat(100), ...more })
  const names = items => together(items).map(({ name }) => name).join("")
  test("nothing, of nothing", () => assert.deepEqual(together([]), []))
  test("neighbours of one session", () => assert.equal(names([item("a"), item("b"), item("c", { session: "t" }), item("d")]), "ab"))
  test("neighbours that say the same of their visitor", () => assert.equal(names([item("a"), item("b", { body: { ids: { x: 1 } } })]), "a"))
  test("no more than a browser sends for a page that is gone", () => {
    const large = { text: "ü".repeat(13_000) }
    assert.equal(names([item("a", large), item("b", large), item("c", large)]), "ab")
    assert.equal(names([item("a", { text: "x".repeat(200_000) }), item("b")]), "a")
  })
  test("identifying goes alone, and in its place", () => {
    const identify = item("i", { path: "/identify", event: undefined })
    assert.equal(names([identify, identify]), "i")
    assert.equal(names([item("a"), identify, item("b")]), "a")
  })
})

describe("whose an item is", () => {
  const named = age => ({ name: `q.${(Date.now() - age).toFixed(3)}.another-tab` })
  test("its tab's, for a while", () => assert.ok(!isLeft(named(0)) && !isLeft(named(LEFT - 1000))))
  test("anybody's after that", () => assert.ok(isLeft(named(LEFT + 1000))))
  test("anybody's where the clock was put back", () => assert.ok(isLeft(named(-LEFT - 1000))))
  test("always this tab's, where it was said here", () => {
    const queue = createQueue(stored(), { token: "web" })
    queue.add({ path: "/track", session: "s", body: {} })
    assert.ok(queue.items().every(isOwn) && !isOwn(named(0)))
  })
})

test("what takes a consent back is not taken back", async () => {
  const queue = createQueue(stored(), { token: "web" })
  const told = queue.add({ path: "/track", session: "s", body: {} })
  queue.add({ path: "/session", session: "s", body: { forget: true } })
  queue.add({ path: "/consent", session: "s", body: { tracking: "denied" } })
  queue.empty({ message: "no", code: "opted_out" })
  await assert.rejects(told, { code: "opted_out" })
  assert.ok(queue.items().length === 2 && queue.items().every(isConsent))
})

test("waiting times double up to five minutes, and differ", () => {
  assert.deepEqual([0, 1, 2, 20].map(attempts => backOff(attempts, 1000, 1)), [1000, 2000, 4000, 300_000])
  assert.equal(backOff(1, 1000, 0), 1000)
})

test("Retry-After is seconds, a date, or nothing", () => {
  const time = Date.parse("2026-11-22T10:00:00Z")
  assert.equal(retryAfter("7", time), 7000)
  assert.equal(retryAfter("Sun, 22 Nov 2026 10:00:09 GMT", time), 9000)
  assert.equal(retryAfter(null, time), 0)
  assert.equal(retryAfter("soon", time), 0)
})

test("a lease lets one in at a time", async () => {
  const storage = new Storage()
  const store = createStore(() => true, () => storage)
  const inside = []
  let most = 0
  const tabs = Array.from({ length: 4 }, (_, tab) =>
    createLock(store, null)(async () => {
      inside.push(tab)
      most = Math.max(most, inside.length)
      await new Promise(resolve => setTimeout(resolve, 20))
      inside.pop()
    }),
  )
  await Promise.all(tabs)
  assert.equal(most, 1)
  assert.deepEqual({ ...storage }, {})
})

test("what fails inside a lock is told, and not done again", async () => {
  let runs = 0
  const locks = { request: (_, run) => run() }
  const lock = createLock(stored(), locks)
  await assert.rejects(lock(async () => { runs++; throw new Error("inside") }), /inside/)
  assert.equal(runs, 1)
})

test("what waits goes to the source that it was said to, whichever the page has by then", () => {
  const config = { token: "one" }
  const queue = createQueue(stored(), config)
  queue.add({ path: "/track", session: "s", body: { token: "jwt" }, event: {} })
  config.token = "other"
  queue.add({ path: "/track", session: "s", body: { token: "jwt" }, event: {} })
  const [first, second] = queue.items()
  assert.deepEqual([first.source, second.source], ["one", "other"])
  assert.equal(together([first, second]).length, 1)
})

test("a queue tells what gave way", async () => {
  const queue = createQueue(stored(), { token: "web" })
  const promises = Array.from({ length: 501 }, (_, n) => queue.add({ path: "/track", session: "s", body: {}, event: { n } }))
  await assert.rejects(promises[0], { code: "queue_full" })
  assert.equal(queue.items().length, 500)
  queue.settle(queue.items()[0].name, { status: "stored" })
  assert.deepEqual(await promises[1], { status: "stored" })
  for (const promise of promises) promise.catch(() => {})
})
