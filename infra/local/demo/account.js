// The customer's own page: where to see what was joined, something to tell about oneself, and log-out.

import { h, show } from "/console/dom.js";
import { customer, logOut } from "./customer.js";
import { inConsole } from "./panel.js";
import { forget, note } from "./told.js";

const ROOMS = ["The kitchen", "The living room", "Wherever the desk is"];

/** @param {HTMLElement} main */
export function account(main) {
  const who = customer();
  if (!who) {
    show(main, h("h1", {}, "Your account"), h("p", {}, h("a", { href: "/demo/login" }, "Log in"), " to see it."));
    return "Account";
  }
  const { hard = "registered" } = document.body.dataset;
  show(main, h("h1", {}, `Hello, ${who.first_name}`),
    h("p", {}, `Customer number ${who.id} · ${who.email}`),
    h("section", { class: "note" },
      h("h2", {}, "What just happened"),
      h("p", {}, "You were a visitor without a name. Now Hardlink knows whose visit that was: everything this device did before you logged in is yours too, and not one event was rewritten."),
      h("p", { class: "ways" },
        inConsole(["customers", hard, who.id], "See it in the console"),
        inConsole(["customers", hard, who.id, "graph"], "See how it was joined, and undo it"))),
    about(),
    h("div", { class: "buttons" },
      h("button", { type: "button", onclick: leave }, "Log out"),
      h("a", { class: "button plain", href: "/demo/login" }, "Somebody else logs in")));
  return "Account";
}

function about() {
  const status = h("p", { class: "done", role: "status" });
  const form = h("form", { class: "form", onsubmit: (/** @type {Event} */ event) => {
    event.preventDefault();
    note("update", hardlink.update({ favourite_room: String(new FormData(form).get("room")) }));
    show(status, "Noted.");
  } },
  h("h2", {}, "About you"),
  h("p", { class: "field" }, h("label", { for: "room" }, "Favourite room"),
    h("select", { id: "room", name: "room" }, ROOMS.map((name) => h("option", {}, name)))),
  h("button", { type: "submit" }, "Save"), status);
  return form;
}

async function leave() {
  await logOut();
  forget();
  location.assign("/demo");
}
