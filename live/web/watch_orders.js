/** The buyer's own orders in this show: kept over a reload, and asked for while one is not decided. */

import { h, setText, show } from "./dom.js";
import { formatMoney } from "./money.js";

/** An order without a final word is asked for this often, in milliseconds. */
const ASK_EVERY_MS = 5_000;

const WORDS = {
  submitted: "Paying…",
  confirmed: "Confirmed",
  declined: "Payment declined",
  unfulfillable: "Not available – refunded",
  refunded: "Refunded",
  cancelled: "Cancelled",
};

/** Order states of the HTTP API in the words of the live messages. */
const AS_LIVE = { authorised: "submitted", captured: "confirmed" };

const NEWS = {
  "order.confirmed": "Order confirmed.",
  "order.declined": "The payment was declined.",
  "order.refunded": "An order was refunded.",
  "order.unfulfillable": "An order could not be fulfilled. Anything charged goes back.",
};

export class OrderBook {
  /** order_id → order, oldest first */
  #orders = {};
  #timer = null;
  #stopped = false;

  /**
   * @param {object} context
   * @param {import("./http.js").Api} context.api with the buyer's token
   * @param {string} context.slot where this tab remembers the orders of this buyer
   * @param {(offerId: string) => (string|undefined)} context.titleOf an offer
   */
  constructor({ api, slot, list, section, titleOf }) {
    Object.assign(this, { api, slot, list, section, titleOf });
    try {
      this.#orders = JSON.parse(sessionStorage.getItem(slot) ?? "{}");
    } catch {
      this.#orders = {};
    }
    this.#draw();
  }

  /** Take the orders of the live state over. */
  take(orders) {
    for (const order of Object.values(orders)) {
      const old = this.#orders[order.order_id];
      this.#orders[order.order_id] = {
        ...order,
        offer_id: order.offer_id ?? old?.offer_id ?? null,
        quantity: order.quantity ?? old?.quantity ?? null,
        title: this.titleOf(order.offer_id) ?? old?.title ?? "Order",
      };
    }
    this.#keep();
  }

  /** Ask the server for every order that is not decided: its message may have come while we were away. */
  async refresh() {
    clearTimeout(this.#timer);
    const open = Object.values(this.#orders).filter((order) => order.state === "submitted");
    for (const order of open) {
      try {
        const answer = await this.api.get(`/v1/orders/${order.order_id}`);
        this.#orders[order.order_id] = {
          ...this.#orders[order.order_id],
          quantity: answer.quantity,
          offer_id: answer.offer_id,
          amount: answer.amount,
          state: AS_LIVE[answer.state] ?? answer.state,
        };
      } catch (error) {
        if (!error.temporary) return;
      }
    }
    this.#keep();
  }

  /** Let go, because another buyer takes this tab over. */
  stop() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#stopped = true;
  }

  /** Units of an offer that count towards the buyer's limit. */
  boughtOf(offerId) {
    return this.#confirmed()
      .filter((order) => order.offer_id === offerId)
      .reduce((sum, order) => sum + (order.quantity ?? 1), 0);
  }

  /** @returns {{count: number, total: ?object}} confirmed units and their price */
  totals() {
    const all = this.#confirmed();
    const amount = all.reduce((sum, order) => sum + order.amount.amount, 0);
    return {
      count: all.reduce((sum, order) => sum + (order.quantity ?? 1), 0),
      total: all.length ? { amount, currency: all[0].amount.currency } : null,
    };
  }

  announce(message, say) {
    if (message.type in NEWS) say(NEWS[message.type]);
  }

  #confirmed() {
    return Object.values(this.#orders).filter((order) => order.state === "confirmed");
  }

  #keep() {
    try {
      sessionStorage.setItem(this.slot, JSON.stringify(this.#orders));
    } catch {
      // Without storage the list lasts until the next reload.
    }
    if (this.#stopped) return;
    this.#draw();
    clearTimeout(this.#timer);
    if (Object.values(this.#orders).some((order) => order.state === "submitted")) {
      this.#timer = setTimeout(() => this.refresh(), ASK_EVERY_MS);
    }
  }

  #draw() {
    const orders = Object.values(this.#orders).reverse();
    show(this.section, orders.length > 0);
    this.list.replaceChildren(...orders.map((order) => {
      const state = h("span", { class: "badge", "data-order": order.state });
      const inPart = order.refunded && order.state !== "refunded";
      setText(state, inPart ? `${formatMoney(order.refunded)} refunded` : (WORDS[order.state] ?? order.state));
      const count = order.quantity > 1 ? `${order.quantity} × ` : "";
      return h("li", { class: "card my-order" },
        h("div", {}, h("h3", {}, count + order.title), h("p", { class: "muted small-print" }, `No. …${order.order_id.slice(-8)}`)),
        h("div", { class: "my-order-end" }, h("strong", {}, formatMoney(order.amount)), state));
    }));
  }
}
