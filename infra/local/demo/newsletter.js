// A newsletter as it lies in a mailbox, and what the shop's backend asks before it is sent.

import { h, show } from "/console/dom.js";
import { find, money } from "./catalogue.js";
import { customer } from "./customer.js";
import { picture } from "./pictures.js";

const CAMPAIGN = "utm_source=newsletter&utm_medium=email&utm_campaign=autumn";
const PICKED = ["cushion", "pot"];

/** @param {HTMLElement} main */
export function newsletter(main) {
  const who = customer();
  const name = who?.first_name ?? "Ada";
  const email = who?.email ?? "ada@example.com";
  show(main, h("h1", {}, "The newsletter"),
    h("p", {}, "An e-mail is opened on any device. Its links say which campaign they are of, and whoever follows one is a visitor like any other."),
    h("div", { class: "two" }, mail(name, email), backend(email)));
  return "Newsletter";
}

/** @param {string} name @param {string} email */
function mail(name, email) {
  return h("article", { class: "mail", "aria-label": "The e-mail" },
    h("p", { class: "envelope" }, "From Nook · to ", email),
    h("h2", {}, "It gets dark earlier"),
    h("p", {}, `Hello ${name}, you looked at soft light lately. These go well with it:`),
    h("ul", { class: "picks" }, PICKED.map((id) => pick(id))),
    h("p", { class: "small" }, "Each link is ", h("code", {}, `${location.origin}/demo/product/…?${CAMPAIGN}`)));
}

/** @param {string} id */
function pick(id) {
  const found = find(id);
  return found ? h("li", {}, h("a", { href: `/demo/product/${id}?${CAMPAIGN}` }, picture(id), h("span", {}, `${found.name}, ${money(found.price)}`))) : null;
}

/** Only the server key may ask this: a page never could. @param {string} email */
function backend(email) {
  const { url = "" } = document.body.dataset;
  const call = `curl "${url}/tracking-user?email=${encodeURIComponent(email)}" \\\n  -H "Authorization: Bearer $KEY"`;
  const next = `curl "${url}/sessions/<session id>/events?type=product_detail" \\\n  -H "Authorization: Bearer $KEY"`;
  return h("section", { class: "summary", "aria-label": "What the shop’s backend asks" },
    h("h2", {}, "How it knew"),
    h("p", {}, "Before it sends, the shop’s backend asks Hardlink who was last seen behind this address:"),
    h("pre", { tabindex: 0 }, call),
    h("pre", { tabindex: 0 }, '{"session": {"id": "…"}, "profile": {"id": "…"}}'),
    h("p", {}, "and what that visitor looked at:"),
    h("pre", { tabindex: 0 }, next),
    h("p", { class: "small" }, "$KEY is the server key that the terminal shows. It never stands in a page."));
}
