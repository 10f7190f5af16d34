/** When to ping, and when silence means that the connection is dead. Pure rules; `ShowdropClient` acts on them. */

/** Most extra pings after a `welcome`, while the server's clock is not known well. */
export const CLOCK_PINGS = 3;
/** Each of them goes out at a random moment of a stretch of its own, this long: a crowd does not ask in step. */
export const CLOCK_PING_WITHIN_MS = 2_000;
/** A server that asks for more beats than this is mistaken. */
const HEARTBEAT_LEAST_MS = 10;

/**
 * The heartbeat of one connection, from its `welcome` on. Ask `dueMs` when to wake up, then `act`.
 *
 * The first beat is at a random moment within the first `heartbeatMs`, so that viewers who were welcomed in the same
 * second do not beat in the same second ever after.
 */
export class Pulse {
  #heartbeatMs;
  #beatAtMs;
  #measureAtMs;
  /** The first ping since the server was heard last. */
  #askedAtMs = null;

  /**
   * @param {number} nowMs the time of the welcome
   * @param {number} heartbeatMs what the welcome said
   * @param {() => number} random in [0, 1)
   */
  constructor(nowMs, heartbeatMs, random) {
    this.#heartbeatMs = Math.max(HEARTBEAT_LEAST_MS, heartbeatMs);
    this.#beatAtMs = nowMs + (1 - random()) * this.#heartbeatMs;
    this.#measureAtMs = Array.from(
      { length: CLOCK_PINGS },
      (_, number) => nowMs + (number + 1 - random()) * CLOCK_PING_WITHIN_MS,
    );
  }

  /** Something came from the server, whatever it was. */
  heard() {
    this.#askedAtMs = null;
  }

  /** @returns {number} for how many milliseconds `act` has nothing to do; 0 when it has */
  dueMs(nowMs) {
    const due = [this.#beatAtMs, ...this.#measureAtMs.slice(0, 1)];
    if (this.#askedAtMs !== null) due.push(this.#askedAtMs + this.#heartbeatMs);
    return Math.max(0, Math.min(...due) - nowMs);
  }

  /**
   * What to do now. `cut`: a ping has been without any answer for a whole heartbeat. Silence alone is no sign: a
   * computer that slept, or a page in the background, wakes up late and must ask first. A clock that is good, as after
   * most reconnects, needs no extra pings.
   * @returns {"ping"|"cut"|"wait"}
   */
  act(nowMs, clockIsGood) {
    if (this.#askedAtMs !== null && nowMs - this.#askedAtMs >= this.#heartbeatMs) return "cut";
    if (clockIsGood) this.#measureAtMs = [];
    let pings = false;
    if (nowMs >= this.#measureAtMs[0]) {
      this.#measureAtMs.shift();
      pings = true;
    }
    if (nowMs >= this.#beatAtMs) {
      this.#beatAtMs = nowMs + this.#heartbeatMs;
      pings = true;
    }
    if (!pings) return "wait";
    this.#askedAtMs ??= nowMs;
    return "ping";
  }
}
