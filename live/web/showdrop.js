/**
 * The Showdrop client: one show, over one WebSocket that comes back by itself.
 *
 *     const client = new ShowdropClient({ wsUrl: "wss://live.example.com" });
 *     client.addEventListener("state", () => render(client.state));
 *     client.addEventListener("status", () => banner(client.status));
 *     client.connect("show_01J…", { token });
 *     const answer = await client.claim("offer_01J…", 2);   // claim.accepted, .refused or .entered
 *
 * Events: `state` (the folded state changed), `status` (the connection changed), `message` (`detail` is any server
 * message, after it was folded in). No dependency; works in any page and in Node with an `openSocket` of your own.
 */

import { ulid } from "./ids.js";
import { Pulse } from "./pulse.js";
import { Reconnect, backoffMs, judgeSeq, mayReconnect } from "./reconnect.js";
import { Requests, ShowdropError } from "./requests.js";
import { ServerClock } from "./server_clock.js";
import { EMPTY_STATE, applyEvent } from "./show_state.js";

export { ulid, applyEvent, EMPTY_STATE, ServerClock, ShowdropError, backoffMs, judgeSeq, mayReconnect };

/** No `welcome` for this long after dialling: give up on that socket. */
const WELCOME_TIMEOUT_MS = 12_000;
/** Used when a `welcome` does not name the server's own. */
const DEFAULT_HEARTBEAT_MS = 15_000;
/** Taps are counted and sent together at most this often. */
const REACT_EVERY_MS = 500;

/**
 * @typedef {{phase: "idle"|"connecting"|"live"|"waiting"|"stopped", retryInMs?: number, code?: number,
 *            reason?: string}} Status `waiting`: between two tries; `stopped`: will not come back by itself
 */
export class ShowdropClient extends EventTarget {
  #openSocket;
  #random;
  #socket = null;
  #showId = null;
  #token = null;
  /** @type {?{epoch: *, seq: number}} the last log event applied */
  #position = null;
  /** Events applied since the last `welcome`; a gap with none of them means that resuming does not help. */
  #appliedSinceWelcome = 0;
  #reconnect;
  /** @type {?Pulse} the heartbeat of this connection, from its `welcome` on */
  #pulse = null;
  /** Local times of `hello` and of pings without an answer; one connection answers them in order. */
  #askedAtMs = [];
  #timers = new Set();
  #retryTimer = null;
  /** What was asked; sent again after every reconnect until answered. */
  #requests = new Requests();
  #taps = new Map();
  #tapTimer = null;

  /**
   * @param {object} options
   * @param {string} options.wsUrl base address of the gateway, such as `wss://live.example.com`
   * @param {(url: string, protocols: string[]) => WebSocket} [options.openSocket]
   * @param {() => number} [options.random] in [0, 1)
   */
  constructor({ wsUrl, openSocket = (url, protocols) => new WebSocket(url, protocols), random = Math.random }) {
    super();
    this.wsUrl = wsUrl.replace(/\/$/, "");
    this.#openSocket = openSocket;
    this.#random = random;
    this.#reconnect = new Reconnect(random);
    this.clock = new ServerClock();
    /** @type {import("./show_state.js").ShowState} */
    this.state = EMPTY_STATE;
    /** @type {Status} */
    this.status = { phase: "idle" };
  }

  /** Watch a show. Without a token the viewer is a guest: sees everything, claims nothing. */
  connect(showId, { token = null } = {}) {
    if (showId !== this.#showId) {
      this.#position = null;
      this.state = EMPTY_STATE;
    }
    if (token !== this.#token && this.#token !== null) {
      this.#requests.forgetWaiting();
      this.state = { ...this.state, waitlists: {} };
    }
    this.#showId = showId;
    this.#token = token;
    this.#dial();
  }

