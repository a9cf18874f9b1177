// What the overview counts: the events of the last minutes by verdict, by type, by page, and by reason.

/** @typedef {import("./entry.js").Entry} Entry */
/** @typedef {{name: string, count: number}} Row */
/** @typedef {{start: number, counts: Record<string, number>}} Minute `start`: milliseconds; counts by verdict */

export const VERDICTS = ["stored", "rejected", "dropped", "refused"];
export const MINUTES = 15;
const MINUTE_MS = 60_000;
const MAX_ROWS = 8;

/** @param {Entry} entry */
const verdictOf = (entry) => entry.status ?? "stored";

/**
 * The last minutes, the oldest first, also those in which nothing arrived.
 * @param {Entry[]} entries
 * @param {number} now milliseconds
 * @returns {Minute[]}
 */
export function countMinutes(entries, now) {
  const last = Math.floor(now / MINUTE_MS);
  const minutes = Array.from({ length: MINUTES }, (_, index) => ({
    start: (last - MINUTES + 1 + index) * MINUTE_MS,
    counts: Object.fromEntries(VERDICTS.map((verdict) => [verdict, 0])),
  }));
  for (const entry of entries) {
    const minute = minutes[Math.floor(Date.parse(entry.received) / MINUTE_MS) - (last - MINUTES + 1)];
    if (minute) minute.counts[verdictOf(entry)] += 1;
  }
  return minutes;
}

/**
 * Count names, the most frequent first. Entries without a name are left out.
 * @param {Entry[]} entries
 * @param {(entry: Entry) => string | null | undefined} nameOf
 * @returns {Row[]}
 */
export function countNames(entries, nameOf) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const entry of entries) {
    const name = nameOf(entry);
    if (name) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) => ({ name, count })).sort((a, b) => b.count - a.count).slice(0, MAX_ROWS);
}

/** The page of an event, without its query. @param {Entry} entry */
export function pageOf({ properties }) {
  const address = properties?.path ?? properties?.location ?? properties?.url;
  if (typeof address !== "string") return null;
  try {
    return new URL(address, "https://page.invalid").pathname;
  } catch {
    return null;
  }
}

/** Why an entry was not stored. @param {Entry} entry */
export const reasonOf = (entry) => (verdictOf(entry) === "stored" ? null : entry.reason);

/**
 * The customers of entries, whoever was seen last first.
 * @param {Entry[]} entries
 * @returns {{customer: import("./links.js").NodeId, received: string}[]}
 */
export function listCustomers(entries) {
  /** @type {Map<string, {customer: import("./links.js").NodeId, received: string}>} */
  const latest = new Map();
  for (const { customer, received } of entries) {
    if (!customer) continue;
    const name = `${customer.type}=${customer.value}`;
    const known = latest.get(name);
    if (!known || known.received < received) latest.set(name, { customer, received });
  }
  return [...latest.values()].sort((a, b) => (a.received < b.received ? 1 : -1)).slice(0, MAX_ROWS);
}
