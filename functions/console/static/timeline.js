// The timeline of a customer or of a session, page by page.

import { ApiError, get } from "./api.js";
import { h, setChildren } from "./dom.js";
import { createEntry, PING, refreshOpenEntries } from "./entry.js";
import { formatCount, formatDay } from "./format.js";
import { viewPath } from "./links.js";
import { createFilters, formatFilters, parseFilters, toQuery } from "./timeline_filters.js";
import { createRawSwitch } from "./switches.js";

const PAGE_SIZE = 50;

/**
 * @param {"customers" | "sessions"} kind
 * @param {Record<string, string>} owner the query parameter that names the customer or session
 * @param {import("./app.js").Context} context
 * @param {string[]} path of this view, to which the filters are added
 * @param {string} [givenFilters] of the URL
 */
export function createTimeline(kind, owner, { signal, showError }, path, givenFilters = "") {
  const list = h("ol", { class: "entries", "aria-label": "Timeline" });
  const status = h("p", { class: "dim", role: "status" });
  const olderButton = h("button", { type: "button", "data-key": "m", hidden: true, onclick: () => load() }, "Older events");
  const filters = createFilters(parseFilters(givenFilters), applyFilters);
  /** @type {string | null} */
  let cursor = null;
  let lastDay = "";
  /** The list of the pings that came last. @type {HTMLElement | undefined} */
  let pings;
  let latestRequest = 0;

  load({ restart: true });
  return h("section", { class: "timeline", "aria-label": "Timeline" },
    h("div", { class: "tools", role: "group", "aria-label": "Filters and display" },
      filters.fields, createRawSwitch(() => refreshOpenEntries(list)),
      h("button", { type: "button", onclick: () => load({ restart: true }) }, "Reload")),
    list, h("div", { class: "more" }, olderButton, status));

  function applyFilters() {
    const chosen = formatFilters(filters.read());
    // a link to what is shown, without a new view
    history.replaceState(null, "", viewPath(...path, ...(chosen ? [chosen] : [])));
    load({ restart: true });
  }

  /** Load the next page, or with `restart` the first one. */
  async function load({ restart = false } = {}) {
    const request = ++latestRequest;
    if (restart) [cursor, lastDay] = [null, ""];
    olderButton.disabled = true;
    setChildren(status, "Loading…");
    try {
      const query = { ...owner, limit: PAGE_SIZE, cursor, ...toQuery(filters.read()) };
      const page = await get([kind, "events"], query, signal);
      if (request !== latestRequest) return; // a newer request replaces this one
      if (restart) setChildren(list);
      appendEvents(page.events);
      cursor = page.cursor;
      olderButton.hidden = !cursor;
      const emptyText = formatFilters(filters.read()) ? "No events match the filters." : "No events.";
      const endText = list.children.length ? "No older events." : emptyText;
      setChildren(status, cursor ? "" : endText);
    } catch (error) {
      if (!(error instanceof ApiError) || request !== latestRequest) return;
      if (error.status === 401) showError(error);
      setChildren(status, error.message);
    }
    olderButton.disabled = false;
  }

  /** Days as headings, and the pings of a visit behind one line. @param {import("./entry.js").Entry[]} events */
  function appendEvents(events) {
    for (const event of events) {
      const day = formatDay(event.time);
      if (day !== lastDay) list.append(h("li", { class: "day" }, h("h2", {}, day)));
      lastDay = day;
      appendEvent(event);
      filters.offer(event);
    }
  }

  /** @param {import("./entry.js").Entry} event */
  function appendEvent(event) {
    const line = h("li", {}, createEntry(event));
    if (event.type !== PING || filters.read().type) {
      pings = undefined;
      list.append(line);
      return;
    }
    if (pings?.isConnected && pings.dataset.day === lastDay) pings.append(line);
    else {
      pings = h("ol", { class: "entries", "data-day": lastDay }, line);
      list.append(h("li", {}, createFold(pings)));
    }
    updateFold(pings);
  }
}

/** A line that opens to show pings. @param {HTMLElement} pings */
const createFold = (pings) => h("details", { class: "fold" }, h("summary", {}), pings);

/** @param {HTMLElement} pings */
function updateFold(pings) {
  const summary = pings.previousElementSibling;
  if (summary) setChildren(summary, formatCount(pings.children.length, PING));
}
