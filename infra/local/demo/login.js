// The log-in page: any name and e-mail address are accepted, without a password.

import { h, setChildren } from "/console/dom.js";
import { logIn, readCustomer } from "./customer.js";
import { createField } from "./fields.js";

const SAMPLE_CUSTOMERS = [["Ada Lovelace", "ada@example.com"], ["Grace Hopper", "grace@example.com"]];

/** @param {HTMLElement} main @returns {string} the page's title */
export function renderLogin(main) {
  const customer = readCustomer();
  const nextPage = new URLSearchParams(location.search).get("then") === "checkout" ? "checkout" : "account";
  const logInAs = async (/** @type {string} */ name, /** @type {string} */ email) => {
    await logIn(name, email);
    location.assign(`/demo/${nextPage}`);
  };
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const values = new FormData(form);
    logInAs(String(values.get("name")), String(values.get("email")));
  };
  const form = h("form", { class: "form", onsubmit: submit },
    createField("name", "Name", { autocomplete: "name" }),
    createField("email", "E-mail", { type: "email", autocomplete: "email" }),
    h("button", { type: "submit", class: "primary" }, "Log in"));
  const note = customer && h("p", { class: "note" },
    `${customer.first_name} is logged in. If you log in as another customer without logging out first, what you do from then on is that customer's; the activity so far stays with ${customer.first_name}. You can undo this in the console.`);
  const sampleButtons = SAMPLE_CUSTOMERS.map(([name, email]) =>
    h("button", { type: "button", onclick: () => logInAs(name, email) }, `Log in as ${name}`));
  setChildren(main, h("h1", {}, "Log in"), note,
    h("div", { class: "two" }, form,
      h("section", { class: "summary", "aria-label": "Sample customers" },
        h("p", {}, "Any name and e-mail address work, without a password. Or use a sample customer:"),
        h("div", { class: "buttons" }, sampleButtons))));
  return "Log in";
}
