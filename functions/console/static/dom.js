// Creates elements from data. All values become text or attributes: nothing here parses markup.

/** @typedef {Node | string | number | null | undefined | false} Child */
/** @typedef {Record<string, string | number | boolean | null | undefined | ((event: any) => void)>} Props */

const SVG = "http://www.w3.org/2000/svg";

/**
 * Create an HTML element. Functions (`onclick`) become listeners, all other properties attributes; `false`, `null` and
 * `undefined` omit one.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Props} [props]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  fillElement(element, props, children);
  return element;
}

/**
 * Create an SVG element, with the same parameters as `h`.
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag
 * @param {Props} [props]
 * @param {...(Child | Child[])} children
 * @returns {SVGElementTagNameMap[T]}
 */
export function s(tag, props = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  fillElement(element, props, children);
  return element;
}

/**
 * Replace all children of an element.
 * @param {Element} parent
 * @param {...(Child | Child[])} children
 */
export function setChildren(parent, ...children) {
  parent.replaceChildren(...toNodes(children));
}

/**
 * @param {Element} element
 * @param {Props} props
 * @param {(Child | Child[])[]} children
 */
function fillElement(element, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === false || value === null || value === undefined) continue;
    if (typeof value === "function") element.addEventListener(name.slice("on".length), value);
    else element.setAttribute(name, toAttribute(name, value));
  }
  element.append(...toNodes(children));
}

/** A `true` becomes the empty string in HTML attributes, but `"true"` in ARIA's. @param {string} name @param {string | number | boolean} value */
function toAttribute(name, value) {
  return value === true && !name.startsWith("aria-") ? "" : String(value);
}

/**
 * @param {(Child | Child[])[]} children
 * @returns {(Node | string)[]}
 */
function toNodes(children) {
  return children
    .flat()
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));
}
