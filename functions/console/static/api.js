// The read calls. The server key lives in this tab: in memory, and in its sessionStorage until the tab is closed.

const STORED = "hardlink-server-key";
const BASE = new URL(".", location.href);

/** What the service answered in place of what was asked for. */
export class Refused extends Error {
  /**
   * @param {number} status 0: no answer at all
   * @param {string} message
   * @param {string} [code]
   */
  constructor(status, message, code = "") {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** @returns {string} the server key, empty where none was typed in */
export function key() {
  return sessionStorage.getItem(STORED) ?? "";
}

/** @param {string} text */
export function keep(text) {
  sessionStorage.setItem(STORED, text);
}

export function forget() {
  sessionStorage.removeItem(STORED);
}

/**
 * `GET` a path that is made of these parts.
 * @param {string[]} parts
 * @param {Record<string, string | number | null | undefined>} [query]
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export function get(parts, query = {}, signal) {
  const url = address(parts);
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, String(value));
  }
  return answer(url, { signal });
}

/**
 * `POST` JSON to a path that is made of these parts.
 * @param {string[]} parts
 * @param {unknown} body
 * @returns {Promise<any>}
 */
export function post(parts, body) {
  const headers = { "content-type": "application/json" };
  return answer(address(parts), { method: "POST", headers, body: JSON.stringify(body) });
}

/** @param {string[]} parts */
function address(parts) {
  return new URL(parts.map(encodeURIComponent).join("/"), BASE);
}

/**
 * @param {URL} url
 * @param {RequestInit} options
 * @returns {Promise<any>}
 */
async function answer(url, options) {
  const headers = { ...options.headers, authorization: `Bearer ${key()}` };
  /** @type {Response} */
  let found;
  try {
    found = await fetch(url, { ...options, headers, credentials: "omit", cache: "no-store" });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Refused(0, "The service does not answer. Is the network on?");
  }
  const body = await found.json().catch(() => null);
  if (found.ok) return body;
  const said = body?.error ?? {};
  throw new Refused(found.status, said.message ?? body?.message ?? `Status ${found.status}`, said.code);
}
