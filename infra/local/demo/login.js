// Log in, as anybody: no password, nothing is checked.

import { h, show } from "/console/dom.js";
import { customer, logIn } from "./customer.js";
import { field } from "./fields.js";

const PEOPLE = [["Ada Lovelace", "ada@example.com"], ["Grace Hopper", "grace@example.com"]];

/** @param {HTMLElement} main */
export function login(main) {
  const who = customer();
  const next = new URLSearchParams(location.search).get("then") === "checkout" ? "checkout" : "account";
  const enter = async (/** @type {string} */ name, /** @type {string} */ email) => {
    await logIn(name, email);
    location.assign(`/demo/${next}`);
  };
  const form = h("form", { class: "form", onsubmit: (/** @type {Event} */ event) => {
    event.preventDefault();
    const given = new FormData(form);
    enter(String(given.get("name")), String(given.get("email")));
  } },
  field("name", "Name", { autocomplete: "name" }),
  field("email", "E-mail", { type: "email", autocomplete: "email" }),
  h("button", { type: "submit", class: "primary" }, "Log in"));
  show(main, h("h1", {}, "Log in"),
    who && h("p", { class: "note" }, `${who.first_name} is logged in here. If somebody else logs in without logging out first, what this device did moves to them; the console can undo that.`),
    h("div", { class: "two" }, form,
      h("section", { class: "summary", "aria-label": "People to log in as" },
        h("p", {}, "No password: any name and address will do. Or be one of these:"),
        h("div", { class: "buttons" }, PEOPLE.map(([name, email]) =>
          h("button", { type: "button", onclick: () => enter(name, email) }, `Log in as ${name}`))))));
  return "Log in";
}
