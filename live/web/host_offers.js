/** Offers on the host console: one card each, with the pool's four numbers and the host's three actions. */

import { URGENT_MS, formatLeft, offerPhase, phaseLeftMs } from "./countdown.js";
import { byId, h, setShare, setText, show } from "./dom.js";
import { ask } from "./host_dialogs.js";
import { formatMoney } from "./money.js";

const WORDS = { preheat: "Coming up", open: "Open", ended: "Ended", voided: "Voided" };
const REASONS = { time: "Its time was up.", closed: "Closed by the host.", show_ended: "It ended with the show." };
const EXTEND_MS = 30_000;
const WAITING_EVERY_MS = 4_000;

export class OfferDesk {
  #offers = [];
  /** Offers that HTTP told us of and the live state does not have yet. */
  #adopted = new Map();
  /** offer_id → card parts */
  #cards = new Map();
  /** offer_id → number of buyers on the waiting list */
  #waiting = new Map();

  constructor({ api, client, act }) {
    Object.assign(this, { api, client, act });
    setInterval(() => this.#askWaiting(), WAITING_EVERY_MS);
  }

  /** Show an offer at once, before its event comes round. */
  adopt(offer) {
    this.#adopted.set(offer.offer_id, offer);
    this.draw(this.#offers);
  }

  /** @param {object[]} offers of the newest state, oldest first */
  draw(offers) {
    this.#offers = offers;
    for (const { offer_id: offerId } of offers) this.#adopted.delete(offerId);
    for (const offer of this.#all()) this.#drawCard(offer);
    show(byId("offers-note"), this.#cards.size === 0);
    this.tick();
  }

  /** Move the clocks. */
  tick() {
    const nowMs = this.client.serverNow();
    for (const offer of this.#all()) {
      const card = this.#cards.get(offer.offer_id);
      const phase = offerPhase(offer, nowMs);
      const leftMs = phaseLeftMs(offer, nowMs);
      const running = phase === "open" || phase === "preheat";
      setText(card.phase, WORDS[phase]);
      card.element.dataset.phase = phase;
      setText(card.clock, phase === "preheat" ? `in ${formatLeft(leftMs)}` : formatLeft(leftMs));
      card.element.classList.toggle("urgent", phase === "open" && leftMs <= URGENT_MS);
      show(card.clock, running);
      if (!running) show(card.waiting, false);
      for (const button of [card.extend, card.close]) show(button, running);
      show(card.void, phase !== "voided");
    }
  }

  async extendNewest(ms) {
    const offer = this.#newestOpen();
    if (offer) await this.#extend(offer.offer_id, ms);
  }

  async closeNewest() {
    const offer = this.#newestOpen();
    if (offer) await this.#close(offer);
  }

  #all() {
    return [...this.#offers, ...this.#adopted.values()];
  }

  #newestOpen() {
    const nowMs = this.client.serverNow();
    return this.#all().findLast((offer) => ["open", "preheat"].includes(offerPhase(offer, nowMs))) ?? null;
  }

  #drawCard(offer) {
    const { offer_id: offerId } = offer;
    if (!this.#cards.has(offerId)) this.#add(offer);
    const card = this.#cards.get(offerId);
    const { available, held, sold } = offer;
    const allocated = offer.allocated ?? available + held + sold;
    setText(card.title, offer.title);
    setText(card.terms, `${formatMoney(offer.price)} · ${offer.per_buyer_limit} per buyer · ${offer.sku}`);
    for (const [name, value] of Object.entries({ available, held, sold })) {
      setText(card[name], value);
      setShare(card[`${name}Bar`], allocated ? value / allocated : 0);
    }
    setText(card.allocated, allocated);
    setText(card.note, offer.reason ? (REASONS[offer.reason] ?? `Reason: ${offer.reason}`) : "");
    this.#drawWaiting(offerId, offer.waiting);
  }

  #drawWaiting(offerId, given) {
    const waiting = this.#waiting.get(offerId) ?? given ?? 0;
    const card = this.#cards.get(offerId);
    show(card.waiting, waiting > 0);
    const draw = this.#all().some((offer) => offer.offer_id === offerId && offer.mode === "draw");
    setText(card.waiting, `${waiting} ${draw ? "entered" : "waiting"}`);
  }

  #add({ offer_id: offerId }) {
    const offer = () => this.#all().find((one) => one.offer_id === offerId);
    const card = {
      phase: h("span", { class: "badge" }),
      clock: h("span", { class: "clock", role: "timer", "aria-live": "off" }),
      title: h("h3", {}),
      terms: h("p", { class: "muted" }),
      waiting: h("span", { class: "badge", hidden: true }),
      note: h("p", { class: "muted" }),
      extend: h("button", { type: "button", class: "button quiet small", onclick: () => this.#extend(offerId, EXTEND_MS) }, "Extend +30 s"),
      close: h("button", { type: "button", class: "button quiet small", onclick: () => this.#close(offer()) }, "Close"),
      void: h("button", { type: "button", class: "button danger-quiet small", onclick: () => this.#void(offer()) }, "Void"),
      availableBar: h("span", { class: "seg available" }),
      heldBar: h("span", { class: "seg held" }),
      soldBar: h("span", { class: "seg sold" }),
    };
    const numbers = ["allocated", "available", "held", "sold"].map((name) => {
      card[name] = h("dd", {});
      return h("div", { class: `pool ${name}` }, h("dt", {}, name.charAt(0).toUpperCase() + name.slice(1)), card[name]);
    });
    card.element = h("article", { class: "card live-offer" },
      h("div", { class: "offer-head" }, card.phase, card.waiting, card.clock),
      card.title, card.terms,
      h("div", { class: "segments", "aria-hidden": "true" }, card.soldBar, card.heldBar, card.availableBar),
      h("dl", { class: "pool-numbers" }, numbers),
      card.note,
      h("div", { class: "row" }, card.extend, card.close, card.void));
    this.#cards.set(offerId, card);
    byId("offers").prepend(card.element);
  }

  async #extend(offerId, ms) {
    const button = this.#cards.get(offerId).extend;
    await this.act(button, () => this.api.post(`/v1/offers/${offerId}/extend`, { extend_ms: ms }), `Extended by ${ms / 1000} s.`);
  }

  async #close(offer) {
    const sure = await ask({ title: "Close this offer now?", text: `${offer.title}: no more claims. Buyers who hold a unit can still pay.`, yes: "Close offer" });
    if (sure === null) return;
    await this.act(this.#cards.get(offer.offer_id).close, () => this.api.post(`/v1/offers/${offer.offer_id}/close`, {}), "The offer is closed.");
  }

  async #void(offer) {
    const reason = await ask({ title: "Void this offer?", text: `${offer.title}: for a wrong price or product. Holds end; viewers see the reason.`, yes: "Void offer", reason: true });
    if (reason === null) return;
    await this.act(this.#cards.get(offer.offer_id).void, () => this.api.post(`/v1/offers/${offer.offer_id}/void`, { reason }), "The offer is void.");
  }

  /** The waiting list is not part of the live state. */
  async #askWaiting() {
    const offer = this.#newestOpen();
    if (!offer || (offer.available > 0 && offer.mode !== "draw") || document.hidden) return;
    try {
      const { waiting } = await this.api.get(`/v1/offers/${offer.offer_id}`);
      this.#waiting.set(offer.offer_id, waiting);
      this.#drawWaiting(offer.offer_id);
    } catch {
      // The next round asks again.
    }
  }
}
