// What is tracked by itself: page visits, and signs of life of which the service makes sessions.

/** Seconds between two signs of life. */
const INTERVAL = 120

/**
 * @param {{track?: {visits?: boolean}, ping?: {enabled?: boolean, interval?: number}}} config
 * @param {(type: string, properties: Record<string, any>) => unknown} track
 * @returns {() => void} starts it
 */
export const createVisits = (config, track) => {
  const place = () => location.pathname + location.search
  let referrer = document.referrer
  let [here, url] = [place(), location.href]

  const about = () => ({ path: location.pathname, referrer })
  const visit = () => config.track?.visits && track("page_visit", about())
  /** @param {string} activity */
  const ping = activity => {
    if (config.ping?.enabled === false || document.visibilityState === "hidden") return
    const search = [...new URLSearchParams(location.search)]
    const campaign = Object.fromEntries(search.filter(([name]) => /^(utm_\w+|gclid)$/.test(name)))
    track("session_ping", { ...about(), ...campaign, activity })
  }

  const moved = () => {
    if (place() === here) return
    referrer = url
    here = place()
    url = location.href
    visit()
  }

  const begin = () => {
    ping("page_load")
    visit()
    setInterval(() => ping("ping"), (config.ping?.interval || INTERVAL) * 1000)
    const push = history.pushState
    history.pushState = function (...given) {
      push.apply(this, given)
      moved()
    }
    addEventListener("popstate", moved)
    addEventListener("pageshow", ({ persisted }) => persisted && visit()) // back to a page that was kept
  }

  return () => {
    if (/** @type {any} */ (document).prerendering) addEventListener("prerenderingchange", begin, { once: true })
    else begin()
  }
}
