// What the shop shows this visitor alone: traits and segments that Hardlink computes of their activity, read from the page.

import { h, setChildren } from "/console/dom.js";
import { findProduct, PRODUCTS } from "./catalogue.js";
import { onConsent } from "./consent.js";
import { createCards } from "./products.js";

/** @typedef {import("./catalogue.js").Product} Product */
/** @typedef {import("../../../functions/sdk/hardlink.js").VisitorValues} Values */

const MAX_CARDS = 4;
const WELCOME = "Lamps, pots and one very good mug. Made slowly, in small numbers, to last.";
/** @type {Values} */
const NO_VALUES = { traits: {}, segments: {}, incomplete: {} };

/** Values of this visitor; none without consent, or without an answer: the shop works without them. */
async function readValues() {
  try {
    return await hardlink.visitor();
  } catch {
    return NO_VALUES;
  }
}

/**
 * A part of the page that is drawn again when the visitor's values are known, and when they accept or decline tracking.
 * @param {(values: Values) => import("/console/dom.js").Child[]} draw
 */
function createPart(draw) {
  const part = h("div", { class: "personal", "aria-busy": true });
  const redraw = async () => {
    setChildren(part, ...draw(await readValues()));
    part.removeAttribute("aria-busy");
  };
  setChildren(part, ...draw(NO_VALUES));
  onConsent(redraw);
  redraw();
  return part;
}

/** A greeting for customers in the segment `buyer`, and another for everybody else. */
export const createGreeting = () => createPart(({ segments }) => {
  const text = segments.buyer ? "Good to see you again. You have ordered before, so delivery is on us." : WELCOME;
  return [h("p", {}, text)];
});

/** The products that this visitor looked at last. */
export const createViewed = () => createPart(({ traits }) => {
  const viewed = findProducts(traits.recently_viewed).slice(0, MAX_CARDS);
  return [viewed.length > 0 && createList("You looked at", "Looked at", viewed)];
});

/** Products that go well with one, and with what this customer has bought. @param {Product} product */
export const createRelated = (product) => createPart(({ traits }) => {
  const bought = findProducts(traits.last_purchases);
  const [newest] = bought.filter((other) => other !== product);
  const title = newest ? `Goes well with it, and with your ${newest.name}` : "Goes well with it";
  return [createList(title, "Goes well", findRelated(product, bought))];
});

/** @param {string} title @param {string} listName in the events of clicks @param {Product[]} products */
function createList(title, listName, products) {
  return h("section", { class: "others" }, h("h2", {}, title), createCards(products.map(({ id }) => id), listName));
}

/**
 * Products that the customer does not have: those of the same room first, then of the rooms that they bought for.
 * @param {Product} product
 * @param {Product[]} bought
 */
function findRelated(product, bought) {
  const rooms = [product.room, ...bought.map(({ room }) => room)];
  /** @param {Product} other */
  const rank = ({ room }) => (rooms.includes(room) ? rooms.indexOf(room) : rooms.length);
  return PRODUCTS
    .filter((other) => other !== product && !bought.includes(other))
    .sort((one, other) => rank(one) - rank(other))
    .slice(0, MAX_CARDS);
}

/** Products of this shop, without IDs that it does not have. @param {unknown} ids */
function findProducts(ids) {
  const listed = Array.isArray(ids) ? ids.map((id) => findProduct(String(id))) : [];
  return listed.flatMap((product) => product ?? []);
}
