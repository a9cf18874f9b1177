// Form fields.

import { h } from "/console/dom.js";

/**
 * A labelled input.
 * @param {string} name
 * @param {string} label
 * @param {import("/console/dom.js").Props} [attributes] of the input
 */
export function createField(name, label, attributes = {}) {
  return h("p", { class: "field" }, h("label", { for: name }, label),
    h("input", { id: name, name, type: "text", required: true, ...attributes }));
}
