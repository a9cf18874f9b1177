// What the shop stores on the device: the basket, the customer who is logged in, and the choice of consent.

import { findProduct } from "./catalogue.js";

/** @typedef {{product: import("./catalogue.js").Product, quantity: number}} BasketLine */

/** Functions, because reading the property throws where storage is forbidden. */
const DEVICE = () => localStorage;
export const TAB = () => sessionStorage;

/**
 * @param {string} name
 * @param {any} fallback if there is no value, or storage is forbidden
 * @returns {any}
 */
export function readStored(name, fallback, storage = DEVICE) {
  try {
    return JSON.parse(storage().getItem(`nook.${name}`) ?? "null") ?? fallback;
  } catch {
    return fallback;
  }
}

/** @param {string} name @param {unknown} value `undefined` removes it */
export function writeStored(name, value, storage = DEVICE) {
  try {
    if (value === undefined) storage().removeItem(`nook.${name}`);
    else storage().setItem(`nook.${name}`, JSON.stringify(value));
  } catch {
    // storage is forbidden or full: the page works without it
  }
}

/** @returns {BasketLine[]} */
export function readBasket() {
  /** @type {[string, number][]} */
  const entries = Object.entries(readStored("basket", {}));
  return entries.flatMap(([id, quantity]) => {
    const product = findProduct(id);
    return product ? [{ product, quantity }] : [];
  });
}

/** Change the basket, and update the counter in the header. @param {string} id @param {number} quantity 0 removes the product */
export function setQuantity(id, quantity) {
  const { [id]: _, ...others } = readStored("basket", {});
  writeStored("basket", quantity > 0 ? { ...others, [id]: quantity } : others);
  for (const counter of document.querySelectorAll("[data-count]")) counter.textContent = String(countItems());
}

/** @param {string} id */
export const readQuantity = (id) => readBasket().find(({ product }) => product.id === id)?.quantity ?? 0;

export const countItems = () => readBasket().reduce((sum, { quantity }) => sum + quantity, 0);

/** Without shipping, in euros. */
export const computeTotal = () => readBasket().reduce((sum, { product, quantity }) => sum + product.price * quantity, 0);
