// What lies in the basket, and how much of it.

import { h, show } from "/console/dom.js";
import { money, sold } from "./catalogue.js";
import { basket, put, total } from "./kept.js";
import { picture } from "./pictures.js";
import { note } from "./told.js";

/** @param {HTMLElement} main */
export function basketPage(main) {
  const place = h("div", { class: "basket" });
  show(main, h("h1", {}, "Your basket"), place);
  draw(place);
  return "Basket";
}

/** @param {HTMLElement} place */
function draw(place) {
  const lines = basket();
  if (!lines.length) {
    show(place, h("p", {}, "There is nothing in it yet."), h("a", { class: "button", href: "/demo" }, "Look around"));
    return;
  }
  show(place,
    h("ul", { class: "lines" }, lines.map((line) => row(line, () => draw(place)))),
    h("div", { class: "sum" }, h("p", {}, "Together ", h("strong", {}, money(total()))),
      h("a", { class: "button", href: "/demo/checkout" }, "To the checkout")));
}

/** @param {import("./kept.js").Line} line @param {() => void} changed */
function row({ product, quantity }, changed) {
  const set = (/** @type {number} */ wanted) => {
    put(product.id, wanted);
    const [kind, type, amount] = wanted > quantity
      ? ["add", "product_add_to_cart", wanted - quantity]
      : ["remove", "product_remove_from_cart", quantity - wanted];
    const said = { currencyCode: "EUR", [kind]: { products: [sold(product, Number(amount))] } };
    note(`${type} ${product.name}`, hardlink.trackEnhancedEcommerce(said, kind === "add" ? "add" : "remove"));
    changed();
  };
  /** @param {string} text @param {string} label @param {number} wanted */
  const button = (text, label, wanted) =>
    h("button", { type: "button", "aria-label": `${label} ${product.name}`, onclick: () => set(wanted) }, text);
  return h("li", {},
    h("a", { href: `/demo/product/${product.id}`, tabindex: -1, "aria-hidden": true }, picture(product.id)),
    h("p", {}, h("a", { href: `/demo/product/${product.id}` }, product.name), h("span", { class: "price" }, money(product.price))),
    h("div", { class: "amount" }, button("−", "One less:", quantity - 1), h("span", {}, quantity), button("+", "One more:", quantity + 1)),
    h("strong", {}, money(product.price * quantity)),
    button("Remove", "Remove", 0));
}
