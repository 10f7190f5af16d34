/** One flash offer on the viewer page: its card, its clock, its one big button. */

import { URGENT_MS, offerPhase, phaseLeftMs, formatLeft } from "./countdown.js";
import { h, productImage, setShare, setText, show } from "./dom.js";
import { formatMoney, percentOff } from "./money.js";
import { offerAction, refusalText, stockText } from "./offer_action.js";
import { holdOn } from "./show_state.js";

/** A confirmed order owns the button this long; then the buyer may claim again. */
const CONFIRMED_STAYS_MS = 6_000;
/** After the draw is told, winners hear of their units within this time. */
const WINNERS_TOLD_MS = 3_000;
/** The result of a draw stays this long for who entered it. */
const RESULT_STAYS_MS = 20_000;
/** The last moment at which a screen reader hears about a hold that runs out. */
const HOLD_WARNING_MS = 30_000;
/** A place on the waiting list is asked for again after once to twice this long. */
const PLACE_EVERY_MS = 15_000;
/** A share of the stock below this looks scarce. */
const SCARCE_SHARE = 0.2;

const PHASE_WORDS = { preheat: "Coming up", open: "Flash offer", ended: "Ended", voided: "Withdrawn" };

const ORDER_NOTES = {
  "order.declined": ["The payment was declined and nothing was charged. You can claim again.", "bad"],
  "order.unfulfillable": ["No unit was left for this order. Anything charged goes back to you.", "bad"],
  "order.refunded": ["This order was refunded.", "info"],
};

const ACTION_TEXTS = {
  redirect: "Your units are kept. The payment goes on at the payment provider.",
  qr_code: "Your units are kept. Scan the code of the payment provider.",
  voucher: "Your units are kept. Pay the slip with this number.",
  confirm: "Your units are kept. Confirm the payment on your phone.",
};

export class OfferCard {
  #quantity = 1;
  #claiming = false;
  /** Whether the buyer is in the draw, as far as this page was told. */
  #entered = false;
  /** Whether the buyer was drawn, whatever became of it. */
  #won = false;
  /** Until when the result of the draw is shown. */
  #resultUntilMs = Infinity;
  #paying = false;
  #confirmedAtMs = -Infinity;
  #joining = false;
  #extending = false;
  #askPlaceAtMs = Infinity;
  #phase = null;
  #said = new Set();
  #offer = null;
  #action = { does: null };

