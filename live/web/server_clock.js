/** The server's clock, as well as a browser can know it. */

/** How many round trips are remembered; an older, better one must not outlive a drifting clock. */
const SAMPLES = 8;

/** A clock that does not jump when the user sets the computer's time. */
const localNow = () => performance.timeOrigin + performance.now();

export class ServerClock {
  /** @param {() => number} [now] the local clock, in milliseconds */
  constructor(now = localNow) {
    this.localNow = now;
    /** @type {{rttMs: number, offsetMs: number}[]} newest last */
    this.samples = [];
  }

  /**
   * Learn from one request and its answer. The server is taken to have read its clock half-way through.
   * @param {number} sentMs local time of sending
   * @param {number} receivedMs local time of the answer
   * @param {number} serverMs the time that the answer carried
   */
  learn(sentMs, receivedMs, serverMs) {
    if (!Number.isFinite(serverMs) || receivedMs < sentMs) return;
    const rttMs = receivedMs - sentMs;
    this.samples.push({ rttMs, offsetMs: serverMs + rttMs / 2 - receivedMs });
    if (this.samples.length > SAMPLES) this.samples.shift();
  }

  /** Forget all samples, for example after a sleep. */
  reset() {
    this.samples = [];
  }

  /** The round trip that the offset was taken from, or null before the first one. */
  get rttMs() {
    return this.#best()?.rttMs ?? null;
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
