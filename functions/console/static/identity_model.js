// Nodes and edges of an identity graph, computed from sessions and their links.

import { isBackendSession, parseNode, viewPath } from "./links.js";

/** `since`: when a new span begins; `null` or the beginning of time if there is none. `said`: when the command was issued. */
/** @typedef {{from: string, to: string, rule: string, since: string | null, said: string, at: string, evidence: string, source: string, undone: string | null}} Link */
/** @typedef {{session: {id: string}, profile: {id: string}, customer: import("./links.js").NodeId | null, why: Link[]}} Session */
/** @typedef {import("./graph.js").GraphNode} GraphNode */
/** @typedef {import("./graph.js").GraphEdge} GraphEdge */

/**
 * @typedef {object} IdentityData
 * @property {Session[]} sessions one of each visitor, with the visitor's links
 * @property {Map<string, string[]>} sessionIds all session IDs by profile
 * @property {string[][]} identifierLinks pairs: an identifier of the customer, and the customer
 * @property {string} [root] the customer, to which visitors that are not drawn one by one belong
 */

const MAX_SESSIONS_PER_VISITOR = 4;
/** From so many visitors on, one session of each is drawn, and the rule that most links have is not repeated at each. */
const MANY_VISITORS = 4;
const COLUMNS = { session: 0, profile: 1, soft: 2, hard: 3 };

/** The links of all sessions, each once. @param {Session[]} sessions */
export function collectLinks(sessions) {
  const linksByKey = new Map(sessions.flatMap(({ why }) => why).map((link) => [linkKey(link), link]));
  return [...linksByKey.values()];
}

/** @param {IdentityData} data @returns {GraphEdge[]} */
export function buildEdges(data) {
  const links = collectLinks(data.sessions);
  const usual = usualRule(links);
  const linkEdges = links.map((link) => linkEdge(link, links, usual));
  return [...sessionEdges(data), ...linkEdges, ...groupEdge(data), ...identifierEdges(data, links)];
}

/**
 * The rule that is not repeated at each of many links, because most of them have it; empty if there are few.
 * @param {Link[]} links
 */
export function usualRule(links) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { rule } of links) counts.set(rule, (counts.get(rule) ?? 0) + 1);
  const [[rule, count] = ["", 0]] = [...counts].sort((a, b) => b[1] - a[1]);
  return count >= MANY_VISITORS ? rule : "";
}

/** How many visitors are not drawn one by one. @param {IdentityData} data */
export const countGrouped = ({ sessions, sessionIds }) => sessionIds.size - sessions.length;

/** From all visitors that are not drawn one by one to the customer. @param {IdentityData} data @returns {GraphEdge[]} */
function groupEdge(data) {
  const count = countGrouped(data);
  if (!data.root || count <= 0) return [];
  const from = `group=${count.toLocaleString("en")} more`;
  return [{ key: from, from, to: data.root, style: "fixed" }];
}

/** @param {IdentityData} data @param {GraphEdge[]} edges @param {Set<string>} hardTypes @returns {GraphNode[]} */
export function buildNodes({ sessions, identifierLinks }, edges, hardTypes) {
  const customers = new Set(sessions.map(({ customer }) => customer && `${customer.type}=${customer.value}`));
  const ids = [...edges.flatMap(({ from, to }) => [from, to]), ...identifierLinks.map(([from]) => from)];
  return [...new Set(ids)].map((id) => ({ id, ...describeNode(id, hardTypes), customer: customers.has(id) }));
}

/** Identifies a link in the graph and in the list. @param {Link} link */
export const linkKey = (link) => JSON.stringify([link.from, link.to, link.evidence]);

/**
 * Whether the next link of the same node replaced it. A link that begins a new span does not replace the previous one.
 * @param {Link} link
 * @param {Link[]} links
 */
export function isPast(link, links) {
  const [next] = links
    .filter(({ from, undone, said }) => from === link.from && !undone && said > link.said)
    .sort((a, b) => (a.said < b.said ? -1 : 1));
  return next !== undefined && next.since === null;
}

/** From the first sessions of each visitor to the visitor, and one edge for the remaining ones. @param {IdentityData} data @returns {GraphEdge[]} */
function sessionEdges({ sessions, sessionIds }) {
  const most = sessions.length < MANY_VISITORS ? MAX_SESSIONS_PER_VISITOR : 1;
  return sessions.flatMap(({ profile }) => {
    const ids = sessionIds.get(profile.id) ?? [];
    const to = `profile=${profile.id}`;
    const fromNodes = ids.slice(0, most).map((id) => `session=${id}`);
    const remaining = ids.length - fromNodes.length;
    if (remaining > 0) fromNodes.push(`more=${remaining} more of ${profile.id}`);
    return fromNodes.map((from) => ({ key: from, from, to, style: "fixed" }));
  });
}

/** For identifiers of the customer that no link mentions. @param {IdentityData} data @param {Link[]} links @returns {GraphEdge[]} */
function identifierEdges({ identifierLinks }, links) {
  const linked = new Set(links.flatMap(({ from, to }) => [from, to]));
  return identifierLinks
    .filter(([from, to]) => from !== to && !linked.has(from))
    .map(([from, to]) => ({ key: `identifier ${from}`, from, to, style: "identifier" }));
}

/** @param {Link} link @param {Link[]} links @param {string} usual the rule that is not shown @returns {GraphEdge} */
function linkEdge(link, links, usual) {
  const style = link.undone ? "undone" : isPast(link, links) ? "past" : "link";
  const state = style === "link" ? "" : `, ${style}`;
  const label = `${link.from} to ${link.to}: ${link.rule}${state}`;
  const text = link.rule === usual && style === "link" ? undefined : link.rule;
  return { key: linkKey(link), from: link.from, to: link.to, style, text, label };
}

/** @param {string} id @param {Set<string>} hardTypes @returns {{column: number, kind: string, label: string, href?: string}} */
function describeNode(id, hardTypes) {
  const { type, value } = parseNode(id);
  if (type === "more") return { column: COLUMNS.session, kind: "sessions", label: value.replace(/ of .*/, "") };
  if (type === "group") return { column: COLUMNS.profile, kind: "visitors", label: value };
  if (type === "session") {
    const href = viewPath("sessions", value);
    if (isBackendSession(value)) return { column: COLUMNS.session, kind: "backend", label: value.slice(1), href };
    return { column: COLUMNS.session, kind: "session", label: value, href };
  }
  const href = viewPath("customers", type, value);
  if (type === "profile") return { column: COLUMNS.profile, kind: "visitor", label: value, href };
  const column = hardTypes.has(type) ? COLUMNS.hard : COLUMNS.soft;
  return { column, kind: type, label: value, href };
}
