/** The event feed: what viewers are told, in plain words, newest first. */

import { byId, h } from "./dom.js";
import { formatMoney } from "./money.js";

const LINES = 60;
const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

const TEXTS = {
  welcome: (message) => (message.recovered ? "Connection is back; nothing was missed" : "Connected"),
  "show.started": () => "The show started",
  "show.paused": () => "The show is paused",
  "show.resumed": () => "The show goes on",
  "show.ended": () => "The show ended",
  "product.spotlight": ({ products }) => (products.length ? `On stage: ${products.map((product) => product.title).join(", ")}` : "The stage is clear"),
  "offer.scheduled": ({ offer }) => `Offer announced: ${offer.title}, ${offer.quantity} at ${formatMoney(offer.price)}`,
  "offer.opened": ({ offer }) => `Offer open: ${offer.title}`,
  "offer.extended": ({ offer }) => `Offer extended: ${offer.title}`,
  "offer.ended": ({ offer }) => `Offer ended: ${offer.title}`,
  "offer.voided": ({ offer, reason }) => `Offer void: ${offer.title}${reason ? ` – ${reason}` : ""}`,
  error: ({ message }) => message,
  goodbye: ({ reason }) => `The server says goodbye: ${reason}`,
};

export class Feed {
  #soldOut = new Set();

  /** @param {import("./showdrop.js").ShowdropClient} client */
  constructor(client) {
    this.client = client;
  }

  /** @param {{type: string}} message any server message; the chatty ones are left out */
  take(message) {
    if (message.type === "offer.stock") this.#stock(message);
    else if (Object.hasOwn(TEXTS, message.type)) this.#add(TEXTS[message.type](message), message.type.split(".")[0], message.at_ms);
  }

  #stock({ offer_id: offerId, available }) {
    const out = available <= 0;
    if (out === this.#soldOut.has(offerId)) return;
    const title = this.client.state.offers.find((offer) => offer.offer_id === offerId)?.title ?? "An offer";
    if (out) this.#soldOut.add(offerId);
    else this.#soldOut.delete(offerId);
    this.#add(out ? `${title}: nothing left to claim` : `${title}: ${available} came back`, "offer");
  }

  #add(text, kind, atMs = null) {
    const time = TIME.format(atMs ?? this.client.serverNow());
    byId("feed").prepend(h("li", { "data-kind": kind }, h("time", {}, time), h("span", {}, text)));
    while (byId("feed").childElementCount > LINES) byId("feed").lastElementChild.remove();
  }
}
