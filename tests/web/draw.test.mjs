/** A draw on the pages: what the button says, and what an event changes. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { offerAction, stockText } from "../../live/web/offer_action.js";
import { EMPTY_STATE, applyEvent } from "../../live/web/show_state.js";

const OFFER = {
  offer_id: "offer_1", sku: "A-1", product_id: "prod_1", title: "Mug", price: { amount: 1999, currency: "EUR" },
  quantity: 10, per_buyer_limit: 1, starts_at_ms: 1_000, ends_at_ms: 61_000, hold_ttl_ms: 60_000, mode: "draw",
  seed_hash: "ab",
};
const SEEN = {
  offer: { ...OFFER, state: "open", available: 10, held: 0 }, nowMs: 2_000, hold: null, place: 0, claiming: false,
  joining: false, paying: false, confirmed: false, entered: false, won: false, told: false, guest: false, demo: true, quantity: 1, room: 1,
};
const label = (more) => offerAction({ ...SEEN, ...more }).label;
const DRAWN = { ...SEEN.offer, state: "ended", seed: "5f", available: 0, held: 10 };

test("the button of a draw says whether the buyer is in, and how it went", () => {
  assert.deepEqual([label({}), offerAction(SEEN).does], ["Enter the draw", "claim"]);
  assert.equal(label({ claiming: true }), "Entering…");
  assert.equal(label({ entered: true }), "You are in · drawn in 0:59");
  assert.equal(offerAction({ ...SEEN, entered: true }).does, null);
  assert.equal(label({ nowMs: 500 }), "Starts in 0:01");
  assert.equal(label({ nowMs: 61_500, entered: true }), "Drawing…");
  // Whoever is drawn hears of the seed before they hear of their unit.
  assert.equal(label({ nowMs: 63_000, entered: true, offer: DRAWN }), "Drawing…");
  assert.equal(label({ nowMs: 63_000, entered: true, told: true, offer: DRAWN }), "Not drawn this time");
  for (const more of [{}, { entered: true, won: true }]) assert.equal(label({ nowMs: 63_000, offer: DRAWN, ...more }), "Draw closed");
  const hold = { hold_id: "h", quantity: 1, expires_at_ms: 104_000, state: "held" };
  assert.equal(offerAction({ ...SEEN, nowMs: 63_000, entered: true, offer: DRAWN, hold }).does, "pay");
  assert.equal(label({ offer: { ...SEEN.offer, state: "voided" }, entered: true }), "Offer withdrawn");
  assert.equal(offerAction({ ...SEEN, guest: true }).does, "join");
});

test("the stock of a draw is what will be drawn, then what is left", () => {
  assert.equal(stockText(SEEN.offer), "10 to be drawn");
  assert.equal(stockText(DRAWN), "Sold out – 10 in checkout");
});

test("a draw tells its seed and leaves the rest of the offer alone", () => {
  const before = [
    { type: "offer.opened", seq: 1, offer: OFFER },
    { type: "offer.stock", offer_id: "offer_1", available: 9, held: 1, sold: 0 },
    { type: "offer.ended", seq: 2, offer: OFFER, reason: "time" },
  ].reduce(applyEvent, EMPTY_STATE);
  assert.equal(before.offers[0].seed, undefined);
  const after = applyEvent(before, { type: "offer.drawn", seq: 3, offer: OFFER, seed: "5f", entries: 7 });
  assert.deepEqual(after.offers, [{ ...before.offers[0], seed: "5f" }]);
});
