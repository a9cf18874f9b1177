// The basket page.

import { h, setChildren } from "/console/dom.js";
import { trackActivity } from "./activity.js";
import { formatPrice, toEcommerceProduct } from "./catalogue.js";
import { createPicture } from "./pictures.js";
import { computeTotal, readBasket, setQuantity } from "./storage.js";

/** @param {HTMLElement} main @returns {string} the page's title */
export function renderBasket(main) {
  const content = h("div", { class: "basket" });
  setChildren(main, h("h1", {}, "Your basket"), content);
  drawBasket(content);
  return "Basket";
}

/** @param {HTMLElement} content */
function drawBasket(content) {
  const lines = readBasket();
  if (!lines.length) {
    setChildren(content, h("p", {}, "Your basket is empty."), h("a", { class: "button", href: "/demo" }, "Continue shopping"));
    return;
  }
  const redraw = () => drawBasket(content);
  setChildren(content,
    h("ul", { class: "lines" }, lines.map((line) => createRow(line, redraw))),
    h("div", { class: "sum" }, h("p", {}, "Total ", h("strong", {}, formatPrice(computeTotal()))),
      h("a", { class: "button", href: "/demo/checkout" }, "Go to checkout")));
}

/** @param {import("./storage.js").BasketLine} line @param {() => void} onChanged */
function createRow({ product, quantity }, onChanged) {
  const changeQuantity = (/** @type {number} */ newQuantity) => {
    setQuantity(product.id, newQuantity);
    trackQuantity(product, newQuantity - quantity);
    onChanged();
  };
  /** @param {string} text @param {string} label @param {number} newQuantity */
  const createButton = (text, label, newQuantity) => h("button", {
    type: "button", "aria-label": `${label} ${product.name}`, onclick: () => changeQuantity(newQuantity),
  }, text);
  const url = `/demo/product/${product.id}`;
  return h("li", {},
    h("a", { href: url, tabindex: -1, "aria-hidden": true }, createPicture(product.id)),
    h("p", {}, h("a", { href: url }, product.name), h("span", { class: "price" }, formatPrice(product.price))),
    h("div", { class: "amount" },
      createButton("−", "One less:", quantity - 1), h("span", {}, quantity), createButton("+", "One more:", quantity + 1)),
    h("strong", {}, formatPrice(product.price * quantity)),
    createButton("Remove", "Remove", 0));
}

/** @param {import("./catalogue.js").Product} product @param {number} difference negative if items were removed */
function trackQuantity(product, difference) {
  const kind = difference > 0 ? "add" : "remove";
  const type = difference > 0 ? "product_add_to_cart" : "product_remove_from_cart";
  const products = [toEcommerceProduct(product, Math.abs(difference))];
  const call = hardlink.trackEnhancedEcommerce({ currencyCode: "EUR", [kind]: { products } }, kind);
  trackActivity(`${type} ${product.name}`, call);
}
