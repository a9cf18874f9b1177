// The timeline of a customer or of a session, page by page.

import { ApiError, get } from "./api.js";
import { h, setChildren } from "./dom.js";
import { createEntry, refreshOpenEntries } from "./entry.js";
import { formatDay } from "./format.js";
import { createRawSwitch } from "./switches.js";

const PAGE_SIZE = 50;

/**
 * @param {"customers" | "sessions"} kind
 * @param {Record<string, string>} owner the query parameter that names the customer or session
 * @param {import("./app.js").Context} context
 */
export function createTimeline(kind, owner, { signal, showError }) {
  const list = h("ol", { class: "entries", "aria-label": "Timeline" });
  const status = h("p", { class: "dim", role: "status" });
  const olderButton = h("button", { type: "button", "data-key": "m", hidden: true, onclick: () => load() }, "Older events");
  const typeInput = h("input", {
    type: "search", list: "types", placeholder: "All types", "aria-label": "Type of event", "data-key": "/",
    onchange: () => load({ restart: true }),
  });
  const typeOptions = h("datalist", { id: "types" });
  /** @type {Set<string>} */
  const offeredTypes = new Set();
  /** @type {string | null} */
  let cursor = null;
  let lastDay = "";
  let latestRequest = 0;

  load({ restart: true });
  return h("section", { class: "timeline", "aria-label": "Timeline" },
    h("div", { class: "tools", role: "group", "aria-label": "Filters and display" },
      typeInput, typeOptions, createRawSwitch(() => refreshOpenEntries(list)),
      h("button", { type: "button", onclick: () => load({ restart: true }) }, "Reload")),
    list, h("div", { class: "more" }, olderButton, status));

  /** Load the next page, or with `restart` the first one. */
  async function load({ restart = false } = {}) {
    const request = ++latestRequest;
    if (restart) [cursor, lastDay] = [null, ""];
    olderButton.disabled = true;
    setChildren(status, "Loading…");
    try {
      const query = { ...owner, limit: PAGE_SIZE, cursor, type: typeInput.value.trim() };
      const page = await get([kind, "events"], query, signal);
      if (request !== latestRequest) return; // a newer request replaces this one
      if (restart) setChildren(list);
      appendEvents(page.events);
      cursor = page.cursor;
      olderButton.hidden = !cursor;
      const endText = list.children.length ? "No older events." : "No events.";
      setChildren(status, cursor ? "" : endText);
    } catch (error) {
      if (!(error instanceof ApiError) || request !== latestRequest) return;
      if (error.status === 401) showError(error);
      setChildren(status, error.message);
    }
    olderButton.disabled = false;
  }

  /** @param {import("./entry.js").Entry[]} events */
  function appendEvents(events) {
    for (const event of events) {
      const day = formatDay(event.time);
      if (day !== lastDay) list.append(h("li", { class: "day" }, h("h2", {}, day)));
      lastDay = day;
      list.append(h("li", {}, createEntry(event)));
      if (!offeredTypes.has(event.type)) typeOptions.append(h("option", { value: event.type }));
      offeredTypes.add(event.type);
    }
  }
}
