// The customers who were here lately, and a search among them by part of a name, an address or an ID.

import { ApiError, get } from "./api.js";
import { h, setChildren } from "./dom.js";
import { formatAgo, formatCount, timeElement } from "./format.js";
import { createCustomerLink } from "./links.js";

/** @typedef {{customer: import("./links.js").NodeId, identifiers: Record<string, string[]>, attributes: Record<string, unknown>, last_seen: string}} RecentCustomer */
/** @typedef {{customers: RecentCustomer[], sessions: number, more: boolean}} RecentCustomers the answer of `GET /customers/recent` */

const NAMES = ["first_name", "last_name", "company_name"];

/** @param {AbortSignal} [signal] @returns {Promise<RecentCustomers>} */
export const readRecentCustomers = (signal) => get(["customers", "recent"], {}, signal);

/** Whether a name, an address or an identifier of a customer contains a text. @param {RecentCustomer} customer @param {string} text */
export function matchesPart({ identifiers, attributes }, text) {
  const values = [nameOf(attributes), ...Object.values(attributes), ...Object.values(identifiers).flat()];
  return values.some((value) => String(value).toLowerCase().includes(text.trim().toLowerCase()));
}

/** @param {Record<string, unknown>} attributes */
const nameOf = (attributes) => NAMES.map((name) => attributes[name] ?? "").join(" ").trim();

/**
 * The list, which says from which customers it was made and how many there may be beside them.
 * @param {import("./app.js").Context} context
 * @param {string} [part] of a name, an address or an ID
 */
export function createRecentCustomers({ signal, showError }, part = "") {
  /** @type {RecentCustomers | undefined} */
  let answer;
  const status = h("p", { class: "dim", role: "status" }, "Loading…");
  const list = h("ul", { class: "rows recent", "aria-label": "Recent customers" });
  const input = h("input", {
    type: "search", value: part, placeholder: "Part of a name, e-mail or ID", "aria-label": "Filter recent customers",
    "data-key": "/", oninput: show,
  });
  const reload = h("button", { type: "button", onclick: load }, "Reload");
  load();
  return h("section", { "aria-label": "Recent customers" }, h("h2", {}, "Recent customers"),
    h("div", { class: "tools" }, input, reload), status, list);

  async function load() {
    try {
      answer = await readRecentCustomers(signal);
      show();
    } catch (error) {
      if (!(error instanceof ApiError)) return;
      if (error.status === 401) showError(error);
      setChildren(status, error.message);
    }
  }

  function show() {
    if (!answer) return; // nobody knows yet whether there are any
    const found = answer.customers.filter((customer) => matchesPart(customer, input.value));
    setChildren(list, found.map(createRow));
    setChildren(status, describeAnswer(answer, found.length));
  }
}

/** @param {RecentCustomers} answer @param {number} shown */
function describeAnswer({ customers, sessions, more }, shown) {
  const all = formatCount(customers.length, "customer");
  const count = shown === customers.length ? all : `${shown} of ${all}`;
  const limit = more ? " At most 100 customers and 1,000 sessions are looked at: there may be more." : "";
  return `${count}, from the ${formatCount(sessions, "session")} that had events in the last day.${limit}`
    + " Anybody else is found by a whole identifier, in the field above.";
}

/** @param {RecentCustomer} recent */
function createRow({ customer, identifiers, attributes, last_seen }) {
  const email = attributes.email ?? identifiers.email?.[0] ?? "";
  return h("li", {},
    h("span", {}, createCustomerLink(customer)),
    h("span", { class: "recent-name" }, nameOf(attributes)),
    h("span", { class: "dim" }, String(email)),
    h("span", { class: "dim" }, "seen ", timeElement(last_seen, formatAgo)));
}
