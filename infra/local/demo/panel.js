// A small panel for those who look behind the shop: what Hardlink knows of this visitor, and where the console shows it.

import { h, show } from "/console/dom.js";
import { onSaid, said } from "./consent.js";
import { customer } from "./customer.js";
import { read, TAB, write } from "./kept.js";
import { onTold, told } from "./told.js";

const WAITING = { "": "waits for a yes", denied: "is off: this visitor said no" };

export function panel() {
  const state = h("span", { class: "state" });
  const body = h("div", { class: "inside" });
  const box = h("details", {}, h("summary", {}, h("span", { class: "dot", "aria-hidden": true }), h("span", {}, "Hardlink"), state), body);
  box.open = read("panel", false, TAB) && matchMedia("(min-width: 861px)").matches; // it would hide a small page
  box.addEventListener("toggle", () => write("panel", box.open, TAB));
  let last = Promise.resolve();
  const again = () => {
    last = last.then(draw);
  };
  onTold(again);
  onSaid(again);
  again();
  return h("aside", { class: "panel", "aria-label": "What Hardlink knows" }, box);

  async function draw() {
    const consent = said();
    const who = customer();
    box.dataset.consent = consent;
    if (consent !== "granted") {
      show(state, WAITING[consent]);
      show(body, h("p", {}, consent ? "Nothing is stored or sent." : "What happens here is held in memory, and goes with the page."));
      return;
    }
    const [session, profile] = await Promise.all([hardlink.getSession(), hardlink.getProfile()]);
    show(state, who ? `knows ${who.first_name}` : "knows a visitor, no name yet");
    show(body, facts(session, profile, who), list(), links(session, who));
  }
}

/** @param {string} session @param {string | null} profile @param {import("./customer.js").Customer | null} who */
function facts(session, profile, who) {
  const { hard = "registered" } = document.body.dataset;
  return h("dl", {}, ...[
    ["session", h("code", { "data-session": session }, short(session))],
    ["visitor", profile ? h("code", {}, short(profile)) : "known in a moment"],
    ["customer", who ? `${hard} ${who.id}` : "nobody yet: log in"],
  ].map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

function list() {
  const entries = told();
  if (!entries.length) return h("p", {}, "Page visits are told by themselves; look at a product.");
  return h("ol", {}, entries.map(({ label, status }) =>
    h("li", { class: status.split(":")[0] }, h("span", {}, label), h("span", { class: "verdict" }, status))));
}

/** @param {string} session @param {import("./customer.js").Customer | null} who */
function links(session, who) {
  const { hard = "registered" } = document.body.dataset;
  return h("p", { class: "ways" },
    who && inConsole(["customers", hard, who.id], "The whole customer"),
    who && inConsole(["customers", hard, who.id, "graph"], "How it was joined"),
    inConsole(["sessions", session], "This session"),
    h("small", {}, "in the console, which asks for the server key that the terminal shows"));
}

/** One tab for the console, so that it asks for its key once. @param {string[]} parts @param {string} text */
export function inConsole(parts, text) {
  const href = `/console#/${parts.map(encodeURIComponent).join("/")}`;
  return h("a", { href, target: "hardlink-console" }, text);
}

/** @param {string} id */
const short = (id) => (id.length > 13 ? `${id.slice(0, 13)}…` : id);
