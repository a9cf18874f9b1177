// The account page: links to the customer in the console, a form that updates an attribute, and log-out.

import { h, setChildren } from "/console/dom.js";
import { clearActivity, trackActivity } from "./activity.js";
import { customerPath, logOut, readCustomer } from "./customer.js";
import { createConsoleLink } from "./panel.js";

const ROOMS = ["The kitchen", "The living room", "Wherever the desk is"];

/** @param {HTMLElement} main @returns {string} the page's title */
export function renderAccount(main) {
  const customer = readCustomer();
  if (!customer) {
    const loginLink = h("a", { href: "/demo/login" }, "Log in");
    setChildren(main, h("h1", {}, "Your account"), h("p", {}, loginLink, " to see your account."));
    return "Account";
  }
  setChildren(main, h("h1", {}, `Hello, ${customer.first_name}`),
    h("p", {}, `Customer number ${customer.id} · ${customer.email}`),
    h("section", { class: "note" },
      h("h2", {}, "What just happened"),
      h("p", {}, "You were an anonymous visitor. When you logged in, Hardlink learned which customer you are: everything this device did before is now part of your timeline, and no event was rewritten."),
      h("p", { class: "links" },
        createConsoleLink(customerPath(customer), "Open this customer in the console"),
        createConsoleLink([...customerPath(customer), "graph"], "See the identity graph, and undo the link"))),
    createPreferences(),
    h("div", { class: "buttons" },
      h("button", { type: "button", onclick: logOutAndLeave }, "Log out"),
      h("a", { class: "button plain", href: "/demo/login" }, "Log in as another customer")));
  return "Account";
}

function createPreferences() {
  const status = h("p", { class: "done", role: "status" });
  const save = (/** @type {Event} */ event) => {
    event.preventDefault();
    const favourite_room = String(new FormData(form).get("room"));
    trackActivity("update", hardlink.update({ favourite_room }));
    setChildren(status, "Saved.");
  };
  const form = h("form", { class: "form", onsubmit: save },
    h("h2", {}, "About you"),
    h("p", { class: "field" }, h("label", { for: "room" }, "Favourite room"),
      h("select", { id: "room", name: "room" }, ROOMS.map((name) => h("option", {}, name)))),
    h("button", { type: "submit" }, "Save"), status);
  return form;
}

async function logOutAndLeave() {
  await logOut();
  clearActivity();
  location.assign("/demo");
}
