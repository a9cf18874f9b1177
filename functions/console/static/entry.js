// One event, or the verdict on one that was not stored: a line that opens.

import { h, show } from "./dom.js";
import { brief, clock, isEmpty, pretty, raw, short, time } from "./format.js";
import { customerLink, isDerived, isOwn, sessionLink } from "./names.js";

/** @typedef {Record<string, any>} Entry an event as the service answers it */

const SHOWN = ["properties", "context", "tags"];
const OF_EVERY = ["os", "browser", "device", "location", "tracked_via"];
const ABOUT = ["id", "time", "received", "sent_time", "source", "session", "profile", "derived_from"];

/** Pretty or raw, for all that is open: the choice of this tab. */
export const mode = { raw: false };

/**
 * A line for an entry; what it opens is made when it is asked for.
 * @param {Entry} entry
 * @param {{whose?: boolean}} [options] whether it says whose it is
 */
export function line(entry, options = {}) {
  const body = h("div", { class: "body" });
  /** @type {HTMLDetailsElement} */
  const made = h("details", {
    class: `entry ${entry.status ?? "stored"}`,
    ontoggle: () => (made.open ? fill() : show(body)),
    onrefresh: () => made.open && fill(),
  }, summary(entry, options), body);
  return made;

  function fill() {
    show(body, mode.raw ? raw(stripped(entry)) : details(entry));
  }
}

/** @param {ParentNode} root */
export function refresh(root) {
  for (const one of root.querySelectorAll("details[open].entry")) one.dispatchEvent(new Event("refresh"));
}

/**
 * @param {Entry} entry
 * @param {{whose?: boolean}} options
 */
function summary(entry, { whose = false }) {
  const status = entry.status ?? "stored";
  const gist = status === "stored" ? gistOf(entry.properties) : entry.reason;
  return h("summary", {},
    time(entry.time && !whose ? entry.time : entry.received, clock),
    h("span", { class: `verdict ${status}` }, status),
    h("span", { class: "type" }, entry.type || "no type", marks(entry)),
    whose && h("span", { class: "whose" },
      entry.customer ? named(entry.customer.type, entry.customer.value) : named("session", entry.session)),
    h("span", { class: "gist" }, gist));
}

/** @param {string} kind @param {string} value no link: it stands in what opens the line */
const named = (kind, value) => [h("span", { class: "kind" }, kind), " ", short(value, 32)];

/** @param {Entry} entry */
function marks(entry) {
  return [
    isDerived(entry.id ?? "") && h("span", { class: "mark derived", title: "nobody sent it" }, "derived"),
    isOwn(entry.session) && h("span", { class: "mark own", title: "on no device" }, "backend"),
  ];
}

/**
 * The first few properties. What the SDK says of every event comes last: it tells the least of this one.
 * @param {Record<string, unknown> | undefined} properties
 */
function gistOf(properties = {}) {
  const all = Object.entries(properties);
  const [own, common] = [false, true].map((every) => all.filter(([name]) => OF_EVERY.includes(name) === every));
  return [...own, ...common].slice(0, 6)
    .map(([name, value]) => `${name}: ${brief(value)}`).join("  ·  ").slice(0, 300);
}

/** @param {Entry} entry */
function details(entry) {
  const refused = entry.status && entry.status !== "stored";
  return h("div", {}, refused && h("p", { class: "reason" }, entry.reason,
    entry.field && h("span", {}, " · field ", h("code", {}, entry.field))),
  h("div", { class: "details" },
    SHOWN.filter((name) => !isEmpty(entry[name])).map((name) =>
      h("section", {}, h("p", { class: "caption" }, name), pretty(entry[name]))),
    h("section", {}, h("p", { class: "caption" }, "about"), h("dl", { class: "values" },
      entry.customer && row("customer", customerLink(entry.customer)),
      ABOUT.filter((name) => !isEmpty(entry[name])).map((name) =>
        row(name, name === "session" ? sessionLink(entry.session, 60) : pretty(entry[name])))))));
}

/** @param {string} name @param {Node} value */
const row = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));

/** @param {Entry} entry */
function stripped(entry) {
  const { key: _, ...shown } = entry;
  return shown;
}
