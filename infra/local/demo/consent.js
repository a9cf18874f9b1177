// The consent banner: nothing is stored or sent before the visitor accepts.

import { h } from "/console/dom.js";
import { clearActivity, waitBriefly } from "./activity.js";
import { identifyCustomer } from "./customer.js";
import { readStored, writeStored } from "./storage.js";

/** @returns {"granted" | "denied" | ""} the visitor's choice; empty before they choose */
export const readConsent = () => readStored("consent", "");

/** @type {Set<() => void>} */
const listeners = new Set();
/** @param {() => void} listener called after every choice */
export const onConsent = (listener) => listeners.add(listener);

const banner = h("section", { class: "consent", "aria-label": "Privacy", hidden: true },
  h("p", {}, "May Nook record what you look at? Nothing is stored or sent unless you accept."),
  h("div", { class: "buttons" },
    h("button", { type: "button", class: "primary", onclick: () => choose("granted") }, "Accept"),
    h("button", { type: "button", onclick: () => choose("denied") }, "Decline")));

export function createConsentBanner() {
  banner.hidden = Boolean(readConsent());
  return banner;
}

/** A button that shows the banner again. */
export function createConsentButton() {
  const showBanner = () => {
    banner.hidden = false;
    banner.querySelector("button")?.focus();
  };
  return h("button", { type: "button", class: "link", onclick: showBanner }, "Privacy settings");
}

/** @param {"granted" | "denied"} choice */
async function choose(choice) {
  const previous = readConsent();
  writeStored("consent", choice);
  banner.hidden = true;
  if (choice === "denied") clearActivity();
  const call = choice === "granted" ? hardlink.optIn() : hardlink.optOut();
  // a customer who was logged in before they accepted has not been identified yet
  if (choice === "granted" && previous !== choice) identifyCustomer();
  await waitBriefly(call);
  for (const listener of listeners) listener();
}
