// The shop's start page: all products, or those of one room.

import { h, setChildren } from "/console/dom.js";
import { trackActivity } from "./activity.js";
import { findProduct, formatPrice, PRODUCTS, ROOMS, toEcommerceProduct } from "./catalogue.js";
import { createGreeting, createViewed } from "./personal.js";
import { createPicture } from "./pictures.js";

/** @param {HTMLElement} main @returns {string} the page's title */
export function renderProducts(main) {
  const room = new URLSearchParams(location.search).get("room") ?? "";
  const roomName = ROOMS[room];
  if (roomName) {
    trackActivity(`view_category ${roomName}`, hardlink.track("view_category", { category: roomName }));
  }
  const products = PRODUCTS.filter((product) => !roomName || product.room === room);
  const roomLinks = Object.entries(ROOMS).map(([id, text]) => createRoomLink(id, text, room));
  setChildren(main, !roomName && createHero(),
    h("div", { class: "heading" },
      h(roomName ? "h1" : "h2", {}, roomName || "All products"),
      h("nav", { class: "rooms", "aria-label": "Rooms" }, createRoomLink("", "All", room), roomLinks)),
    createCards(products.map(({ id }) => id), roomName ?? "Home"),
    createViewed());
  return roomName ?? "Small things for quiet rooms";
}

/**
 * Product cards. Clicks are tracked with the name of the list.
 * @param {string[]} ids
 * @param {string} listName
 */
export function createCards(ids, listName) {
  return h("ul", { class: "cards" }, ids.map((id, index) => {
    const product = findProduct(id);
    return product ? h("li", {}, createCard(product, listName, index + 1)) : null;
  }));
}

/** @param {import("./catalogue.js").Product} product @param {string} listName @param {number} position from 1 */
function createCard(product, listName, position) {
  const trackClick = () => {
    const products = [{ ...toEcommerceProduct(product), position }];
    const click = { actionField: { list: listName }, products };
    const call = hardlink.trackEnhancedEcommerce({ currencyCode: "EUR", click }, "click");
    trackActivity(`product_click ${product.name}`, call);
  };
  return h("a", { href: `/demo/product/${product.id}`, class: "card", onclick: trackClick },
    createPicture(product.id), h("span", { class: "name" }, product.name),
    h("span", { class: "price" }, formatPrice(product.price)));
}

function createHero() {
  return h("section", { class: "hero" },
    h("div", {},
      h("h1", {}, "Small things for quiet rooms"),
      createGreeting(),
      h("a", { class: "button", href: "/demo/product/lamp" }, "Discover the Dusk lamp")),
    h("div", { class: "still" }, createPicture("vase"), createPicture("lamp"), createPicture("teapot")));
}

/** @param {string} id of a room; empty for all @param {string} text @param {string} currentRoom */
function createRoomLink(id, text, currentRoom) {
  return h("a", { href: id ? `/demo?room=${id}` : "/demo", "aria-current": id === currentRoom && "true" }, text);
}
