// A sample newsletter, and the API calls with which a shop's backend selects its content.

import { h, setChildren } from "/console/dom.js";
import { findProduct, formatPrice } from "./catalogue.js";
import { readCustomer } from "./customer.js";
import { createPicture } from "./pictures.js";

const CAMPAIGN = "utm_source=newsletter&utm_medium=email&utm_campaign=autumn";
const RECOMMENDED = ["cushion", "pot"];

/** @param {HTMLElement} main @returns {string} the page's title */
export function renderNewsletter(main) {
  const customer = readCustomer();
  const name = customer?.first_name ?? "Ada";
  const email = customer?.email ?? "ada@example.com";
  setChildren(main, h("h1", {}, "The newsletter"),
    h("p", {}, "An e-mail can be opened on any device. Its links name the campaign, and a visitor who follows one is tracked like any other."),
    h("div", { class: "two" }, createEmail(name, email), createBackendCalls(email)));
  return "Newsletter";
}

/** @param {string} name @param {string} email */
function createEmail(name, email) {
  return h("article", { class: "mail", "aria-label": "The e-mail" },
    h("p", { class: "envelope" }, "From Nook · to ", email),
    h("h2", {}, "The evenings are getting longer"),
    h("p", {}, `Hello ${name}, you recently looked at soft light. These go well with it:`),
    h("ul", { class: "picks" }, RECOMMENDED.map(createRecommendation)),
    h("p", { class: "small" }, "The links are ", h("code", {}, `${location.origin}/demo/product/…?${CAMPAIGN}`)));
}

/** @param {string} id */
function createRecommendation(id) {
  const product = findProduct(id);
  if (!product) return null;
  const label = `${product.name}, ${formatPrice(product.price)}`;
  return h("li", {}, h("a", { href: `/demo/product/${id}?${CAMPAIGN}` }, createPicture(id), h("span", {}, label)));
}

/** The calls need the server key, so only the backend can make them. @param {string} email */
function createBackendCalls(email) {
  const { url = "" } = document.body.dataset;
  const authorization = '-H "Authorization: Bearer $KEY"';
  const findVisitor = `curl "${url}/tracking-user?email=${encodeURIComponent(email)}" \\\n  ${authorization}`;
  const readEvents = `curl "${url}/sessions/events?id=<session id>&type=product_detail" \\\n  ${authorization}`;
  return h("section", { class: "summary", "aria-label": "Calls of the shop’s backend" },
    h("h2", {}, "Where the content comes from"),
    h("p", {}, "Before it sends the e-mail, the shop’s backend asks Hardlink for the latest visitor with this address:"),
    h("pre", { tabindex: 0 }, findVisitor),
    h("pre", { tabindex: 0 }, '{"session": {"id": "…"}, "profile": {"id": "…"}}'),
    h("p", {}, "Then it asks which products that visitor looked at:"),
    h("pre", { tabindex: 0 }, readEvents),
    h("p", { class: "small" }, "$KEY is the server key that the terminal shows. It must never be part of a page."));
}
