// The console's entry point: asks for the server key, then shows the view that the URL's hash names.

import { ApiError, forgetKey, get, readKey, storeKey } from "./api.js";
import { renderApi } from "./api_page.js";
import { renderCustomer } from "./customer.js";
import { showHelp } from "./dialogs.js";
import { h, setChildren } from "./dom.js";
import { renderErasure } from "./erasure.js";
import { renderLive } from "./live.js";
import { renderOverview } from "./overview.js";
import { createRecentCustomers } from "./recent.js";
import { createSearchForm } from "./search.js";
import { renderSession } from "./session.js";
import { listenForShortcuts } from "./shortcuts.js";
import { applyTheme, createThemeSwitch } from "./switches.js";

/**
 * What every view is given.
 * @typedef {object} Context
 * @property {AbortSignal} signal aborts when another view is opened
 * @property {import("./search.js").IdentifierType[]} types identifier types of the project
 * @property {Set<string>} hardTypes names of those that are hard
 * @property {(error: ApiError) => void} showError
 * @property {(text: string) => void} showMessage
 */

const MESSAGE_MS = 8000;
const VIEWS = [["live", "Live"], ["overview", "Overview"], ["customers", "Customers"], ["api", "API"]];
const root = /** @type {HTMLElement} */ (document.getElementById("app"));
let viewController = new AbortController();

applyTheme();
listenForShortcuts();
start();

async function start() {
  if (!readKey()) return showSignIn();
  try {
    const { project, identifiers } = await get(["project"]);
    showShell(project.name, identifiers);
  } catch (error) {
    if (error instanceof ApiError) showSignIn(error);
  }
}

/** Ask for the server key. @param {ApiError} [error] why the last attempt failed */
function showSignIn(error) {
  viewController.abort();
  window.onhashchange = null;
  const isWrongKey = error?.status === 401;
  if (isWrongKey) forgetKey();
  const message = isWrongKey ? "This is not a server key of this service." : (error?.message ?? "");

  const input = h("input", {
    type: "password", id: "key", required: true, autocomplete: "off", spellcheck: "false",
    "aria-describedby": "key-note", "aria-invalid": error ? "true" : false,
  });
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const key = input.value.trim();
    // a header can hold only visible ASCII characters, so `fetch` would throw
    if (!/^[!-~]+$/.test(key)) return showSignIn(new ApiError(401, ""));
    storeKey(key);
    start();
  };
  const form = h("form", { class: "sign-in", onsubmit: submit },
    h("h1", {}, createLogo(), "Hardlink"),
    h("label", { for: "key" }, "Server key"), input,
    h("p", { class: "error", role: "alert" }, message),
    h("button", { type: "submit", class: "primary" }, "Open the console"),
    h("p", { id: "key-note", class: "dim" }, "The key is kept in this tab only, until you close it."));
  document.title = "Hardlink";
  setChildren(root, h("main", { class: "sign-in-page" }, form));
  input.focus();
}

/**
 * Show header and navigation, and keep the view in step with the URL's hash.
 * @param {string} project
 * @param {import("./search.js").IdentifierType[]} types
 */
