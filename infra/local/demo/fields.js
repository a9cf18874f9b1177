// A labelled field of a form.

import { h } from "/console/dom.js";

/**
 * @param {string} name
 * @param {string} label
 * @param {import("/console/dom.js").Props} [more] attributes of its input
 */
export function field(name, label, more = {}) {
  return h("p", { class: "field" }, h("label", { for: name }, label),
    h("input", { id: name, name, type: "text", required: true, ...more }));
}
