// The browser client, run with: node --test tests/web/*.test.mjs
// The socket is an in-memory pair: the test plays the server, message by message.

import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { test } from "node:test";

import { formatLeft, offerPhase } from "../../live/web/countdown.js";
import { ApiError } from "../../live/web/http.js";
import { uuid } from "../../live/web/ids.js";
import { formatMoney, moneyInput, parseMoney, percentOff } from "../../live/web/money.js";
import { offerAction, refusalText, stockText } from "../../live/web/offer_action.js";
import {
  EMPTY_STATE, ShowdropClient, applyEvent, ulid,
} from "../../live/web/showdrop.js";

const WEB = new URL("../../live/web/", import.meta.url);
const EUR = (amount) => ({ amount, currency: "EUR" });
const OFFER = {
  offer_id: "offer_1", sku: "A-1", product_id: "prod_1", title: "Mug", price: EUR(1999), quantity: 10,
  per_buyer_limit: 2, starts_at_ms: 1_000, ends_at_ms: 61_000, hold_ttl_ms: 60_000,
};
const SNAPSHOT = {
  show: { show_id: "show_1", title: "Drop", currency: "EUR", state: "live" }, spotlight: [], offers: [], viewers: 3,
};
const welcome = (more = {}) => ({
  type: "welcome", session_id: "s", epoch: "e1", seq: 5, server_time_ms: Date.now(), heartbeat_ms: 5_000,
  recovered: false, snapshot: SNAPSHOT, holds: [], ...more,
});
const fold = (...messages) => messages.reduce(applyEvent, EMPTY_STATE);
const later = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const soon = () => later(5);
const until = async (happened) => {
  const begun = performance.now();
  while (!happened()) {
    assert.ok(performance.now() - begun < 15_000, "it did not happen in time");
    await soon();
  }
};

/** One end of a connection; the test is the other end. */
class Wire {
  sent = [];
  closed = false;
  answersPings = false;

  constructor(url, protocols) {
    Object.assign(this, { url, protocols });
  }

  send(text) {
    const message = JSON.parse(text);
    this.sent.push(message);
    if (this.answersPings && message.type === "ping") {
      queueMicrotask(() => this.say({ type: "pong", server_time_ms: Date.now() }));
    }
  }

  close() {
    this.closed = true;
  }

  open() {
    this.onopen();
    return this;
  }

  say(message) {
    this.onmessage({ data: JSON.stringify(message) });
    return this;
  }

  hangUp(code) {
    this.onclose({ code, reason: "" });
  }

  /** As Node 22 tells of a dial that nobody takes: with an error, and nothing after it. */
  fail() {
    this.onerror({ message: "" });
  }

  of(type) {
    return this.sent.filter((message) => message.type === type);
  }
}

/** A client whose waits are zero long, and the list of sockets it opened. */
function watching(context, { token = null, random = () => 0 } = {}) {
  const wires = [];
  const client = new ShowdropClient({
    wsUrl: "ws://gateway/",
    random,
    openSocket: (url, protocols) => {
      wires.push(new Wire(url, protocols));
      return wires.at(-1);
    },
  });
  context.after(() => client.close());
  client.connect("show_1", { token });
  return { client, wires };
}

// --- the reducer ---

test("a welcome with a snapshot replaces the show and keeps the orders", () => {
  const before = fold(welcome(), { type: "order.confirmed", order_id: "o1", hold_id: "h1", amount: EUR(5) });
  const after = applyEvent(before, welcome({ snapshot: { ...SNAPSHOT, viewers: 9 } }));
  assert.equal(after.viewers, 9);
  assert.equal(after.orders.o1.state, "confirmed");
});

test("show events set the state of the show", () => {
  const states = ["show.paused", "show.resumed", "show.ended"].map((type) => fold(welcome(), { type, seq: 6 }).show.state);
  assert.deepEqual(states, ["paused", "live", "ended"]);
});

