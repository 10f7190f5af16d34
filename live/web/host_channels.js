/** Where else this stock is sold: how far each channel is behind, and the switches for when something goes wrong. */

import { byId, h, setText, show } from "./dom.js";
import { ask } from "./host_dialogs.js";

/** While the table can be seen. */
const EVERY_MS = 1_000;

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

const number = new Intl.NumberFormat();

/** How old the oldest change is that a channel was not told: in words that stay short however old it is. */
export function lagText(ms) {
  if (ms < 100 * SECOND_MS) return `${(ms / SECOND_MS).toFixed(1)} s`;
  if (ms < 100 * MINUTE_MS) return `${Math.round(ms / MINUTE_MS)} min`;
  return `${Math.round(ms / HOUR_MS)} h`;
}

export class ChannelDesk {
  /** @type {Map<string, object>} the parts of each row, by channel: they stay, so that a focused button does too */
  #rows = new Map();
  #channels = [];
  #timer = null;
  #inSight = true;
  #round = 0;

  /**
   * @param {object} context
   * @param {import("./http.js").Api} context.api
   * @param {Function} context.act runs one user action
   */
  constructor({ api, act }) {
    Object.assign(this, { api, act });
    byId("channels-zero").addEventListener("click", () => this.zero());
    byId("channels-again").addEventListener("click", () => this.#again());
  }

  start() {
    new IntersectionObserver((entries) => {
      this.#inSight = entries.at(-1).isIntersecting;
      this.#soon();
    }).observe(byId("channels-card"));
    document.addEventListener("visibilitychange", () => this.#soon());
    this.#ask();
  }

  /** Show 0 of everything, on every channel. */
  async zero() {
    if (this.#channels.length === 0) return;
    const sure = await ask({
      title: "Show 0 everywhere now?",
      text: `${this.#named()} will show that nothing is left, of every product, until you show the stock again. The offers of this show go on.`,
      yes: "Show 0 everywhere",
    });
    if (sure !== null) await this.#switch(byId("channels-zero"), true, "Every channel is told 0.");
  }

  async #again() {
    const sure = await ask({
      title: "Show the stock again?",
      text: `${this.#named()} will show what there is. Products that were switched off one by one stay off.`,
      yes: "Show the stock",
      calm: true,
    });
    if (sure !== null) await this.#switch(byId("channels-again"), false, "Every channel is told what there is.");
  }

  async #switch(button, off, done) {
    await this.act(button, () => this.api.post("/v1/channels/switch", { off }), done);
    await this.#ask();
  }

  #named() {
    const [first] = this.#channels;
    return this.#channels.length === 1 ? `The channel ${first.name}` : `All ${number.format(this.#channels.length)} channels`;
  }

  #soon() {
    if (document.hidden || !this.#inSight) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), 0);
  }

  async #ask() {
    clearTimeout(this.#timer);
    this.#round += 1;
    const mine = this.#round;
    try {
      const { items } = await this.api.get("/v1/channels");
      // An answer that was overtaken by a newer question is old.
      if (mine !== this.#round) return;
      this.#channels = items;
      this.#draw();
      show(byId("channels-note"), items.length === 0);
      setText(byId("channels-note"), "No channel is connected.");
      byId("channels").classList.remove("stale");
    } catch (error) {
      if (mine !== this.#round) return;
      // Old numbers stay, greyed. Without a token there is no next round: the gate is up.
      byId("channels").classList.add("stale");
      setText(byId("channels-note"), error.message);
      show(byId("channels-note"), true);
      if (error.status === 401) return;
    }
    this.#timer = setTimeout(() => this.#next(), EVERY_MS);
  }

  /** Nobody looks: the round begins again when somebody does. */
  #next() {
    if (!document.hidden && this.#inSight) this.#ask();
  }

  #draw() {
    const channels = this.#channels;
    show(byId("channels"), channels.length > 0);
    this.#drawSwitches();
    const here = new Set(channels.map((channel) => channel.channel_id));
    for (const [id, row] of this.#rows) {
      if (!here.has(id)) {
        row.element.remove();
        this.#rows.delete(id);
      }
    }
    for (const channel of channels) {
      let row = this.#rows.get(channel.channel_id);
      if (!row) {
        row = this.#row(channel);
        this.#rows.set(channel.channel_id, row);
        byId("channels").tBodies[0].append(row.element);
      }
      fill(row, channel);
    }
  }

  /** A button that has done its work goes, and what undoes it takes its place and its focus, whichever round sees it first. */
  #drawSwitches() {
    const [zero, again] = [byId("channels-zero"), byId("channels-again")];
    const focused = document.activeElement;
    show(zero, this.#channels.some((channel) => !channel.switched_off));
    show(again, this.#channels.some((channel) => channel.switched_off));
    if (focused === zero && zero.hidden) again.focus();
    if (focused === again && again.hidden) zero.focus();
  }

  #row(channel) {
    const badge = h("span", { class: "badge" });
    const off = h("span", { class: "badge", "data-channel": "off", hidden: true }, "shows 0");
    const [lag, behind, unlinked, oversold] = ["Lag", "Behind", "Not linked", "Short orders"].map((name) => h("td", { class: "num", "data-name": name }));
    const error = h("td", { class: "channel-error", "data-name": "Last error" });
    const button = h("button", { type: "button", class: "button quiet small" });
    button.addEventListener("click", async () => {
      await this.act(button, () => this.api.post(`/v1/channels/${channel.channel_id}/${button.dataset.call}`, null));
      await this.#ask();
    });
    const element = h("tr", { "data-channel-id": channel.channel_id },
      h("th", { scope: "row" }, h("span", { class: "channel-name" }, channel.name), h("span", { class: "muted small-print" }, channel.kind)),
      h("td", { "data-name": "State" }, badge, off), lag, behind, unlinked, oversold, error,
      h("td", { class: "channel-do" }, button));
    return { element, badge, off, lag, behind, unlinked, oversold, error, button };
  }
}

/** Write into a row what its channel is now. */
function fill(row, channel) {
  const paused = channel.state === "paused";
  const failing = Boolean(channel.last_error) && !paused;
  setText(row.badge, failing ? "failing" : channel.state);
  row.badge.dataset.channel = failing ? "failing" : channel.state;
  show(row.off, channel.switched_off);
  setText(row.lag, lagText(channel.lag_ms));
  setText(row.behind, number.format(channel.behind));
  setText(row.unlinked, number.format(channel.unlinked));
  row.unlinked.classList.toggle("out", channel.unlinked > 0);
  const short = channel.oversold + channel.unlinked_orders;
  setText(row.oversold, number.format(short));
  row.oversold.classList.toggle("out", short > 0);
  row.oversold.title = short > 0 ? `${channel.oversold} without enough units, ${channel.unlinked_orders} of items that are not linked` : "";
  setText(row.error, channel.last_error ?? "");
  row.error.title = channel.last_error ?? "";
  setText(row.button, paused ? "Resume" : "Pause");
  row.button.dataset.call = paused ? "resume" : "pause";
  row.button.setAttribute("aria-label", `${paused ? "Resume" : "Pause"} ${channel.name}`);
}
