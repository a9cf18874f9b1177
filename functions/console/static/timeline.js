// A timeline, page by page: of a customer or of a session.

import { get, Refused } from "./api.js";
import { h, show } from "./dom.js";
import { line, refresh } from "./entry.js";
import { day } from "./format.js";
import { rawSwitch } from "./switches.js";

const PAGE = 50;

/**
 * @param {string[]} whose the path of the call, without `events`
 * @param {import("./app.js").Context} context
 */
export function timeline(whose, { signal, fail }) {
  const list = h("ol", { class: "entries", "aria-label": "Timeline" });
  const status = h("p", { class: "dim", role: "status" });
  const more = h("button", { type: "button", "data-key": "m", hidden: true, onclick: () => load() }, "Older events");
  const type = h("input", {
    type: "search", list: "types", placeholder: "All types", "aria-label": "Type of event", "data-key": "/",
    onchange: () => load({ anew: true }),
  });
  const types = h("datalist", { id: "types" });
  /** @type {Set<string>} */
  const known = new Set();
  /** @type {string | null} */
  let cursor = null;
  let last = "";
  let asked = 0;

  load({ anew: true });
  return h("section", { class: "timeline", "aria-label": "Timeline" },
    h("div", { class: "tools", role: "group", "aria-label": "Which events" },
      type, types, rawSwitch(() => refresh(list)),
      h("button", { type: "button", onclick: () => load({ anew: true }) }, "Reload")),
    list, h("div", { class: "more" }, more, status));

  async function load({ anew = false } = {}) {
    const number = ++asked;
    if (anew) [cursor, last] = [null, ""];
    more.disabled = true;
    show(status, "Loading…");
    try {
      const query = { limit: PAGE, cursor, type: type.value.trim() };
      const page = await get([...whose, "events"], query, signal);
      if (number !== asked) return;
      if (anew) show(list);
      append(page.events);
      cursor = page.cursor;
      more.hidden = !cursor;
      show(status, cursor ? "" : list.children.length ? "That is all." : "No events.");
    } catch (error) {
      if (!(error instanceof Refused) || number !== asked) return;
      if (error.status === 401) fail(error);
      show(status, error.message);
    }
    more.disabled = false;
  }

  /** @param {import("./entry.js").Entry[]} events */
  function append(events) {
    for (const event of events) {
      if (day(event.time) !== last) {
        last = day(event.time);
        list.append(h("li", { class: "day" }, h("h2", {}, last)));
      }
      list.append(h("li", {}, line(event)));
      if (!known.has(event.type)) types.append(h("option", { value: event.type }));
      known.add(event.type);
    }
  }
}
