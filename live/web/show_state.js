/**
 * The state of a show as one viewer sees it, and the one rule that changes it. Pure: no clock, no network, no DOM.
 *
 * A page keeps the newest state and compares parts by identity: what a message does not touch stays the same object.
 *
 * @typedef {{amount: number, currency: string}} Money minor units
 * @typedef {{show_id: string, title: string, currency: string, state: string}} Show
 * @typedef {{hold_id: string, offer_id: string, quantity: number, expires_at_ms: number, extensions: number,
 *            state: "held"|"submitted"}} Hold
 * @typedef {{order_id: string, hold_id: string, offer_id: ?string, quantity: ?number, amount: Money, refunded?: Money, state: string}} Order
 * @typedef {{show: ?Show, spotlight: object[], offers: object[], viewers: number,
 *            holds: Object<string, Hold>, orders: Object<string, Order>,
 *            waitlists: Object<string, number>}} ShowState `waitlists`: this buyer's place, 1 is next, by offer
 */

/** @type {ShowState} */
export const EMPTY_STATE = Object.freeze({
  show: null,
  spotlight: [],
  offers: [],
  viewers: 0,
  holds: {},
  orders: {},
  waitlists: {},
});

const SHOW_STATES = {
  "show.started": "live",
  "show.paused": "paused",
  "show.resumed": "live",
  "show.ended": "ended",
};

/** The state that an offer event leads to; an extension changes the times only, a draw tells its seed. */
const OFFER_STATES = {
  "offer.scheduled": "scheduled",
  "offer.opened": "open",
  "offer.extended": null,
  "offer.ended": "ended",
  "offer.voided": "voided",
  "offer.drawn": null,
};

/** An order never goes back: a late `submitted` must not undo a `confirmed`. */
const ORDER_RANK = { submitted: 0, confirmed: 1, declined: 1, unfulfillable: 1, refunded: 2 };

/**
 * Fold one server message into the state. Unknown types change nothing.
 * @param {ShowState} state
 * @param {{type: string}} message any message of the server
 * @returns {ShowState} the same object when nothing changed
 */
export function applyEvent(state, message) {
  const { type } = message;
  if (type === "welcome") return applyWelcome(state, message);
  if (Object.hasOwn(SHOW_STATES, type)) {
    return state.show ? { ...state, show: { ...state.show, state: SHOW_STATES[type] } } : state;
  }
  if (type === "product.spotlight") return { ...state, spotlight: message.products };
  if (Object.hasOwn(OFFER_STATES, type)) return applyOffer(state, message);
  if (type === "offer.stock") return applyStock(state, message);
  if (type === "viewers") return { ...state, viewers: message.count };
  if (type === "claim.accepted") return applyHold(state, message, message.quantity);
  if (type === "hold.promoted") {
    return withoutPlace(applyHold(state, message, message.quantity ?? 1), message.offer_id);
  }
  if (type === "hold.changed") return applyHold(state, message, message.quantity);
  if (type.startsWith("waitlist.")) return applyPlace(state, message);
  if (type === "hold.expired" || type === "hold.released") return withoutHold(state, message.hold_id);
  if (type.startsWith("order.")) return applyOrder(state, message);
  return state;
}

/** The hold of this buyer on an offer, or null. */
export function holdOn(state, offerId) {
  return Object.values(state.holds).find((hold) => hold.offer_id === offerId) ?? null;
}

function applyWelcome(state, message) {
  // The holds in a welcome are the server's full list, with and without a snapshot.
  const holds = Object.fromEntries((message.holds ?? []).map((hold) => [hold.hold_id, hold]));
  // A hold that no claim asked for has its own ULID as its claim's id: the wait is over.
  const promoted = Object.values(holds).filter((hold) => hold.state === "held" && `hold_${hold.claim_id}` === hold.hold_id && !(hold.hold_id in state.holds));
  const { waitlists } = promoted.reduce((so, hold) => withoutPlace(so, hold.offer_id), state);
  const { snapshot } = message;
  if (!snapshot) return { ...state, holds, waitlists };
  return {
    show: snapshot.show,
    spotlight: snapshot.spotlight ?? [],
    offers: snapshot.offers ?? [],
    viewers: snapshot.viewers ?? 0,
    holds,
    orders: state.orders,
    waitlists,
  };
}

