// Draws an identity graph as SVG: nodes in columns, from sessions on the left to customers on the right; on a narrow
// screen from customers on the left to sessions on the right, so that it starts at its root.

import { s } from "./dom.js";
import { shorten } from "./format.js";

/** @typedef {{id: string, column: number, kind: string, label: string, href?: string, customer?: boolean}} GraphNode */
/** `label`: what a link is called, which can then be selected by its `key`; `text`: shown at the edge. */
/** @typedef {{key: string, from: string, to: string, style: string, text?: string, label?: string}} GraphEdge */
/** @typedef {{nodes: GraphNode[], edges: GraphEdge[], rootFirst: boolean}} Layout `rootFirst`: customers on the left */
/** @typedef {{x: number, y: number}} Position of a node's upper left corner */
/** @typedef {Map<string, Position>} Positions by the node's ID */

// in pixels
const NODE_WIDTH = 176;
const NODE_HEIGHT = 42;
const COLUMN_GAP = 84;
const ROW_STEP = 58;
const MARGIN = 8;
const PARALLEL_EDGE_GAP = 16;
const MIN_BEND = 30;
const MAX_LABEL_CHARACTERS = 20;

/**
 * @param {Layout} layout
 * @param {(key: string, scroll: boolean) => void} onSelect called with the key of the edge that was clicked or focused
 */
export function drawGraph({ nodes, edges, rootFirst }, onSelect) {
  const positions = rootFirst ? placeNodes(nodes.map(turnNode), edges.map(turnEdge)) : placeNodes(nodes, edges);
  const width = Math.max(...[...positions.values()].map(({ x }) => x)) + NODE_WIDTH + MARGIN;
  const height = Math.max(...[...positions.values()].map(({ y }) => y)) + NODE_HEIGHT + MARGIN;
  return s("svg", { class: "graph", width, height, viewBox: `0 0 ${width} ${height}` },
    edges.map((edge) => drawEdge(edge, positions, findLane(edge, edges), onSelect)),
    nodes.map((node) => drawNode(node, positions)));
}

/** @param {GraphNode} node @returns {GraphNode} */
const turnNode = (node) => ({ ...node, column: -node.column });

/** @param {GraphEdge} edge @returns {GraphEdge} */
const turnEdge = (edge) => ({ ...edge, from: edge.to, to: edge.from });

/**
 * Compute where each node is drawn: the first column from top to bottom, later nodes at the average height of the nodes
 * that lead to them. A node to which no edge leads is placed below the columns before it, so that no edge passes behind.
 * @param {GraphNode[]} nodes
 * @param {GraphEdge[]} edges
 * @returns {Positions}
 */
export function placeNodes(nodes, edges) {
  /** @type {Positions} */
  const positions = new Map();
  let bottom = MARGIN;
  const columns = [...new Set(nodes.map(({ column }) => column))].sort((a, b) => a - b);
  columns.forEach((column, index) => {
    const wishes = nodes
      .filter((node) => node.column === column)
      .map((node) => ({ node, y: averageSourceHeight(node.id, edges, positions) ?? bottom }))
      .sort((a, b) => a.y - b.y);
    let nextFree = MARGIN;
    for (const { node, y: wishedY } of wishes) {
      const y = Math.max(nextFree, wishedY);
      positions.set(node.id, { x: MARGIN + index * (NODE_WIDTH + COLUMN_GAP), y });
      nextFree = y + ROW_STEP;
    }
    bottom = Math.max(bottom, nextFree);
  });
  return positions;
}

/** @param {string} id @param {GraphEdge[]} edges @param {Positions} positions */
function averageSourceHeight(id, edges, positions) {
  const heights = edges.filter(({ to }) => to === id).flatMap(({ from }) => positions.get(from)?.y ?? []);
  if (!heights.length) return undefined;
  return heights.reduce((sum, y) => sum + y, 0) / heights.length;
}

/** @param {GraphNode} node @param {Positions} positions */
function drawNode(node, positions) {
  const { x, y } = positions.get(node.id) ?? { x: 0, y: 0 };
  const kind = node.customer ? `${node.kind} · customer` : node.kind;
  const content = [
    s("title", {}, `${node.kind} ${node.label}`),
    s("rect", { x, y, width: NODE_WIDTH, height: NODE_HEIGHT, rx: 7 }),
    s("text", { x: x + 11, y: y + 16, class: "node-kind" }, kind),
    s("text", { x: x + 11, y: y + 32, class: "node-label" }, shorten(node.label, MAX_LABEL_CHARACTERS)),
  ];
  const className = `node column-${node.column}${node.customer ? " customer-node" : ""}`;
  if (!node.href) return s("g", { class: className }, content);
  return s("a", { class: className, href: node.href }, content);
}

/**
 * @param {GraphEdge} edge
 * @param {Positions} positions
 * @param {{index: number, count: number}} lane among the edges between the same two nodes
 * @param {(key: string, scroll: boolean) => void} onSelect
 */
function drawEdge(edge, positions, lane, onSelect) {
  const ends = [positions.get(edge.from) ?? { x: 0, y: 0 }, positions.get(edge.to) ?? { x: 0, y: 0 }];
  const [from, to] = ends.sort((a, b) => a.x - b.x);
  const offset = (lane.index - (lane.count - 1) / 2) * PARALLEL_EDGE_GAP;
  const [x1, y1] = [from.x + NODE_WIDTH, from.y + NODE_HEIGHT / 2 + offset];
  const [x2, y2] = [to.x, to.y + NODE_HEIGHT / 2 + offset];
  const bend = Math.max(MIN_BEND, (x2 - x1) / 2);
  const path = `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
  if (!edge.label) return s("path", { class: `edge ${edge.style}`, d: path, "aria-hidden": true });

  // focusing an edge must not scroll the page away from it
  const select = (/** @type {Event} */ event) => onSelect(edge.key, event.type !== "focus");
  return s("g", {
    class: `edge ${edge.style}`, tabindex: 0, role: "button", "data-link": edge.key, "aria-label": edge.label,
    onclick: select, onfocus: select,
    onkeydown: (/** @type {KeyboardEvent} */ event) => ["Enter", " "].includes(event.key) && select(event),
  },
  s("path", { class: "hit-area", d: path }), s("path", { d: path }),
  edge.text && s("text", { x: (x1 + x2) / 2, y: (y1 + y2) / 2 - 6 }, edge.text));
}

/** @param {GraphEdge} edge @param {GraphEdge[]} edges */
function findLane(edge, edges) {
  const parallelEdges = edges.filter(({ from, to }) => from === edge.from && to === edge.to);
  return { index: parallelEdges.indexOf(edge), count: parallelEdges.length };
}
