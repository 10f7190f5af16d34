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
  invalid: "That quantity cannot be claimed. Change it and try again.",
};

/** @returns {string} words for a `claim.refused` message */
export function refusalText({ reason, temporary }) {
  return REFUSALS[reason] ?? (temporary ? "That did not work. Please try again." : "That cannot be done.");
}

/**
 * @param {object} seen
 * @param {object} seen.offer
 * @param {number} seen.nowMs server time
 * @param {?object} seen.hold of this buyer on this offer
 * @param {boolean} seen.claiming an answer is awaited
 * @param {boolean} seen.paying a checkout was sent
 * @param {boolean} seen.confirmed the last thing that happened was an order
 * @param {boolean} seen.guest
 * @param {boolean} seen.demo guests may become demo buyers
 * @param {number} seen.quantity chosen
 * @param {number} seen.room units that this buyer may still claim
 * @returns {{label: string, does: null|"claim"|"pay"|"join", tone: string}}
 */
export function offerAction({ offer, nowMs, hold, claiming, paying, confirmed, guest, demo, quantity, room }) {
  const phase = offerPhase(offer, nowMs);
  if (paying || hold?.state === "submitted") return { label: "Paying…", does: null, tone: "busy" };
  if (hold && hold.expires_at_ms > nowMs) {
    const price = formatMoney(times(offer.price, hold.quantity));
    return { label: `Pay ${price} · ${formatLeft(hold.expires_at_ms - nowMs)} left`, does: "pay", tone: "pay" };
  }
  if (claiming) return { label: "Claiming…", does: null, tone: "busy" };
  if (confirmed) return { label: "Order confirmed", does: null, tone: "done" };
  if (phase === "voided") return { label: "Offer withdrawn", does: null, tone: "off" };
  if (phase === "ended") return { label: "Offer ended", does: null, tone: "off" };
  if (phase === "open" && offer.available <= 0) return { label: "Sold out", does: null, tone: "off" };
  if (guest) return demo ? { label: "Join to buy", does: "join", tone: "go" } : { label: "Sign in to buy", does: null, tone: "off" };
  if (phase === "preheat") return { label: `Starts in ${formatLeft(offer.starts_at_ms - nowMs)}`, does: null, tone: "soon" };
  if (room <= 0) return { label: "You have your share", does: null, tone: "off" };
  const count = quantity > 1 ? ` ${quantity}` : "";
  return { label: `Claim${count} · ${formatMoney(times(offer.price, quantity))}`, does: "claim", tone: "go" };
}

/** `37 of 100 left`, or who may still fall out of a sold-out offer. */
export function stockText({ available, held, quantity }) {
  if (available > 0) return `${available} of ${quantity} left`;
  return held > 0 ? `Sold out – ${held} in checkout` : "Sold out";
}
