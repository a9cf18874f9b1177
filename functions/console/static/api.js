// Calls of the read API. The server key is stored in this tab's sessionStorage, until the tab is closed.

const STORAGE_KEY = "hardlink-server-key";
const BASE = new URL(".", location.href);

/** An error that the API answered, or the lack of any answer. */
export class ApiError extends Error {
  /**
   * @param {number} status of the HTTP response; 0 if there was none
   * @param {string} message
   * @param {string} [code] of the error, such as `not_found`
   */
  constructor(status, message, code = "") {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** @returns {string} the server key; empty if none was entered */
export function readKey() {
  return sessionStorage.getItem(STORAGE_KEY) ?? "";
}

/** @param {string} key */
export function storeKey(key) {
  sessionStorage.setItem(STORAGE_KEY, key);
}

export function forgetKey() {
  sessionStorage.removeItem(STORAGE_KEY);
}

/**
 * Send a `GET` request.
 * @param {string[]} segments of the path
 * @param {Record<string, string | number | null | undefined>} [query] parameters; empty ones are omitted
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>} the parsed body; rejects with an `ApiError`
 */
export function get(segments, query = {}, signal) {
  return request(buildUrl(segments, query), { signal });
}

/**
 * Send a `POST` request with a JSON body.
 * @param {string[]} segments of the path
 * @param {unknown} body
 * @param {Record<string, string>} [query] parameters
 * @returns {Promise<any>} the parsed body; rejects with an `ApiError`
 */
export function post(segments, body, query = {}) {
  const headers = { "content-type": "application/json" };
  return request(buildUrl(segments, query), { method: "POST", headers, body: JSON.stringify(body) });
}

/**
 * Identifiers travel in the query string: API Gateway decodes a path before it chooses a route.
 * @param {string[]} segments
 * @param {Record<string, string | number | null | undefined>} query
 */
function buildUrl(segments, query) {
  const url = new URL(segments.map(encodeURIComponent).join("/"), BASE);
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, String(value));
  }
  return url;
}

/**
 * @param {URL} url
 * @param {RequestInit} options
 * @returns {Promise<any>}
 */
async function request(url, options) {
  const headers = { ...options.headers, authorization: `Bearer ${readKey()}` };
  /** @type {Response} */
  let response;
  try {
    response = await fetch(url, { ...options, headers, credentials: "omit", cache: "no-store" });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError(0, "The service does not respond. Check your network connection.");
  }
  const body = await response.json().catch(() => null);
  if (response.ok) return body;
  // the service answers {error: {code, message}}, API Gateway itself {message}
  const error = body?.error ?? {};
  const message = error.message ?? body?.message ?? `The service answered with status ${response.status}.`;
  throw new ApiError(response.status, message, error.code);
}
