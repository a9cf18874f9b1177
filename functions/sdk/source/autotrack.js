// Events that the SDK tracks without being asked: page visits, and pings from which the service derives sessions.

/** Seconds between two pings. */
const PING_INTERVAL = 120

/**
 * @param {{track?: {visits?: boolean}, ping?: {enabled?: boolean, interval?: number}}} config
 * @param {(type: string, properties: Record<string, any>) => unknown} track
 * @returns {() => void} starts tracking
 */
export const createAutotrack = (config, track) => {
  const currentPath = () => location.pathname + location.search
  let referrer = document.referrer
  let [visitedPath, visitedUrl] = [currentPath(), location.href]

  const pageProperties = () => ({ path: location.pathname, referrer })
  const trackVisit = () => config.track?.visits && track("page_visit", pageProperties())
  /** @param {string} activity */
  const ping = activity => {
    if (config.ping?.enabled === false || document.visibilityState === "hidden") return
    const search = [...new URLSearchParams(location.search)]
    const campaign = Object.fromEntries(search.filter(([name]) => /^(utm_\w+|gclid)$/.test(name)))
    track("session_ping", { ...pageProperties(), ...campaign, activity })
  }

  const onNavigation = () => {
    if (currentPath() === visitedPath) return
    referrer = visitedUrl
    visitedPath = currentPath()
    visitedUrl = location.href
    trackVisit()
  }

  const start = () => {
    ping("page_load")
    trackVisit()
    setInterval(() => ping("ping"), (config.ping?.interval || PING_INTERVAL) * 1000)
    const originalPush = history.pushState
    history.pushState = function (...args) {
      originalPush.apply(this, args)
      onNavigation()
    }
    addEventListener("popstate", onNavigation)
    addEventListener("pageshow", ({ persisted }) => persisted && trackVisit()) // restored from the back/forward cache
  }

  return () => {
    if (/** @type {any} */ (document).prerendering) addEventListener("prerenderingchange", start, { once: true })
    else start()
  }
}
