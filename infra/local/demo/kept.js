// What the shop itself keeps on this device: the basket, who is logged in, what was said to the question of privacy.

import { find } from "./catalogue.js";

/** @typedef {{product: import("./catalogue.js").Product, quantity: number}} Line */

/** Asked every time, as asking raises where storage is forbidden. */
const DEVICE = () => localStorage;
/** What is kept for this tab alone. */
export const TAB = () => sessionStorage;

/**
 * @param {string} name
 * @param {any} otherwise
 * @returns {any}
 */
export function read(name, otherwise, storage = DEVICE) {
  try {
    return JSON.parse(storage().getItem(`nook.${name}`) ?? "null") ?? otherwise;
  } catch {
    return otherwise;
  }
}

/** @param {string} name @param {unknown} value nothing forgets it */
export function write(name, value, storage = DEVICE) {
  try {
    if (value === undefined) storage().removeItem(`nook.${name}`);
    else storage().setItem(`nook.${name}`, JSON.stringify(value));
  } catch {
    // storage is forbidden or full: the page goes on without
  }
}

/** @returns {Line[]} what lies in the basket */
export function basket() {
  /** @type {[string, number][]} */
  const entries = Object.entries(read("basket", {}));
  return entries.flatMap(([id, quantity]) => {
    const product = find(id);
    return product ? [{ product, quantity }] : [];
  });
}

/** @param {string} id @param {number} quantity none takes it out */
export function put(id, quantity) {
  const { [id]: _, ...others } = read("basket", {});
  write("basket", quantity > 0 ? { ...others, [id]: quantity } : others);
  for (const shown of document.querySelectorAll("[data-count]")) shown.textContent = String(count());
}

/** @param {string} id */
export const quantityOf = (id) => basket().find(({ product }) => product.id === id)?.quantity ?? 0;

export const count = () => basket().reduce((sum, { quantity }) => sum + quantity, 0);

export const total = () => basket().reduce((sum, { product, quantity }) => sum + product.price * quantity, 0);
