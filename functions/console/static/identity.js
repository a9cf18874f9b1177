// Why sessions belong to whom they belong: a picture, the same as a list, and undo.

import { get, post, Refused } from "./api.js";
import { ask } from "./dialog.js";
import { h, show } from "./dom.js";
import { counted, short, time } from "./format.js";
import { draw } from "./graph.js";
import { isOwn, named, path } from "./names.js";

/** @typedef {{from: string, to: string, rule: string, since: string | null, said: string, at: string, evidence: string, source: string, undone: string | null}} Link */
/** @typedef {{session: {id: string}, profile: {id: string}, customer: import("./names.js").Named | null, why: Link[]}} Session */
/** @typedef {import("./graph.js").GraphNode} GraphNode */
/** @typedef {import("./graph.js").GraphEdge} GraphEdge */
/** @typedef {import("./app.js").Context} Context */

const AT_ONCE = 8;
const SESSIONS = 4;
/** @type {Record<string, string>} */
const RULES = {
  first: "first known: the whole history came along",
  known: "known by one more identifier",
  move: "known as somebody else: the activity moved",
  split: "known as somebody else: a new span began",
};

/**
 * @param {Session} found
 * @param {Context} context
 */
export function graphOfSession(found, context) {
  return graph([found], new Map([[found.profile.id, [found.session.id]]]), [], context);
}

/**
 * @param {any} customer
 * @param {Context} context
 */
export function graphOf(customer, context) {
  /** @type {Map<string, string[]>} */
  const visitors = new Map();
  for (const one of customer.sessions) {
    visitors.set(one.profile, [...(visitors.get(one.profile) ?? []), one.id]);
  }
  const root = `${customer.customer.type}=${customer.customer.value}`;
  const found = Object.entries(customer.identifiers).flatMap(([type, all]) =>
    /** @type {string[]} */ (all).map((value) => [`${type}=${value}`, root]));
  const view = h("section", { "aria-label": "Identity graph" }, h("p", { role: "status" }, "Loading…"));
  load(AT_ONCE);
  return view;

  /** @param {number} most */
  async function load(most) {
    try {
      const some = [...visitors.values()].slice(0, most);
      const why = await Promise.all(some.map(([id]) => get(["sessions", id], {}, context.signal)));
      show(view, graph(why, visitors, found, context),
        some.length < visitors.size && h("button", { type: "button", onclick: () => load(most + AT_ONCE) },
          `Show more of ${counted(visitors.size, "visitor")}`));
    } catch (error) {
      if (error instanceof Refused) show(view, h("p", { class: "error", role: "alert" }, error.message));
    }
  }
}

/**
 * @param {Session[]} known one session of each visitor, with its links
 * @param {Map<string, string[]>} visitors sessions by profile
 * @param {string[][]} identifiers those that find the customer, and the customer
 * @param {Context} context
 */
