// The order form and the confirmation page. Customers who are not logged in order as guests, with an e-mail address.

import { h, setChildren } from "/console/dom.js";
import { trackActivity, waitBriefly } from "./activity.js";
import { formatPrice, toEcommerceProduct } from "./catalogue.js";
import { customerPath, identifyGuest, readCustomer } from "./customer.js";
import { createField } from "./fields.js";
import { createConsoleLink } from "./panel.js";
import { computeTotal, readBasket, readStored, writeStored } from "./storage.js";

/** In euros. */
const SHIPPING = 4.9;

/** @param {HTMLElement} main @returns {string} the page's title */
export function renderCheckout(main) {
  const lines = readBasket();
  if (!lines.length) {
    const shopLink = h("a", { href: "/demo" }, "Continue shopping");
    setChildren(main, h("h1", {}, "Checkout"), h("p", {}, "Your basket is empty. ", shopLink));
    return "Checkout";
  }
  const products = lines.map((line) => toEcommerceProduct(line.product, line.quantity));
  const checkout = { actionField: { step: 1 }, products };
  trackActivity("checkout", hardlink.trackEnhancedEcommerce({ currencyCode: "EUR", checkout }, "checkout"));
  setChildren(main, h("h1", {}, "Checkout"), h("div", { class: "two" }, createOrderForm(products), createSummary()));
  return "Checkout";
}

/** @param {import("../../../functions/sdk/hardlink.js").Properties[]} products */
function createOrderForm(products) {
  const customer = readCustomer();
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const email = String(new FormData(form).get("email")).trim().toLowerCase();
    placeOrder(products, email);
  };
  const guestNote = h("p", {}, "You are ordering as a guest. ",
    h("a", { href: "/demo/login?then=checkout" }, "Log in"), " if you have an account.");
  const name = customer && `${customer.first_name} ${customer.last_name}`.trim();
  const form = h("form", { class: "form", onsubmit: submit },
    !customer && guestNote,
    createField("name", "Name", { autocomplete: "name", value: name }),
    createField("email", "E-mail", {
      type: "email", autocomplete: "email", value: customer?.email, readonly: Boolean(customer),
    }),
    createField("address", "Address", { autocomplete: "street-address", placeholder: "Optional in this demo", required: false }),
    h("button", { type: "submit", class: "primary" }, `Order for ${formatPrice(computeTotal() + SHIPPING)}`));
  return form;
}

function createSummary() {
  const productLines = readBasket().map(({ product, quantity }) =>
    createSummaryLine(`${quantity} × ${product.name}`, product.price * quantity));
  return h("section", { class: "summary", "aria-label": "Order summary" }, h("dl", {}, productLines,
    createSummaryLine("Shipping", SHIPPING), createSummaryLine("Total", computeTotal() + SHIPPING)));
}

/** @param {string} text @param {number} amount in euros */
const createSummaryLine = (text, amount) => h("div", {}, h("dt", {}, text), h("dd", {}, formatPrice(amount)));

/**
 * Track the order, store it for the confirmation page, and open that page.
 * @param {import("../../../functions/sdk/hardlink.js").Properties[]} products
 * @param {string} email
 */
async function placeOrder(products, email) {
  const number = `N-${Date.now().toString(36).toUpperCase()}`;
  const revenue = Number((computeTotal() + SHIPPING).toFixed(2));
  const purchase = { actionField: { id: number, revenue, shipping: SHIPPING }, products };
  const calls = readCustomer() ? [] : [identifyGuest(email)];
  const transaction = hardlink.trackEnhancedEcommerce({ currencyCode: "EUR", purchase }, "purchase");
  calls.push(trackActivity(`transaction ${number}`, transaction));
  writeStored("order", { number, revenue });
  writeStored("basket", undefined);
  await waitBriefly(Promise.all(calls));
  location.assign("/demo/order");
}

/** @param {HTMLElement} main @returns {string} the page's title */
export function renderOrder(main) {
  const order = readStored("order", null);
  const customer = readCustomer();
  const title = order ? "Thank you" : "No order yet";
  const confirmation = order && h("p", {}, "Your order ", h("strong", {}, order.number),
    ` for ${formatPrice(order.revenue)} will not be delivered: this is a demo.`);
  const nextStep = customer
    ? h("p", {}, createConsoleLink(customerPath(customer), "See the order in your timeline"), ", in the console.")
    : h("p", {}, h("a", { href: "/demo/login" }, "Log in"),
      " with the same e-mail address to assign the order, and everything before it, to your account.");
  setChildren(main, h("div", { class: "thanks" }, h("h1", {}, title), confirmation, nextStep,
    h("a", { class: "button", href: "/demo" }, "Back to the shop")));
  return title;
}
