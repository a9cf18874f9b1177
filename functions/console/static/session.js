// A session: whose it is and why, what happened in it, and what was not stored.

import { get } from "./api.js";
import { h, show } from "./dom.js";
import { line } from "./entry.js";
import { graphOfSession } from "./identity.js";
import { customerLink, isOwn, path } from "./names.js";
import { timeline } from "./timeline.js";

/**
 * @param {HTMLElement} page
 * @param {import("./app.js").Context} context
 * @param {string} id
 */
export async function session(page, context, id) {
  const [found, { verdicts }] = await Promise.all([
    get(["sessions", id], {}, context.signal),
    get(["sessions", id, "verdicts"], {}, context.signal),
  ]);
  show(page,
    h("header", { class: "head" },
      h("h1", { tabindex: -1 }, isOwn(id) ? "Backend session" : "Session"),
      h("p", { class: "dim wide" }, h("code", {}, id))),
    h("dl", { class: "facts" },
      fact("visitor", h("a", { href: path("customers", "profile", found.profile.id) }, h("code", {}, found.profile.id))),
      fact("customer", found.customer ? customerLink(found.customer) : "nobody yet")),
    isOwn(id) && h("p", { class: "note" }, "What the shop's own systems told: it happened on no device."),
    h("h2", {}, "Whose it is, and why"),
    graphOfSession(found, context),
    verdicts.length > 0 && h("section", {},
      h("h2", {}, "Not stored within a day"),
      h("ol", { class: "entries" }, verdicts.map((/** @type {any} */ one) => h("li", {}, line(one))))),
    h("h2", {}, "Events"),
    timeline(["sessions", id], context));
}

/** @param {string} label @param {Node | string} value */
const fact = (label, value) => h("div", {}, h("dt", {}, label), h("dd", {}, value));
