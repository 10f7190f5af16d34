/** What the one big button of an offer says and does. Pure. */

import { formatLeft, offerPhase } from "./countdown.js";
import { formatMoney, times } from "./money.js";

/** A refusal in plain words: what happened, and whether trying again makes sense. */
const REFUSALS = {
  sold_out: "Sold out. Someone was faster – a unit may come back if a payment fails.",
  not_open: "This offer is not open yet. Try again when the clock reaches zero.",
  ended: "This offer has ended.",
  buyer_limit: "You already have as many as one buyer may have.",
  rate_limited: "That was too fast. Wait a moment, then try again.",
  recovering: "Stock is being checked. Try again in a few seconds.",
  unknown_offer: "This offer is no longer there.",
  unauthorised: "Sign in to buy.",
  waitlist_full: "The waiting list is full. Try again in a while.",
  invalid: "That quantity cannot be claimed. Change it and try again.",
};

/** @returns {string} words for a `claim.refused` or `waitlist.refused` message */
export function refusalText({ reason, temporary }) {
  return REFUSALS[reason] ?? (temporary ? "That did not work. Please try again." : "That cannot be done.");
}

/** What happens to the units of a draw, and to who entered; an answer of `offerAction`. */
function drawAction({ offer, nowMs, entered, won, told }, phase) {
  if (phase === "open") {
    return entered
      ? { label: `You are in · drawn in ${formatLeft(offer.ends_at_ms - nowMs)}`, does: null, tone: "soon" }
      : { label: "Enter the draw", does: "claim", tone: "go" };
  }
  if (!entered || won) return { label: "Draw closed", does: null, tone: "off" };
  return told
    ? { label: "Not drawn this time", does: null, tone: "off" }
    : { label: "Drawing…", does: null, tone: "busy" };
}

/**
 * @param {object} seen
 * @param {object} seen.offer
 * @param {number} seen.nowMs server time
 * @param {?object} seen.hold of this buyer on this offer
 * @param {number} seen.place of this buyer on the waiting list, 1 is next; 0 when not on it
 * @param {boolean} seen.claiming an answer is awaited
 * @param {boolean} seen.joining the waiting list has not answered yet
 * @param {boolean} seen.paying a checkout was sent
 * @param {boolean} seen.confirmed the last thing that happened was an order
 * @param {boolean} seen.entered this buyer is in the draw
 * @param {boolean} seen.won this buyer was drawn, whatever became of it
 * @param {boolean} seen.told whoever is drawn has heard of it by now
 * @param {boolean} seen.guest
 * @param {boolean} seen.demo guests may become demo buyers
 * @param {number} seen.quantity chosen
 * @param {number} seen.room units that this buyer may still claim
 * @returns {{label: string, does: null|"claim"|"pay"|"join"|"wait", tone: string}}
 */
export function offerAction(seen) {
  const { offer, nowMs, hold, place, claiming, joining, paying, confirmed, guest, demo, quantity, room } = seen;
  const phase = offerPhase(offer, nowMs);
  if (paying || hold?.state === "submitted") return { label: "Paying…", does: null, tone: "busy" };
  if (hold && hold.expires_at_ms > nowMs) {
    const price = formatMoney(times(offer.price, hold.quantity));
    return { label: `Pay ${price} · ${formatLeft(hold.expires_at_ms - nowMs)} left`, does: "pay", tone: "pay" };
  }
  const draw = offer.mode === "draw";
  if (claiming) return { label: draw ? "Entering…" : "Claiming…", does: null, tone: "busy" };
  if (confirmed) return { label: "Order confirmed", does: null, tone: "done" };
  if (phase === "voided") return { label: "Offer withdrawn", does: null, tone: "off" };
  if (draw && (phase === "ended" || (phase === "open" && !guest))) return drawAction(seen, phase);
  if (phase === "ended") return { label: "Offer ended", does: null, tone: "off" };
  if (phase === "open" && place > 0) return { label: place === 1 ? "You are next in line" : `You are number ${place} in line`, does: null, tone: "soon" };
  if (phase === "open" && joining) return { label: "Joining…", does: null, tone: "busy" };
  if (phase === "open" && offer.available <= 0) {
    // Only a unit that somebody holds can come back.
    const waitable = offer.held > 0 && !guest && room > 0;
    return waitable ? { label: "Join the waiting list", does: "wait", tone: "wait" } : { label: "Sold out", does: null, tone: "off" };
  }
  if (guest) return demo ? { label: "Join to buy", does: "join", tone: "go" } : { label: "Sign in to buy", does: null, tone: "off" };
  if (phase === "preheat") return { label: `Starts in ${formatLeft(offer.starts_at_ms - nowMs)}`, does: null, tone: "soon" };
  if (room <= 0) return { label: "You have your share", does: null, tone: "off" };
  const count = quantity > 1 ? ` ${quantity}` : "";
  return { label: `Claim${count} · ${formatMoney(times(offer.price, quantity))}`, does: "claim", tone: "go" };
}

/** `37 of 100 left`, or who may still fall out of a sold-out offer. */
export function stockText({ available, held, quantity, mode, seed }) {
  if (mode === "draw" && !seed) return `${quantity} to be drawn`;
  if (available > 0) return `${available} of ${quantity} left`;
  return held > 0 ? `Sold out – ${held} in checkout` : "Sold out";
}
