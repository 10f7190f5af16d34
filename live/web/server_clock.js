/** The server's clock, as well as a browser can know it. */

/** How many round trips are remembered: three minutes of heartbeats. */
const SAMPLES = 8;
/** How long a round trip counts: a cheap quartz drifts by 30 ms in ten minutes. */
const KEPT_MS = 600_000;
/** A round trip this short is good enough: the error is at most half of it, which nobody sees in a countdown. */
const GOOD_MS = 100;
/** One is not enough: the first is that of the `welcome`, whose making takes time before the clock is read. */
const GOOD_SAMPLES = 2;
/** How far two round trips may disagree beyond their errors: drift since the older one, rounding. */
const SLACK_MS = 50;

/** A clock that does not jump when the user sets the computer's time. */
const localNow = () => performance.timeOrigin + performance.now();

/**
 * What was learnt outlives a connection: most reconnects meet a server whose clock is the same. When they do not, or
 * when the computer slept, a new answer contradicts the old ones, and those are forgotten.
 */
export class ServerClock {
  /** @param {() => number} [now] the local clock, in milliseconds */
  constructor(now = localNow) {
    this.localNow = now;
    /** @type {{rttMs: number, offsetMs: number, endedMs: number}[]} newest last */
    this.samples = [];
  }

  /**
   * Learn from one request and its answer. The server is taken to have read its clock half-way through.
   * @param {number} sentMs local time of sending
   * @param {number} receivedMs local time of the answer
   * @param {number} serverMs the time that the answer carried
   */
  learn(sentMs, receivedMs, serverMs) {
    if (!Number.isFinite(serverMs) || !(receivedMs >= sentMs)) return;
    const rttMs = receivedMs - sentMs;
    const one = { rttMs, offsetMs: serverMs + rttMs / 2 - receivedMs, endedMs: receivedMs };
    const best = this.#best();
    if (best && contradict(best, one)) this.samples = [];
    this.samples = [...this.samples.filter((old) => old.endedMs >= receivedMs - KEPT_MS), one].slice(-SAMPLES);
  }

  /** Whether little is gained by asking for the time: there are recent round trips, one of them short. */
  isGood(nowMs) {
    const recent = this.samples.filter((one) => one.endedMs >= nowMs - KEPT_MS);
    return recent.length >= GOOD_SAMPLES && recent.some((one) => one.rttMs <= GOOD_MS);
  }

  /** Server time minus local time. The shortest round trip has the smallest possible error. */
  get offsetMs() {
    return this.#best()?.offsetMs ?? Date.now() - this.localNow();
  }

  /** @returns {number} server time in milliseconds since the epoch */
  now() {
    return this.localNow() + this.offsetMs;
  }

  #best() {
    return this.samples.reduce((best, one) => (best === null || one.rttMs < best.rttMs ? one : best), null);
  }
}

/** The true offset is within half a round trip of each; farther apart than that, a clock was set or somebody slept. */
function contradict(one, other) {
  return Math.abs(one.offsetMs - other.offsetMs) > (one.rttMs + other.rttMs) / 2 + SLACK_MS;
}
