// The server's clock in the browser. The Python twin of these rules: tests/unit/live/test_client_clock.py.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ServerClock } from "../../live/web/server_clock.js";

const KEPT_MS = 600_000;

test("the clock trusts the shortest round trip", () => {
  const clock = new ServerClock(() => 1_000);
  clock.learn(0, 400, 10_100);
  clock.learn(500, 520, 10_610);
  clock.learn(600, 900, 10_640);
  assert.equal(clock.now(), 1_000 + 10_100);
});

test("answers without a question, before it, or without a time teach nothing", () => {
  const clock = new ServerClock();
  clock.learn(undefined, 1_000, 9_000);
  clock.learn(2_000, 1_000, 9_000);
  clock.learn(0, 1_000, undefined);
  assert.ok(Math.abs(clock.now() - Date.now()) < 1_000);
});

test("what is known of the clock survives a slow welcome", () => {
  const clock = new ServerClock();
  clock.learn(1_000, 1_020, 6_010);
  clock.learn(60_000, 60_900, 65_880);
  assert.equal(clock.offsetMs, 5_000);
});

test("an answer that contradicts what is known replaces it, a small drift does not", () => {
  for (const [jumpMs, offsetMs] of [[-3_600_000, -3_595_000], [200, 5_200], [60, 5_000]]) {
    const clock = new ServerClock();
    clock.learn(1_000, 1_020, 6_010);
    clock.learn(2_000, 2_100, 7_050 + jumpMs);
    assert.equal(clock.offsetMs, offsetMs);
  }
});

test("an old round trip is forgotten however short it was", () => {
  const clock = new ServerClock();
  clock.learn(0, 2, 5_001);
  clock.learn(KEPT_MS + 10, KEPT_MS + 90, KEPT_MS + 5_080);
  assert.equal(clock.offsetMs, 5_030);
});

test("only the newest round trips are remembered", () => {
  const clock = new ServerClock();
  clock.learn(0, 2, 5_001);
  for (let i = 0; i < 8; i += 1) clock.learn(1_000 * i, 1_000 * i + 50, 1_000 * i + 5_035);
  assert.equal(clock.offsetMs, 5_010);
});

test("the clock is good once there are recent round trips and one of them is short", () => {
  const clock = new ServerClock();
  assert.equal(clock.isGood(0), false);
  clock.learn(0, 101, 0);
  clock.learn(0, 101, 0);
  assert.equal(clock.isGood(200), false);
  clock.learn(1_000, 1_100, 1_000);
  assert.equal(clock.isGood(1_100), true);
  clock.learn(2_000, 2_900, 2_000);
  assert.deepEqual([1_100 + KEPT_MS, 1_101 + KEPT_MS].map((nowMs) => clock.isGood(nowMs)), [true, false]);
});

test("a welcome alone is not trusted however short it was", () => {
  const clock = new ServerClock();
  clock.learn(0, 10, 0);
  assert.equal(clock.isGood(10), false);
  clock.learn(0, 20, 0);
  assert.equal(clock.isGood(20), true);
});
