// Folds the pings of the live list: those that follow each other stand behind one line, which shows them again.

import { h } from "./dom.js";
import { formatCount } from "./format.js";

/** The line of each ping that was ever in a run. @type {WeakMap<Element, HTMLElement>} */
const lines = new WeakMap();

/** Whether an item of the list is a line that stands for others. @param {Element} item */
export const isFold = (item) => item.classList.contains("fold-line");

/**
 * Put a line before each run of items with `data-folds`, and hide the items while it is closed.
 *
 * The items stay where they are, so that an open one stays open and nothing loses the focus.
 * @param {HTMLElement} list
 * @param {{isFolding: boolean}} options
 */
export function updateFolds(list, { isFolding }) {
  for (const item of list.querySelectorAll(".folded")) item.classList.remove("folded");
  /** @type {Set<Element>} */
  const used = new Set();
  for (const run of isFolding ? findRuns(list) : []) used.add(foldRun(list, run, used));
  for (const line of [...list.children].filter(isFold)) if (!used.has(line)) line.remove();
}

/** Items to fold that follow each other, among those that the filter shows. @param {HTMLElement} list */
function findRuns(list) {
  /** @type {HTMLElement[][]} */
  const runs = [];
  /** @type {HTMLElement[]} */
  let run = [];
  for (const item of list.children) {
    if (!(item instanceof HTMLElement) || item.hidden || isFold(item)) continue;
    if (!item.dataset.folds) run = [];
    else if (run.push(item) === 1) runs.push(run);
  }
  return runs;
}

/**
 * @param {HTMLElement} list
 * @param {HTMLElement[]} run
 * @param {Set<Element>} used lines of other runs
 * @returns {Element} its line: the one that it had, open or closed, unless another part of it has that
 */
function foldRun(list, run, used) {
  const known = run.map((item) => lines.get(item)).find((line) => line && !used.has(line));
  const line = known ?? createLine(list);
  const button = /** @type {HTMLButtonElement} */ (line.firstElementChild);
  const text = formatCount(run.length, run[0].dataset.folds ?? "");
  if (button.textContent !== text) button.textContent = text;
  if (line.nextElementSibling !== run[0]) run[0].before(line);
  const isClosed = button.getAttribute("aria-expanded") === "false";
  for (const item of run) {
    lines.set(item, line);
    item.classList.toggle("folded", isClosed);
  }
  return line;
}

/** @param {HTMLElement} list */
function createLine(list) {
  const toggle = () => {
    const isOpen = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!isOpen));
    updateFolds(list, { isFolding: true });
  };
  const button = h("button", { type: "button", class: "quiet", "aria-expanded": "false", onclick: toggle });
  return h("li", { class: "fold-line" }, button);
}
