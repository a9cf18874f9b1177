// What every event says of the device that it happened on.

/** Names, and what they are known by in a user agent where that is not the name itself; the first one counts. */
const SYSTEMS = "Windows,iOS:iP(hone|ad|od),Android,Chrome OS:CrOS,Mac OS:Mac,Linux"
const BROWSERS =
  "Edge:Edg,Opera:OPR,Samsung Internet:Samsung,Firefox:Firefox|FxiOS,Chrome:Chrome|CriOS,Safari"
const DEVICES = "iPhone,iPad,Android"

/** @param {string} userAgent */
export const device = userAgent => {
  /** @param {string} table */
  const name = table => {
    const rows = table.split(",").map(row => row.split(":"))
    return rows.find(([name, known = name]) => RegExp(known).test(userAgent))?.[0] || "Other"
  }
  return { os: name(SYSTEMS), browser: name(BROWSERS), device: name(DEVICES) }
}
