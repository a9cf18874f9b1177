// The order form, and the thanks afterwards. Who orders as a guest leaves an e-mail address.

import { h, show } from "/console/dom.js";
import { money, sold } from "./catalogue.js";
import { customer, guest } from "./customer.js";
import { field } from "./fields.js";
import { basket, read, total, write } from "./kept.js";
import { inConsole } from "./panel.js";
import { note, soon } from "./told.js";

const SHIPPING = 4.9;

/** @param {HTMLElement} main */
export function checkout(main) {
  const lines = basket();
  if (!lines.length) {
    show(main, h("h1", {}, "Checkout"), h("p", {}, "There is nothing to pay for yet. ", h("a", { href: "/demo" }, "Look around")));
    return "Checkout";
  }
  const products = lines.map((line) => sold(line.product, line.quantity));
  note("checkout", hardlink.trackEnhancedEcommerce({ currencyCode: "EUR", checkout: { actionField: { step: 1 }, products } }, "checkout"));
  const who = customer();
  const form = h("form", { class: "form", onsubmit: (/** @type {Event} */ event) => {
    event.preventDefault();
    const given = new FormData(form);
    pay(products, String(given.get("email")).trim().toLowerCase());
  } },
  !who && h("p", {}, "You order as a guest. ", h("a", { href: "/demo/login?then=checkout" }, "Log in"), " if you have been here before."),
  field("name", "Name", { autocomplete: "name", value: who && `${who.first_name} ${who.last_name}`.trim() }),
  field("email", "E-mail", { type: "email", autocomplete: "email", value: who?.email, readonly: Boolean(who) }),
  field("address", "Address", { autocomplete: "street-address", placeholder: "Any street will do", required: false }),
  h("button", { type: "submit", class: "primary" }, `Order for ${money(total() + SHIPPING)}`));
  show(main, h("h1", {}, "Checkout"), h("div", { class: "two" }, form, summary()));
  return "Checkout";
}

function summary() {
  return h("section", { class: "summary", "aria-label": "What you order" }, h("dl", {},
    basket().map(({ product, quantity }) => line(`${quantity} × ${product.name}`, product.price * quantity)),
    line("Parcel", SHIPPING), line("Together", total() + SHIPPING)));
}

/** @param {string} text @param {number} amount */
const line = (text, amount) => h("div", {}, h("dt", {}, text), h("dd", {}, money(amount)));

/** @param {import("../../functions/sdk/hardlink.js").Properties[]} products @param {string} email */
async function pay(products, email) {
  const number = `N-${Date.now().toString(36).toUpperCase()}`;
  const revenue = Number((total() + SHIPPING).toFixed(2));
  const purchase = { actionField: { id: number, revenue, shipping: SHIPPING }, products };
  const told = customer() ? [] : [guest(email)];
  told.push(note(`transaction ${number}`, hardlink.trackEnhancedEcommerce({ currencyCode: "EUR", purchase }, "purchase")));
  write("order", { number, revenue });
  write("basket", undefined);
  await soon(Promise.all(told));
  location.assign("/demo/order");
}

/** @param {HTMLElement} main */
export function order(main) {
  const found = read("order", null);
  const who = customer();
  const { hard = "registered" } = document.body.dataset;
  show(main, h("div", { class: "thanks" },
    h("h1", {}, found ? "Thank you" : "No order yet"),
    found && h("p", {}, "Your order ", h("strong", {}, found.number), ` over ${money(found.revenue)} is on its way to nowhere: this is a demo.`),
    who
      ? h("p", {}, inConsole(["customers", hard, who.id], "See the order among everything you did"), ", in the console.")
      : h("p", {}, h("a", { href: "/demo/login" }, "Log in"), " with the same e-mail address, and the order is yours, with all that led to it."),
    h("a", { class: "button", href: "/demo" }, "Back to the shop")));
  return found ? "Thank you" : "No order yet";
}
