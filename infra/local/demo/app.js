// The shop's frame, and the page that its address names. Every page is loaded anew, as in most shops.

import { h, show } from "/console/dom.js";
import { account } from "./account.js";
import { basketPage } from "./basket.js";
import { banner, choices } from "./consent.js";
import { checkout, order } from "./checkout.js";
import { count } from "./kept.js";
import { customer } from "./customer.js";
import { list } from "./list.js";
import { login } from "./login.js";
import { newsletter } from "./newsletter.js";
import { panel } from "./panel.js";
import { product } from "./product.js";

/** @type {Record<string, (main: HTMLElement, rest: string) => string>} what fills a page, and answers its title */
const PAGES = { "": list, product, basket: basketPage, checkout, order, login, account, newsletter };

const [name = "", rest = ""] = location.pathname.replace(/^\/demo\/?/, "").split("/");
const main = h("main", { id: "main", tabindex: -1 });
const known = customer();

show(document.body,
  h("a", { class: "skip", href: "#main" }, "Skip to content"),
  h("header", { class: "top" },
    h("a", { class: "brand", href: "/demo" }, h("span", { class: "arch", "aria-hidden": true }), "Nook"),
    h("nav", { "aria-label": "Shop" },
      link("/demo", "Shop"),
      link("/demo/newsletter", "Newsletter"),
      known ? link("/demo/account", known.first_name) : link("/demo/login", "Log in"),
      h("a", { href: "/demo/basket", class: "to-basket", "aria-current": name === "basket" && "page" },
        "Basket", h("span", { class: "count", "data-count": true }, count())))),
  main,
  h("footer", { class: "foot" },
    h("p", {}, "Nook is a demo: it sells nothing, and sends what happens here to the Hardlink on this machine."),
    h("p", {}, choices(), h("a", { href: "/console", target: "hardlink-console" }, "Hardlink’s console"))),
  h("div", { class: "corner" }, panel(), banner()));

const page = Object.hasOwn(PAGES, name) ? PAGES[name] : undefined;
document.title = `${page ? page(main, rest) : missing()} · Nook`;
hardlink.trackLink(".hero a", "banner_click", { banner: "autumn", position: "home" });

/** @param {string} href @param {string} text */
function link(href, text) {
  return h("a", { href, "aria-current": location.pathname === href && "page" }, text);
}

function missing() {
  show(main, h("h1", {}, "There is no such page"), h("p", {}, h("a", { href: "/demo" }, "Back to the shop")));
  return "No such page";
}
