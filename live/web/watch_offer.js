/** One flash offer on the viewer page: its card, its clock, its one big button. */

import { URGENT_MS, offerPhase, phaseLeftMs, formatLeft } from "./countdown.js";
import { h, productImage, setShare, setText, show } from "./dom.js";
import { formatMoney, percentOff } from "./money.js";
import { offerAction, refusalText, stockText } from "./offer_action.js";
import { holdOn } from "./show_state.js";

/** A confirmed order owns the button this long; then the buyer may claim again. */
const CONFIRMED_STAYS_MS = 6_000;
/** The last moment at which a screen reader hears about a hold that runs out. */
const HOLD_WARNING_MS = 30_000;
/** A share of the stock below this looks scarce. */
const SCARCE_SHARE = 0.2;

const PHASE_WORDS = { preheat: "Coming up", open: "Flash offer", ended: "Ended", voided: "Withdrawn" };

const ORDER_NOTES = {
  "order.declined": ["The payment was declined and nothing was charged. You can claim again.", "bad"],
  "order.unfulfillable": ["No unit was left for this order. Anything charged goes back to you.", "bad"],
  "order.refunded": ["This order was refunded.", "info"],
};

export class OfferCard {
  #quantity = 1;
  #claiming = false;
  #paying = false;
  #confirmedAtMs = -Infinity;
  #onWaitlist = false;
  #phase = null;
  #said = new Set();
  #offer = null;
  #action = { does: null };

  /**
   * @param {object} context
   * @param {import("./showdrop.js").ShowdropClient} context.client
   * @param {() => ?{price: object, product: object}} context.known what is known of the SKU from the stage
   * @param {boolean} context.waitlist whether this server keeps waiting lists
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
      release: h("button", { type: "button", class: "button quiet small", onclick: () => this.#release() }, "Give it back"),
      wait: h("button", { type: "button", class: "button quiet small", onclick: () => this.#toggleWaitlist() }),
      note: h("p", { class: "note", role: "status", hidden: true }),
    };
    const p = this.parts;
    p.stepper = h("div", { class: "stepper", role: "group", "aria-label": "How many" }, p.less, p.count, p.more);
    this.element = h("article", { class: "card offer" },
      h("div", { class: "offer-head" }, p.phase, p.off, p.clock),
      h("div", { class: "offer-body" }, p.picture, h("div", { class: "offer-text" }, p.title, h("p", { class: "prices" }, p.price, p.before))),
      h("div", { class: "stock-line" }, h("span", { class: "bar", "aria-hidden": "true" }, p.fill), p.stock),
      h("div", { class: "actions" }, p.stepper, p.main),
      h("div", { class: "extras" }, p.release, p.wait),
      p.note);
  }

  /** True while the buyer has something going on here, so that the card must stay. */
  get busy() {
    return this.#claiming || this.#paying || (this.#offer !== null && this.#hold() !== null);
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

    const hold = this.#hold();
    const room = Math.max(0, offer.per_buyer_limit - this.context.bought() - (hold?.quantity ?? 0));
    const most = Math.max(1, Math.min(room, offer.available));
    this.#quantity = Math.min(this.#quantity, most);
    this.#action = offerAction({
      offer, nowMs, hold, room,
      claiming: this.#claiming,
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
    const waiting = this.context.waitlist && this.#phase === "open" && offer.available <= 0 && !hold && !this.context.isGuest();
    show(p.wait, waiting && room > 0);
    setText(p.wait, this.#onWaitlist ? "Leave the waiting list" : "Wait for one to come back");
    this.#warn(hold, nowMs);
  }

  /** React to what the server says about this offer and this buyer's hold on it. */
  onMessage(message) {
    if (message.type === "hold.promoted" && message.offer_id === this.context.offerId) {
      this.#onWaitlist = false;
      this.#say("A unit came back and is yours. Pay before the time runs out.", "good");
    } else if (message.type === "hold.expired" && message.offer_id === this.context.offerId) {
      this.#paying = false;
      this.#say("Your time to pay ran out and the unit went back.", "bad");
    } else if (message.type === "hold.released" && message.offer_id === this.context.offerId) {
      this.#say("You gave it back.", "info");
    } else if (message.order_id && this.#ordered(message)) {
      this.#orderNews(message);
    }
  }

  #ordered(message) {
    return this.context.client.state.orders[message.order_id]?.offer_id === this.context.offerId;
  }

  #orderNews(message) {
    if (message.type === "order.submitted") return;
    this.#paying = false;
    if (message.type === "order.confirmed") {
      this.#confirmedAtMs = this.context.client.serverNow();
      this.#say("It is yours. You find it under My orders.", "good");
    } else if (message.type in ORDER_NOTES) {
      this.#say(...ORDER_NOTES[message.type]);
    }
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
      this.#announceOnce(`hold ${hold.hold_id}`, "Thirty seconds left to pay.");
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
  }

  async #claim() {
    this.#claiming = true;
    this.#redraw();
    try {
      const answer = await this.context.client.claim(this.context.offerId, this.#quantity);
      if (answer.type === "claim.refused") this.#say(refusalText(answer), "bad");
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

  #toggleWaitlist() {
    this.#onWaitlist = !this.#onWaitlist;
    const { client, offerId } = this.context;
    if (this.#onWaitlist) client.joinWaitlist(offerId);
    else client.leaveWaitlist(offerId);
    this.#say(this.#onWaitlist ? "You are on the waiting list. If a unit comes back, it is held for you." : "You left the waiting list.", "info");
  }

  #redraw() {
    const offer = this.context.client.state.offers.find((one) => one.offer_id === this.context.offerId);
    if (offer) this.draw(offer, this.context.client.serverNow());
  }
}
