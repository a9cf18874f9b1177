// The shop's frame, and the page that the URL names. Each page is a full page load, as in most shops.

import { h, setChildren } from "/console/dom.js";
import { renderAccount } from "./account.js";
import { renderBasket } from "./basket.js";
import { renderCheckout, renderOrder } from "./checkout.js";
import { createConsentBanner, createConsentButton } from "./consent.js";
import { readCustomer } from "./customer.js";
import { renderLogin } from "./login.js";
import { renderNewsletter } from "./newsletter.js";
import { createPanel } from "./panel.js";
import { renderProduct } from "./product.js";
import { renderProducts } from "./products.js";
import { countItems } from "./storage.js";

/** Each fills `main` and returns the page's title. @type {Record<string, (main: HTMLElement, parameter: string) => string>} */
const PAGES = {
  "": renderProducts,
  product: renderProduct,
  basket: renderBasket,
  checkout: renderCheckout,
  order: renderOrder,
  login: renderLogin,
  account: renderAccount,
  newsletter: renderNewsletter,
};

const [pageName = "", parameter = ""] = location.pathname.replace(/^\/demo\/?/, "").split("/");
const main = h("main", { id: "main", tabindex: -1 });
const customer = readCustomer();

setChildren(document.body,
  h("a", { class: "skip", href: "#main" }, "Skip to content"),
  h("header", { class: "top" },
    h("a", { class: "brand", href: "/demo" }, h("span", { class: "arch", "aria-hidden": true }), "Nook"),
    h("nav", { "aria-label": "Shop" },
      createNavLink("/demo", "Shop"),
      createNavLink("/demo/newsletter", "Newsletter"),
      customer ? createNavLink("/demo/account", customer.first_name) : createNavLink("/demo/login", "Log in"),
      h("a", { href: "/demo/basket", class: "to-basket", "aria-current": pageName === "basket" && "page" },
        "Basket", h("span", { class: "count", "data-count": true }, countItems())))),
  main,
  h("footer", { class: "foot" },
    h("p", {}, "Nook is a demo shop. It sells nothing, and sends events to the Hardlink service on this machine."),
    h("p", {}, createConsentButton(), h("a", { href: "/console", target: "hardlink-console" }, "Hardlink console"))),
  h("div", { class: "corner" }, createPanel(), createConsentBanner()));

const renderPage = Object.hasOwn(PAGES, pageName) ? PAGES[pageName] : renderNotFound;
document.title = `${renderPage(main, parameter)} · Nook`;
hardlink.trackLink(".hero a", "banner_click", { banner: "autumn", position: "home" });

/** @param {string} href @param {string} text */
function createNavLink(href, text) {
  return h("a", { href, "aria-current": location.pathname === href && "page" }, text);
}

/** @param {HTMLElement} main */
function renderNotFound(main) {
  setChildren(main, h("h1", {}, "Page not found"), h("p", {}, h("a", { href: "/demo" }, "Back to the shop")));
  return "Page not found";
}
