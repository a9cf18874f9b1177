// The live list: every event and verdict as it comes, newest first.

import { h, show } from "./dom.js";
import { line, refresh } from "./entry.js";
import { follow } from "./feed.js";
import { counted } from "./format.js";
import { rawSwitch } from "./switches.js";

/** @typedef {import("./entry.js").Entry} Entry */

const MOST = 1000;

/**
 * @param {HTMLElement} page
 * @param {import("./app.js").Context} context
 */
export function live(page, { signal, fail }) {
  /** @type {Entry[]} */
  let waiting = [];
  let paused = false;
  let count = 0;
  const list = h("ol", { class: "entries", "aria-label": "Events" });
  const state = h("p", { class: "state", role: "status" }, "Connecting…");
  const empty = h("p", { class: "empty" }, "Nothing came in within the last quarter of an hour. ",
    "Whatever your pages send appears here within two seconds.");
  const pause = h("button", { type: "button", "data-key": "p", "aria-pressed": "false", onclick: toggle },
    "Pause");
  const search = h("input", {
    type: "search", placeholder: "Filter: any text", "aria-label": "Filter events", "data-key": "/",
    oninput: filter,
  });
  const verdict = h("select", { "aria-label": "Verdict", onchange: filter },
    ["all verdicts", "stored", "rejected", "dropped"].map((text, at) =>
      h("option", { value: at ? text : "" }, text)));

  show(page,
    h("header", { class: "head" }, h("h1", { tabindex: -1 }, "Live"), state),
    h("div", { class: "tools", role: "group", "aria-label": "What to show" },
      search, verdict, pause, rawSwitch(() => refresh(list))),
    empty, list);
  follow(tell, failed, signal);

  /** @param {Entry[]} fresh */
  function tell(fresh) {
    waiting = [...waiting, ...fresh].slice(-10 * MOST);
    count += fresh.length;
    if (!paused) release();
    describe();
  }

  /** @param {import("./api.js").Refused} error */
  function failed(error) {
    if (error.status === 401) fail(error);
    else show(state, `${error.message} Trying again…`);
  }

  function toggle() {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    if (!paused) release();
    describe();
  }

  function release() {
    for (const entry of waiting.sort((a, b) => (a.received < b.received ? -1 : 1))) insert(entry);
    waiting = [];
    while (list.children.length > MOST) list.lastElementChild?.remove();
  }

  /** @param {Entry} entry in its place: it may be older than what was told before */
  function insert(entry) {
    const item = h("li", { "data-received": entry.received }, line(entry, { whose: true }));
    item.dataset.text = JSON.stringify(entry).toLowerCase();
    item.dataset.status = entry.status;
    item.hidden = !wanted(item);
    let next = list.firstElementChild;
    while (next instanceof HTMLElement && (next.dataset.received ?? "") > entry.received) {
      next = next.nextElementSibling;
    }
    list.insertBefore(item, next);
  }

  /** @param {HTMLElement} item */
  function wanted(item) {
    return (item.dataset.text ?? "").includes(search.value.trim().toLowerCase())
      && ["", item.dataset.status].includes(verdict.value);
  }

  function filter() {
    for (const item of list.children) if (item instanceof HTMLElement) item.hidden = !wanted(item);
    describe();
  }

  function describe() {
    empty.hidden = count > 0;
    pause.textContent = paused ? `Go on${waiting.length ? ` (${waiting.length} new)` : ""}` : "Pause";
    const shown = [...list.children].filter((item) => item instanceof HTMLElement && !item.hidden).length;
    const some = shown < count ? `${shown.toLocaleString("en")} of ${counted(count, "event")}` : counted(count, "event");
    const text = paused ? `Paused: ${some}` : some;
    if (text === state.textContent) return; // what is not new is not read out again
    show(state, h("span", { class: paused ? "dot paused" : "dot" }), text);
  }
}
