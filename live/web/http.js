/** Calls to the Showdrop HTTP API: the token, the idempotency key, and errors as `ApiError`. */

import { uuid } from "./ids.js";

/** A POST is tried this often when no definite answer comes. */
const POST_TRIES = 3;
const POST_PAUSE_MS = 600;

/**
 * The error of an answer. `status` is 0 when none came; `field` names the request field at fault, if one is.
 */
export class ApiError extends Error {
  constructor(status, { code, message, temporary, details }) {
    super(sentence(message));
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.temporary = temporary;
    this.details = details ?? {};
    this.field = this.details.field ?? null;
  }

  /** The server may or may not have acted. */
  get unclear() {
    return this.status === 0 || this.status >= 500;
  }
}

/** The server says `there is no such show`; a page says it as a sentence. A field's name keeps its spelling. */
function sentence(text) {
  const start = /^[a-z]+[ ,:;’']/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
  return /[.!?…]$/.test(start) ? start : `${start}.`;
}

export class Api {
  /** path and body of an action without a definite answer → its key, so that pressing again is not a second action */
  #openKeys = new Map();

  /**
   * @param {?string} token
   * @param {(error: ApiError) => void} [onUnauthorised] called on every 401
   */
  constructor(token, onUnauthorised = () => {}) {
    this.token = token;
    this.onUnauthorised = onUnauthorised;
  }

  /** @param {Object<string, *>} [query] null and empty values are left out */
  get(path, query = {}) {
    const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
    const search = new URLSearchParams(given).toString();
    return this.#call(search ? `${path}?${search}` : path, {});
  }

  /**
   * One user action. Network failures and 5xx answers are retried with the same idempotency key.
   * @param {?object} [body] null for a call that takes none
   */
  async post(path, body = {}) {
    const text = body === null ? "" : JSON.stringify(body);
    const action = `${path}\n${text}`;
    const key = this.#openKeys.get(action) ?? uuid();
    this.#openKeys.set(action, key);
    const headers = { ...(text && { "content-type": "application/json" }), "idempotency-key": key };
    for (let tried = 1; ; tried += 1) {
      try {
        const answer = await this.#call(path, { method: "POST", headers, body: text || null });
        this.#openKeys.delete(action);
        return answer;
      } catch (error) {
        if (!error.unclear) this.#openKeys.delete(action);
        if (!error.unclear || tried === POST_TRIES) throw error;
        await new Promise((resolve) => { setTimeout(resolve, POST_PAUSE_MS * tried); });
      }
    }
  }

  async #call(path, { headers = {}, ...init }) {
    const auth = this.token ? { authorization: `Bearer ${this.token}` } : {};
    let response;
    try {
      response = await fetch(path, { ...init, headers: { accept: "application/json", ...auth, ...headers } });
    } catch {
      throw new ApiError(0, { code: "offline", message: "The server does not answer.", temporary: true });
    }
    const answer = await response.json().catch(() => null);
    if (response.ok && answer) return answer;
    const unknown = { code: "unknown", message: `The server answered ${response.status}.`, temporary: response.status >= 500 };
    const error = new ApiError(response.status, answer?.error ?? unknown);
    if (response.status === 401) this.onUnauthorised(error);
    throw error;
  }
}