test("an offer's life by events equals the snapshot of it", () => {
  const extended = { ...OFFER, ends_at_ms: 91_000 };
  const byEvents = fold(
    welcome(),
    { type: "offer.scheduled", seq: 6, offer: OFFER },
    { type: "offer.opened", seq: 7, offer: OFFER },
    { type: "offer.stock", offer_id: "offer_1", available: 7, held: 2, sold: 1 },
    { type: "offer.extended", seq: 8, offer: extended },
  );
  const bySnapshot = fold(welcome({
    snapshot: { ...SNAPSHOT, offers: [{ ...extended, state: "open", available: 7, held: 2, sold: 1 }] },
  }));
  assert.deepEqual(byEvents, bySnapshot);
});

test("a voided offer carries its reason", () => {
  const { offers } = fold(welcome(), { type: "offer.voided", seq: 6, offer: OFFER, reason: "wrong price" });
  assert.equal(offers[0].state, "voided");
  assert.equal(offers[0].reason, "wrong price");
});

test("a hold becomes an order that remembers offer and quantity, and is gone when confirmed", () => {
  const held = fold(welcome(), { type: "claim.accepted", claim_id: "c", hold_id: "h1", offer_id: "offer_1", quantity: 2, expires_at_ms: 9 });
  const paying = applyEvent(held, { type: "order.submitted", order_id: "o1", hold_id: "h1", amount: EUR(3998) });
  assert.equal(held.holds.h1.state, "held");
  assert.equal(paying.holds.h1.state, "submitted");
  const done = applyEvent(paying, { type: "order.confirmed", order_id: "o1", hold_id: "h1", amount: EUR(3998) });
  assert.deepEqual(done.holds, {});
  assert.deepEqual(done.orders.o1, {
    order_id: "o1", hold_id: "h1", offer_id: "offer_1", quantity: 2, amount: EUR(3998), state: "confirmed",
  });
});

test("a late submitted does not undo a confirmed order", () => {
  const order = { order_id: "o1", hold_id: "h1", amount: EUR(5) };
  const state = fold(welcome(), { type: "order.confirmed", ...order }, { type: "order.submitted", ...order });
  assert.equal(state.orders.o1.state, "confirmed");
});

test("a refund in part leaves the order confirmed, the whole of it does not", () => {
  const order = { order_id: "o1", hold_id: "h1" };
  const part = fold(welcome(), { type: "order.confirmed", ...order, amount: EUR(1000) }, { type: "order.refunded", ...order, amount: EUR(400) });
  assert.deepEqual([part.orders.o1.state, part.orders.o1.amount, part.orders.o1.refunded], ["confirmed", EUR(1000), EUR(400)]);
  assert.equal(applyEvent(part, { type: "order.refunded", ...order, amount: EUR(1000) }).orders.o1.state, "refunded");
});

test("a repeated claim answer does not reopen a hold in payment", () => {
  const accepted = { type: "claim.accepted", claim_id: "c", hold_id: "h1", offer_id: "offer_1", quantity: 1, expires_at_ms: 9 };
  const state = fold(welcome(), accepted, { type: "order.submitted", order_id: "o1", hold_id: "h1", amount: EUR(5) }, accepted);
  assert.equal(state.holds.h1.state, "submitted");
});

test("holds end by expiry and release, begin by promotion, and a welcome replaces them all", () => {
  const promoted = fold(welcome(), { type: "hold.promoted", hold_id: "h1", offer_id: "offer_1", expires_at_ms: 9 });
  assert.equal(promoted.holds.h1.quantity, 1);
  for (const type of ["hold.expired", "hold.released"]) assert.deepEqual(applyEvent(promoted, { type, hold_id: "h1" }).holds, {});
  assert.deepEqual(applyEvent(promoted, welcome({ recovered: true, snapshot: undefined })).holds, {});
});

test("unknown messages leave the very same state", () => {
  const state = fold(welcome());
  for (const type of ["future.thing", "order.teleported", "toString", "pong"]) assert.equal(applyEvent(state, { type }), state);
});

// --- the client ---

