// Looks somebody up by whatever identifier there is.

import { get, Refused } from "./api.js";
import { h, show } from "./dom.js";
import { path } from "./names.js";

/** @typedef {{type: string, kind: string}} IdentifierType */

/**
 * What a value may be, the likeliest first. A session is of type `session`, a visitor of type `profile`.
 * @param {string} value
 * @param {IdentifierType[]} types those that the project declares
 */
export function guesses(value, types) {
  const names = types.map(({ type }) => type);
  const mails = names.filter((type) => /mail/i.test(type));
  const others = names.filter((type) => !mails.includes(type));
  const made = value.startsWith("@") ? ["session"] : ["session", "profile"];
  if (value.includes("@") && !value.startsWith("@")) return [...mails, ...others, ...made];
  if (value.startsWith("@") || /^[0-9a-f]{8}-[0-9a-f]{4}-/i.test(value)) return [...made, ...others];
  return [...others, ...made, ...mails];
}

/**
 * @param {import("./app.js").Context} context
 */
export function searchForm(context) {
  const value = h("input", {
    type: "search", name: "value", required: true, autocomplete: "off", spellcheck: "false",
    placeholder: "E-mail, customer ID, session…", "aria-label": "Identifier", "data-find": true,
  });
  const type = h("select", { name: "type", "aria-label": "Type of identifier" },
    h("option", { value: "" }, "Any type"),
    [...context.types.map((one) => one.type), "profile", "session"].map((name) => h("option", { value: name }, name)));
  const status = h("p", { class: "found", role: "status" });
  return h("form", { class: "search", role: "search", onsubmit: look }, type, value,
    h("button", { type: "submit" }, "Look up"), status);

  /** @param {Event} event */
  async function look(event) {
    event.preventDefault();
    const wanted = value.value.trim();
    if (!wanted) return;
    show(status, "Looking…");
    try {
      const found = await first(wanted, type.value ? [type.value] : guesses(wanted, context.types));
      show(status, found ? "" : "Nobody is known by this.");
      if (found) location.hash = found;
    } catch (error) {
      show(status);
      if (error instanceof Refused) context.fail(error);
    }
  }
}

/**
 * Where the first of these types that knows the value is shown.
 * @param {string} value
 * @param {string[]} types
 */
async function first(value, types) {
  for (const type of types) {
    const parts = type === "session" ? ["sessions", value] : ["customers", type, value];
    try {
      await get(parts);
      return path(...parts);
    } catch (error) {
      if (!(error instanceof Refused) || ![400, 404].includes(error.status)) throw error;
      if (types.length === 1 && error.status === 400) throw error;
    }
  }
  return "";
}
