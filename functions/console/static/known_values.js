// All that is known of a customer beside the card: identifiers, what calls set, and what is computed of the events.

import { get } from "./api.js";
import { h, setChildren } from "./dom.js";
import { formatCount, isEmpty, renderValue } from "./format.js";

/** @typedef {{traits: Record<string, any>, segments: Record<string, boolean>, incomplete: Record<string, string>, events: number}} Computed */

/** Attributes that the card shows. */
const CARD_ATTRIBUTES = ["first_name", "last_name", "company_name", "photo", "email", "phone", "language", "domain"];

/** @param {string[]} texts */
const listItems = (texts) => texts.map((text) => h("li", {}, text));

/**
 * Identifiers and all values that the card does not show, then those that are computed.
 * @param {import("./customer.js").Customer} customer
 * @param {import("./app.js").Context} context
 * @param {string} type
 * @param {string} value
 */
export function createValues(customer, context, type, value) {
  const { attributes, consents, identifiers, segments, traits } = customer;
  const isOnCard = (/** @type {string} */ name) =>
    name !== "photo" && typeof attributes[name] === "string" && CARD_ATTRIBUTES.includes(name);
  const otherAttributes = Object.fromEntries(Object.entries(attributes).filter(([name]) => !isOnCard(name)));
  return h("aside", { class: "known-values", "aria-label": "Known values" },
    createSection("Identifiers", createTable(identifiers, (values) => h("ul", { class: "plain" }, listItems(values)))),
    !isEmpty(otherAttributes) && createSection("Attributes", createTable(otherAttributes, renderValue)),
    !isEmpty(segments) && createSection("Segments", h("ul", { class: "chips" }, listItems(segments))),
    !isEmpty(traits) && createSection("Traits", createTable(traits, renderValue)),
    !isEmpty(consents) && createSection("Consents", createTable(consents, createConsent)),
    createComputed(context, type, value));
}

/**
 * Traits and segments that are computed of the events. They are read for themselves: the page does not wait for them.
 * @param {import("./app.js").Context} context
 * @param {string} type
 * @param {string} value
 */
function createComputed(context, type, value) {
  const content = h("div", { "aria-busy": true }, h("p", { class: "dim" }, "Computing…"));
  const show = async () => {
    const query = { [type]: value, traits: "*", segments: "*" };
    const { computed } = await get(["customers"], query, context.signal);
    content.removeAttribute("aria-busy");
    setChildren(content, ...listComputed(computed));
  };
  show().catch((error) => {
    if (context.signal.aborted) return; // another view is shown
    setChildren(content, h("p", { class: "dim" }, `Not computed: ${error.message}`));
  });
  return createSection("Computed", content);
}

/** @param {Computed} computed */
function listComputed({ traits, segments, incomplete, events }) {
  const members = Object.keys(segments).filter((name) => segments[name]);
  const reasons = Object.entries(incomplete).map(([name, reason]) => h("li", {}, h("strong", {}, name), `: ${reason}`));
  return [
    h("p", { class: "dim" }, `Of ${formatCount(events, "event")}, as they are now.`),
    members.length > 0 && h("ul", { class: "chips", "aria-label": "Computed segments" }, listItems(members)),
    createTable(traits, renderValue),
    reasons.length > 0 && h("ul", { class: "plain", "aria-label": "Not exact" }, reasons),
  ];
}

/** @param {unknown} value `true`, `false`, `granted`, `denied`, or what the shop stored */
function createConsent(value) {
  const consent = typeof value === "boolean" ? (value ? "granted" : "denied") : value;
  if (consent !== "granted" && consent !== "denied") return renderValue(value);
  return h("span", { class: `consent ${consent}` }, consent);
}

/** @param {string} title @param {Node} content */
const createSection = (title, content) => h("section", {}, h("h2", {}, title), content);

/**
 * @param {Record<string, any>} values
 * @param {(value: any) => Node} renderCell
 */
function createTable(values, renderCell) {
  return h("dl", { class: "values" }, Object.entries(values).map(([name, value]) =>
    h("div", {}, h("dt", {}, name), h("dd", {}, renderCell(value)))));
}