test("hello carries the token first and the position after the first welcome", async (context) => {
  const { client, wires } = watching(context, { token: "t" });
  assert.equal(wires[0].url, "ws://gateway/v1/shows/show_1/live");
  assert.deepEqual(wires[0].protocols, ["showdrop.json"]);
  wires[0].open().say(welcome()).say({ type: "show.paused", seq: 6, at_ms: 1 });
  assert.deepEqual(wires[0].of("hello"), [{ type: "hello", token: "t" }]);
  wires[0].hangUp(1006);
  assert.equal(client.status.phase, "waiting");
  await soon();
  assert.deepEqual(wires[1].open().of("hello"), [{ type: "hello", token: "t", resume: { epoch: "e1", seq: 6 } }]);
});

test("a recovered session goes on from its own position and skips duplicates", async (context) => {
  const { client, wires } = watching(context);
  wires[0].open().say(welcome()).hangUp(4000);
  await soon();
  wires[1].open().say(welcome({ recovered: true, snapshot: undefined, seq: 7 }));
  wires[1].say({ type: "show.paused", seq: 6 }).say({ type: "show.ended", seq: 7 }).say({ type: "show.paused", seq: 6 });
  assert.equal(client.state.show.state, "ended");
  assert.equal(wires.length, 2);
});

test("a gap in the log reconnects with the last good position", async (context) => {
  const { client, wires } = watching(context);
  wires[0].open().say(welcome()).say({ type: "show.paused", seq: 6 }).say({ type: "show.ended", seq: 8 });
  assert.equal(client.state.show.state, "paused");
  assert.ok(wires[0].closed);
  await soon();
  assert.deepEqual(wires[1].open().sent[0].resume, { epoch: "e1", seq: 6 });
  // The same gap again: resuming does not help, so the next hello asks for everything.
  wires[1].say(welcome({ recovered: true, snapshot: undefined })).say({ type: "show.ended", seq: 8 });
  await soon();
  assert.equal(wires[2].open().sent[0].resume, undefined);
});

test("an unknown log event still moves the position", (context) => {
  const { client, wires } = watching(context);
  wires[0].open().say(welcome()).say({ type: "future.thing", seq: 6 }).say({ type: "show.ended", seq: 7 });
  assert.equal(client.state.show.state, "ended");
});

test("a claim is sent again with the same id until it is answered, and a refusal is an answer", async (context) => {
  const { client, wires } = watching(context, { token: "t" });
  wires[0].open().say(welcome());
  const answer = client.claim("offer_1", 2);
  const [first] = wires[0].of("claim");
  assert.equal(first.quantity, 2);
  wires[0].hangUp(1012);
  await soon();
  wires[1].open().say(welcome());
  assert.deepEqual(wires[1].of("claim"), [first]);
  wires[1].say({ type: "claim.refused", claim_id: first.claim_id, offer_id: "offer_1", reason: "sold_out", temporary: false });
  assert.equal((await answer).reason, "sold_out");
  wires[1].hangUp(1012);
  await soon();
  assert.deepEqual(wires[2].open().say(welcome()).of("claim"), []);
});

test("a checkout is answered by its order, repeated after a reconnect, and failed by an error", async (context) => {
  const { client, wires } = watching(context, { token: "t" });
  wires[0].open().say(welcome());
  const paid = client.checkout("h1", "pm_test_ok");
  wires[0].hangUp(1006);
  await soon();
  wires[1].open().say(welcome());
  assert.deepEqual(wires[1].of("checkout"), [{ type: "checkout", hold_id: "h1", payment_method: "pm_test_ok" }]);
  wires[1].say({ type: "order.submitted", order_id: "o1", hold_id: "h1", amount: EUR(5) });
  assert.equal((await paid).order_id, "o1");
  const failed = client.checkout("h2", "pm_nonsense");
  wires[1].say({ type: "error", code: "invalid", message: "Unknown method.", temporary: false });
  await assert.rejects(failed, { code: "invalid" });
});

test("a dial that fails with an error is a lost connection, at once", async (context) => {
  const { client, wires } = watching(context);
  wires[0].fail();
  assert.deepEqual([client.status.phase, client.status.code], ["waiting", 1006]);
  await soon();
  wires[1].open().say(welcome());
  assert.equal(client.status.phase, "live");
});