  /** Become another buyer (or a guest, with null) on the same show; the missed events are asked for. */
  setToken(token) {
    this.connect(this.#showId, { token });
  }

  /** Try now instead of after the wait, for example when the device is online again. */
  retryNow() {
    if (this.status.phase === "waiting") this.#dial();
  }

  /** Leave for good. Requests without an answer are rejected with code `closed`. */
  close() {
    this.#drop();
    this.#stop({ phase: "idle" });
  }

  /** @returns {number} server time, milliseconds since the epoch */
  serverNow() {
    return this.clock.now();
  }

  /**
   * Ask for units. The same `claim_id` is sent again after a reconnect, so one tap is one claim.
   * @param {string} offerId
   * @param {number} quantity
   * @returns {Promise<object>} the `claim.accepted`, `claim.refused` or, in a draw, `claim.entered` message; a
   *   refusal is an answer, not an error
   */
  claim(offerId, quantity) {
    return this.#request({ type: "claim", claim_id: ulid(), offer_id: offerId, quantity });
  }

  /**
   * Pay for a hold. Safe to repeat: a hold has at most one order.
   * @returns {Promise<object>} the first `order.*`, `hold.expired` or `hold.released` of that hold
   */
  checkout(holdId, paymentMethod) {
    const message = { type: "checkout", hold_id: holdId, payment_method: paymentMethod };
    return this.#requests.isOpen(holdId) ? this.#requests.open(message) : this.#request(message);
  }

  /**
   * Give a hold back, all but `keep` units; asked again after a reconnect, like a checkout.
   * @returns {Promise<object>} the news of that hold, mostly `hold.released`, or `hold.changed` when units are kept
   */
  release(holdId, { keep = 0 } = {}) {
    const message = { type: "release", hold_id: holdId };
    if (keep > 0) message.keep = keep;
    return this.#request(message);
  }

  /**
   * Ask for one more hold time from now. Safe to repeat.
   * @param {number} [extension] its number, from 1; `state.holds[holdId].extensions` tells how many there were
   * @returns {Promise<object>} `hold.changed`, or the hold's end; fails with code `extension_limit`
   */
  extend(holdId, extension = 1) {
    return this.#request({ type: "extend", hold_id: holdId, extension });
  }

  /**
   * Wait for one unit. `hold.promoted` comes when it is there; until then the list is joined again after every
   * reconnect. Asked again, it tells the place, as `state.waitlists[offerId]` does.
   * @returns {Promise<object>} `waitlist.joined` or `waitlist.refused`
   */
  joinWaitlist(offerId) {
    return this.#request({ type: "waitlist.join", offer_id: offerId });
  }

  /** @returns {Promise<object>} `waitlist.left`, or `waitlist.refused` when it could not be done now */
  leaveWaitlist(offerId) {
    return this.#request({ type: "waitlist.leave", offer_id: offerId });
  }

  /** Count a tap; taps go out together. They are decoration: lost while offline. */
  react(kind) {
    this.#taps.set(kind, (this.#taps.get(kind) ?? 0) + 1);
    this.#tapTimer ??= setTimeout(() => {
      this.#tapTimer = null;
      for (const [tapped, count] of this.#taps) this.#send({ type: "react", kind: tapped, count });
      this.#taps.clear();
    }, REACT_EVERY_MS);
  }

  // --- the connection ---

