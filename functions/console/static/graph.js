// Draws nodes in columns, from sessions on the left to customers on the right, and the links between them.

import { s } from "./dom.js";
import { short } from "./format.js";

/** @typedef {{id: string, column: number, kind: string, label: string, href?: string, customer?: boolean}} GraphNode */
/** @typedef {{key: string, from: string, to: string, style: string, text?: string, label?: string}} GraphEdge */
/** @typedef {Map<string, {x: number, y: number}>} Places */

const WIDTH = 176;
const HEIGHT = 42;
const GAP = 84;
const STEP = 58;
const EDGE = 8;
const LETTERS = 20;

/**
 * @param {GraphNode[]} nodes
 * @param {GraphEdge[]} edges
 * @param {(key: string, shown: boolean) => void} select called with the key of a link that was chosen
 */
export function draw(nodes, edges, select) {
  const places = placed(nodes, edges);
  const width = Math.max(...[...places.values()].map((at) => at.x)) + WIDTH + EDGE;
  const height = Math.max(...[...places.values()].map((at) => at.y)) + HEIGHT + EDGE;
  return s("svg", { class: "graph", width, height, viewBox: `0 0 ${width} ${height}` },
    edges.map((edge) => edgeOf(edge, places, siblings(edge, edges), select)),
    nodes.map((node) => nodeOf(node, places)));
}

/**
 * Where each node stands: the first column from top to bottom, every other at the height of what leads to it. What nothing
 * leads to stands below all columns before it, so that no link passes behind it.
 * @param {GraphNode[]} nodes
 * @param {GraphEdge[]} edges
 * @returns {Places}
 */
export function placed(nodes, edges) {
  /** @type {Places} */
  const places = new Map();
  let below = EDGE;
  const columns = [...new Set(nodes.map((node) => node.column))].sort((a, b) => a - b);
  columns.forEach((column, at) => {
    const wished = nodes
      .filter((node) => node.column === column)
      .map((node, row) => ({ node, y: height(node.id) ?? below + row * STEP }))
      .sort((a, b) => a.y - b.y);
    let free = EDGE;
    for (const { node, y } of wished) {
      const top = Math.max(free, y);
      places.set(node.id, { x: EDGE + at * (WIDTH + GAP), y: top });
      free = top + STEP;
    }
    below = Math.max(below, free);
  });
  return places;

  /** @param {string} id */
  function height(id) {
    const from = edges.filter((edge) => edge.to === id).flatMap((edge) => places.get(edge.from)?.y ?? []);
    return from.length ? from.reduce((sum, y) => sum + y, 0) / from.length : undefined;
  }
}

/** @param {GraphNode} node @param {Places} places */
function nodeOf(node, places) {
  const { x, y } = places.get(node.id) ?? { x: 0, y: 0 };
  const inside = [
    s("title", {}, `${node.kind} ${node.label}`),
    s("rect", { x, y, width: WIDTH, height: HEIGHT, rx: 7 }),
    s("text", { x: x + 11, y: y + 16, class: "node-kind" }, node.customer ? `${node.kind} · customer` : node.kind),
    s("text", { x: x + 11, y: y + 32, class: "node-label" }, short(node.label, LETTERS)),
  ];
  const class_ = `node column-${node.column}${node.customer ? " customer-node" : ""}`;
  if (!node.href) return s("g", { class: class_ }, inside);
  return s("a", { class: class_, href: node.href }, inside);
}

/**
 * @param {GraphEdge} edge
 * @param {Places} places
 * @param {{at: number, of: number}} lane among edges between the same two nodes
 * @param {(key: string, shown: boolean) => void} select
 */
function edgeOf(edge, places, lane, select) {
  const from = places.get(edge.from) ?? { x: 0, y: 0 };
  const to = places.get(edge.to) ?? { x: 0, y: 0 };
  const shift = (lane.at - (lane.of - 1) / 2) * 16;
  const [x1, y1, x2, y2] = [from.x + WIDTH, from.y + HEIGHT / 2 + shift, to.x, to.y + HEIGHT / 2 + shift];
  const bend = Math.max(30, (x2 - x1) / 2);
  const line = `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
  if (!edge.text) return s("path", { class: `edge ${edge.style}`, d: line, "aria-hidden": true });
  const chosen = (/** @type {Event} */ event) => select(edge.key, event.type !== "focus");
  return s("g", {
    class: `edge ${edge.style}`, tabindex: 0, role: "button", "data-link": edge.key,
    "aria-label": edge.label, onclick: chosen, onfocus: chosen,
    onkeydown: (/** @type {KeyboardEvent} */ event) => ["Enter", " "].includes(event.key) && chosen(event),
  },
  s("path", { class: "reach", d: line }), s("path", { d: line }),
  s("text", { x: (x1 + x2) / 2, y: (y1 + y2) / 2 - 6 }, edge.text));
}

/** @param {GraphEdge} edge @param {GraphEdge[]} edges */
function siblings(edge, edges) {
  const same = edges.filter((other) => other.from === edge.from && other.to === edge.to);
  return { at: same.indexOf(edge), of: same.length };
}
