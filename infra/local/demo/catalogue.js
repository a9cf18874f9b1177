// The shop's products, and their form in ecommerce events.

/** @typedef {{id: string, name: string, price: number, room: string, text: string, facts: string[]}} Product */

/** Names by ID. @type {Record<string, string>} */
export const ROOMS = { kitchen: "Kitchen", living: "Living room", desk: "Desk" };

/** @type {Product[]} */
export const PRODUCTS = [
  createProduct("lamp", "Dusk lamp", 79, "living", "A linen shade that lets the evening in slowly.", ["Linen and oak", "42 cm high", "Bulb included"]),
  createProduct("mug", "Morning mug", 14, "kitchen", "Holds exactly one good start. Glazed inside, bare stoneware outside.", ["Stoneware", "300 ml", "Dishwasher safe"]),
  createProduct("vase", "One-stem vase", 32, "living", "For the single branch you brought home from a walk.", ["Hand-blown glass", "24 cm high", "Every one a little different"]),
  createProduct("clock", "Noon clock", 58, "desk", "Four marks, two hands, no ticking.", ["Silent movement", "20 cm across", "Stands or hangs"]),
  createProduct("stool", "Perch stool", 95, "desk", "To sit on, to put a book on, to reach the upper shelf.", ["Solid ash", "45 cm high", "Carries 130 kg"]),
  createProduct("pot", "Fern pot", 26, "living", "Unglazed, so that roots breathe. The fern is yours to choose.", ["Terracotta", "16 cm across", "With saucer"]),
  createProduct("teapot", "Hush teapot", 44, "kitchen", "Pours without a drip, which took us four years.", ["Porcelain", "800 ml", "Steel strainer"]),
  createProduct("cushion", "Loaf cushion", 38, "living", "Woven stripes, and a filling that keeps its shape.", ["Wool and cotton", "45 × 45 cm", "Cover comes off"]),
];

const PRICE = new Intl.NumberFormat("en-IE", { style: "currency", currency: "EUR" });

/** @param {number} amount */
export const formatPrice = (amount) => PRICE.format(amount);

/** @param {string} id */
export const findProduct = (id) => PRODUCTS.find((product) => product.id === id);

/**
 * A product in the form of Google's Enhanced Ecommerce, which `trackEnhancedEcommerce` expects.
 * @param {Product} product
 * @param {number} [quantity]
 */
export function toEcommerceProduct({ id, name, price, room }, quantity) {
  return { id, name, price, category: ROOMS[room], quantity };
}

/**
 * @param {string} id
 * @param {string} name
 * @param {number} price in euros
 * @param {string} room a key of `ROOMS`
 * @param {string} text
 * @param {string[]} facts
 * @returns {Product}
 */
function createProduct(id, name, price, room, text, facts) {
  return { id, name, price, room, text, facts };
}
