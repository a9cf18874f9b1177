// Why sessions belong to their customer: the links as a graph and as a list, with undo.

import { ApiError, get, post } from "./api.js";
import { confirmAction } from "./dialogs.js";
import { h, setChildren } from "./dom.js";
import { formatCount, shorten, timeElement } from "./format.js";
import { drawGraph } from "./graph.js";
import { buildEdges, buildNodes, collectLinks, countGrouped, isPast, linkKey, usualRule } from "./identity_model.js";
import { parseNode } from "./links.js";

/** @typedef {import("./identity_model.js").Link} Link */
/** @typedef {import("./identity_model.js").Session} Session */
/** @typedef {import("./app.js").Context} Context */

const VISITORS_PER_PAGE = 8;
/** Where all columns have no room beside each other, the graph starts at the customer. */
const NARROW = "(max-width: 1180px)";
/** @type {Record<string, string>} */
const RULES = {
  first: "first identification: the whole history was assigned to the customer",
  known: "another identifier of the same customer",
  move: "identified as another customer: the activity was moved",
  split: "identified as another customer: a new span began",
};

/**
 * @param {Session} session
 * @param {Context} context
 */
export function createSessionGraph(session, context) {
  const sessionIds = new Map([[session.profile.id, [session.session.id]]]);
  return createGraph({ sessions: [session], sessionIds, identifierLinks: [] }, context);
}

/**
 * Loads one session of each visitor, a few visitors at first, because each takes a call.
 * @param {any} customer
 * @param {Context} context
 */
export function createCustomerGraph(customer, context) {
  /** @type {Map<string, string[]>} */
  const sessionIds = new Map();
  for (const { id, profile } of customer.sessions) {
    sessionIds.set(profile, [...(sessionIds.get(profile) ?? []), id]);
  }
  const root = `${customer.customer.type}=${customer.customer.value}`;
  const identifiers = Object.entries(customer.identifiers).flatMap(([type, values]) =>
    /** @type {string[]} */ (values).map((value) => `${type}=${value}`));
  const identifierLinks = identifiers.map((identifier) => [identifier, root]);
  const view = h("section", { "aria-label": "Identity graph" }, h("p", { role: "status" }, "Loading…"));
  loadVisitors(VISITORS_PER_PAGE);
  return view;

  /** @param {number} limit */
  async function loadVisitors(limit) {
    try {
      const firstSessions = [...sessionIds.values()].slice(0, limit).map(([id]) => id);
      const sessions = await Promise.all(firstSessions.map((id) => get(["sessions"], { id }, context.signal)));
      const hasMore = sessions.length < sessionIds.size;
      setChildren(view, createGraph({ sessions, sessionIds, identifierLinks, root }, context),
        hasMore && h("button", { type: "button", onclick: () => loadVisitors(limit + VISITORS_PER_PAGE) },
          `Show more of ${formatCount(sessionIds.size, "visitor")}`));
    } catch (error) {
      if (error instanceof ApiError) setChildren(view, h("p", { class: "error", role: "alert" }, error.message));
    }
  }
}

/**
 * @param {import("./identity_model.js").IdentityData} data
 * @param {Context} context
 */
