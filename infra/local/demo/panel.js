// A panel for developers: the visitor's session, profile and customer, recent calls, and links to the console.

import { h, setChildren } from "/console/dom.js";
import { onActivity, readActivity } from "./activity.js";
import { onConsent, readConsent } from "./consent.js";
import { customerPath, hardType, readCustomer } from "./customer.js";
import { readStored, TAB, writeStored } from "./storage.js";

const MAX_ID_CHARACTERS = 13;
const STATES_WITHOUT_CONSENT = { "": "waits for consent", denied: "is off: tracking was declined" };

export function createPanel() {
  const state = h("span", { class: "state" });
  const body = h("div", { class: "inside" });
  const summary = h("summary", {}, h("span", { class: "dot", "aria-hidden": true }), h("span", {}, "Hardlink"), state);
  const details = h("details", {}, summary, body);
  const isWideScreen = matchMedia("(min-width: 861px)").matches;
  details.open = readStored("panel", false, TAB) && isWideScreen; // on a narrow screen it would cover the page
  details.addEventListener("toggle", () => writeStored("panel", details.open, TAB));

  let lastDrawing = Promise.resolve();
  const redraw = () => {
    lastDrawing = lastDrawing.then(draw); // one after the other, because drawing is asynchronous
  };
  onActivity(redraw);
  onConsent(redraw);
  redraw();
  return h("aside", { class: "panel", "aria-label": "Hardlink panel" }, details);

  async function draw() {
    const consent = readConsent();
    details.dataset.consent = consent;
    if (consent !== "granted") {
      const note = consent ? "Nothing is stored or sent." : "Events are kept in memory, and discarded when the page is left.";
      setChildren(state, STATES_WITHOUT_CONSENT[consent]);
      setChildren(body, h("p", {}, note));
      return;
    }
    const customer = readCustomer();
    const [session, profile] = await Promise.all([hardlink.getSession(), hardlink.getProfile()]);
    setChildren(state, customer ? `customer: ${customer.first_name}` : "anonymous visitor");
    setChildren(body, createFacts(session, profile, customer), createActivityList(), createLinks(session, customer));
  }
}

/** @param {string} session @param {string | null} profile @param {import("./customer.js").Customer | null} customer */
function createFacts(session, profile, customer) {
  const facts = [
    ["session", h("code", { "data-session": session }, shorten(session))],
    ["visitor", profile ? h("code", {}, shorten(profile)) : "not assigned yet"],
    ["customer", customer ? `${hardType()} ${customer.id}` : "anonymous until log-in"],
  ];
  return h("dl", {}, facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

function createActivityList() {
  const entries = readActivity();
  if (!entries.length) return h("p", {}, "Page visits are tracked automatically. Look at a product to track more.");
  return h("ol", {}, entries.map(({ label, status }) =>
    h("li", { class: status.split(":")[0] }, h("span", {}, label), h("span", { class: "verdict" }, status))));
}

/** @param {string} session @param {import("./customer.js").Customer | null} customer */
function createLinks(session, customer) {
  return h("p", { class: "links" },
    customer && createConsoleLink(customerPath(customer), "Customer"),
    customer && createConsoleLink([...customerPath(customer), "graph"], "Identity graph"),
    createConsoleLink(["sessions", session], "Session"),
    h("small", {}, "in the console, which asks for the server key that the terminal shows"));
}

/** A link that reuses one tab for the console, so that it asks for its key once. @param {string[]} segments @param {string} text */
export function createConsoleLink(segments, text) {
  const href = `/console#/${segments.map(encodeURIComponent).join("/")}`;
  return h("a", { href, target: "hardlink-console" }, text);
}

/** @param {string} id */
const shorten = (id) => (id.length > MAX_ID_CHARACTERS ? `${id.slice(0, MAX_ID_CHARACTERS)}…` : id);
