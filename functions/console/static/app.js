// The console: signs in with a server key, and shows one view at a time.

import { forget, get, keep, key, Refused } from "./api.js";
import { customer } from "./customer.js";
import { help } from "./dialog.js";
import { h, show } from "./dom.js";
import { live } from "./live.js";
import { searchForm } from "./search.js";
import { session } from "./session.js";
import { listen } from "./shortcuts.js";
import { setTheme, themeSwitch } from "./switches.js";

/**
 * What views are given. `signal` aborts when another view is shown; `fail` shows an error, `tell` a message.
 * @typedef {object} Context
 * @property {AbortSignal} signal
 * @property {import("./search.js").IdentifierType[]} types
 * @property {Set<string>} hard
 * @property {(error: Refused) => void} fail
 * @property {(text: string) => void} tell
 */

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
let leave = new AbortController();

setTheme();
listen();
start();

async function start() {
  if (!key()) return signIn();
  try {
    const { project, identifiers } = await get(["project"]);
    shell(project.name, identifiers);
  } catch (error) {
    if (error instanceof Refused) signIn(error);
  }
}

/** @param {Refused} [error] */
function signIn(error) {
  leave.abort();
  window.onhashchange = null;
  if (error?.status === 401) forget();
  const said = error?.status === 401 ? "This is no server key of this service." : (error?.message ?? "");
  const input = h("input", {
    type: "password", id: "key", required: true, autocomplete: "off", spellcheck: "false",
    "aria-describedby": "key-note", "aria-invalid": error ? "true" : false,
  });
  const form = h("form", { class: "sign-in", onsubmit: (/** @type {Event} */ event) => {
    event.preventDefault();
    const typed = input.value.trim();
    if (!/^[!-~]+$/.test(typed)) return signIn(new Refused(401, "")); // no header can hold it
    keep(typed);
    start();
  } },
  h("h1", {}, mark(), "Hardlink"),
  h("label", { for: "key" }, "Server key"), input,
  h("p", { class: "error", role: "alert" }, said),
  h("button", { type: "submit", class: "primary" }, "Open the console"),
  h("p", { id: "key-note", class: "dim" }, "It stays in this tab, and is forgotten when the tab is closed."));
  document.title = "Hardlink";
  show(root, h("main", { class: "door" }, form));
  input.focus();
}

/**
 * @param {string} project
 * @param {import("./search.js").IdentifierType[]} types
 */
function shell(project, types) {
  const main = h("main", { id: "main", tabindex: -1 });
  const toast = h("div", { class: "toast", role: "status" });
  const hard = new Set(types.filter((one) => one.kind === "hard").map((one) => one.type));
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let fading;
  const tell = (/** @type {string} */ text) => {
    show(toast, h("p", {}, text));
    clearTimeout(fading);
    fading = setTimeout(() => show(toast), 8000);
  };
  const fail = (/** @type {Refused} */ error) => (error.status === 401 ? signIn(error) : tell(error.message));
  const found = searchForm({ types, hard, fail, tell, signal: new AbortController().signal });
  const links = [["live", "Live"], ["customers", "Customers"]].map(([name, label]) =>
    h("a", { href: `#/${name}`, "data-view": name }, label));

  show(root,
    h("a", { class: "skip", href: "#main", onclick: (/** @type {Event} */ event) => {
      event.preventDefault();
      main.focus();
    } }, "Skip to content"),
    h("header", { class: "bar" },
      h("a", { class: "home", href: "#/live", "aria-label": "Hardlink" }, mark(), h("span", {}, "Hardlink")),
      h("span", { class: "project", title: "project" }, project),
      h("nav", { "aria-label": "Views" }, links),
      found,
      h("div", { class: "end" }, themeSwitch(),
        h("button", { type: "button", class: "quiet", "aria-label": "Keyboard shortcuts", title: "Keyboard shortcuts (?)", onclick: help }, "?"),
        h("button", { type: "button", class: "quiet", onclick: () => {
          forget();
          signIn();
        } }, "Forget key"))),
    main, toast);
  window.onhashchange = view;
  view();

  async function view() {
    leave.abort();
    leave = new AbortController();
    const { signal } = leave;
    const parts = location.hash.replace(/^#\/?/, "").split("/").map(decoded);
    const name = parts[0] || "live";
    document.title = `${title(parts)} · Hardlink`;
    for (const link of links) {
      if (link.dataset.view === name) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    const page = h("div", { class: `page ${name}` }, h("p", { class: "dim", role: "status" }, "Loading…"));
    show(main, page);
    try {
      await open(name, page, { signal, types, hard, fail, tell }, parts.slice(1));
    } catch (error) {
      if (signal.aborted || !(error instanceof Refused)) return;
      if (error.status === 401) fail(error);
      else show(page, h("h1", { tabindex: -1 }, error.status === 404 ? "Not found" : "No answer"),
        h("p", { class: "error", role: "alert" }, error.message));
    }
    if (!signal.aborted && document.activeElement === document.body) page.querySelector("h1")?.focus();
  }
}

/**
 * @param {string} name
 * @param {HTMLElement} page
 * @param {Context} context
 * @param {string[]} parts
 */
async function open(name, page, context, parts) {
  if (name === "customers" && parts.length >= 2) return customer(page, context, parts[0], parts[1], parts[2]);
  if (name === "sessions" && parts.length >= 1) return session(page, context, parts[0]);
  if (name === "customers") return lookUp(page, context);
  return live(page, context);
}

/** @param {HTMLElement} page @param {Context} context */
function lookUp(page, context) {
  show(page, h("header", { class: "head" }, h("h1", { tabindex: -1 }, "Customers")),
    h("p", {}, "Look somebody up by any identifier, in the field above: an e-mail address, a customer ID, a visitor or a session."),
    h("h2", {}, "Identifiers of this project"),
    h("dl", { class: "values types" }, context.types.map((one) => h("div", {}, h("dt", {}, one.type),
      h("dd", {}, one.kind === "hard" ? "hard: one a customer" : "soft: many a customer")))));
  const field = document.querySelector("[data-find]");
  if (field instanceof HTMLElement) field.focus();
}

/** @param {string[]} parts */
function title([name, , value = "Customers"]) {
  return new Map([["customers", value], ["sessions", "Session"]]).get(name) ?? "Live";
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function mark() {
  return h("span", { class: "logo", "aria-hidden": true });
}
