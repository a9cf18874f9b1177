// Times and values as people read them.

import { h } from "./dom.js";

const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false,
});
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const AGO = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [["year", 31_536_000], ["month", 2_592_000], ["day", 86_400], ["hour", 3600], ["minute", 60]];

/** @param {string} iso */
export const clock = (iso) => CLOCK.format(new Date(iso));

/** @param {string} iso */
export const day = (iso) => DAY.format(new Date(iso));

/** @param {string} iso */
export function ago(iso) {
  const seconds = (Date.parse(iso) - Date.now()) / 1000;
  const unit = UNITS.find(([, size]) => Math.abs(seconds) >= size);
  return unit ? AGO.format(Math.round(seconds / unit[1]), unit[0]) : "just now";
}

/**
 * A moment: shown short, in full to who asks.
 * @param {string} iso
 * @param {(iso: string) => string} [shown]
 */
export function time(iso, shown = (text) => `${day(text)}, ${clock(text)}`) {
  return h("time", { datetime: iso, title: iso }, shown(iso));
}

/** @param {number} count @param {string} one @param {string} [many] */
export const counted = (count, one, many = `${one}s`) =>
  `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

/**
 * An ID that is too long for where it stands; whoever needs all of it finds it in the title.
 * @param {string} id
 * @param {number} [most]
 */
export function short(id, most = 18) {
  const head = Math.ceil((most - 1) / 2);
  return id.length <= most ? id : `${id.slice(0, head)}…${id.slice(head + 1 - most)}`;
}

/** @param {unknown} value */
export const isEmpty = (value) =>
  value === null || value === undefined || (typeof value === "object" && Object.keys(value).length === 0);

/**
 * A value in one line.
 * @param {unknown} value
 */
export function brief(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/**
 * Names and values below one another, objects within objects.
 * @param {unknown} value
 * @returns {Node}
 */
export function pretty(value) {
  if (Array.isArray(value) && value.length && value.some((one) => typeof one === "object")) {
    return h("ol", { class: "values", start: 0 }, value.map((one) => h("li", {}, pretty(one))));
  }
  if (value && typeof value === "object" && !Array.isArray(value)) {
    const entries = Object.entries(value);
    if (!entries.length) return h("span", { class: "dim" }, "nothing");
    return h("dl", { class: "values" }, entries.map(([name, one]) =>
      h("div", {}, h("dt", {}, name), h("dd", {}, pretty(one)))));
  }
  const kind = value === null ? "null" : Array.isArray(value) ? "list" : typeof value;
  return h("span", { class: `value ${kind}` }, brief(value));
}

/** @param {unknown} value */
export const raw = (value) => h("pre", { class: "raw", tabindex: 0 }, JSON.stringify(value, null, 2));
