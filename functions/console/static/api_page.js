// The native calls, as the OpenAPI document describes them: what each takes and answers, with an example.

import { get } from "./api.js";
import { h, setChildren } from "./dom.js";
import { renderJson } from "./format.js";

/** @typedef {Record<string, any>} Schema of JSON Schema */
/** @typedef {{name: string, in: string, required?: boolean, description?: string, schema: Schema}} Parameter */
/** @typedef {{schema: Schema, example?: unknown}} Media */
/** @typedef {{summary: string, security: object[], parameters?: Parameter[], requestBody?: {required: boolean, content: Record<string, Media>}, responses: Record<string, any>}} Operation */
/** @typedef {{name: string, type: string, isRequired: boolean, description: string}} Field */
/** @typedef {Record<string, Schema>} Schemas by name */

const JSON_TYPE = "application/json";
const REFERENCE = "#/components/schemas/";

/**
 * @param {HTMLElement} page
 * @param {import("./app.js").Context} context
 */
export async function renderApi(page, { signal }) {
  const { paths, components, info } = await get(["openapi.json"], {}, signal);
  const calls = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => createCall(`${method.toUpperCase()} ${path}`, operation, components.schemas)));
  const list = h("div", { class: "calls" }, calls);
  const filter = h("input", {
    type: "search", placeholder: "Filter: any text", "aria-label": "Filter calls", "data-key": "/",
    oninput: () => showMatching(calls, filter.value),
  });
  setChildren(page, h("header", { class: "head" }, h("h1", { tabindex: -1 }, "API"),
    h("p", { class: "dim" }, `${calls.length} calls, version ${info.version} · `, h("a", { href: "openapi.json" }, "openapi.json"))),
  h("p", {}, "A write key is ", h("code", {}, "source.id"), " in the body, and public. A server key is the header ",
    h("code", {}, "Authorization: Bearer <key>"), ", and secret."),
  h("div", { class: "tools" }, filter), list);
}

/** @param {HTMLElement[]} calls @param {string} text */
function showMatching(calls, text) {
  const wanted = text.trim().toLowerCase();
  for (const call of calls) call.hidden = !(call.textContent ?? "").toLowerCase().includes(wanted);
}

/**
 * A line that opens.
 * @param {string} route
 * @param {Operation} operation
 * @param {Schemas} schemas
 */
function createCall(route, operation, schemas) {
  const media = operation.requestBody?.content[JSON_TYPE];
  const key = operation.security.length ? "server key" : media ? "write key" : "no key";
  const statuses = Object.entries(operation.responses).filter(([status]) => status.startsWith("2"));
  const [[status, answer]] = statuses;
  return h("details", { class: "call" },
    h("summary", {}, h("code", {}, route), h("span", {}, operation.summary), h("span", { class: "mark" }, key)),
    h("div", { class: "call-body" },
      createFields("Parameters", (operation.parameters ?? []).map((parameter) => parameterField(parameter, schemas)), parameterNote(operation)),
      media && createFields("Body", listFields(media.schema, schemas)),
      media?.example !== undefined && h("section", {}, h("h2", {}, "Example"), renderJson(media.example)),
      createFields(`Answer ${status}`, listFields(answer.content[JSON_TYPE].schema, schemas), describe(answer.content[JSON_TYPE].schema, schemas)),
      h("p", { class: "dim" }, `May be refused with ${Object.keys(operation.responses).filter((code) => code !== status).join(", ")}: `,
        "the answer is ", h("code", {}, '{"error": {"code", "message", "field"?}}'), ".")));
}

/** @param {Operation} operation */
const parameterNote = ({ parameters = [] }) =>
  parameters.some(({ name }) => name === "identifier") ? "`identifier` is the type itself, such as `registered=gordon`." : "";

/** @param {Parameter} parameter @param {Schemas} schemas @returns {Field} */
const parameterField = ({ name, in: place, required = false, description = "", schema }, schemas) =>
  ({ name, type: `${typeName(schema, schemas)}, in the ${place}`, isRequired: required, description });

/**
 * @param {string} title
 * @param {Field[]} fields
 * @param {string} [note]
 */
function createFields(title, fields, note = "") {
  if (!fields.length && !note) return false;
  return h("section", {}, h("h2", {}, title), note && h("p", { class: "dim" }, note),
    fields.length > 0 && h("dl", { class: "values" }, fields.map(({ name, type, isRequired, description }) =>
      h("div", {}, h("dt", {}, h("code", {}, name), isRequired && h("span", { class: "mark" }, "required")),
        h("dd", {}, h("span", { class: "kind" }, type), description && ` ${description}`)))));
}

/** The properties of an object's schema. @param {Schema} schema @param {Schemas} schemas @returns {Field[]} */
export function listFields(schema, schemas) {
  const { properties = {}, required = [] } = resolve(schema, schemas);
  return Object.entries(properties).map(([name, property]) => ({
    name,
    type: typeName(property, schemas),
    isRequired: required.includes(name),
    description: property.description ?? "",
  }));
}

/** A type in a few words: `string`, `list of Event`, `granted or denied`. @param {Schema} schema @param {Schemas} schemas @returns {string} */
export function typeName(schema, schemas) {
  if (schema.$ref) return schema.$ref.replace(REFERENCE, "");
  if (schema.enum) return schema.enum.map(String).join(" or ");
  if (schema.anyOf) {
    return [...new Set(schema.anyOf.map((/** @type {Schema} */ one) => typeName(one, schemas)))].join(" or ");
  }
  if (schema.type === "array") return `list of ${schema.items ? typeName(schema.items, schemas) : "anything"}`;
  if (Array.isArray(schema.type)) return schema.type.join(" or ");
  return schema.format ?? schema.type ?? "anything";
}

/** @param {Schema} schema @param {Schemas} schemas @returns {string} */
const describe = (schema, schemas) => resolve(schema, schemas).description ?? "";

/** @param {Schema} schema @param {Schemas} schemas @returns {Schema} */
const resolve = (schema, schemas) => (schema.$ref ? schemas[schema.$ref.replace(REFERENCE, "")] : schema);