  #dial() {
    this.#drop();
    this.#setStatus({ phase: "connecting" });
    const url = `${this.wsUrl}/v1/shows/${encodeURIComponent(this.#showId)}/live`;
    const socket = this.#openSocket(url, ["showdrop.json"]);
    this.#socket = socket;
    socket.onopen = () => this.#hello();
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onclose = (event) => this.#closed(event.code, event.reason);
    // Where a refused dial fires `close` as well, `#drop` has let go of it by then; in Node 22 nothing else follows.
    socket.onerror = () => this.#lost("the connection failed");
    this.#later(WELCOME_TIMEOUT_MS, () => this.status.phase === "connecting" && this.#lost("no welcome"));
  }

  #hello() {
    const hello = { type: "hello" };
    if (this.#token) hello.token = this.#token;
    if (this.#position) hello.resume = this.#position;
    this.#askedAtMs.push(this.clock.localNow());
    this.#socket.send(JSON.stringify(hello));
  }

  /** Forget the socket without waiting for its close: a dead network would not let it close for minutes. */
  #drop() {
    clearTimeout(this.#retryTimer);
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#askedAtMs = [];
    this.#pulse = null;
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    // Not null: Node's `ws` throws an error that nobody listens for, and to close before it is open is one.
    socket.onerror = () => {};
    socket.close();
  }

  #lost(reason) {
    this.#drop();
    this.#closed(1006, reason);
  }

  #closed(code, reason) {
    this.#drop();
    if (!mayReconnect(code)) {
      this.#stop({ phase: "stopped", code, reason });
      return;
    }
    const retryInMs = this.#reconnect.waitMs(code);
    this.#retryTimer = setTimeout(() => this.#dial(), retryInMs);
    this.#setStatus({ phase: "waiting", retryInMs, code, reason });
  }

  #stop(status) {
    this.#requests.failAll(new ShowdropError("closed", "The connection has ended."));
    this.#setStatus(status);
  }

  #beat(pulse) {
    this.#later(pulse.dueMs(this.clock.localNow()), () => {
      const nowMs = this.clock.localNow();
      const action = pulse.act(nowMs, this.clock.isGood(nowMs));
      if (action === "cut") {
        this.#lost("no heartbeat");
        return;
      }
      if (action === "ping" && this.#send({ type: "ping" })) this.#askedAtMs.push(nowMs);
      this.#beat(pulse);
    });
  }

  // --- messages ---

  #receive(text) {
    this.#pulse?.heard();
    const message = parse(text);
    if (message === null) {
      this.#lost("unreadable message");
      return;
    }
    if (message.type === "welcome") this.#welcomed(message);
    else if (message.type === "pong") this.#answered(message);
    else if (message.type === "goodbye") this.#reconnect.takeGoodbye(message);
    else if (Number.isInteger(message.seq) && !this.#advance(message.seq)) return;
    const old = this.state;
    this.state = applyEvent(old, message);
    const crossed = this.#requests.settle(message);
    if (crossed) this.#send(crossed);
    this.dispatchEvent(new CustomEvent("message", { detail: message }));
    if (this.state !== old) this.dispatchEvent(new CustomEvent("state", { detail: this.state }));
  }

  #welcomed(message) {
    this.#answered(message);
    // A recovered session goes on from its own position: the events up to welcome.seq follow.
    if (!message.recovered || !this.#position) this.#position = { epoch: message.epoch, seq: message.seq };
    this.#appliedSinceWelcome = 0;
    this.#reconnect.welcomed();
    this.#setStatus({ phase: "live" });
    this.#requests.welcomed(message);
    for (const asked of this.#requests.unanswered()) this.#send(asked);
    this.#pulse = new Pulse(this.clock.localNow(), message.heartbeat_ms ?? DEFAULT_HEARTBEAT_MS, this.#random);
    this.#beat(this.#pulse);
  }

  /** The oldest question about the server's time has its answer. */
  #answered(message) {
    this.clock.learn(this.#askedAtMs.shift(), this.clock.localNow(), message.server_time_ms);
  }

  /** Move to the position of a log event; false when the event must not be applied. */
  #advance(seq) {
    const verdict = judgeSeq(this.#position?.seq ?? seq - 1, seq);
    if (verdict === "apply") {
      this.#position = { ...this.#position, seq };
      this.#appliedSinceWelcome += 1;
    } else if (verdict === "gap") {
      // Resuming just failed to fill this very gap: ask for a full snapshot instead.
      if (this.#appliedSinceWelcome === 0) this.#position = null;
      this.#lost("gap in the show log");
    }
    return verdict === "apply";
  }

  #request(message) {
    if (this.status.phase === "stopped" || this.status.phase === "idle") {
      return Promise.reject(new ShowdropError("closed", "There is no connection."));
    }
    const answer = this.#requests.open(message);
    this.#send(message);
    return answer;
  }

  /** Send if welcomed; what must not be lost is sent again by `#welcomed`. */
  #send(message) {
    if (this.status.phase !== "live") return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  #setStatus(status) {
    this.status = status;
    this.dispatchEvent(new CustomEvent("status", { detail: status }));
  }

  /** A timer that dies with the connection. */
  #later(delayMs, action) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, delayMs);
    this.#timers.add(timer);
  }
}

/** @returns {?object} the message, or null for what is none */
function parse(text) {
  try {
    const message = JSON.parse(text);
    return typeof message === "object" ? message : null;
  } catch {
    return null;
  }
}
