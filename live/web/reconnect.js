/** When to come back after a connection ends, and what to make of positions. Pure rules; `ShowdropClient` acts on them. */

/** The first wait is up to this long, in milliseconds. */
export const BACKOFF_FIRST_MS = 500;
/** No back-off is longer than this, in milliseconds. */
export const BACKOFF_CAP_MS = 20_000;
/** After 1012 without a `goodbye` everyone comes back within this long: they were all cut in the same moment. */
export const RESTART_SPREAD_MS = 10_000;
/** After a close that says "too much" nobody comes back earlier. */
export const OVERLOAD_LEAST_MS = 5_000;

const SERVICE_RESTART = 1012;
/** 1013 is the registered code, which proxies send; 4004 is the gateway's. */
const OVERLOAD = [1013, 4004];

/** @returns {number} the longest wait before try number `attempt`, counted from 0 after a good connection */
const ceilingMs = (attempt) => Math.min(BACKOFF_CAP_MS, BACKOFF_FIRST_MS * 2 ** Math.min(attempt, 16));

/**
 * Exponential back-off with full jitter, so that ten thousand viewers do not come back in step.
 * @param {number} attempt 0 for the first try after a good connection
 * @param {() => number} [random] in [0, 1)
 * @returns {number} milliseconds
 */
export function backoffMs(attempt, random = Math.random) {
  return random() * ceilingMs(attempt);
}

/**
 * How long to wait before the next try. The back-off starts anew only after a `welcome`: a server that takes
 * connections and drops them is as far from well as one that takes none. Every wait that the server asks for is spread
 * at random as well: who was sent away together must not come back together.
 */
export class Reconnect {
  #random;
  #attempt = 0;
  /** The window that a `goodbye` asked for; it counts once. */
  #goodbye = null;

  /** @param {() => number} random in [0, 1) */
  constructor(random) {
    this.#random = random;
  }

  welcomed() {
    this.#attempt = 0;
    this.#goodbye = null;
  }

  /** @param {{reconnect_min_ms: number, reconnect_max_ms: number}} message */
  takeGoodbye(message) {
    this.#goodbye = message;
  }

  /** @returns {number} milliseconds until the next try, which is counted */
  waitMs(closeCode) {
    const goodbye = this.#goodbye;
    this.#goodbye = null;
    if (goodbye) {
      const spreadMs = Math.max(0, goodbye.reconnect_max_ms - goodbye.reconnect_min_ms);
      return goodbye.reconnect_min_ms + this.#random() * spreadMs;
    }
    const leastMs = OVERLOAD.includes(closeCode) ? OVERLOAD_LEAST_MS : 0;
    const restartMs = closeCode === SERVICE_RESTART ? RESTART_SPREAD_MS : 0;
    const spreadMs = Math.max(leastMs, restartMs, ceilingMs(this.#attempt));
    this.#attempt += 1;
    return leastMs + this.#random() * spreadMs;
  }
}

/**
 * Whether to reconnect after a close. Only 4500–4999 say "do not": 1012 and 4000–4499 ask to, and what the network
 * itself did (1006 and the like) is worth another try.
 * @param {number} code
 * @returns {boolean}
 */
export function mayReconnect(code) {
  return !(code >= 4500 && code <= 4999);
}

/**
 * What to do with the position of a log event.
 * @param {number} lastSeq the last position applied
 * @param {number} seq of the event
 * @returns {"apply"|"duplicate"|"gap"}
 */
export function judgeSeq(lastSeq, seq) {
  if (seq <= lastSeq) return "duplicate";
  return seq === lastSeq + 1 ? "apply" : "gap";
}