for (const [first, second] of [["fail", "hangUp"], ["hangUp", "fail"]]) {
  test(`a connection is lost once, also when ${first} is followed by ${second}`, async (context) => {
    const { client, wires } = watching(context);
    const said = [];
    client.addEventListener("status", () => said.push(client.status.phase));
    const tell = {
      fail: () => wires[0].onerror?.({ message: "" }), hangUp: () => wires[0].onclose?.({ code: 1006, reason: "" }),
    };
    tell[first]();
    tell[second]();
    await later(30);
    assert.deepEqual(said, ["waiting", "connecting"]);
    assert.equal(wires.length, 2);
  });
}

test("close codes from 4500 stop the client and fail what is open", async (context) => {
  const { client, wires } = watching(context, { token: "t" });
  wires[0].open().say(welcome());
  const claim = client.claim("offer_1", 1);
  wires[0].hangUp(4500);
  assert.equal(client.status.phase, "stopped");
  await assert.rejects(claim, { code: "closed" });
  await soon();
  assert.equal(wires.length, 1);
});

test("a goodbye gives the window for the next try", (context) => {
  const { client, wires } = watching(context, { random: () => 0.5 });
  wires[0].open().say(welcome());
  wires[0].say({ type: "goodbye", reason: "restart", reconnect_min_ms: 1_000, reconnect_max_ms: 3_000 }).hangUp(1012);
  assert.equal(client.status.retryInMs, 2_000);
});

test("the back-off grows until a welcome, not until a mere connection", async (context) => {
  const { client, wires } = watching(context, { random: () => 0.001 });
  const waits = [];
  client.addEventListener("status", () => client.status.phase === "waiting" && waits.push(client.status.retryInMs));
  for (let i = 0; i < 3; i += 1) {
    wires.at(-1).open().hangUp(1006);
    await soon();
  }
  wires.at(-1).open().say(welcome()).hangUp(1006);
  assert.deepEqual(waits, [0.5, 1, 2, 0.5]);
});

test("silence for two heartbeats reconnects", async (context) => {
  const { wires } = watching(context);
  wires[0].open().say(welcome({ heartbeat_ms: 10 }));
  await until(() => wires.length === 2);
  assert.ok(wires[0].of("ping").length >= 1);
  assert.ok(wires[0].closed);
});

test("a server that answers is kept, however quiet the show", async (context) => {
  const { wires } = watching(context);
  wires[0].answersPings = true;
  wires[0].open().say(welcome({ heartbeat_ms: 20 }));
  await until(() => wires[0].of("ping").length === 5);
  assert.equal(wires.length, 1);
});

test("the first beat after a welcome is at a random moment of the first heartbeat", async (context) => {
  const { wires } = watching(context, { random: () => 0.999 });
  wires[0].open().say(welcome({ heartbeat_ms: 5_000 }));
  // One, and another where the machine stood still meanwhile: who slept asks at once.
  await until(() => wires[0].of("ping").length >= 1);
});

test("a reconnect keeps the server's clock and asks for no more time", async (context) => {
  const { client, wires } = watching(context, { random: () => 0.99 });
  const ahead = 1_000_000;
  wires[0].open().say(welcome({ server_time_ms: Date.now() + ahead, heartbeat_ms: 60_000 }));
  const known = client.clock.offsetMs;
  wires[0].hangUp(4002);
  await until(() => wires.length === 2);
  wires[1].open();
  await later(150);
  wires[1].say(welcome({ server_time_ms: Date.now() + ahead, heartbeat_ms: 60_000 }));
  assert.equal(client.clock.offsetMs, known);
  await later(80);
  assert.deepEqual(wires[1].of("ping"), []);
});

