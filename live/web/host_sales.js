/** What the show brings in: the big numbers and the newest orders. Asked for every few seconds. */

import { byId, h, setText, show } from "./dom.js";
import { formatMoney } from "./money.js";

const REPORT_EVERY_MS = 3_000;
const ORDERS_SHOWN = 50;
/** After an event, the numbers are asked for this soon. */
const SOON_MS = 400;

const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const number = new Intl.NumberFormat();
const percent = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });

const METRICS = {
  viewers: "Viewers",
  gmv: "GMV",
  units: "Units sold",
  orders: "Orders",
  aov: "Average order",
  conversion: "Conversion",
  refused: "Claims refused",
};

export class Sales {
  #parts = {};
  #timer = null;
  #orders = "";

  constructor({ api, showId, viewers }) {
    Object.assign(this, { api, showId, viewers });
    for (const [name, label] of Object.entries(METRICS)) {
      this.#parts[name] = { value: h("dd", { class: "metric-value" }, "–"), note: h("dd", { class: "metric-note" }) };
      byId("metrics").append(h("div", { class: "metric", "data-metric": name }, h("dt", {}, label), this.#parts[name].value, this.#parts[name].note));
    }
  }

  start() {
    this.#round();
    document.addEventListener("visibilitychange", () => document.hidden || this.soon());
  }

  /** Something happened: do not wait for the next round. */
  soon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#round(), SOON_MS);
  }

  drawViewers() {
    setText(this.#parts.viewers.value, number.format(this.viewers()));
  }

  async #round() {
    clearTimeout(this.#timer);
    try {
      if (!document.hidden) {
        const [report, orders] = await Promise.all([
          this.api.get(`/v1/shows/${this.showId}/report`),
          this.api.get("/v1/orders", { show_id: this.showId, limit: ORDERS_SHOWN }),
        ]);
        this.#drawReport(report);
        this.#drawOrders(orders.items);
      }
      byId("metrics").classList.remove("stale");
    } catch (error) {
      // Old numbers stay, greyed. Without a token there is no next round: the gate is up.
      byId("metrics").classList.add("stale");
      if (error.status === 401) return;
    }
    this.#timer = setTimeout(() => this.#round(), REPORT_EVERY_MS);
  }

  #drawReport(report) {
    const p = this.#parts;
    this.drawViewers();
    setText(p.viewers.note, `peak ${number.format(report.peak_viewers ?? 0)}`);
    setText(p.gmv.value, formatMoney(report.gmv));
    setText(p.units.value, number.format(report.units ?? 0));
    setText(p.orders.value, number.format(report.orders ?? 0));
    setText(p.aov.value, formatMoney(report.aov));
    setText(p.conversion.value, Number.isFinite(report.conversion) ? percent.format(report.conversion) : "–");
    const refused = Object.entries(report.claims?.refused ?? {}).filter(([, count]) => count > 0).sort((a, b) => b[1] - a[1]);
    const all = refused.reduce((sum, [, count]) => sum + count, 0);
    setText(p.refused.value, number.format(all));
    const top = refused.slice(0, 2).map(([reason, count]) => `${number.format(count)} ${reason.replaceAll("_", " ")}`);
    setText(p.refused.note, top.join(", ") || `${number.format(report.claims?.accepted ?? 0)} accepted`);
  }

  #drawOrders(orders) {
    const seen = JSON.stringify(orders.map((order) => [order.order_id, order.state]));
    if (seen === this.#orders) return;
    this.#orders = seen;
    const newest = [...orders].sort((a, b) => b.created_at_ms - a.created_at_ms);
    show(byId("orders-note"), newest.length === 0);
    setText(byId("orders-count"), newest.length >= ORDERS_SHOWN ? `newest ${ORDERS_SHOWN}` : "");
    byId("orders").tBodies[0].replaceChildren(...newest.map((order) => h("tr", {},
      h("td", { class: "nowrap" }, TIME.format(order.created_at_ms)),
      h("td", {}, order.sku),
      h("td", { class: "num" }, String(order.quantity)),
      h("td", { class: "num" }, formatMoney(order.amount)),
      h("td", { class: "clip", title: order.buyer_id }, order.buyer_id),
      h("td", {}, h("span", { class: "badge", "data-order": order.state }, order.state)))));
  }
}
