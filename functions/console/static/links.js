// Links to customers and sessions, and the conventions of their IDs.

import { h } from "./dom.js";
import { shorten } from "./format.js";

/** @typedef {{type: string, value: string}} NodeId */

/** The URL of a view: `#/sessions/<id>`. @param {...string} segments */
export const viewPath = (...segments) => `#/${segments.map(encodeURIComponent).join("/")}`;

/** Whether a session holds events that the shop's own systems reported, without a device. @param {string} id */
export const isBackendSession = (id) => (id ?? "").startsWith("@");

/** Whether the service computed an event from others. @param {string} id */
export const isDerivedEvent = (id) => id.startsWith("!");

/**
 * Split `registered=gordon` into type and value.
 * @param {string} text
 * @returns {NodeId}
 */
export function parseNode(text) {
  const separator = text.indexOf("=");
  return { type: text.slice(0, separator), value: text.slice(separator + 1) };
}

/** @param {NodeId} customer */
export function createCustomerLink({ type, value }) {
  return h("a", { href: viewPath("customers", type, value), class: "customer-link", title: `${type} ${value}` },
    h("span", { class: "kind" }, type), " ", shorten(value, 32));
}

/** @param {string} id @param {number} [maxLength] */
export function createSessionLink(id, maxLength = 18) {
  const [kind, label] = isBackendSession(id) ? ["backend", id.slice(1)] : ["session", id];
  return h("a", { href: viewPath("sessions", id), class: "session", title: id },
    h("span", { class: "kind" }, kind), " ", shorten(label, maxLength));
}
