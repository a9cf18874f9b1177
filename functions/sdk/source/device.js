// Operating system, browser and device of an event, derived from the user agent.

// "Name" or "Name:pattern", where the user agent does not contain the name itself. The first match wins.
const SYSTEMS = "Windows,iOS:iP(hone|ad|od),Android,Chrome OS:CrOS,Mac OS:Mac,Linux"
const BROWSERS =
  "Edge:Edg,Opera:OPR,Samsung Internet:Samsung,Firefox:Firefox|FxiOS,Chrome:Chrome|CriOS,Safari"
const DEVICES = "iPhone,iPad,Android"

/** @param {string} userAgent */
export const describeDevice = userAgent => {
  /** @param {string} table @returns {string} the first name that matches, or `Other` */
  const matchName = table => {
    const rows = table.split(",").map(row => row.split(":"))
    return rows.find(([name, pattern = name]) => RegExp(pattern).test(userAgent))?.[0] || "Other"
  }
  return { os: matchName(SYSTEMS), browser: matchName(BROWSERS), device: matchName(DEVICES) }
}
