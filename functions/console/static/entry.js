// One event, or the verdict on an event that was not stored, as a line that expands.

import { h, setChildren } from "./dom.js";
import { formatClock, formatInline, isEmpty, renderJson, renderValue, shorten, timeElement } from "./format.js";
import { createCustomerLink, createSessionLink, isBackendSession, isDerivedEvent } from "./links.js";

/** @typedef {Record<string, any>} Entry an event as the service returns it; `status` and `reason` unless it was stored */

/** The SDK sends one every two minutes, only to say that the visitor is still there. */
export const PING = "session_ping";
const CONTENT_FIELDS = ["properties", "context", "tags"];
const METADATA_FIELDS = ["code", "origin", "id", "time", "received", "sent_time", "source", "session", "profile", "derived_from"];
/** Properties that the SDK adds to every event. */
const DEFAULT_PROPERTIES = ["os", "browser", "device", "location", "tracked_via"];
const MAX_SUMMARY_PROPERTIES = 6;
const MAX_SUMMARY_CHARACTERS = 300;

/** Whether open entries are shown as raw JSON; applies to all lists of this tab. */
export const display = { raw: false };

/**
 * A line for an entry. Its details are created when it is opened.
 * @param {Entry} entry
 * @param {{showOwner?: boolean}} [options] `showOwner`: show the customer or session, and sort by arrival
 */
export function createEntry(entry, options = {}) {
  const body = h("div", { class: "body" });
  const fillBody = () => setChildren(body, display.raw ? renderJson(withoutKey(entry)) : createDetails(entry));
  /** @type {HTMLDetailsElement} */
  const line = h("details", {
    class: `entry ${entry.status ?? "stored"}`,
    ontoggle: () => (line.open ? fillBody() : setChildren(body)),
    onrefresh: () => line.open && fillBody(),
  }, createSummary(entry, options), body);
  return line;
}

/** Redraw all open entries, after `display` has changed. @param {ParentNode} root */
export function refreshOpenEntries(root) {
  for (const line of root.querySelectorAll("details[open].entry")) line.dispatchEvent(new Event("refresh"));
}

/**
 * @param {Entry} entry
 * @param {{showOwner?: boolean}} options
 */
function createSummary(entry, { showOwner = false }) {
  const status = entry.status ?? "stored";
  const text = status === "stored" ? summarizeProperties(entry.properties) : entry.reason;
  const time = entry.time && !showOwner ? entry.time : entry.received;
  return h("summary", {},
    timeElement(time, formatClock),
    h("span", { class: `verdict ${status}` }, status),
    h("span", { class: "type" }, entry.type || "no type", createMarks(entry)),
    showOwner && h("span", { class: "owner" }, createOwner(entry)),
    h("span", { class: "summary-text" }, text));
}

/** Customer or session, without a link: a link inside a `summary` would not be accessible. @param {Entry} entry */
function createOwner(entry) {
  const session = entry.session ? { type: "session", value: entry.session } : { type: "page", value: entry.origin ?? "" };
  const { type, value } = entry.customer ?? session;
  if (!value) return [];
  return [h("span", { class: "kind" }, type), " ", shorten(value, 32)];
}

/** @param {Entry} entry */
function createMarks(entry) {
  return [
    isDerivedEvent(entry.id ?? "")
      && h("span", { class: "mark derived", title: "computed by the service, not sent by a client" }, "derived"),
    isBackendSession(entry.session)
      && h("span", { class: "mark backend", title: "reported by the shop’s backend, without a device" }, "backend"),
  ];
}

/**
 * Those that the SDK adds to every event tell the least.
 * @param {Record<string, unknown>} properties
 */
function splitProperties(properties) {
  const entries = Object.entries(properties);
  const specific = entries.filter(([name]) => !DEFAULT_PROPERTIES.includes(name));
  const defaults = entries.filter(([name]) => DEFAULT_PROPERTIES.includes(name));
  return { specific, defaults };
}

/**
 * The first few properties: the event's own, or those that the SDK adds where there are no others.
 * @param {Record<string, unknown> | undefined} properties
 */
function summarizeProperties(properties = {}) {
  const { specific, defaults } = splitProperties(properties);
  return (specific.length ? specific : defaults)
    .slice(0, MAX_SUMMARY_PROPERTIES)
    .map(([name, value]) => `${name}: ${formatInline(value)}`)
    .join("  ·  ")
    .slice(0, MAX_SUMMARY_CHARACTERS);
}

/** @param {Entry} entry */
function createDetails(entry) {
  const isRefused = entry.status && entry.status !== "stored";
  const reason = isRefused && h("p", { class: "reason" }, entry.reason,
    entry.field && h("span", {}, " · field ", h("code", {}, entry.field)));
  const contents = CONTENT_FIELDS.filter((name) => !isEmpty(entry[name])).map((name) =>
    h("section", {}, h("p", { class: "caption" }, name), name === "properties" ? createProperties(entry[name]) : renderValue(entry[name])));
  const metadata = METADATA_FIELDS.filter((name) => !isEmpty(entry[name])).map((name) =>
    createRow(name, name === "session" ? createSessionLink(entry.session, 60) : renderValue(entry[name])));
  return h("div", {}, reason, h("div", { class: "details" }, contents,
    h("section", {}, h("p", { class: "caption" }, "metadata"), h("dl", { class: "values" },
      entry.customer && createRow("customer", createCustomerLink(entry.customer)), metadata))));
}

/** The event's own properties, and those that the SDK adds behind a line. @param {Record<string, unknown>} properties */
function createProperties(properties) {
  const { specific, defaults } = splitProperties(properties);
  if (!specific.length || !defaults.length) return renderValue(properties);
  return h("div", {}, renderValue(Object.fromEntries(specific)), h("details", { class: "fold" },
    h("summary", {}, `${defaults.length} more that the SDK adds`), renderValue(Object.fromEntries(defaults))));
}

/** @param {string} name @param {Node} value */
const createRow = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));

/** The entry without the key by which the live list recognizes it. @param {Entry} entry */
function withoutKey({ key: _, ...entry }) {
  return entry;
}
