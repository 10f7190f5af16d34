/**
 * What a viewer has asked and not been told yet. No I/O: the client sends, this remembers.
 * The Python twin is `live/client_requests.py`.
 */

/** A request that got no usable answer. `code` is the server's, or `closed`. */
export class ShowdropError extends Error {
  constructor(code, message, temporary = false) {
    super(message);
    this.name = "ShowdropError";
    this.code = code;
    this.temporary = temporary;
  }
}

const leaveOf = (offerId) => ({ type: "waitlist.leave", offer_id: offerId });
const joinOf = (offerId) => ({ type: "waitlist.join", offer_id: offerId });

export class Requests {
  /** claim_id → request */
  #claims = new Map();
  /** hold_id → request: a checkout or a release of everything */
  #holds = new Map();
  /** what is asked → request: more time, or fewer units */
  #changes = new Map();
  /** what is asked → request: joins and leaves of waiting lists */
  #lists = new Map();
  /** offer_id → whether the server has said yes: the lists to be on, joined again on every new connection. */
  #waiting = new Map();
  /** Holds that are known to come from a waiting list. */
  #promoted = new Set();

  /**
   * Remember a request. The same again waits for the same answer, one hold's requests for the same news.
   * @returns {Promise<object>}
   */
  open(message) {
    const { type } = message;
    if (type === "claim") return opened(this.#claims, message.claim_id, message);
    if (type === "waitlist.join" && !this.#waiting.has(message.offer_id)) this.#waiting.set(message.offer_id, false);
    if (type === "waitlist.leave") this.#waiting.delete(message.offer_id);
    if (type.startsWith("waitlist.")) return opened(this.#lists, JSON.stringify(message), message);
    if (type === "extend" || message.keep > 0) return opened(this.#changes, JSON.stringify(message), message);
    return opened(this.#holds, message.hold_id, message);
  }

  /** Whether a checkout or a release of a hold waits for its answer. */
  isOpen(holdId) {
    return this.#holds.has(holdId);
  }

  /** What has to be sent on a new connection. */
  unanswered() {
    const requests = [this.#claims, this.#holds, this.#changes, this.#lists].flatMap((open) => [...open.values()]);
    const joins = [...this.#waiting.keys()].map(joinOf).filter((join) => !this.#lists.has(JSON.stringify(join)));
    return [...requests.map((request) => request.message), ...joins];
  }

  /** Look for units that came from a waiting list meanwhile: to join it again would be to ask for another. */
  welcomed({ holds = [] }) {
    for (const { claim_id: claimId, hold_id: holdId, offer_id: offerId, state } of holds) {
      // One that is being paid may have lost its claim's id with its book, and says nothing about a line.
      if (state !== "held" || `hold_${claimId}` !== holdId || this.#promoted.has(holdId)) continue;
      answer(this.#lists, JSON.stringify(joinOf(offerId)), { type: "waitlist.joined", offer_id: offerId, place: 0 });
      this.#promote(holdId, offerId);
    }
  }

  /**
   * Give a message to whoever waits for it.
   * @returns {?object} what has to be sent now
   */
  settle(message) {
    const { type, hold_id: holdId, offer_id: offerId } = message;
    if (type.startsWith("claim.")) answer(this.#claims, message.claim_id, message);
    else if (type === "waitlist.joined") this.#joined(offerId, message);
    else if (type === "waitlist.left") answer(this.#lists, JSON.stringify(leaveOf(offerId)), message);
    else if (type === "waitlist.refused") this.#refused(message);
    else if (type === "hold.promoted") return this.#promote(holdId, offerId);
    else if (type === "hold.changed") this.#answerChanges((asked) => isDone(asked, message), message);
    else if (holdId) {
      answer(this.#holds, holdId, message);
      this.#answerChanges((asked) => asked.hold_id === holdId, message);
    } else if (type === "error") {
      // An error names no request. Failing every open one is safe: a second try finds the same order.
      const error = new ShowdropError(message.code, message.message, message.temporary);
      for (const open of [this.#holds, this.#changes]) fail(open, error);
    }
    return null;
  }

  /** No answer will come any more. */
  failAll(error) {
    for (const open of [this.#claims, this.#holds, this.#changes, this.#lists]) fail(open, error);
  }

  /** Another buyer waits nowhere. */
  forgetWaiting() {
    this.#waiting.clear();
  }

  #promote(holdId, offerId) {
    this.#promoted.add(holdId);
    if (!this.#waiting.has(offerId)) return null;
    // A join of ours that crossed the news has put the buyer on the list once more, for a second unit.
    const leave = leaveOf(offerId);
    this.open(leave);
    return leave;
  }

  #joined(offerId, message) {
    if (this.#waiting.has(offerId)) this.#waiting.set(offerId, true);
    answer(this.#lists, JSON.stringify(joinOf(offerId)), message);
  }

  /** It answers what was asked first about this offer; who waits already goes on, unless it is for good. */
  #refused(message) {
    const asked = [...this.#lists.values()].find((one) => one.message.offer_id === message.offer_id)?.message;
    if (!message.temporary || !this.#waiting.get(message.offer_id)) this.#waiting.delete(message.offer_id);
    if (asked) answer(this.#lists, JSON.stringify(asked), message);
  }

  #answerChanges(concerned, message) {
    for (const [key, request] of this.#changes) {
      if (concerned(request.message)) answer(this.#changes, key, message);
    }
  }
}

/** Whether a hold is as it was asked to become. */
function isDone(asked, hold) {
  if (asked.hold_id !== hold.hold_id) return false;
  return asked.type === "extend" ? (hold.extensions ?? 0) >= asked.extension : hold.quantity <= asked.keep;
}

function opened(requests, key, message) {
  const known = requests.get(key);
  if (known) return known.promise;
  const request = { message };
  request.promise = new Promise((resolve, reject) => Object.assign(request, { resolve, reject }));
  // Nobody may be waiting any more when the client is closed.
  request.promise.catch(() => {});
  requests.set(key, request);
  return request.promise;
}

function answer(requests, key, message) {
  requests.get(key)?.resolve(message);
  requests.delete(key);
}

function fail(requests, error) {
  for (const request of requests.values()) request.reject(error);
  requests.clear();
}
