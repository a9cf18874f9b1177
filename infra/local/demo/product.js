// A product page: tracks the view, and the addition to the basket.

import { h, setChildren } from "/console/dom.js";
import { trackActivity } from "./activity.js";
import { findProduct, formatPrice, ROOMS, toEcommerceProduct } from "./catalogue.js";
import { createRelated } from "./personal.js";
import { createPicture } from "./pictures.js";
import { readQuantity, setQuantity } from "./storage.js";

/** @param {HTMLElement} main @param {string} id @returns {string} the page's title */
export function renderProduct(main, id) {
  const product = findProduct(id);
  if (!product) {
    setChildren(main, h("h1", {}, "Product not found"), h("p", {}, h("a", { href: "/demo" }, "See all products")));
    return "Product not found";
  }
  const detail = { products: [toEcommerceProduct(product)] };
  const call = hardlink.trackEnhancedEcommerce({ currencyCode: "EUR", detail }, "detail");
  trackActivity(`product_detail ${product.name}`, call);

  setChildren(main,
    h("article", { class: "product" },
      createPicture(id, product.name),
      h("div", {},
        h("p", { class: "room" }, h("a", { href: `/demo?room=${product.room}` }, ROOMS[product.room])),
        h("h1", {}, product.name),
        h("p", { class: "price" }, formatPrice(product.price)),
        h("p", {}, product.text),
        h("ul", { class: "facts" }, product.facts.map((fact) => h("li", {}, fact))),
        createBuyButton(product))),
    createRelated(product));
  return product.name;
}

/** @param {import("./catalogue.js").Product} product */
function createBuyButton(product) {
  const status = h("p", { class: "done", role: "status" });
  const addToBasket = () => {
    setQuantity(product.id, readQuantity(product.id) + 1);
    const add = { products: [toEcommerceProduct(product, 1)] };
    const call = hardlink.trackEnhancedEcommerce({ currencyCode: "EUR", add }, "add");
    trackActivity(`product_add_to_cart ${product.name}`, call);
    setChildren(status, "Added to your basket. ", h("a", { href: "/demo/basket" }, "View basket"));
  };
  const button = h("button", { type: "button", class: "primary", onclick: addToBasket }, "Add to basket");
  return h("div", { class: "buying" }, button, status);
}
