/** Times of an offer, by the server's clock. Pure. */

/** The last seconds look urgent. */
export const URGENT_MS = 10_000;

/**
 * `m:ss`, or `h:mm:ss` from an hour on. Rounded up: 0:00 only when nothing is left.
 * @param {number} ms
 */
export function formatLeft(ms) {
  const total = Math.max(0, Math.ceil(ms / 1000));
  const seconds = String(total % 60).padStart(2, "0");
  const minutes = Math.floor(total / 60) % 60;
  const hours = Math.floor(total / 3600);
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${seconds}` : `${minutes}:${seconds}`;
}

/**
 * Where an offer stands. The times decide, so a lost message cannot leave a card open for ever; only an early end
 * or a withdrawal needs the server's word.
 * @returns {"preheat"|"open"|"ended"|"voided"}
 */
export function offerPhase(offer, nowMs) {
  if (offer.state === "voided" || offer.state === "ended") return offer.state;
  if (nowMs < offer.starts_at_ms) return "preheat";
  return nowMs < offer.ends_at_ms ? "open" : "ended";
}

/** Milliseconds to the next change of the phase, 0 when there is none. */
export function phaseLeftMs(offer, nowMs) {
  const phase = offerPhase(offer, nowMs);
  if (phase === "preheat") return offer.starts_at_ms - nowMs;
  return phase === "open" ? offer.ends_at_ms - nowMs : 0;
}