function createGraph({ sessions, ...rest }, context) {
  const caption = h("p", { class: "dim" });
  const picture = h("div", { class: "picture", tabindex: 0, role: "group", "aria-label": "Identity graph; arrow keys scroll" });
  const list = h("ul", { class: "links", "aria-label": "Links" });
  const narrow = matchMedia(NARROW);
  narrow.addEventListener("change", redraw, { signal: context.signal });
  redraw();
  return h("div", { class: "identity" }, caption, picture, list);

  function redraw() {
    const data = { sessions, ...rest };
    const links = collectLinks(sessions);
    const edges = buildEdges(data);
    const emptyRow = h("li", { class: "dim" }, "No links: this visitor has not been identified yet.");
    const nodes = buildNodes(data, edges, context.hardTypes);
    setChildren(caption, describeGraph(data, links));
    setChildren(picture, drawGraph({ nodes, edges, rootFirst: narrow.matches }, selectLink));
    setChildren(list, links.length ? links.map((link) => createLinkRow(link, links)) : emptyRow);
  }

  /** @param {Link} link @param {Link[]} links */
  function createLinkRow(link, links) {
    const session = sessions.find(({ why }) => why.some((other) => linkKey(other) === linkKey(link)));
    const newest = session?.why.find(({ undone }) => !undone);
    const isSuperseded = isPast(link, links) && !link.undone;
    const startsSpan = link.since && Date.parse(link.since) > 0;
    // the API takes back the newest command only
    const canUndo = session && !link.undone && newest?.evidence === link.evidence;
    return h("li", { "data-link": linkKey(link), class: link.undone ? "undone" : "" },
      h("p", { class: "link-nodes" }, createNodeName(link.from), h("span", { class: "arrow" }, " → "), createNodeName(link.to)),
      h("p", { class: "rule" }, h("span", { class: "mark" }, link.rule), " ", RULES[link.rule] ?? "",
        isSuperseded && h("span", { class: "dim" }, " · replaced by a later link")),
      h("dl", { class: "facts" },
        createFact("effective", timeElement(link.said)),
        createFact("stored", timeElement(link.at)),
        startsSpan && createFact("span begins", timeElement(/** @type {string} */ (link.since))),
        createFact("source", link.source),
        createFact("evidence", h("code", { title: link.evidence }, shorten(link.evidence, 40))),
        link.undone && createFact("undone", timeElement(link.undone))),
      canUndo && h("button", {
        type: "button", class: "danger", onclick: () => undoLink(session, link),
        "aria-label": `Undo the link from ${link.from} to ${link.to}`,
      }, "Undo"));
  }

  /** @param {Session} session @param {Link} link */
  async function undoLink(session, link) {
    const links = session.why.filter(({ evidence, undone }) => evidence === link.evidence && !undone);
    const isConfirmed = await confirmAction("Undo this link?", "Undo", [
      h("p", {}, links.length > 1 ? "One command created these links. They are undone together:" : "This link will be undone:"),
      h("ul", {}, links.map(({ from, to }) => h("li", {}, createNodeName(from), " → ", createNodeName(to)))),
      h("p", { class: "dim" }, "No event is lost. The events that the link assigned to the customer return to where they were before."),
    ]);
    if (!isConfirmed) return;
    try {
      const updated = await post(["sessions", "unlink"], { evidence: link.evidence }, { id: session.session.id });
      sessions = await Promise.all(sessions.map((other) =>
        other === session ? updated : get(["sessions"], { id: other.session.id }, context.signal)));
      redraw();
      picture.focus(); // the focused button was removed
      context.showMessage("The link was undone. Timelines are updated within seconds.");
    } catch (error) {
      if (error instanceof ApiError) context.showError(error);
    }
  }

  /** Highlight a link in the picture and in the list. @param {string} key @param {boolean} scroll whether to scroll the list to it */
  function selectLink(key, scroll) {
    for (const element of [...list.children, ...picture.querySelectorAll(".edge")]) {
      const isSelected = element.getAttribute("data-link") === key;
      element.classList.toggle("selected", isSelected);
      if (isSelected && scroll && element.parentElement === list) element.scrollIntoView({ block: "nearest" });
    }
  }
}

/**
 * How many visitors there are, how they are drawn, and what a link without a label means.
 * @param {import("./identity_model.js").IdentityData} data
 * @param {Link[]} links
 */
function describeGraph(data, links) {
  const grouped = countGrouped(data);
  const total = formatCount(data.sessionIds.size, "visitor");
  const drawn = grouped > 0 ? `${total}: ${data.sessions.length} drawn one by one, ${grouped.toLocaleString("en")} as a group.` : `${total}.`;
  const usual = usualRule(links);
  return usual ? `${drawn} A link without a label was made by the rule “${usual}”.` : drawn;
}

/** @param {string} id */
function createNodeName(id) {
  const { type, value } = parseNode(id);
  return h("span", { class: "node-name", title: value },
    h("span", { class: "kind" }, type === "profile" ? "visitor" : type), " ", shorten(value, 34));
}

/** @param {string} label @param {Node | string} value */
const createFact = (label, value) => h("div", {}, h("dt", {}, label), h("dd", {}, value));
