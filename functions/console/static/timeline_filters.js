// The filters of a timeline: type, source and days. The URL names them, so that a link leads to what is shown.

import { h } from "./dom.js";

/** @typedef {{type: string, source: string, from: string, to: string}} Filters days as `2026-11-30`, both included */

/** @param {string} text of a URL: `type=purchase&from=2026-11-30` @returns {Filters} */
export function parseFilters(text) {
  const given = new URLSearchParams(text);
  const [type, source, from, to] = ["type", "source", "from", "to"].map((name) => given.get(name) ?? "");
  return { type, source, from, to };
}

/** @param {Filters} filters @returns {string} for a URL; empty where nothing is filtered */
export function formatFilters(filters) {
  return new URLSearchParams(Object.entries(filters).filter(([, value]) => value)).toString();
}

/** Filters as parameters of the API. Days are those of this browser, as the headings of the timeline. @param {Filters} filters */
export function toQuery({ type, source, from, to }) {
  return { type, source, since: startOfDay(from), until: startOfDay(to, 1) };
}

/** @param {string} day @param {number} [daysLater] @returns {string} empty where it is not a day */
function startOfDay(day, daysLater = 0) {
  const time = new Date(`${day}T00:00:00`);
  if (Number.isNaN(time.getTime())) return "";
  time.setDate(time.getDate() + daysLater);
  return time.toISOString();
}

/**
 * The fields, and what reads them. `offer` adds a type and a source to choose from.
 * @param {Filters} given
 * @param {() => void} onChanged
 */
export function createFilters(given, onChanged) {
  const type = createChoice("Type of event", "All types", "types", onChanged);
  const source = createChoice("Source", "All sources", "sources", onChanged);
  const from = h("input", { type: "date", onchange: onChanged });
  const to = h("input", { type: "date", onchange: onChanged });
  type.field.setAttribute("data-key", "/");
  type.field.value = given.type;
  source.field.value = given.source;
  from.value = given.from;
  to.value = given.to;
  return {
    fields: [
      ...type.elements, ...source.elements,
      h("label", { class: "day-field" }, "From ", from), h("label", { class: "day-field" }, "to ", to),
    ],
    /** @returns {Filters} */
    read: () => ({ type: type.field.value.trim(), source: source.field.value.trim(), from: from.value, to: to.value }),
    /** @param {import("./entry.js").Entry} event */
    offer: (event) => {
      type.offer(event.type);
      source.offer(event.source);
    },
  };
}

/**
 * A field with a list of values to choose from.
 * @param {string} label
 * @param {string} placeholder
 * @param {string} listId
 * @param {() => void} onChanged
 */
function createChoice(label, placeholder, listId, onChanged) {
  const field = h("input", { type: "search", list: listId, placeholder, "aria-label": label, onchange: onChanged });
  const options = h("datalist", { id: listId });
  /** @type {Set<string>} */
  const offered = new Set();
  /** @param {string} [value] */
  const offer = (value) => {
    if (!value || offered.has(value)) return;
    offered.add(value);
    options.append(h("option", { value }));
  };
  return { field, elements: [field, options], offer };
}
