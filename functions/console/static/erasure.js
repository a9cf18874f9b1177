// The receipt of an erasure: whether it is done, and how much was deleted.

import { ApiError, get } from "./api.js";
import { h, setChildren } from "./dom.js";
import { timeElement } from "./format.js";

/** @typedef {{erasure: {id: string}, state: "running" | "done", at: string, done: string | null, removed: Record<string, number>}} Receipt */

const POLL_MS = 2000;

/**
 * Show a receipt, and follow it until the erasure is done.
 * @param {HTMLElement} page
 * @param {import("./app.js").Context} context
 * @param {string} id
 */
export async function renderErasure(page, { signal, showError }, id) {
  const facts = h("dl", { class: "facts" });
  const removed = h("dl", { class: "values types" });
  const state = h("p", { role: "status" });
  const first = await readReceipt();
  setChildren(page, h("header", { class: "head" }, h("h1", { tabindex: -1 }, "Erasure")),
    h("p", {}, "Keep this receipt’s ID: it names nobody, and proves what was deleted and when."),
    facts, state, h("h2", {}, "Deleted"), removed);
  show(first);
  follow(first);

  /** @returns {Promise<Receipt>} */
  function readReceipt() {
    return get(["erasures", id], {}, signal);
  }

  /** @param {Receipt} receipt */
  async function follow(receipt) {
    try {
      while (receipt.state === "running" && !signal.aborted) {
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
        receipt = await readReceipt();
        show(receipt);
      }
    } catch (error) {
      if (error instanceof ApiError) showError(error);
    }
  }

  /** @param {Receipt} receipt */
  function show(receipt) {
    const isDone = receipt.state === "done";
    const text = isDone ? "Everything is deleted." : "Nothing of it is shown any more. Events are still being deleted…";
    if (state.textContent !== text) setChildren(state, text); // screen readers announce every replacement
    setChildren(facts, createRow("receipt", h("code", {}, id)), createRow("begun", timeElement(receipt.at)),
      createRow("done", receipt.done ? timeElement(receipt.done) : "not yet"));
    const counts = Object.entries(receipt.removed).map(([kind, count]) => createRow(kind, count.toLocaleString("en")));
    setChildren(removed, counts.length ? counts : h("p", { class: "dim" }, "Counted when it is done."));
  }
}

/** @param {string} label @param {Node | string} value */
const createRow = (label, value) => h("div", {}, h("dt", {}, label), h("dd", {}, value));
