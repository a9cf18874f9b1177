// Times, numbers, IDs and values in a form for people.

import { h } from "./dom.js";

const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false,
});
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const AGO = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
/** With their lengths in seconds. @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [["year", 31_536_000], ["month", 2_592_000], ["day", 86_400], ["hour", 3600], ["minute", 60]];

/** @param {string} iso */
export const formatClock = (iso) => CLOCK.format(new Date(iso));

/** @param {string} iso */
export const formatDay = (iso) => DAY.format(new Date(iso));

/** `3 minutes ago`. @param {string} iso */
export function formatAgo(iso) {
  const seconds = (Date.parse(iso) - Date.now()) / 1000;
  const unit = UNITS.find(([, length]) => Math.abs(seconds) >= length);
  if (!unit) return "just now";
  const [name, length] = unit;
  return AGO.format(Math.round(seconds / length), name);
}

/**
 * A `time` element, whose tooltip shows the full time.
 * @param {string} iso
 * @param {(iso: string) => string} [format]
 */
export function timeElement(iso, format = (text) => `${formatDay(text)}, ${formatClock(text)}`) {
  return h("time", { datetime: iso, title: iso }, format(iso));
}

/** `1 session`, `2 sessions`. @param {number} count @param {string} singular @param {string} [plural] */
export const formatCount = (count, singular, plural = `${singular}s`) =>
  `${count.toLocaleString("en")} ${count === 1 ? singular : plural}`;

/**
 * Shorten an ID in the middle. The caller puts the whole ID in a tooltip or link.
 * @param {string} id
 * @param {number} [maxLength]
 */
export function shorten(id, maxLength = 18) {
  if (id.length <= maxLength) return id;
  const headLength = Math.ceil((maxLength - 1) / 2);
  const tailLength = maxLength - 1 - headLength;
  return `${id.slice(0, headLength)}…${id.slice(-tailLength)}`;
}

/** @param {unknown} value */
export const isEmpty = (value) =>
  value === null || value === undefined || (typeof value === "object" && Object.keys(value).length === 0);

/** A value in one line. @param {unknown} value */
export function formatInline(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/**
 * A value as nested lists of names and values.
 * @param {unknown} value
 * @returns {Node}
 */
export function renderValue(value) {
  const isList = Array.isArray(value);
  if (isList && value.some((item) => typeof item === "object")) {
    return h("ol", { class: "values", start: 0 }, value.map((item) => h("li", {}, renderValue(item))));
  }
  if (value && typeof value === "object" && !isList) {
    const entries = Object.entries(value);
    if (!entries.length) return h("span", { class: "dim" }, "empty");
    return h("dl", { class: "values" }, entries.map(([name, item]) =>
      h("div", {}, h("dt", {}, name), h("dd", {}, renderValue(item)))));
  }
  const kind = value === null ? "null" : isList ? "list" : typeof value;
  return h("span", { class: `value ${kind}` }, formatInline(value));
}

/** @param {unknown} value */
export const renderJson = (value) => h("pre", { class: "raw", tabindex: 0 }, JSON.stringify(value, null, 2));