test("a clock that a slow welcome left in doubt is measured by pings", async (context) => {
  const { client, wires } = watching(context, { random: () => 0.99 });
  wires[0].open();
  await later(150);
  wires[0].say(welcome({ heartbeat_ms: 60_000 }));
  assert.ok(!client.clock.isGood(client.clock.localNow()));
  await until(() => wires[0].of("ping").length === 1);
  wires[0].say({ type: "pong", server_time_ms: Date.now() });
  assert.ok(client.clock.isGood(client.clock.localNow()));
});

test("what is no message ends the connection, and the client comes back", async (context) => {
  const { wires } = watching(context);
  wires[0].open().say(welcome());
  wires[0].onmessage({ data: "<html>" });
  assert.ok(wires[0].closed);
  await soon();
  assert.deepEqual(wires[1].open().sent[0].resume, { epoch: "e1", seq: 5 });
});

test("a release is repeated after a reconnect until its hold is heard of", async (context) => {
  const { client, wires } = watching(context, { token: "t" });
  wires[0].open().say(welcome());
  const released = client.release("h1");
  wires[0].hangUp(1006);
  await soon();
  wires[1].open().say(welcome());
  assert.deepEqual(wires[1].of("release"), [{ type: "release", hold_id: "h1" }]);
  wires[1].say({ type: "hold.released", hold_id: "h1", offer_id: "offer_1" });
  assert.equal((await released).type, "hold.released");
});

test("another token does not make the back-off begin anew", async (context) => {
  const { client, wires } = watching(context, { random: () => 0.001 });
  wires[0].hangUp(1006);
  client.setToken("t");
  wires[1].hangUp(1006);
  assert.equal(client.status.retryInMs, 1);
});

// --- the waiting list and the life of a hold ---

const join = (offerId) => ({ type: "waitlist.join", offer_id: offerId });
const leave = (offerId) => ({ type: "waitlist.leave", offer_id: offerId });
const joined = (offerId, place) => ({ type: "waitlist.joined", offer_id: offerId, place });
const ULID = "01K8Z5R5M600000001BQ7T2XKC";
const HOLD = { hold_id: `hold_${ULID}`, offer_id: "offer_1", quantity: 1, expires_at_ms: 9 };

test("joining a waiting list is repeated after a reconnect, leaving it is final", async (context) => {
  const { client, wires } = watching(context, { token: "t" });
  wires[0].open().say(welcome());
  const places = [client.joinWaitlist("offer_1"), client.joinWaitlist("offer_2")];
  wires[0].say(joined("offer_1", 4)).say(joined("offer_2", 1));
  assert.deepEqual((await Promise.all(places)).map((one) => one.place), [4, 1]);
  assert.deepEqual(client.state.waitlists, { offer_1: 4, offer_2: 1 });
  const left = client.leaveWaitlist("offer_2");
  wires[0].say({ type: "waitlist.left", offer_id: "offer_2" });
  assert.equal((await left).type, "waitlist.left");
  wires[0].hangUp(1006);
  await soon();
  assert.deepEqual(wires[1].open().say(welcome()).sent.slice(1), [join("offer_1")]);
  wires[1].say(joined("offer_1", 3));
  assert.deepEqual(client.state.waitlists, { offer_1: 3 });
});

test("what was not answered about a list is asked again in its order", async (context) => {
  const { client, wires } = watching(context, { token: "t" });
  wires[0].open().say(welcome());
  client.joinWaitlist("offer_1");
  client.leaveWaitlist("offer_1");
  wires[0].hangUp(1006);
  await soon();
  assert.deepEqual(wires[1].open().say(welcome()).sent.slice(1), [join("offer_1"), leave("offer_1")]);
});

test("a unit from the list ends the wait, and takes back a join that crossed it", async (context) => {
  const { client, wires } = watching(context, { token: "t" });
  wires[0].open().say(welcome());
  client.joinWaitlist("offer_1");
  wires[0].say(joined("offer_1", 1)).say({ type: "hold.promoted", ...HOLD });
  assert.deepEqual(client.state.waitlists, {});
  assert.equal(client.state.holds[HOLD.hold_id].expires_at_ms, 9);
  assert.deepEqual(wires[0].sent.slice(1), [join("offer_1"), leave("offer_1")]);
  wires[0].say({ type: "waitlist.left", offer_id: "offer_1" }).hangUp(1006);
  await soon();
  assert.deepEqual(wires[1].open().say(welcome()).sent.slice(1), []);
});