function showShell(project, types) {
  const main = h("main", { id: "main", tabindex: -1 });
  const toast = h("div", { class: "toast", role: "status" });
  const hardTypes = new Set(types.filter(({ kind }) => kind === "hard").map(({ type }) => type));
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let toastTimer;
  const showMessage = (/** @type {string} */ text) => {
    setChildren(toast, h("p", {}, text));
    clearTimeout(toastTimer);
    toastTimer = setTimeout(() => setChildren(toast), MESSAGE_MS);
  };
  const showError = (/** @type {ApiError} */ error) => {
    if (error.status === 401) showSignIn(error);
    else showMessage(error.message);
  };
  const shared = { types, hardTypes, showError, showMessage };
  const searchForm = createSearchForm({ ...shared, signal: new AbortController().signal });
  const viewLinks = VIEWS.map(([name, label]) => h("a", { href: `#/${name}`, "data-view": name }, label));

  setChildren(root, createSkipLink(main), createHeader(project, viewLinks, searchForm), main, toast);
  window.onhashchange = showView;
  showView();

  async function showView() {
    viewController.abort();
    viewController = new AbortController();
    const { signal } = viewController;
    const [name = "", ...parameters] = location.hash.replace(/^#\/?/, "").split("/").map(decodeSegment);
    const view = name || "live";
    document.title = `${viewTitle(view, parameters)} · Hardlink`;
    for (const link of viewLinks) {
      if (link.dataset.view === view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    const page = h("div", { class: `page ${view}` }, h("p", { class: "dim", role: "status" }, "Loading…"));
    setChildren(main, page);
    try {
      await renderView(view, page, { ...shared, signal }, parameters);
    } catch (error) {
      if (signal.aborted || !(error instanceof ApiError)) return;
      if (error.status === 401) showError(error);
      else renderError(page, error);
    }
    const isFocusLost = document.activeElement === document.body;
    if (!signal.aborted && isFocusLost) page.querySelector("h1")?.focus();
  }
}

/** @param {HTMLElement} main */
function createSkipLink(main) {
  const focusMain = (/** @type {Event} */ event) => {
    event.preventDefault(); // the hash names the view
    main.focus();
  };
  return h("a", { class: "skip", href: "#main", onclick: focusMain }, "Skip to content");
}

/**
 * @param {string} project
 * @param {HTMLElement[]} viewLinks
 * @param {HTMLElement} searchForm
 */
function createHeader(project, viewLinks, searchForm) {
  const signOut = () => {
    forgetKey();
    showSignIn();
  };
  return h("header", { class: "bar" },
    h("a", { class: "home", href: "#/live", "aria-label": "Hardlink" }, createLogo(), h("span", {}, "Hardlink")),
    h("span", { class: "project", title: "project" }, project),
    h("nav", { "aria-label": "Views" }, viewLinks),
    searchForm,
    h("div", { class: "end" }, createThemeSwitch(),
      h("button", {
        type: "button", class: "quiet", "aria-label": "Keyboard shortcuts", title: "Keyboard shortcuts (?)",
        onclick: showHelp,
      }, "?"),
      h("button", { type: "button", class: "quiet", onclick: signOut }, "Forget key")));
}

/**
 * @param {string} view
 * @param {HTMLElement} page
 * @param {Context} context
 * @param {string[]} parameters
 */
async function renderView(view, page, context, parameters) {
  if (view === "customers" && parameters.length >= 2) {
    const [type, value, tab, filters] = parameters;
    return renderCustomer(page, context, type, value, tab, filters);
  }
  if (view === "customers") return renderCustomers(page, context, parameters[0]);
  if (view === "erasures" && parameters.length >= 1) return renderErasure(page, context, parameters[0]);
  if (view === "sessions" && parameters.length >= 1) return renderSession(page, context, parameters[0], parameters[1]);
  if (view === "overview") return renderOverview(page, context);
  if (view === "api") return renderApi(page, context);
  return renderLive(page, context, parameters);
}

/**
 * The customers who were here lately, and what the search field takes, which is focused.
 * @param {HTMLElement} page
 * @param {Context} context
 * @param {string} [part] of a name, an address or an ID
 */
function renderCustomers(page, context, part) {
  const describeKind = (/** @type {string} */ kind) =>
    kind === "hard" ? "hard: a customer has one" : "soft: a customer can have several";
  setChildren(page, h("header", { class: "head" }, h("h1", { tabindex: -1 }, "Customers")),
    h("p", {}, "Enter an identifier in the search field above: an e-mail address, or the ID of a customer, a visitor or a session."),
    createRecentCustomers(context, part),
    h("h2", {}, "Identifier types of this project"),
    h("dl", { class: "values types" }, context.types.map(({ type, kind }) =>
      h("div", {}, h("dt", {}, type), h("dd", {}, describeKind(kind))))));
  const field = document.querySelector("[data-find]");
  if (field instanceof HTMLElement) field.focus();
}

/** @param {HTMLElement} page @param {ApiError} error */
function renderError(page, error) {
  setChildren(page, h("h1", { tabindex: -1 }, error.status === 404 ? "Not found" : "Could not load"),
    h("p", { class: "error", role: "alert" }, error.message));
}

/** @param {string} view @param {string[]} parameters */
function viewTitle(view, [, value = "Customers"]) {
  if (view === "customers") return value;
  if (view === "overview") return "Overview";
  if (view === "erasures") return "Erasure";
  if (view === "api") return "API";
  return view === "sessions" ? "Session" : "Live";
}

/** @param {string} segment may be malformed, because users can edit the URL */
function decodeSegment(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function createLogo() {
  return h("span", { class: "logo", "aria-hidden": true });
}
