// The view of a customer: a card, all known values, and tabs for timeline, identity graph and sessions.

import { get } from "./api.js";
import { createCustomerActions } from "./customer_actions.js";
import { h, setChildren } from "./dom.js";
import { formatAgo, formatCount, shorten, timeElement } from "./format.js";
import { createCustomerGraph } from "./identity.js";
import { createValues } from "./known_values.js";
import { createSessionLink, isBackendSession, viewPath } from "./links.js";
import { createTimeline } from "./timeline.js";

/** @typedef {Record<string, any>} Customer the answer of `GET /customers` */

// Attributes are set by visitors, so only values of these forms become an image or a link.
const PHOTO = /^(https:\/\/|data:image\/(png|jpeg|gif|webp);base64,)/i;
const PHONE = /^\+?[\d\s()./-]{5,32}$/;
const EMAIL = /^[^\s@<>"]+@[^\s@<>"]+$/;
/** @type {Record<string, string>} */
const TABS = { timeline: "Timeline", graph: "Identity graph", sessions: "Sessions and devices" };

/**
 * @param {HTMLElement} page
 * @param {import("./app.js").Context} context
 * @param {string} type
 * @param {string} value
 * @param {string} [requestedTab]
 * @param {string} [filters] of the timeline
 */
export async function renderCustomer(page, context, type, value, requestedTab = "timeline", filters = "") {
  /** @type {Customer} */
  const customer = await get(["customers"], { [type]: value }, context.signal);
  const createTab = {
    timeline: () => createTimeline(
      "customers", { [type]: value }, context, ["customers", type, value, "timeline"], filters,
    ),
    graph: () => createCustomerGraph(customer, context),
    sessions: () => createSessionList(customer),
  };
  const isTab = Object.hasOwn(createTab, requestedTab);
  const tab = isTab ? /** @type {keyof typeof createTab} */ (requestedTab) : "timeline";
  const tabLinks = Object.entries(TABS).map(([name, label]) => h("a", {
    href: viewPath("customers", type, value, name), "aria-current": name === tab && "page",
  }, label));
  setChildren(page, h("div", { class: "customer" },
    createCard(customer, context, type, value),
    h("div", { class: "main" }, h("nav", { class: "tabs", "aria-label": "Views of this customer" }, tabLinks), createTab[tab]()),
    createValues(customer, context, type, value)));
}

/**
 * Name, photo and contact details.
 * @param {Customer} customer
 * @param {import("./app.js").Context} context
 * @param {string} type
 * @param {string} value
 */
function createCard(customer, context, type, value) {
  const attribute = (/** @type {string} */ name) => {
    const found = customer.attributes[name];
    return typeof found === "string" ? found.trim() : "";
  };
  const name = [attribute("first_name"), attribute("last_name")].filter(Boolean).join(" ") || value;
  const [company, email, phone] = [attribute("company_name"), attribute("email"), attribute("phone")];
  const emailUrl = EMAIL.test(email) ? `mailto:${encodeURIComponent(email)}` : undefined;
  const phoneUrl = PHONE.test(phone) ? `tel:${phone.replace(/[^\d+]/g, "")}` : undefined;
  return h("header", { class: "card" },
    createPhoto(attribute("photo"), name),
    h("div", { class: "card-main" },
      h("h1", { tabindex: -1 }, name),
      h("p", { class: "dim" }, company && h("span", { class: "company" }, company),
        h("span", { class: "kind" }, customer.customer.type), ` ${customer.customer.value}`),
      h("ul", { class: "contacts" },
        createContact("email", email, emailUrl),
        createContact("phone", phone, phoneUrl),
        createContact("language", languageName(attribute("language"))),
        createContact("domain", attribute("domain")))),
    h("dl", { class: "facts" },
      createFact("first seen", timeElement(customer.first_seen, formatAgo)),
      createFact("last seen", timeElement(customer.last_seen, formatAgo)),
      createFact("visits", String(customer.visits))),
    createCustomerActions(type, value, context));
}

/** The photo, or the initials if there is none or it cannot be loaded. @param {string} url @param {string} name */
function createPhoto(url, name) {
  const letters = name.split(/\s+/).map((part) => [...part][0]).slice(0, 2);
  const initials = h("span", { class: "photo", "aria-hidden": true }, letters.join("").toUpperCase());
  if (!PHOTO.test(url)) return initials;
  const image = h("img", {
    class: "photo", src: url, alt: "", referrerpolicy: "no-referrer", loading: "lazy",
    onerror: () => image.replaceWith(initials),
  });
  return image;
}

/** @param {string} label @param {string} text @param {string} [href] */
function createContact(label, text, href) {
  return text && h("li", {}, h("span", { class: "kind" }, label), " ", href ? h("a", { href }, text) : text);
}

/** `English (en)`, or the code itself if it is unknown. @param {string} code */
function languageName(code) {
  if (!/^[a-z]{2}$/i.test(code)) return code;
  const name = new Intl.DisplayNames(["en"], { type: "language", fallback: "none" }).of(code);
  return name ? `${name} (${code})` : code;
}

/** @param {string} label @param {Node | string} value */
const createFact = (label, value) => h("div", {}, h("dt", {}, label), h("dd", {}, value));

/** The customer's sessions by visitor, then those of the shop's backend. @param {Customer} customer */
function createSessionList(customer) {
  /** @type {any[]} */
  const sessions = customer.sessions;
  const backendSessions = sessions.filter(({ id }) => isBackendSession(id));
  /** @type {Map<string, any[]>} */
  const sessionsByVisitor = new Map();
  for (const session of sessions.filter(({ id }) => !isBackendSession(id))) {
    sessionsByVisitor.set(session.profile, [...(sessionsByVisitor.get(session.profile) ?? []), session]);
  }
  const sessionCount = sessions.length - backendSessions.length;
  return h("section", { class: "sessions", "aria-label": "Sessions and devices" },
    h("p", { class: "dim" }, `${formatCount(sessionCount, "session")} of ${formatCount(sessionsByVisitor.size, "visitor")}`,
      " (a visitor is one device or browser)."),
    [...sessionsByVisitor].map(([profile, visitorSessions]) => h("section", {},
      h("h2", {}, h("span", { class: "kind" }, "visitor"), " ", h("code", { title: profile }, shorten(profile, 40))),
      createSessionRows(visitorSessions))),
    backendSessions.length > 0 && h("section", {}, h("h2", {}, "Backend"),
      h("p", { class: "dim" }, "Events that the shop’s own systems reported, without a device."),
      createSessionRows(backendSessions)));
}

/** @param {any[]} sessions */
function createSessionRows(sessions) {
  return h("ul", { class: "rows" }, sessions.map(({ id, last_seen }) =>
    h("li", {}, createSessionLink(id, 40), h("span", { class: "dim" }, "last seen ", timeElement(last_seen, formatAgo)))));
}