test("a unit that came from the list while the connection was away is not asked for again", async (context) => {
  const { client, wires } = watching(context, { token: "t" });
  wires[0].open().say(welcome());
  const place = client.joinWaitlist("offer_1");
  wires[0].hangUp(1006);
  await soon();
  wires[1].open().say(welcome({ holds: [{ ...HOLD, claim_id: ULID, state: "held" }] }));
  assert.equal((await place).place, 0);
  assert.deepEqual(wires[1].of("waitlist.join"), []);
  // The same hold in a later welcome says nothing about a wait that began after it.
  client.joinWaitlist("offer_1");
  wires[1].say({ type: "waitlist.left", offer_id: "offer_1" }).say(joined("offer_1", 2)).hangUp(1006);
  await soon();
  wires[2].open().say(welcome({ holds: [{ ...HOLD, claim_id: ULID, state: "held" }] }));
  assert.deepEqual(wires[2].sent.slice(1), [join("offer_1")]);
  assert.deepEqual(client.state.waitlists, { offer_1: 2 });
});

test("a refused join waits nowhere, a refused return keeps its wish unless it is for good", async (context) => {
  const { client, wires } = watching(context, { token: "t" });
  const refused = (reason, temporary) => ({ type: "waitlist.refused", offer_id: "offer_1", reason, temporary });
  wires[0].open().say(welcome());
  const first = client.joinWaitlist("offer_1");
  wires[0].say(refused("not_open", true));
  assert.equal((await first).reason, "not_open");
  client.joinWaitlist("offer_1");
  wires[0].say(joined("offer_1", 2)).hangUp(1006);
  await soon();
  assert.equal(wires[1].open().say(welcome()).of("waitlist.join").length, 1);
  wires[1].say(refused("recovering", true));
  assert.deepEqual(client.state.waitlists, { offer_1: 2 });
  wires[1].hangUp(1006);
  await soon();
  assert.equal(wires[2].open().say(welcome()).of("waitlist.join").length, 1);
  wires[2].say(refused("ended", false));
  assert.deepEqual(client.state.waitlists, {});
  wires[2].hangUp(1006);
  await soon();
  assert.equal(wires[3].open().say(welcome()).of("waitlist.join").length, 0);
});

test("a list ends with its offer, and another buyer is on none", (context) => {
  const waiting = fold(
    welcome(), { type: "offer.opened", seq: 6, offer: OFFER }, joined("offer_1", 2), joined("offer_2", 5),
  );
  const ended = applyEvent(waiting, { type: "offer.ended", seq: 7, offer: OFFER, reason: "closed" });
  assert.deepEqual(ended.waitlists, { offer_2: 5 });
  const { client, wires } = watching(context, { token: "t" });
  wires[0].open().say(welcome());
  client.joinWaitlist("offer_1");
  wires[0].say(joined("offer_1", 2));
  client.setToken("somebody else");
  assert.deepEqual(client.state.waitlists, {});
  assert.deepEqual(wires[1].open().say(welcome()).of("waitlist.join"), []);
});

