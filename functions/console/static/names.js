// Links to customers and sessions, and what an ID says by how it begins.

import { h } from "./dom.js";
import { short } from "./format.js";

/** @typedef {{type: string, value: string}} Named */

/** @param {...string} parts */
export const path = (...parts) => `#/${parts.map(encodeURIComponent).join("/")}`;

/** @param {string} id */
export const isOwn = (id) => id.startsWith("@");

/** @param {string} id */
export const isDerived = (id) => id.startsWith("!");

/**
 * `registered=gordon` in its two parts.
 * @param {string} text
 * @returns {Named}
 */
export function named(text) {
  const at = text.indexOf("=");
  return { type: text.slice(0, at), value: text.slice(at + 1) };
}

/** @param {Named} who */
export function customerLink(who) {
  const title = `${who.type} ${who.value}`;
  return h("a", { href: path("customers", who.type, who.value), class: "who", title },
    h("span", { class: "kind" }, who.type), " ", short(who.value, 32));
}

/** @param {string} id @param {number} [most] */
export function sessionLink(id, most = 18) {
  return h("a", { href: path("sessions", id), class: "session", title: id },
    isOwn(id) ? h("span", { class: "kind" }, "backend") : h("span", { class: "kind" }, "session"),
    " ", short(isOwn(id) ? id.slice(1) : id, most));
}
