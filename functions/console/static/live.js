// The live list: every event and verdict as it arrives, the newest first.

import { h, setChildren } from "./dom.js";
import { createEntry, PING, refreshOpenEntries } from "./entry.js";
import { formatCount } from "./format.js";
import { viewPath } from "./links.js";
import { isFold, updateFolds } from "./live_folds.js";
import { pollLive } from "./live_feed.js";
import { createRawSwitch } from "./switches.js";

/** @typedef {import("./entry.js").Entry} Entry */

const MAX_SHOWN = 1000;
/** Entries that are kept while the list is paused. */
const MAX_WAITING = 10 * MAX_SHOWN;
const STATUSES = ["stored", "rejected", "dropped", "refused"];

/**
 * @param {HTMLElement} page
 * @param {import("./app.js").Context} context
 * @param {string[]} filter of the URL: a verdict or `all`, and a text
 */
export function renderLive(page, { signal, showError }, [givenVerdict = "all", givenText = ""] = []) {
  /** @type {Entry[]} */
  let waiting = [];
  let isPaused = false;
  /** Whether an answer has come: before that, nobody knows whether there are events. */
  let isLoaded = false;
  let count = 0;
  const list = h("ol", { class: "entries", "aria-label": "Events" });
  const state = h("p", { class: "state", role: "status" }, "Connecting…");
  const emptyNote = h("p", { class: "empty", hidden: true }, "No events arrived in the last quarter of an hour. ",
    "Events from your pages appear here within two seconds.");
  const pauseButton = h("button", { type: "button", "data-key": "p", "aria-pressed": "false", onclick: togglePause }, "Pause");
  const search = h("input", {
    type: "search", placeholder: "Filter: any text", "aria-label": "Filter events", "data-key": "/",
    oninput: applyFilter,
  });
  const verdict = h("select", { "aria-label": "Verdict", onchange: applyFilter },
    h("option", { value: "" }, "all verdicts"), STATUSES.map((status) => h("option", { value: status }, status)));
  search.value = givenText;
  verdict.value = STATUSES.includes(givenVerdict) ? givenVerdict : "";

  setChildren(page,
    h("header", { class: "head" }, h("h1", { tabindex: -1 }, "Live"), state),
    h("div", { class: "tools", role: "group", "aria-label": "Filters and display" },
      search, verdict, pauseButton, createRawSwitch(() => refreshOpenEntries(list))),
    emptyNote, list);
  pollLive(receiveEntries, handleError, signal);

  /** @param {Entry[]} entries */
  function receiveEntries(entries) {
    waiting = [...waiting, ...entries].slice(-MAX_WAITING);
    isLoaded = true;
    count += entries.length;
    if (!isPaused) showWaiting();
    updateState();
  }

  /** @param {import("./api.js").ApiError} error */
  function handleError(error) {
    if (error.status === 401) showError(error);
    else setChildren(state, `${error.message} Trying again…`);
  }

  function togglePause() {
    isPaused = !isPaused;
    pauseButton.setAttribute("aria-pressed", String(isPaused));
    if (!isPaused) showWaiting();
    updateState();
  }

  function showWaiting() {
    for (const entry of waiting.sort((a, b) => (a.received < b.received ? -1 : 1))) insertEntry(entry);
    waiting = [];
    while (list.children.length > MAX_SHOWN) list.lastElementChild?.remove();
    foldPings();
  }

  /** Who filters by a text may look for pings. */
  function foldPings() {
    updateFolds(list, { isFolding: !search.value.trim() });
  }

  /** Insert an entry by the time of its arrival: it may be older than entries that are shown already. @param {Entry} entry */
  function insertEntry(entry) {
    const item = h("li", { "data-received": entry.received }, createEntry(entry, { showOwner: true }));
    item.dataset.text = JSON.stringify(entry).toLowerCase();
    item.dataset.status = entry.status;
    if (entry.type === PING) item.dataset.folds = PING;
    item.hidden = !matchesFilter(item);
    let next = list.firstElementChild;
    while (next instanceof HTMLElement && (isFold(next) || (next.dataset.received ?? "") > entry.received)) {
      next = next.nextElementSibling;
    }
    list.insertBefore(item, next);
  }

  /** @param {HTMLElement} item */
  function matchesFilter(item) {
    const hasText = (item.dataset.text ?? "").includes(search.value.trim().toLowerCase());
    const hasVerdict = verdict.value === "" || verdict.value === item.dataset.status;
    return hasText && hasVerdict;
  }

  function applyFilter() {
    // a link to what is shown, without a new view
    history.replaceState(null, "", viewPath("live", verdict.value || "all", search.value.trim()));
    for (const item of list.children) {
      if (item instanceof HTMLElement && !isFold(item)) item.hidden = !matchesFilter(item);
    }
    foldPings();
    updateState();
  }

  function updateState() {
    emptyNote.hidden = count > 0 || !isLoaded;
    const waitingText = waiting.length ? ` (${waiting.length} new)` : "";
    pauseButton.textContent = isPaused ? `Resume${waitingText}` : "Pause";
    const shown = [...list.children].filter((item) => {
      return item instanceof HTMLElement && !isFold(item) && !item.hidden;
    }).length;
    const total = formatCount(count, "event");
    const countText = shown < count ? `${shown.toLocaleString("en")} of ${total}` : total;
    const text = isPaused ? `Paused: ${countText}` : countText;
    if (text === state.textContent) return; // screen readers announce every replacement
    setChildren(state, h("span", { class: isPaused ? "dot paused" : "dot" }), text);
  }
}