test("more time and fewer units wait for the change that was asked for", async (context) => {
  const { client, wires } = watching(context, { token: "t" });
  wires[0].open().say(welcome());
  const [more, fewer] = [client.extend(HOLD.hold_id, 1), client.release(HOLD.hold_id, { keep: 1 })];
  const answers = [];
  more.then((one) => answers.push(one.extensions));
  fewer.then((one) => answers.push(one.quantity));
  wires[0].hangUp(1006);
  await soon();
  assert.deepEqual(wires[1].open().say(welcome()).sent.slice(1), [
    { type: "extend", hold_id: HOLD.hold_id, extension: 1 }, { type: "release", hold_id: HOLD.hold_id, keep: 1 },
  ]);
  wires[1].say({ type: "hold.changed", ...HOLD, quantity: 3, expires_at_ms: 20, extensions: 1 });
  await soon();
  assert.deepEqual(answers, [1]);
  assert.deepEqual(client.state.holds[HOLD.hold_id], {
    hold_id: HOLD.hold_id, offer_id: "offer_1", quantity: 3, expires_at_ms: 20, extensions: 1, state: "held",
  });
  wires[1].say({ type: "hold.changed", ...HOLD, quantity: 1, expires_at_ms: 20, extensions: 1 });
  await soon();
  assert.deepEqual(answers, [1, 1]);
  const over = client.extend(HOLD.hold_id, 2);
  wires[1].say({ type: "hold.expired", hold_id: HOLD.hold_id, offer_id: "offer_1" });
  assert.equal((await over).type, "hold.expired");
  const limit = client.extend(HOLD.hold_id, 3);
  wires[1].say({ type: "error", code: "extension_limit", message: "no more", temporary: false });
  await assert.rejects(limit, { code: "extension_limit" });
});

// --- the small rules ---

