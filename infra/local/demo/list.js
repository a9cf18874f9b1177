// All products, or those of one room.

import { h, show } from "/console/dom.js";
import { find, money, PRODUCTS, ROOMS, sold } from "./catalogue.js";
import { picture } from "./pictures.js";
import { note } from "./told.js";

/** @param {HTMLElement} main */
export function list(main) {
  const room = new URLSearchParams(location.search).get("room") ?? "";
  const name = ROOMS[room];
  if (name) note(`view_category ${name}`, hardlink.track("view_category", { category: name }));
  show(main, !name && hero(),
    h("div", { class: "heading" },
      h(name ? "h1" : "h2", {}, name || "Everything"),
      h("nav", { class: "rooms", "aria-label": "Rooms" },
        chip("", "All", room), Object.entries(ROOMS).map(([id, text]) => chip(id, text, room)))),
    cards(PRODUCTS.filter((one) => !name || one.room === room).map((one) => one.id), name ?? "Home"));
  return name ?? "Small things for quiet rooms";
}

/**
 * Cards of these products. A click is told with the list that it happened in.
 * @param {string[]} ids
 * @param {string} listed
 */
export function cards(ids, listed) {
  return h("ul", { class: "cards" }, ids.map((id, index) => {
    const product = find(id);
    if (!product) return null;
    const click = { actionField: { list: listed }, products: [{ ...sold(product), position: index + 1 }] };
    return h("li", {}, h("a", {
      href: `/demo/product/${id}`, class: "card",
      onclick: () => note(`product_click ${product.name}`, hardlink.trackEnhancedEcommerce({ currencyCode: "EUR", click }, "click")),
    }, picture(id), h("span", { class: "name" }, product.name), h("span", { class: "price" }, money(product.price))));
  }));
}

function hero() {
  return h("section", { class: "hero" },
    h("div", {},
      h("h1", {}, "Small things for quiet rooms"),
      h("p", {}, "Lamps, pots and one very good mug. Made slowly, by few people, to stay."),
      h("a", { class: "button", href: "/demo/product/lamp" }, "Meet the Dusk lamp")),
    h("div", { class: "still" }, picture("vase"), picture("lamp"), picture("teapot")));
}

/** @param {string} id @param {string} text @param {string} room that is shown */
function chip(id, text, room) {
  return h("a", { href: id ? `/demo?room=${id}` : "/demo", "aria-current": id === room && "true" }, text);
}