  /**
   * @param {object} context
   * @param {import("./showdrop.js").ShowdropClient} context.client
   * @param {() => ?{price: object, product: object}} context.known what is known of the SKU from the stage
   * @param {number} context.extensions how often a buyer may ask for more time
   * @param {() => number} context.bought units that this buyer has ordered
   * @param {() => string} context.paymentMethod
   * @param {() => Promise<void>} context.join become a demo buyer
   * @param {(text: string) => void} context.announce to screen readers
   */
  constructor(context) {
    this.context = context;
    this.parts = {
      picture: h("div", { class: "offer-picture" }),
      phase: h("span", { class: "badge" }),
      off: h("span", { class: "badge off", hidden: true }),
      clock: h("span", { class: "clock", role: "timer", "aria-live": "off" }),
      title: h("h2", {}),
      price: h("strong", { class: "price" }),
      before: h("s", { class: "before", hidden: true }),
      fill: h("span", { class: "bar-fill" }),
      stock: h("span", { class: "stock" }),
      less: h("button", { type: "button", class: "step", "aria-label": "One fewer", onclick: () => this.#step(-1) }, "−"),
      count: h("output", { class: "count", "aria-label": "Quantity" }, "1"),
      more: h("button", { type: "button", class: "step", "aria-label": "One more", onclick: () => this.#step(1) }, "+"),
      main: h("button", { type: "button", class: "button main", onclick: () => this.#act() }),
      moreTime: h("button", { type: "button", class: "button quiet small", onclick: () => this.#extend() }, "More time"),
      release: h("button", { type: "button", class: "button quiet small", onclick: () => this.#release() }, "Give it back"),
      leave: h("button", { type: "button", class: "button quiet small", onclick: () => this.#leaveLine() }, "Leave the waiting list"),
      note: h("p", { class: "note", role: "status", hidden: true }),
    };
    const p = this.parts;
    p.stepper = h("div", { class: "stepper", role: "group", "aria-label": "How many" }, p.less, p.count, p.more);
    this.element = h("article", { class: "card offer" },
      h("div", { class: "offer-head" }, p.phase, p.off, p.clock),
      h("div", { class: "offer-body" }, p.picture, h("div", { class: "offer-text" }, p.title, h("p", { class: "prices" }, p.price, p.before))),
      h("div", { class: "stock-line" }, h("span", { class: "bar", "aria-hidden": "true" }, p.fill), p.stock),
      h("div", { class: "actions" }, p.stepper, p.main),
      h("div", { class: "extras" }, p.moreTime, p.release, p.leave),
      p.note);
  }

  /** True while the buyer has something going on here, so that the card must stay. */
  get busy() {
    return this.#drawing() || this.#claiming || this.#joining || this.#paying || (this.#offer !== null && this.#hold() !== null);
  }

  /** Whether the buyer waits for a draw, or has just been told how it went. */
  #drawing() {
    if (!this.#entered || this.#phase === "voided") return false;
    return this.context.client.serverNow() < this.#resultUntilMs;
  }

  /** @param {object} offer newest state @param {number} nowMs server time */
  draw(offer, nowMs) {
    const p = this.parts;
    const first = this.#offer === null;
    this.#offer = offer;
    if (first) setText(p.title, offer.title);
    this.#drawPrice(offer);
    this.#drawClock(offer, nowMs);
    setShare(p.fill, offer.available / offer.quantity);
    p.fill.classList.toggle("scarce", offer.available / offer.quantity < SCARCE_SHARE);
    setText(p.stock, stockText(offer));

    if (offer.seed && this.#resultUntilMs === Infinity) this.#resultUntilMs = nowMs + RESULT_STAYS_MS;

    const hold = this.#hold();
    const place = this.#place();
    const room = Math.max(0, offer.per_buyer_limit - this.context.bought() - (hold?.quantity ?? 0));
    const most = Math.max(1, Math.min(room, offer.available));
    this.#quantity = Math.min(this.#quantity, most);
    this.#action = offerAction({
      offer, nowMs, hold, place, room,
      claiming: this.#claiming,
      entered: this.#entered,
      won: this.#won,
      told: nowMs >= this.#resultUntilMs - RESULT_STAYS_MS + WINNERS_TOLD_MS,
      joining: this.#joining,
      paying: this.#paying,
      confirmed: nowMs - this.#confirmedAtMs < CONFIRMED_STAYS_MS,
      guest: this.context.isGuest(),
      demo: this.context.demo,
      quantity: this.#quantity,
    });
    setText(p.main, this.#action.label);
    p.main.dataset.tone = this.#action.tone;
    // Not `disabled`: a button that loses the keyboard's place at every change of state is hard to use.
    p.main.setAttribute("aria-disabled", String(this.#action.does === null));
    show(p.stepper, offer.per_buyer_limit > 1 && (this.#action.does === "claim" || this.#action.tone === "soon"));
    setText(p.count, this.#quantity);
    p.less.disabled = this.#quantity <= 1;
    p.more.disabled = this.#quantity >= most;
    show(p.release, this.#action.does === "pay");
    show(p.moreTime, this.#action.does === "pay" && (hold.extensions ?? 0) < this.context.extensions);
    show(p.leave, place > 0);
    if (place > 0) this.#keepPlace(place, nowMs);
    this.#warn(hold, nowMs);
  }

  /** React to what the server says about this offer and this buyer's hold on it. */
  onMessage(message) {
    if (message.type === "hold.promoted" && message.offer_id === this.context.offerId) {
      this.#won = this.#offer?.mode === "draw";
      const how = this.#won ? "You are drawn: a unit is yours." : "A unit came back and is yours.";
      this.#say(`${how} Pay before the time runs out.`, "good");
    } else if (message.type === "hold.expired" && message.offer_id === this.context.offerId) {
      this.#paying = false;
      this.#stayAWhile();
      this.#say("Your time to pay ran out and the unit went back.", "bad");
    } else if (message.type === "hold.released" && message.offer_id === this.context.offerId) {
      this.#stayAWhile();
      this.#say("You gave it back.", "info");
    } else if (message.order_id && this.#ordered(message)) {
      this.#orderNews(message);
    }
  }

  /** Let who was drawn read how it ended, although the offer itself is over. */
  #stayAWhile() {
    if (this.#won) this.#resultUntilMs = this.context.client.serverNow() + RESULT_STAYS_MS;
  }

  #ordered(message) {
    return this.context.client.state.orders[message.order_id]?.offer_id === this.context.offerId;
  }

  #orderNews(message) {
    if (message.type === "order.submitted") return;
    if (message.type === "order.action") {
      this.#askToAct(message.action);
      return;
    }
    this.#paying = false;
    if (message.type === "order.confirmed") {
      this.#confirmedAtMs = this.context.client.serverNow();
      this.#say("It is yours. You find it under My orders.", "good");
    } else if (message.type in ORDER_NOTES) {
      this.#say(...ORDER_NOTES[message.type]);
    }
  }

  #place() {
    return this.context.client.state.waitlists[this.context.offerId] ?? 0;
  }

  /** The line moves without a word of the server's: ask now and then, not in step with others. */
  #keepPlace(place, nowMs) {
    this.#announceOnce(`place ${place}`, place === 1 ? "You are next in line." : `You are number ${place} in line.`);
    const nextMs = nowMs + PLACE_EVERY_MS * (1 + Math.random());
    if (nowMs >= this.#askPlaceAtMs) this.context.client.joinWaitlist(this.context.offerId).catch(() => {});
    if (nowMs >= this.#askPlaceAtMs || this.#askPlaceAtMs === Infinity) this.#askPlaceAtMs = nextMs;
  }

  #hold() {
    return holdOn(this.context.client.state, this.context.offerId);
  }

  #drawPrice(offer) {
    const p = this.parts;
    const known = this.context.known();
    if (p.picture.childElementCount === 0 || (known && !p.picture.dataset.known)) {
      p.picture.replaceChildren(productImage(known?.product ?? { title: offer.title }));
      if (known) p.picture.dataset.known = "yes";
    }
    setText(p.price, formatMoney(offer.price));
    const off = percentOff(known?.price, offer.price);
    show(p.before, off > 0);
    show(p.off, off > 0);
    if (off > 0) {
      setText(p.before, formatMoney(known.price));
      setText(p.off, `−${off} %`);
    }
  }

  #drawClock(offer, nowMs) {
    const p = this.parts;
    const phase = offerPhase(offer, nowMs);
    const leftMs = phaseLeftMs(offer, nowMs);
    if (phase !== this.#phase) this.#enter(phase, offer);
    show(p.clock, phase === "open" || phase === "preheat");
    setText(p.clock, formatLeft(leftMs));
    this.element.classList.toggle("urgent", phase === "open" && leftMs <= URGENT_MS);
    if (phase === "open" && leftMs <= URGENT_MS) this.#announceOnce("last", "Ten seconds left.");
    if (phase === "open" && offer.available <= 0) this.#announceOnce("gone", stockText(offer));
  }

  #enter(phase, offer) {
    const before = this.#phase;
    this.#phase = phase;
    this.element.dataset.phase = phase;
    setText(this.parts.phase, PHASE_WORDS[phase]);
    if (phase === "preheat") this.#announceOnce("soon", `Coming up: ${offer.title} for ${formatMoney(offer.price)}.`);
    if (phase === "open") this.#announceOnce("open", `${offer.title} is open, ${formatMoney(offer.price)}.`);
    if (phase === "ended" && before) this.#announceOnce("ended", "The offer has ended.");
    if (phase === "voided") this.#say(offer.reason ? `Withdrawn: ${offer.reason}` : "The host withdrew this offer.", "info");
    else if (before === "preheat") show(this.parts.note, false);
  }

  #warn(hold, nowMs) {
    if (hold?.state === "held" && hold.expires_at_ms - nowMs < HOLD_WARNING_MS && hold.expires_at_ms > nowMs) {
      this.#announceOnce(`hold ${hold.hold_id} ${hold.extensions}`, "Thirty seconds left to pay.");
    }
  }

  #announceOnce(key, text) {
    if (this.#said.has(key)) return;
    this.#said.add(key);
    this.context.announce(text);
  }

  #say(text, tone) {
    setText(this.parts.note, text);
    this.parts.note.dataset.tone = tone;
    show(this.parts.note, true);
  }

  /** The payment waits for the buyer: say for what, with the way there. */
  #askToAct({ kind, url, data }) {
    this.#say(ACTION_TEXTS[kind] ?? "Your payment needs one more step.", "info");
    if (data && kind !== "client") this.parts.note.append(" ", h("code", {}, data));
    if (url?.startsWith("https://")) {
      this.parts.note.append(" ", h("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, "Finish the payment"));
    }
  }

  #step(by) {
    this.#quantity = Math.max(1, this.#quantity + by);
    this.draw(this.#offer, this.context.client.serverNow());
  }

  #act() {
    const { does } = this.#action;
    if (does) show(this.parts.note, false);
    if (does === "claim") this.#claim();
    else if (does === "pay") this.#pay();
    else if (does === "join") this.context.join();
    else if (does === "wait") this.joinLine();
  }

  async #claim() {
    this.#claiming = true;
    this.#redraw();
    try {
      const answer = await this.context.client.claim(this.context.offerId, this.#quantity);
      // One entry each: who loaded the page anew, or has another device, is in already.
      const twice = this.#offer.mode === "draw" && answer.reason === "buyer_limit";
      if (answer.type === "claim.entered" || twice) {
        this.#entered = true;
        this.#say("You are in. If you are drawn, a unit is held for you: keep this page open.", "info");
      } else if (answer.type === "claim.refused") this.#say(refusalText(answer), "bad");
      else this.context.announce("Yours for now. Pay before the time runs out.");
    } catch (error) {
      this.#say(error.message, "bad");
    } finally {
      this.#claiming = false;
      this.#redraw();
    }
  }

  async #pay() {
    this.#paying = true;
    this.#redraw();
    try {
      await this.context.client.checkout(this.#hold().hold_id, this.context.paymentMethod());
    } catch (error) {
      this.#say(error.temporary ? `${error.message} Please try again.` : error.message, "bad");
    } finally {
      // From here on the hold's own state says whether the payment is still under way.
      this.#paying = false;
      this.#redraw();
    }
  }

  #release() {
    const hold = this.#hold();
    if (hold) this.context.client.release(hold.hold_id).catch((error) => this.#say(error.message, "bad"));
  }

  async #extend() {
    const hold = this.#hold();
    if (!hold || this.#extending) return;
    this.#extending = true;
    try {
      const answer = await this.context.client.extend(hold.hold_id, (hold.extensions ?? 0) + 1);
      if (answer.type === "hold.changed") this.context.announce("You have more time to pay.");
    } catch (error) {
      this.#say(error.message, "bad");
    } finally {
      this.#extending = false;
      this.#redraw();
    }
  }

  /** Wait for a unit, or go on waiting after the page was loaded anew. */
  async joinLine() {
    this.#joining = true;
    this.#redraw();
    try {
      const answer = await this.context.client.joinWaitlist(this.context.offerId);
      if (answer.type === "waitlist.refused") this.#say(refusalText(answer), "bad");
      else if (answer.place > 0) this.#say("If a unit comes back, it is held for you. Keep this page open.", "info");
    } catch (error) {
      this.#say(error.message, "bad");
    } finally {
      this.#joining = false;
      this.#redraw();
    }
  }

  async #leaveLine() {
    try {
      const answer = await this.context.client.leaveWaitlist(this.context.offerId);
      if (answer.type === "waitlist.refused") this.#say(refusalText(answer), "bad");
      else this.#say("You left the waiting list.", "info");
    } catch (error) {
      this.#say(error.message, "bad");
    }
    // The button that was pressed is gone: do not lose the keyboard's place.
    this.parts.main.focus();
    this.#redraw();
  }

  #redraw() {
    const offer = this.context.client.state.offers.find((one) => one.offer_id === this.context.offerId);
    if (offer) this.draw(offer, this.context.client.serverNow());
  }
}
