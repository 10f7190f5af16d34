// When the browser client comes back. The Python twin of these rules: tests/unit/live/test_client_rules.py.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  BACKOFF_CAP_MS, OVERLOAD_LEAST_MS, RESTART_SPREAD_MS, Reconnect, backoffMs, judgeSeq, mayReconnect,
} from "../../live/web/reconnect.js";

const always = (value) => () => value;
const GOODBYE = { type: "goodbye", reason: "restart", reconnect_min_ms: 1_000, reconnect_max_ms: 3_000 };

test("close codes and positions follow the contract", () => {
  assert.deepEqual(
    [1000, 1006, 1012, 1013, 4000, 4499, 4500, 4999].map(mayReconnect),
    [true, true, true, true, true, true, false, false],
  );
  assert.deepEqual([4, 5, 6, 7].map((seq) => judgeSeq(5, seq)), ["duplicate", "duplicate", "apply", "gap"]);
});

test("the wait doubles up to its limit and is spread from zero", () => {
  assert.deepEqual([0, 1, 5, 6, 99].map((attempt) => backoffMs(attempt, always(1))), [500, 1_000, 16_000, 20_000, 20_000]);
  const [longest, shortest] = [new Reconnect(always(1)), new Reconnect(always(0))];
  assert.deepEqual(Array.from({ length: 7 }, () => longest.waitMs(1006)), [500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000]);
  assert.deepEqual(Array.from({ length: 3 }, () => shortest.waitMs(1006)), [0, 0, 0]);
  for (let i = 0; i < 2_000; i += 1) longest.waitMs(1006);
  assert.equal(longest.waitMs(1006), BACKOFF_CAP_MS);
});

test("only a welcome makes the waits short again", () => {
  const reconnect = new Reconnect(always(1));
  reconnect.waitMs(1006);
  reconnect.waitMs(1012);
  reconnect.takeGoodbye({ reconnect_min_ms: 0, reconnect_max_ms: 0 });
  assert.equal(reconnect.waitMs(1012), 0);
  assert.equal(reconnect.waitMs(1006), 2_000);
  reconnect.welcomed();
  assert.equal(reconnect.waitMs(1006), 500);
});

test("a goodbye names the window and counts once", () => {
  for (const [random, waitMs] of [[0, 1_000], [0.5, 2_000], [1, 3_000]]) {
    const reconnect = new Reconnect(always(random));
    reconnect.takeGoodbye(GOODBYE);
    assert.deepEqual([reconnect.waitMs(1012), reconnect.waitMs(1006)], [waitMs, 500 * random]);
  }
  const welcomed = new Reconnect(always(1));
  welcomed.takeGoodbye(GOODBYE);
  welcomed.welcomed();
  assert.equal(welcomed.waitMs(1006), 500);
});

test("a crowd that is too much stays away for a while and comes back spread out", () => {
  for (const code of [1013, 4004]) {
    assert.equal(new Reconnect(always(0)).waitMs(code), OVERLOAD_LEAST_MS);
    assert.equal(new Reconnect(always(1)).waitMs(code), 2 * OVERLOAD_LEAST_MS);
  }
});

test("a restart without a goodbye spreads the crowd", () => {
  assert.deepEqual([0, 1].map((random) => new Reconnect(always(random)).waitMs(1012)), [0, RESTART_SPREAD_MS]);
});