function graph(known, visitors, identifiers, context) {
  const picture = h("div", { class: "picture", tabindex: 0, role: "group", "aria-label": "Identity graph; arrow keys scroll" });
  const list = h("ul", { class: "links", "aria-label": "Links" });
  render();
  // where the screen is too narrow for all of it, the customer is seen first
  requestAnimationFrame(() => {
    picture.scrollLeft = picture.scrollWidth;
  });
  return h("div", { class: "identity" }, picture, list);

  function render() {
    const links = [...new Map(known.flatMap((one) => one.why).map((link) => [keyOf(link), link])).values()];
    const edges = [...sessionEdges(), ...links.map((link) => linkEdge(link, links)), ...identifierEdges(links)];
    show(picture, draw(nodesOf(edges), edges, select));
    show(list, links.length ? links.map((link) => row(link, links)) : h("li", { class: "dim" }, "No links: nobody said yet who this is."));
  }

  /** @returns {GraphEdge[]} */
  function sessionEdges() {
    return known.flatMap(({ profile }) => {
      const all = visitors.get(profile.id) ?? [];
      const to = `profile=${profile.id}`;
      const shown = all.slice(0, SESSIONS).map((id) => ({ key: `session=${id}`, from: `session=${id}`, to, style: "fixed" }));
      const rest = all.length - shown.length;
      const from = `more=${rest} more of ${profile.id}`;
      return rest > 0 ? [...shown, { key: from, from, to, style: "fixed" }] : shown;
    });
  }

  /** @param {Link[]} links @returns {GraphEdge[]} */
  function identifierEdges(links) {
    const drawn = new Set(links.flatMap((link) => [link.from, link.to]));
    return identifiers
      .filter(([from, to]) => from !== to && !drawn.has(from))
      .map(([from, to]) => ({ key: `finds ${from}`, from, to, style: "finds" }));
  }

  /** @param {GraphEdge[]} edges @returns {GraphNode[]} */
  function nodesOf(edges) {
    const customers = new Set(known.map((one) => one.customer && `${one.customer.type}=${one.customer.value}`));
    const names = [...edges.flatMap((edge) => [edge.from, edge.to]), ...identifiers.map(([from]) => from)];
    return [...new Set(names)].map((id) => {
      const { type, value } = named(id);
      return { id, ...looks(type, value), customer: customers.has(id) };
    });
  }

  /** @param {string} type @param {string} value @returns {{column: number, kind: string, label: string, href?: string}} */
  function looks(type, value) {
    if (type === "more") return { column: 0, kind: "sessions", label: value.replace(/ of .*/, "") };
    if (type === "session") {
      const [kind, label] = isOwn(value) ? ["backend", value.slice(1)] : ["session", value];
      return { column: 0, kind, label, href: path("sessions", value) };
    }
    const href = path("customers", type, value);
    if (type === "profile") return { column: 1, kind: "visitor", label: value, href };
    return { column: context.hard.has(type) ? 3 : 2, kind: type, label: value, href };
  }

  /** @param {Link} link @param {Link[]} links */
  function row(link, links) {
    const owner = known.find((one) => one.why.some((other) => keyOf(other) === keyOf(link)));
    const newest = owner?.why.find((one) => !one.undone);
    return h("li", { "data-link": keyOf(link), class: link.undone ? "undone" : "" },
      h("p", { class: "joins" }, nodeName(link.from), h("span", { class: "arrow" }, " → "), nodeName(link.to)),
      h("p", { class: "rule" }, h("span", { class: "mark" }, link.rule), " ", RULES[link.rule] ?? "",
        isPast(link, links) && !link.undone && h("span", { class: "dim" }, " · a later link took its place")),
      h("dl", { class: "facts" },
        fact("said", time(link.said)), fact("stored", time(link.at)),
        link.since && Date.parse(link.since) > 0 && fact("begins", time(link.since)),
        fact("source", link.source),
        fact("evidence", h("code", { title: link.evidence }, short(link.evidence, 40))),
        link.undone && fact("undone", time(link.undone))),
      owner && newest?.evidence === link.evidence && !link.undone && h("button", {
        type: "button", class: "danger", onclick: () => undo(owner, link),
        "aria-label": `Undo the link from ${link.from} to ${link.to}`,
      }, "Undo"));
  }

  /** @param {Session} owner @param {Link} link */
  async function undo(owner, link) {
    const meant = owner.why.filter((one) => one.evidence === link.evidence && !one.undone);
    const sure = await ask("Undo this link?", "Undo", [
      h("p", {}, meant.length > 1 ? "One command made these links. They are taken back together:"
        : "This link is taken back, as if it had never been made:"),
      h("ul", {}, meant.map((one) => h("li", {}, nodeName(one.from), " → ", nodeName(one.to)))),
      h("p", { class: "dim" }, "No event is lost: what it brought to the customer goes back to where it was."),
    ]);
    if (!sure) return;
    try {
      const after = await post(["sessions", owner.session.id, "unlink"], { evidence: link.evidence });
      known = await Promise.all(known.map((one) =>
        one === owner ? after : get(["sessions", one.session.id], {}, context.signal)));
      render();
      picture.focus(); // the button is gone
      context.tell("The link was undone. Timelines follow within seconds.");
    } catch (error) {
      if (error instanceof Refused) context.fail(error);
    }
  }

  /** @param {string} key @param {boolean} shown whether the list moves there */
  function select(key, shown) {
    for (const one of [...list.children, ...picture.querySelectorAll(".edge")]) {
      const chosen = one.getAttribute("data-link") === key;
      one.classList.toggle("selected", chosen);
      if (chosen && shown && one.parentElement === list) one.scrollIntoView({ block: "nearest" });
    }
  }
}

/** @param {Link} link @param {Link[]} links @returns {GraphEdge} */
function linkEdge(link, links) {
  const style = link.undone ? "undone" : isPast(link, links) ? "past" : "link";
  const label = `${link.from} to ${link.to}: ${link.rule}${style === "link" ? "" : `, ${style}`}`;
  return { key: keyOf(link), from: link.from, to: link.to, style, text: link.rule, label };
}

/**
 * Whether another link took its place: one of the same node that was said later, and begins no span of its own.
 * @param {Link} link
 * @param {Link[]} links
 */
function isPast(link, links) {
  const next = links
    .filter((one) => one.from === link.from && !one.undone && one.said > link.said)
    .sort((a, b) => (a.said < b.said ? -1 : 1))[0];
  return next !== undefined && next.since === null;
}

/** @param {Link} link */
const keyOf = (link) => JSON.stringify([link.from, link.to, link.evidence]);

/** @param {string} text */
function nodeName(text) {
  const { type, value } = named(text);
  return h("span", { class: "node-name", title: value },
    h("span", { class: "kind" }, type === "profile" ? "visitor" : type), " ", short(value, 34));
}

/** @param {string} label @param {Node | string} value */
const fact = (label, value) => h("div", {}, h("dt", {}, label), h("dd", {}, value));
