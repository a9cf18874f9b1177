// One product: looking at it is an event, putting it in the basket another.

import { h, show } from "/console/dom.js";
import { find, money, PRODUCTS, ROOMS, sold } from "./catalogue.js";
import { put, quantityOf } from "./kept.js";
import { cards } from "./list.js";
import { picture } from "./pictures.js";
import { note } from "./told.js";

/** @param {HTMLElement} main @param {string} id */
export function product(main, id) {
  const found = find(id);
  if (!found) {
    show(main, h("h1", {}, "This is sold out for good"), h("p", {}, h("a", { href: "/demo" }, "See what there is")));
    return "Not here";
  }
  note(`product_detail ${found.name}`, hardlink.trackEnhancedEcommerce({ currencyCode: "EUR", detail: { products: [sold(found)] } }, "detail"));
  const others = PRODUCTS.filter((one) => one !== found).sort((one) => (one.room === found.room ? -1 : 1)).slice(0, 4);
  show(main,
    h("article", { class: "product" },
      picture(id, found.name),
      h("div", {},
        h("p", { class: "room" }, h("a", { href: `/demo?room=${found.room}` }, ROOMS[found.room])),
        h("h1", {}, found.name),
        h("p", { class: "price" }, money(found.price)),
        h("p", {}, found.text),
        h("ul", { class: "facts" }, found.facts.map((fact) => h("li", {}, fact))),
        buying(found))),
    h("section", { class: "others" }, h("h2", {}, "Goes well with it"), cards(others.map((one) => one.id), "Goes well")));
  return found.name;
}

/** @param {import("./catalogue.js").Product} found */
function buying(found) {
  const status = h("p", { class: "done", role: "status" });
  const add = () => {
    put(found.id, quantityOf(found.id) + 1);
    note(`product_add_to_cart ${found.name}`, hardlink.trackEnhancedEcommerce({ currencyCode: "EUR", add: { products: [sold(found, 1)] } }, "add"));
    show(status, "It is in your basket. ", h("a", { href: "/demo/basket" }, "See the basket"));
  };
  return h("div", { class: "buying" }, h("button", { type: "button", class: "primary", onclick: add }, "Put in the basket"), status);
}