test("a ULID sorts by time and never repeats", () => {
  assert.match(ulid(), /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
  assert.equal(ulid(1_469_918_176_385).slice(0, 10), "01ARYZ6S41");
  assert.ok(ulid(1) < ulid(2));
  assert.equal(new Set(Array.from({ length: 1_000 }, () => ulid(7))).size, 1_000);
  assert.match(uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test("money is read and written in minor units without floating point", () => {
  assert.deepEqual(["19.99", "19,9", "19", " 0.29 "].map((text) => parseMoney(text, "EUR").amount), [1999, 1990, 1900, 29]);
  assert.equal(parseMoney("500", "JPY").amount, 500);
  for (const [text, currency] of [["19.999", "EUR"], ["-1", "EUR"], ["1e3", "EUR"], ["", "EUR"], ["5.5", "JPY"]]) {
    assert.equal(parseMoney(text, currency), null, text);
  }
  assert.equal(moneyInput(EUR(1990)), "19.90");
  assert.match(formatMoney({ amount: 500, currency: "JPY" }), /500/);
  assert.deepEqual([percentOff(EUR(2000), EUR(1400)), percentOff(EUR(1000), EUR(1000)), percentOff(null, EUR(1))], [30, 0, 0]);
});

test("countdowns round up and the phase follows the server's clock", () => {
  assert.deepEqual([7_000, 6_001, 102_000, 3_661_000, -5].map(formatLeft), ["0:07", "0:07", "1:42", "1:01:01", "0:00"]);
  const open = { ...OFFER, state: "scheduled" };
  assert.deepEqual([999, 1_000, 60_999, 61_000].map((now) => offerPhase(open, now)), ["preheat", "open", "open", "ended"]);
  assert.equal(offerPhase({ ...open, state: "voided" }, 2_000), "voided");
});

test("the one button says what can be done", () => {
  const seen = {
    offer: { ...OFFER, state: "open", available: 5, held: 0 }, nowMs: 2_000, hold: null, place: 0, claiming: false, joining: false, paying: false,
    confirmed: false, guest: false, demo: true, quantity: 1, room: 2,
  };
  const hold = { hold_id: "h", quantity: 2, expires_at_ms: 104_000, state: "held" };
  const label = (more) => offerAction({ ...seen, ...more }).label;
  assert.match(label({}), /^Claim · .*19[.,]99/);
  assert.equal(label({ nowMs: -6_000 }), "Starts in 0:07");
  assert.equal(label({ claiming: true }), "Claiming…");
  assert.match(label({ hold }), /^Pay .*39[.,]98.* · 1:42 left$/);
  assert.equal(label({ hold: { ...hold, state: "submitted" } }), "Paying…");
  assert.equal(label({ confirmed: true }), "Order confirmed");
  assert.equal(label({ offer: { ...seen.offer, available: 0 } }), "Sold out");
  const heldOut = { ...seen, offer: { ...seen.offer, available: 0, held: 3 } };
  assert.deepEqual([offerAction(heldOut).label, offerAction(heldOut).does], ["Join the waiting list", "wait"]);
  for (const more of [{ guest: true }, { room: 0 }]) assert.equal(offerAction({ ...heldOut, ...more }).label, "Sold out");
  assert.equal(offerAction({ ...heldOut, joining: true }).label, "Joining…");
  assert.equal(offerAction({ ...heldOut, place: 1 }).label, "You are next in line");
  assert.deepEqual([offerAction({ ...heldOut, place: 7 }).label, offerAction({ ...heldOut, place: 7 }).does], ["You are number 7 in line", null]);
  assert.equal(offerAction({ ...heldOut, place: 7, hold }).does, "pay");
  assert.equal(offerAction({ ...heldOut, place: 7, nowMs: 99_000 }).label, "Offer ended");
  assert.equal(label({ nowMs: 99_000 }), "Offer ended");
  assert.equal(offerAction({ ...seen, guest: true }).does, "join");
  assert.equal(offerAction({ ...seen, guest: true, demo: false }).does, null);
  assert.equal(offerAction({ ...seen, room: 0 }).does, null);
  // A hold outlives its offer: the buyer can still pay after the end.
  assert.equal(offerAction({ ...seen, nowMs: 99_000, hold }).does, "pay");
});

test("stock and refusals are said in words", () => {
  assert.equal(stockText({ available: 37, held: 1, quantity: 100 }), "37 of 100 left");
  assert.equal(stockText({ available: 0, held: 4, quantity: 100 }), "Sold out – 4 in checkout");
  const reasons = ["sold_out", "not_open", "ended", "buyer_limit", "rate_limited", "recovering", "unknown_offer", "unauthorised", "invalid", "waitlist_full"];
  assert.equal(new Set(reasons.map((reason) => refusalText({ reason, temporary: false }))).size, reasons.length);
});

// --- the pages ---

test("the pages work under a strict content policy and ask no other site", async () => {
  for (const name of await readdir(WEB)) {
    const text = await readFile(new URL(name, WEB), "utf8");
    if (name.endsWith(".html")) {
      assert.doesNotMatch(text, /\sstyle=|\son[a-z]+=|<style|<script(?![^>]*\ssrc=)|javascript:/, name);
    }
    if (name.endsWith(".js")) assert.doesNotMatch(text, /innerHTML|insertAdjacentHTML|\beval\(|new Function|setAttribute\("style"/, name);
    if (/\.(html|css)$/.test(name)) assert.doesNotMatch(text, /(?:src|href|url\()\s*=?\s*["'(]?\s*(?:https?:)?\/\//, name);
  }
});

test("every id that a script asks for is on its page, and every label has its field", async () => {
  for (const page of ["host", "watch"]) {
    const html = await readFile(new URL(`${page}.html`, WEB), "utf8");
    const ids = new Set([...html.matchAll(/\sid="([^"]+)"/g)].map((match) => match[1]));
    for (const [, id] of html.matchAll(/\s(?:for|aria-labelledby|list)="([^"]+)"/g)) assert.ok(ids.has(id), `${page}: #${id}`);
    const scripts = (await readdir(WEB)).filter((name) => name.startsWith(page) && name.endsWith(".js"));
    for (const script of [...scripts, "dom.js"]) {
      const text = await readFile(new URL(script, WEB), "utf8");
      for (const [, id] of text.matchAll(/byId\("([^"]+)"\)/g)) assert.ok(ids.has(id), `${script}: #${id}`);
      for (const [, name] of text.matchAll(/icon\("([^"]+)"\)/g)) assert.ok(ids.has(`i-${name}`), `${script}: icon ${name}`);
    }
  }
});

test("an error of the server reads as a sentence, and a field keeps its name", () => {
  const words = (message) => new ApiError(422, { code: "invalid", message, temporary: false }).message;
  assert.equal(words("there is no such show"), "There is no such show.");
  assert.equal(words("per_buyer_limit must be 1 to the quantity, 10"), "per_buyer_limit must be 1 to the quantity, 10.");
  assert.equal(words("The server does not answer."), "The server does not answer.");
});