function applyOffer(state, message) {
  const { offer_id: offerId } = message.offer;
  const old = state.offers.find((offer) => offer.offer_id === offerId);
  const offer = {
    ...(old ?? { state: "scheduled", available: message.offer.quantity, held: 0, sold: 0 }),
    ...message.offer,
  };
  offer.state = OFFER_STATES[message.type] ?? offer.state;
  if (message.reason) offer.reason = message.reason;
  if (message.seed) offer.seed = message.seed;
  const offers = old ? state.offers.map((one) => (one === old ? offer : one)) : [...state.offers, offer];
  const over = offer.state === "ended" || offer.state === "voided";
  return over ? withoutPlace({ ...state, offers }, offerId) : { ...state, offers };
}

function applyPlace(state, { type, offer_id: offerId, place, temporary }) {
  if (type === "waitlist.joined" && place > 0) {
    return state.waitlists[offerId] === place ? state : { ...state, waitlists: { ...state.waitlists, [offerId]: place } };
  }
  return type === "waitlist.refused" && temporary ? state : withoutPlace(state, offerId);
}

function withoutPlace(state, offerId) {
  if (!(offerId in state.waitlists)) return state;
  const { [offerId]: _gone, ...waitlists } = state.waitlists;
  return { ...state, waitlists };
}

function applyStock(state, message) {
  const { offer_id: offerId, available, held, sold } = message;
  if (!state.offers.some((offer) => offer.offer_id === offerId)) return state;
  const offers = state.offers.map((offer) =>
    offer.offer_id === offerId ? { ...offer, available, held, sold } : offer,
  );
  return { ...state, offers };
}

function applyHold(state, message, quantity) {
  const { hold_id: holdId, offer_id: offerId, expires_at_ms: expiresAtMs } = message;
  const old = state.holds[holdId];
  // A repeated answer to a claim must not turn a hold in payment back into an open one.
  const hold = {
    hold_id: holdId,
    offer_id: offerId,
    quantity,
    expires_at_ms: expiresAtMs ?? old?.expires_at_ms,
    extensions: message.extensions ?? old?.extensions ?? 0,
    state: old?.state ?? "held",
  };
  return { ...state, holds: { ...state.holds, [holdId]: hold } };
}

function withoutHold(state, holdId) {
  if (!(holdId in state.holds)) return state;
  const { [holdId]: _gone, ...holds } = state.holds;
  return { ...state, holds };
}

/** `refunded` is the sum of all refunds so far; an order that is paid back in part stays what it was. */
function withRefund(state, old, refunded) {
  const whole = refunded.amount >= old.amount.amount;
  const order = { ...old, refunded, state: whole ? "refunded" : old.state };
  return withoutHold({ ...state, orders: { ...state.orders, [old.order_id]: order } }, old.hold_id);
}

function applyOrder(state, message) {
  const { order_id: orderId, hold_id: holdId, amount } = message;
  const next = message.type.slice("order.".length);
  if (!Object.hasOwn(ORDER_RANK, next)) return state;
  const old = state.orders[orderId];
  if (old && ORDER_RANK[next] < ORDER_RANK[old.state]) return state;
  const hold = state.holds[holdId];
  if (next === "refunded" && old) return withRefund(state, old, amount);
  const order = {
    order_id: orderId,
    hold_id: holdId,
    offer_id: old?.offer_id ?? hold?.offer_id ?? null,
    quantity: old?.quantity ?? hold?.quantity ?? null,
    amount: amount ?? old?.amount,
    state: next,
  };
  const orders = { ...state.orders, [orderId]: order };
  if (next !== "submitted") return withoutHold({ ...state, orders }, holdId);
  if (!hold) return { ...state, orders };
  return { ...state, orders, holds: { ...state.holds, [holdId]: { ...hold, state: "submitted" } } };
}
