/** Products of the catalogue: find, pin up to three, choose one for an offer. */

import { byId, h, icon, productImage, show, toast } from "./dom.js";
import { formatMoney } from "./money.js";

const PAGE = 12;
const MOST_PINS = 3;
const TYPING_PAUSE_MS = 250;
/** Stock moves without us: other hosts, other channels, offers that end. */
const STOCK_EVERY_MS = 10_000;
/** The server's longest page. */
const MOST_ITEMS = 200;

export class ProductDesk {
  #items = [];
  #pins = [];
  #next = null;
  /** Answers to older searches are thrown away. */
  #search = 0;
  #timer = null;
  #query = "";

  /**
   * @param {object} context
   * @param {import("./http.js").Api} context.api
   * @param {Function} context.act runs one user action
   * @param {string} context.path of the show
   * @param {(product: object) => void} context.onOffer
   * @param {(show: object) => void} context.pinned gets the show after its pins changed
   */
  constructor(context) {
    this.context = context;
    byId("product-search").addEventListener("submit", (event) => {
      event.preventDefault();
      this.search();
    });
    byId("product-query").addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.search(), TYPING_PAUSE_MS);
    });
    byId("products-more").addEventListener("click", () => this.search(this.#next));
    byId("clear-pins").addEventListener("click", () => this.clear());
    setInterval(() => document.hidden || this.refresh(), STOCK_EVERY_MS);
  }

  /** Ask for the first page, or for the one after `after`. */
  async search(after = null) {
    this.#search += 1;
    const mine = this.#search;
    const note = byId("products-note");
    try {
      const query = byId("product-query").value.trim();
      const { items, next } = await this.context.api.get("/v1/products", { query, limit: PAGE, after });
      if (mine !== this.#search) return;
      this.#query = query;
      this.#items = after ? [...this.#items, ...items] : items;
      this.#next = next;
      note.textContent = query ? `Nothing found for “${query}”.` : "The catalogue is empty. Import a file with: showdrop import FILE";
      show(note, this.#items.length === 0);
    } catch (error) {
      note.textContent = error.message;
      show(note, true);
    }
    this.#draw();
  }

  /** Read the stock of the listed products again; nothing else about the list changes. */
  async refresh() {
    const mine = this.#search;
    if (this.#items.length === 0) return;
    try {
      const limit = Math.min(this.#items.length, MOST_ITEMS);
      const { items } = await this.context.api.get("/v1/products", { query: this.#query, limit });
      const fresh = new Map(items.map((product) => [product.product_id, product]));
      const next = this.#items.map((product) => fresh.get(product.product_id) ?? product);
      if (mine !== this.#search || JSON.stringify(next) === JSON.stringify(this.#items)) return;
      this.#items = next;
      this.#draw();
    } catch {
      // Old numbers stay until the next round.
    }
  }

  /** @param {object[]} cards now in the spotlight */
  drawPins(cards) {
    if (this.#pins === cards) return;
    this.#pins = cards;
    show(byId("clear-pins"), cards.length > 0);
    const slots = Array.from({ length: MOST_PINS }, (_, i) => {
      const card = cards[i];
      if (!card) return h("div", { class: "pin empty" }, "Free");
      return h("div", { class: "pin" }, productImage(card), h("span", { class: "pin-title" }, card.title),
        h("button", { type: "button", class: "unpin", "aria-label": `Unpin ${card.title}`, onclick: () => this.toggle(card.product_id) }, "×"));
    });
    byId("pins").replaceChildren(...slots);
    this.#draw();
  }

  async toggle(productId) {
    const now = this.#pins.map((card) => card.product_id);
    const on = now.includes(productId);
    if (!on && now.length >= MOST_PINS) {
      toast("Three products are on stage. Unpin one first.", "bad");
      return;
    }
    await this.#pin(on ? now.filter((id) => id !== productId) : [...now, productId]);
  }

  async togglePinAt(index) {
    const product = this.#items[index];
    if (product) await this.toggle(product.product_id);
  }

  async clear() {
    if (this.#pins.length) await this.#pin([]);
  }

  offerFirstPinned() {
    const card = this.#pins[0] ?? null;
    if (card) this.context.onOffer(this.#items.find((one) => one.product_id === card.product_id) ?? card);
    else toast("Pin a product first.", "bad");
  }

  async #pin(productIds) {
    const { api, act, path } = this.context;
    const answer = await act(byId("pins"), () => api.post(`${path}/spotlight`, { product_ids: productIds }));
    if (answer) this.context.pinned(answer);
  }

  #draw() {
    const focused = document.activeElement?.dataset?.key;
    byId("products").replaceChildren(...this.#items.map((product, index) => this.#row(product, index)));
    show(byId("products-more"), Boolean(this.#next));
    if (focused) document.querySelector(`#products [data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  #row(product, index) {
    const pinned = this.#pins.some((card) => card.product_id === product.product_id);
    const available = product.variants.reduce((sum, variant) => sum + (variant.available ?? 0), 0);
    const prices = product.variants.map((variant) => variant.price).filter(Boolean).sort((a, b) => a.amount - b.amount);
    return h("li", { class: pinned ? "product-row on" : "product-row" },
      h("span", { class: "key-hint", "aria-hidden": "true" }, index < 9 ? String(index + 1) : ""),
      productImage(product),
      h("div", { class: "product-text" },
        h("span", { class: "product-title" }, product.title),
        h("span", { class: available > 0 ? "muted" : "out" }, `${prices.length ? formatMoney(prices[0]) : "–"} · ${available > 0 ? `${available} available` : "no stock"}`)),
      h("button", {
        type: "button", class: "button quiet small square", "aria-pressed": String(pinned), "data-key": `pin ${product.product_id}`,
        "aria-label": `Pin ${product.title}`, title: pinned ? "Unpin" : "Pin", onclick: () => this.toggle(product.product_id),
      }, icon("pin")),
      h("button", {
        type: "button", class: "button quiet small", "aria-label": `Open an offer for ${product.title}`,
        "data-key": `offer ${product.product_id}`, onclick: () => this.context.onOffer(product),
      }, icon("bolt"), "Offer"));
  }
}
