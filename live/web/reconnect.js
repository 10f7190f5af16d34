/** When to come back after a connection ends. Pure rules; `ShowdropClient` acts on them. */

/** The first wait is up to this long, in milliseconds. */
export const BACKOFF_FIRST_MS = 500;
/** No wait is longer than this, in milliseconds. */
export const BACKOFF_CAP_MS = 20_000;

/**
 * Exponential back-off with full jitter, so that ten thousand viewers do not come back in step.
 * @param {number} attempt 0 for the first try after a good connection
 * @param {() => number} [random] in [0, 1)
 * @returns {number} milliseconds
 */
export function backoffMs(attempt, random = Math.random) {
  return random() * Math.min(BACKOFF_CAP_MS, BACKOFF_FIRST_MS * 2 ** Math.min(attempt, 16));
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
