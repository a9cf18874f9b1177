// The view of a session: its visitor and customer, its links, its events, and events that were not stored.

import { get } from "./api.js";
import { h, setChildren } from "./dom.js";
import { createEntry } from "./entry.js";
import { createSessionGraph } from "./identity.js";
import { createCustomerLink, isBackendSession, viewPath } from "./links.js";
import { createTimeline } from "./timeline.js";

/**
 * @param {HTMLElement} page
 * @param {import("./app.js").Context} context
 * @param {string} id
 * @param {string} [filters] of the timeline
 */
export async function renderSession(page, context, id, filters = "") {
  const [session, { verdicts }] = await Promise.all([
    get(["sessions"], { id }, context.signal),
    get(["sessions", "verdicts"], { id }, context.signal),
  ]);
  const profileId = session.profile.id;
  const visitorLink = h("a", { href: viewPath("customers", "profile", profileId) }, h("code", {}, profileId));
  setChildren(page,
    h("header", { class: "head" },
      h("h1", { tabindex: -1 }, isBackendSession(id) ? "Backend session" : "Session"),
      h("p", { class: "dim wide" }, h("code", {}, id))),
    h("dl", { class: "facts" },
      createFact("visitor", visitorLink),
      createFact("customer", session.customer ? createCustomerLink(session.customer) : "anonymous")),
    isBackendSession(id) && h("p", { class: "note" }, "Events that the shop’s own systems reported, without a device."),
    h("h2", {}, "Identity links"),
    createSessionGraph(session, context),
    verdicts.length > 0 && h("section", {},
      h("h2", {}, "Not stored in the last 24 hours"),
      h("ol", { class: "entries" }, verdicts.map((/** @type {any} */ verdict) => h("li", {}, createEntry(verdict))))),
    h("h2", {}, "Events"),
    createTimeline("sessions", { id }, context, ["sessions", id], filters));
}

/** @param {string} label @param {Node | string} value */
const createFact = (label, value) => h("div", {}, h("dt", {}, label), h("dd", {}, value));
