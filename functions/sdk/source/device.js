// What every event says of the device that it happened on.

/** @type {[string, RegExp][]} */
const SYSTEMS = [
  ["Windows", /Windows/],
  ["iOS", /iP(hone|ad|od)/],
  ["Android", /Android/],
  ["Chrome OS", /CrOS/],
  ["Mac OS", /Mac/],
  ["Linux", /Linux/],
]
/** @type {[string, RegExp][]} */
const BROWSERS = [
  ["Edge", /Edg/],
  ["Opera", /OPR/],
  ["Samsung Internet", /Samsung/],
  ["Firefox", /Firefox|FxiOS/],
  ["Chrome", /Chrome|CriOS/],
  ["Safari", /Safari/],
]
/** @type {[string, RegExp][]} */
const DEVICES = [
  ["iPhone", /iPhone/],
  ["iPad", /iPad/],
  ["Android", /Android/],
]

/** @param {string} userAgent */
export const device = userAgent => {
  /** @param {[string, RegExp][]} table */
  const name = table => table.find(([, pattern]) => pattern.test(userAgent))?.[0] || "Other"
  return { os: name(SYSTEMS), browser: name(BROWSERS), device: name(DEVICES) }
}
