// The heartbeat of the browser client. The Python twin of these rules: tests/unit/live/test_client_pulse.py.

import assert from "node:assert/strict";
import { test } from "node:test";

import { CLOCK_PINGS, CLOCK_PING_WITHIN_MS, Pulse } from "../../live/web/pulse.js";

const HEARTBEAT_MS = 25_000;
const pulse = (random = 0) => new Pulse(0, HEARTBEAT_MS, () => random);

/** Act whenever something is due; the times of the pings. */
function pingsUntil(beats, untilMs, { answers = true, clockIsGood = true } = {}) {
  const pings = [];
  for (let nowMs = beats.dueMs(0); nowMs <= untilMs; nowMs += beats.dueMs(nowMs)) {
    const action = beats.act(nowMs, clockIsGood);
    if (action === "cut") break;
    if (action === "ping") {
      pings.push(nowMs);
      if (answers) beats.heard();
    }
  }
  return pings;
}

test("the first beat is at a random moment and the others follow in time", () => {
  assert.deepEqual(pingsUntil(pulse(0), 60_000), [25_000, 50_000]);
  assert.deepEqual(pingsUntil(pulse(0.6), 60_000), [10_000, 35_000, 60_000]);
  assert.ok(pingsUntil(pulse(0.999), 30_000)[0] > 0);
});

test("ten thousand viewers who joined together do not beat together", () => {
  const seconds = new Map();
  for (let i = 0; i < 10_000; i += 1) {
    const second = Math.floor(pingsUntil(new Pulse(0, HEARTBEAT_MS, Math.random), HEARTBEAT_MS)[0] / 1_000);
    seconds.set(second, (seconds.get(second) ?? 0) + 1);
  }
  // 400 a second, give or take 20: 560 is eight times that away.
  assert.ok(Math.max(...seconds.values()) < 560);
});

test("a clock that is not known is measured at random moments, a known one is not", () => {
  const stretches = pingsUntil(pulse(0.5), 7_000, { clockIsGood: false }).map((pingMs) => Math.floor(pingMs / CLOCK_PING_WITHIN_MS));
  assert.deepEqual(stretches, Array.from({ length: CLOCK_PINGS }, (_, number) => number));
  assert.deepEqual(pingsUntil(pulse(0.5), 7_000), []);
});

test("measuring ends as soon as the clock is good", () => {
  const beats = pulse(0.5);
  assert.equal(beats.act(1_000, false), "ping");
  beats.heard();
  assert.equal(beats.act(3_000, true), "wait");
  assert.equal(beats.dueMs(3_000), HEARTBEAT_MS / 2 - 3_000);
});

test("a dead connection is cut within two heartbeats of the last word", () => {
  const beats = pulse();
  assert.deepEqual(pingsUntil(beats, 200_000, { answers: false }), [25_000]);
  assert.equal(beats.dueMs(49_999), 1);
  assert.equal(beats.act(50_000, true), "cut");
});

test("any word of the server keeps the connection", () => {
  const beats = pulse();
  assert.equal(beats.act(25_000, true), "ping");
  beats.heard();
  assert.equal(beats.act(50_000, true), "ping");
});

test("who slept asks before the connection is given up", () => {
  const beats = pulse();
  assert.deepEqual([3_600_000, 3_624_999, 3_625_000].map((nowMs) => beats.act(nowMs, true)), ["ping", "wait", "cut"]);
});

test("a mistaken heartbeat does not make a client spin", () => {
  for (const heartbeatMs of [0, -5]) assert.ok(new Pulse(0, heartbeatMs, () => 0).dueMs(0) >= 10);
});
