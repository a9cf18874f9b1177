// A customer: who this is, what is known, what happened, and why it is theirs.

import { get } from "./api.js";
import { h, show } from "./dom.js";
import { ago, counted, isEmpty, pretty, short, time } from "./format.js";
import { graphOf } from "./identity.js";
import { isOwn, path, sessionLink } from "./names.js";
import { privacy } from "./privacy.js";
import { timeline } from "./timeline.js";

/** @typedef {Record<string, any>} Customer as `GET /customers/{type}/{value}` answers it */

const SPECIAL = ["first_name", "last_name", "company_name", "photo", "email", "phone", "language", "domain"];
const PHOTO = /^(https:\/\/|data:image\/(png|jpeg|gif|webp);base64,)/i;
const PHONE = /^\+?[\d\s()./-]{5,32}$/;
const MAIL = /^[^\s@<>"]+@[^\s@<>"]+$/;
/** @type {Record<string, string>} */
const VIEWS = { timeline: "Timeline", graph: "Identity graph", sessions: "Sessions and devices" };

/**
 * @param {HTMLElement} page
 * @param {import("./app.js").Context} context
 * @param {string} type
 * @param {string} value
 * @param {string} [view]
 */
export async function customer(page, context, type, value, view = "timeline") {
  /** @type {Customer} */
  const found = await get(["customers", type, value], {}, context.signal);
  const views = {
    timeline: () => timeline(["customers", type, value], context),
    graph: () => graphOf(found, context),
    sessions: () => sessions(found),
  };
  const shown = Object.hasOwn(views, view) ? /** @type {keyof typeof views} */ (view) : "timeline";
  show(page, h("div", { class: "customer" },
    card(found, context, type, value),
    h("div", { class: "main" },
      h("nav", { class: "tabs", "aria-label": "Views of this customer" },
        Object.entries(VIEWS).map(([name, label]) => h("a", {
          href: path("customers", type, value, name), "aria-current": name === shown && "page",
        }, label))),
      views[shown]()),
    known(found)));
}

/**
 * Who this is: the special attributes, and what finds them.
 * @param {Customer} found
 * @param {import("./app.js").Context} context
 * @param {string} type
 * @param {string} value
 */
function card(found, context, type, value) {
  const { attributes } = found;
  const text = (/** @type {string} */ name) => typeof attributes[name] === "string" ? attributes[name].trim() : "";
  const name = [text("first_name"), text("last_name")].filter(Boolean).join(" ");
  return h("header", { class: "card" },
    photo(text("photo"), name || value),
    h("div", { class: "who-is" },
      h("h1", { tabindex: -1 }, name || value),
      h("p", { class: "dim" }, text("company_name") && h("span", { class: "company" }, text("company_name")),
        h("span", { class: "kind" }, found.customer.type), ` ${found.customer.value}`),
      h("ul", { class: "contacts" },
        MAIL.test(text("email")) ? contact("email", text("email"), `mailto:${encodeURIComponent(text("email"))}`)
          : contact("email", text("email")),
        PHONE.test(text("phone")) ? contact("phone", text("phone"), `tel:${text("phone").replace(/[^\d+]/g, "")}`)
          : contact("phone", text("phone")),
        contact("language", language(text("language"))),
        contact("domain", text("domain")))),
    h("dl", { class: "facts" },
      fact("first seen", time(found.first_seen, ago)),
      fact("last seen", time(found.last_seen, ago)),
      fact("visits", String(found.visits))),
    privacy(type, value, context));
}

/** @param {string} url @param {string} name */
function photo(url, name) {
  const initials = h("span", { class: "photo", "aria-hidden": true },
    name.split(/\s+/).map((part) => [...part][0]).slice(0, 2).join("").toUpperCase());
  if (!PHOTO.test(url)) return initials;
  const image = h("img", {
    class: "photo", src: url, alt: "", referrerpolicy: "no-referrer", loading: "lazy",
    onerror: () => image.replaceWith(initials),
  });
  return image;
}

/** @param {string} label @param {string} text @param {string} [href] */
function contact(label, text, href) {
  return text && h("li", {}, h("span", { class: "kind" }, label), " ", href ? h("a", { href }, text) : text);
}

/** @param {string} code */
function language(code) {
  if (!/^[a-z]{2}$/i.test(code)) return code;
  const name = new Intl.DisplayNames(["en"], { type: "language", fallback: "none" }).of(code);
  return name ? `${name} (${code})` : code;
}

/** @param {string} label @param {Node | string} value */
const fact = (label, value) => h("div", {}, h("dt", {}, label), h("dd", {}, value));

/** @param {Customer} found */
function known(found) {
  const others = Object.entries(found.attributes).filter(([name, value]) =>
    !SPECIAL.includes(name) || typeof value !== "string" || name === "photo");
  return h("aside", { class: "known", "aria-label": "What is known" },
    section("Identifiers", table(Object.entries(found.identifiers).map(([name, all]) =>
      /** @type {[string, Node]} */ ([name, h("ul", { class: "plain" }, all.map((/** @type {string} */ one) => h("li", {}, one)))])))),
    others.length > 0 && section("Attributes", table(others.map(([name, value]) => [name, pretty(value)]))),
    !isEmpty(found.segments) && section("Segments", h("ul", { class: "chips" },
      found.segments.map((/** @type {string} */ name) => h("li", {}, name)))),
    !isEmpty(found.traits) && section("Traits", table(Object.entries(found.traits).map(([name, value]) => [name, pretty(value)]))),
    !isEmpty(found.consents) && section("Consents", table(Object.entries(found.consents).map(consent))));
}

/** @param {[string, any]} entry @returns {[string, Node]} */
function consent([name, value]) {
  const said = typeof value === "boolean" ? (value ? "granted" : "denied") : value;
  if (said !== "granted" && said !== "denied") return [name, pretty(value)];
  return [name, h("span", { class: `consent ${said}` }, said)];
}

/** @param {string} title @param {Node} inside */
const section = (title, inside) => h("section", {}, h("h2", {}, title), inside);

/** @param {[string, Node][]} rows */
const table = (rows) => h("dl", { class: "values" }, rows.map(([name, value]) =>
  h("div", {}, h("dt", {}, name), h("dd", {}, value))));

/** @param {Customer} found */
function sessions(found) {
  const own = found.sessions.filter((/** @type {any} */ one) => isOwn(one.id));
  const visits = found.sessions.filter((/** @type {any} */ one) => !isOwn(one.id));
  /** @type {Map<string, any[]>} */
  const devices = new Map();
  for (const one of visits) devices.set(one.profile, [...(devices.get(one.profile) ?? []), one]);
  return h("section", { class: "sessions", "aria-label": "Sessions and devices" },
    h("p", { class: "dim" }, `${counted(visits.length, "session")} of ${counted(devices.size, "visitor")}`,
      " (a visitor is one device or browser)."),
    [...devices].map(([profile, some]) => h("section", {},
      h("h2", {}, h("span", { class: "kind" }, "visitor"), " ", h("code", { title: profile }, short(profile, 40))),
      list(some))),
    own.length > 0 && h("section", {}, h("h2", {}, "On no device"),
      h("p", { class: "dim" }, "What the shop's own systems told of this customer."), list(own)));
}

/** @param {any[]} some */
const list = (some) => h("ul", { class: "rows" }, some.map((one) =>
  h("li", {}, sessionLink(one.id, 40), h("span", { class: "dim" }, "last seen ", time(one.last_seen, ago)))));

