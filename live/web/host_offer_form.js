/** The form that opens a flash offer. */

import { byId, h, setText, show, toast } from "./dom.js";
import { clearErrors, showError } from "./host_dialogs.js";
import { formatMoney, moneyInput, parseMoney } from "./money.js";

const DEFAULT_QUANTITY = 100;
const PRESETS_OFF = [10, 20, 30, 50];
const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;

/** Field → what one unit of the input is worth in the request. */
const NUMBERS = {
  quantity: 1,
  per_buyer_limit: 1,
  preheat_ms: SECOND_MS,
  duration_ms: SECOND_MS,
  hold_ttl_ms: MINUTE_MS,
  waitlist_hold_ttl_ms: MINUTE_MS,
  grace_ms: SECOND_MS,
};

/** Refusals that name no field, but are about one. */
const FIELD_OF = { stock_short: "quantity" };

export class OfferForm {
  #product = null;
  #sending = false;

  /**
   * @param {object} context
   * @param {import("./http.js").Api} context.api
   * @param {string} context.path of the show
   * @param {string} context.currency of the show
   * @param {(offer: object) => void} context.opened
   */
  constructor(context) {
    this.context = context;
    this.form = byId("offer-form");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    byId("offer-sku").addEventListener("change", () => this.#fill());
    byId("offer-mode").addEventListener("change", () => this.#fitMode());
    setText(byId("offer-currency"), `(${context.currency})`);
    byId("offer-presets").append(...PRESETS_OFF.map((off) => h("button", {
      type: "button", class: "preset", "aria-label": `${off} percent off`, onclick: () => this.#discount(off),
    }, `−${off} %`)));
  }

  /** @param {object} product with its variants */
  open(product) {
    this.#product = product;
    clearErrors(this.form);
    setText(byId("offer-dialog-title"), `Offer: ${product.title}`);
    byId("offer-sku").replaceChildren(...product.variants.map((variant) => h("option", { value: variant.sku }, `${variant.title || product.title} · ${variant.sku} · ${formatMoney(variant.price)}`)));
    const inStock = product.variants.find((variant) => variant.available > 0);
    if (inStock) byId("offer-sku").value = inStock.sku;
    this.#fill();
    byId("offer-dialog").showModal();
    byId("offer-price").focus();
    byId("offer-price").select();
  }

  get #variant() {
    return this.#product.variants.find((variant) => variant.sku === byId("offer-sku").value);
  }

  #fill() {
    const { price, available } = this.#variant;
    byId("offer-price").value = price ? moneyInput({ ...price, currency: this.context.currency }) : "";
    const known = Number.isInteger(available);
    show(byId("offer-stock"), known);
    setText(byId("offer-stock"), `${available} available`);
    byId("offer-quantity").value = known ? Math.max(1, Math.min(available, DEFAULT_QUANTITY)) : DEFAULT_QUANTITY;
  }

  /** A draw is for one each. */
  #fitMode() {
    const draw = byId("offer-mode").value === "draw";
    const limit = byId("offer-limit");
    if (draw) limit.value = 1;
    limit.readOnly = draw;
  }

  #discount(off) {
    const { price } = this.#variant;
    if (!price) return;
    const amount = Math.round((price.amount * (100 - off)) / 100);
    byId("offer-price").value = moneyInput({ amount, currency: this.context.currency });
  }

  /** The request, or null after the first wrong field was marked. */
  #read() {
    const fields = this.form.elements;
    const body = { sku: fields.sku.value, mode: fields.mode.value, price: parseMoney(fields.price.value, this.context.currency) };
    if (!body.price) {
      showError(this.form, "price", "An amount, such as 19.99.");
      return null;
    }
    for (const [name, unit] of Object.entries(NUMBERS)) {
      const field = fields[name];
      if (!field.checkValidity()) {
        showError(this.form, name, field.validationMessage);
        return null;
      }
      if (field.value !== "") body[name] = Math.round(field.valueAsNumber * unit);
    }
    return body;
  }

  async #submit() {
    if (this.#sending) return;
    clearErrors(this.form);
    const body = this.#read();
    if (!body) return;
    this.#sending = true;
    try {
      const offer = await this.context.api.post(`${this.context.path}/offers`, body);
      byId("offer-dialog").close();
      toast("The offer is on its way.");
      this.context.opened(offer);
    } catch (error) {
      showError(this.form, FIELD_OF[error.code] ?? error.field, error.message);
    } finally {
      this.#sending = false;
    }
  }
}
