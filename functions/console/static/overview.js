// The overview: what arrived in the last quarter of an hour, as a chart and as lists that lead to the entries.

import { h, s, setChildren } from "./dom.js";
import { formatAgo, formatClock, formatCount } from "./format.js";
import { createCustomerLink, viewPath } from "./links.js";
import { pollLive } from "./live_feed.js";
import { countMinutes, countNames, listCustomers, MINUTES, pageOf, reasonOf, VERDICTS } from "./overview_model.js";

/** @typedef {import("./entry.js").Entry} Entry */
/** @typedef {import("./overview_model.js").Minute} Minute */
/** @typedef {import("./overview_model.js").Row} Row */

const CHART = { width: 600, height: 120, gap: 6 };
const PERIOD_MS = MINUTES * 60_000;

/**
 * @param {HTMLElement} page
 * @param {import("./app.js").Context} context
 */
export function renderOverview(page, { signal, showError }) {
  /** @type {Entry[]} */
  let entries = [];
  const state = h("p", { class: "state", role: "status" }, "Loading…");
  const content = h("div", { class: "overview-content" });
  setChildren(page, h("header", { class: "head" }, h("h1", { tabindex: -1 }, "Overview"), state), content);
  pollLive(receiveEntries, handleError, signal);

  /** @param {Entry[]} newEntries */
  function receiveEntries(newEntries) {
    const isFirst = !content.firstChild;
    const since = Date.now() - PERIOD_MS;
    const kept = [...entries, ...newEntries].filter(({ received }) => Date.parse(received) >= since);
    if (!isFirst && !newEntries.length && kept.length === entries.length) return;
    entries = kept;
    const count = `${formatCount(entries.length, "entry", "entries")} in the last ${MINUTES} minutes`;
    if (state.textContent !== count) setChildren(state, count); // screen readers announce every replacement
    const isOpen = content.querySelector("details")?.open ?? false;
    setChildren(content, createContent(entries, isOpen));
  }

  /** @param {import("./api.js").ApiError} error */
  function handleError(error) {
    if (error.status === 401) showError(error);
    else setChildren(state, `${error.message} Trying again…`);
  }
}

/** @param {Entry[]} entries @param {boolean} isOpen whether the figures are shown */
function createContent(entries, isOpen) {
  const stored = entries.filter((entry) => (entry.status ?? "stored") === "stored");
  const minutes = countMinutes(entries, Date.now());
  const customers = listCustomers(entries);
  return [
    h("section", { class: "panel" }, h("h2", {}, "Entries a minute, by verdict"), createLegend(), createChart(minutes),
      h("details", { class: "figures", open: isOpen }, h("summary", {}, "The figures"), createTable(minutes))),
    h("div", { class: "panels" },
      createList("Types of events", countNames(stored, ({ type }) => type), (name) => viewPath("live", "stored", name)),
      createList("Pages", countNames(stored, pageOf), (name) => viewPath("live", "all", name)),
      createList("Not stored, by reason", countNames(entries, reasonOf), (name) => viewPath("live", "all", name)),
      h("section", { class: "panel" }, h("h2", {}, "Recent customers"), customers.length
        ? h("ul", { class: "counts" }, customers.map(({ customer, received }) =>
          h("li", {}, createCustomerLink(customer), h("span", { class: "dim" }, formatAgo(received)))))
        : h("p", { class: "dim" }, "Nobody who is known was here."))),
  ];
}

/**
 * @param {string} title
 * @param {Row[]} rows
 * @param {(name: string) => string} pathOf the view that shows the entries of a row
 */
function createList(title, rows, pathOf) {
  const list = h("ul", { class: "counts" }, rows.map(({ name, count }) =>
    h("li", {}, h("a", { href: pathOf(name) }, name), h("span", { class: "dim" }, count.toLocaleString("en")))));
  return h("section", { class: "panel" }, h("h2", {}, title), rows.length ? list : h("p", { class: "dim" }, "None."));
}

function createLegend() {
  return h("p", { class: "legend" }, VERDICTS.map((verdict) => h("span", { class: `verdict ${verdict}` }, verdict)));
}

/** Stacked bars, one for each minute. @param {Minute[]} minutes */
function createChart(minutes) {
  const totals = minutes.map(({ counts }) => VERDICTS.reduce((sum, verdict) => sum + counts[verdict], 0));
  const highest = Math.max(1, ...totals);
  const step = CHART.width / minutes.length;
  const bars = minutes.flatMap(({ start, counts }, index) => {
    let top = CHART.height;
    return VERDICTS.filter((verdict) => counts[verdict]).map((verdict) => {
      const height = (counts[verdict] / highest) * CHART.height;
      top -= height;
      const label = `${formatClock(new Date(start).toISOString())}: ${counts[verdict]} ${verdict}`;
      return s("rect", {
        class: `bar-part ${verdict}`, x: index * step + CHART.gap / 2, y: top, width: step - CHART.gap, height,
      }, s("title", {}, label));
    });
  });
  const total = totals.reduce((sum, count) => sum + count, 0);
  return s("svg", {
    class: "chart", viewBox: `0 0 ${CHART.width} ${CHART.height}`, preserveAspectRatio: "none", role: "img",
    "aria-label": `${total} entries in ${minutes.length} minutes, at most ${Math.max(...totals)} in one of them`,
  }, bars);
}

/** @param {Minute[]} minutes */
function createTable(minutes) {
  return h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "The figures of the chart" },
    h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "minute"),
      VERDICTS.map((verdict) => h("th", { scope: "col" }, verdict)))),
    h("tbody", {}, minutes.map(({ start, counts }) => h("tr", {},
      h("th", { scope: "row" }, formatClock(new Date(start).toISOString())),
      VERDICTS.map((verdict) => h("td", {}, counts[verdict].toLocaleString("en"))))))));
}
