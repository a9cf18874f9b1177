// The search field: finds a customer or a session by any identifier.

import { ApiError, get } from "./api.js";
import { h, setChildren } from "./dom.js";
import { viewPath } from "./links.js";
import { matchesPart, readRecentCustomers } from "./recent.js";

/** @typedef {{type: string, kind: string}} IdentifierType */

const NOT_FOUND = "No customer or session has this identifier. No customer of the last day has it in a name or an address.";

/**
 * The types that a value may have, the most likely first. Sessions have the type `session`, visitors `profile`.
 * @param {string} value
 * @param {IdentifierType[]} types that the project declares
 * @returns {string[]}
 */
export function guessTypes(value, types) {
  const names = types.map(({ type }) => type);
  const emailTypes = names.filter((type) => /mail/i.test(type));
  const otherTypes = names.filter((type) => !emailTypes.includes(type));
  const isBackendSession = value.startsWith("@");
  const isUuid = /^[0-9a-f]{8}-[0-9a-f]{4}-/i.test(value);

  if (isBackendSession) return ["session", ...otherTypes];
  if (value.includes("@")) return [...emailTypes, ...otherTypes, "session", "profile"];
  if (isUuid) return ["session", "profile", ...otherTypes];
  return [...otherTypes, "session", "profile", ...emailTypes];
}

/** @param {import("./app.js").Context} context */
export function createSearchForm(context) {
  const valueInput = h("input", {
    type: "search", name: "value", required: true, autocomplete: "off", spellcheck: "false",
    placeholder: "E-mail, customer ID, session…", "aria-label": "Identifier", "data-find": true,
  });
  const typeNames = [...context.types.map(({ type }) => type), "profile", "session"];
  const typeSelect = h("select", { name: "type", "aria-label": "Type of identifier" },
    h("option", { value: "" }, "Any type"), typeNames.map((name) => h("option", { value: name }, name)));
  const status = h("p", { class: "search-status", role: "status" });
  return h("form", { class: "search", role: "search", onsubmit: search }, typeSelect, valueInput,
    h("button", { type: "submit" }, "Look up"), status);

  /** @param {Event} event */
  async function search(event) {
    event.preventDefault();
    const value = valueInput.value.trim();
    if (!value) return;
    setChildren(status, "Searching…");
    try {
      const types = typeSelect.value ? [typeSelect.value] : guessTypes(value, context.types);
      const path = await findFirst(value, types) || (typeSelect.value ? "" : await findPart(value));
      setChildren(status, path ? "" : NOT_FOUND);
      if (path) location.hash = path;
    } catch (error) {
      setChildren(status);
      if (error instanceof ApiError) context.showError(error);
    }
  }
}

/**
 * @param {string} value
 * @param {string[]} types tried in this order
 * @returns {Promise<string>} the path of the view of the first match; empty if there is none
 */
async function findFirst(value, types) {
  for (const type of types) {
    try {
      if (type === "session") {
        await get(["sessions"], { id: value });
        return viewPath("sessions", value);
      }
      await get(["customers"], { [type]: value });
      return viewPath("customers", type, value);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const isInvalid = error.status === 400; // the value cannot be of this type
      if (!isInvalid && error.status !== 404) throw error;
      if (isInvalid && types.length === 1) throw error;
    }
  }
  return "";
}

/** The list of recent customers, if it has one with this part of a name or an address; else empty. @param {string} part */
async function findPart(part) {
  const { customers } = await readRecentCustomers();
  return customers.some((customer) => matchesPart(customer, part)) ? viewPath("customers", part) : "";
}
