/** The viewer page: finds the show, connects, and hands each part of the state to the part of the page it belongs to. */

import { byId, h, icon, productImage, setText, show, toast } from "./dom.js";
import { Api } from "./http.js";
import { formatMoney } from "./money.js";
import { ShowdropClient } from "./showdrop.js";
import { offerPhase } from "./countdown.js";
import { holdOn } from "./show_state.js";
import { keepToken, takeToken, tokenClaims } from "./token.js";
import { OfferCard } from "./watch_offer.js";
import { OrderBook } from "./watch_orders.js";

const FIND_SHOW_EVERY_MS = 3_000;
const FIND_NEXT_EVERY_MS = 8_000;
const TICK_MS = 200;
/** An ended offer stays on screen this long, then makes room. */
const ENDED_OFFER_STAYS_MS = 20_000;
/** More hearts than this at once say nothing more. */
const HEARTS_AT_ONCE = 8;
const HEART_LIFE_MS = 2_200;

const BADGES = { scheduled: "Soon", live: "Live", paused: "Paused", ended: "Ended" };

const asked = new URLSearchParams(location.search).get("show");
const number = new Intl.NumberFormat();
const page = {
  /** @type {?ShowdropClient} */ client: null,
  api: new Api(null),
  meta: null,
  showId: null,
  /** Whether the API has said that there is this show; asked only when the gateway cannot be reached. */
  isKnown: false,
  token: null,
  /** offer_id → OfferCard */
  cards: new Map(),
  /** offer_id → server time at which it ended, as far as this page can tell: the end it had, or earlier when it was closed */
  endedAt: new Map(),
  /** sku → { price, product } of everything that was on stage */
  catalogue: new Map(),
  /** Offers that this buyer waited for when the page was left; the server has kept the places. */
  waited: [],
  orders: null,
  drawn: {},
};

const announce = (text) => setText(byId("announcer"), text);

// --- finding the show ---

async function begin() {
  curtain("Looking for the show…", "One moment, please.");
  page.meta = await untilAnswered(() => page.api.get("/v1/meta"));
  const showId = asked ?? (await untilAnswered(currentShow)).show_id;
  watch(showId);
}

async function currentShow() {
  try {
    return await page.api.get("/v1/shows/current");
  } catch (error) {
    if (error.status === 404) curtain("No show right now", "Stay here: the page opens by itself when one starts.");
    throw error;
  }
}

async function untilAnswered(ask) {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (error.status !== 404) curtain("Can’t reach the show", "Trying again every few seconds.");
      await new Promise((resolve) => { setTimeout(resolve, FIND_SHOW_EVERY_MS); });
    }
  }
}

function watch(showId) {
  page.showId = showId;
  page.client = new ShowdropClient({ wsUrl: page.meta.ws_url });
  page.client.addEventListener("state", draw);
  page.client.addEventListener("status", drawStatus);
  page.client.addEventListener("message", (event) => onMessage(event.detail));
  setIdentity(takeToken(`showdrop.viewer.${showId}`));
  page.waited = page.token ? readWaited() : [];
  page.drawn.waitlists = page.client.state.waitlists;
  page.client.connect(showId, { token: page.token });
  setInterval(tick, TICK_MS);
  addEventListener("hashchange", () => location.hash.includes("token=") && location.reload());
  addEventListener("online", () => page.client.retryNow());
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && page.client.retryNow());
}

// --- who is watching ---

function setIdentity(token) {
  page.token = token;
  keepToken(`showdrop.viewer.${page.showId}`, token);
  page.api.token = token;
  page.orders?.stop();
  page.orders = new OrderBook({
    api: page.api,
    slot: `showdrop.orders.${page.showId}.${tokenClaims(token ?? "").sub ?? "guest"}`,
    list: byId("orders"),
    section: byId("orders-section"),
    titleOf: (offerId) => page.client.state.offers.find((offer) => offer.offer_id === offerId)?.title,
  });
  const guest = token === null;
  show(byId("join"), guest);
  setText(byId("join-text"), page.meta.demo ? "Watching as a guest" : "Watching as a guest. Sign in on the shop’s page to buy.");
  show(byId("join-button"), page.meta.demo);
  show(byId("demo-foot"), page.meta.demo && !guest);
  setText(byId("who"), `Buying as ${tokenClaims(token ?? "").sub ?? "guest"}`);
}

function waitedSlot() {
  return `showdrop.waited.${page.showId}.${tokenClaims(page.token ?? "").sub ?? "guest"}`;
}

function readWaited() {
  try {
    return JSON.parse(sessionStorage.getItem(waitedSlot()) ?? "[]");
  } catch {
    return [];
  }
}

function keepWaited(places) {
  try {
    sessionStorage.setItem(waitedSlot(), JSON.stringify(Object.keys(places)));
  } catch {
    // Without storage the place is kept by the server all the same; the buyer asks for it again.
  }
}

async function joinDemo() {
  byId("join-button").disabled = true;
  try {
    const { token } = await page.api.post("/v1/demo/tokens", { show_id: page.showId });
    setIdentity(token);
    page.client.setToken(token);
    announce("You are in. You can buy now.");
  } catch (error) {
    toast(`Could not join: ${error.message}`, "bad");
  } finally {
    byId("join-button").disabled = false;
  }
}

// --- the connection ---

function curtain(title, text, button = null) {
  setText(byId("curtain-title"), title);
  setText(byId("curtain-text"), text);
  const element = byId("curtain-button");
  show(element, button !== null);
  if (button) {
    setText(element, button.label);
    element.onclick = button.action;
  }
  byId("curtain").classList.toggle("still", button !== null);
  show(byId("curtain"), true);
  show(byId("theatre"), false);
}

function drawStatus() {
  const { status, state } = page.client;
  const away = status.phase !== "live" && state.show !== null;
  show(byId("banner"), away);
  if (away) setText(byId("banner"), status.phase === "stopped" ? "Disconnected" : "Reconnecting… your hold is kept.");
  if (status.phase === "live") draw();
  else if (status.phase === "stopped") stopped(status.code);
  else if (!state.show && status.phase === "waiting") {
    curtain("Can’t reach the show", "Trying again by itself.");
    leaveUnknownShow();
  }
}

/**
 * An address that cannot be a show is refused before the WebSocket opens, which a browser does not tell from a network
 * that is down. So after a failed try the API is asked, until it has answered once.
 */
async function leaveUnknownShow() {
  if (page.isKnown) return;
  try {
    await page.api.get(`/v1/shows/${encodeURIComponent(page.showId)}`);
    page.isKnown = true;
  } catch (error) {
    if (error.status !== 404 || page.client.state.show) return;
    page.client.close();
    noSuchShow();
  }
}

function noSuchShow() {
  curtain("This show does not exist", "The link may be old. Ask the shop for a new one.", { label: "Find the current show", action: () => location.assign("/watch") });
}

function stopped(code) {
  if (code === 4500 && page.token) {
    setIdentity(null);
    page.client.setToken(null);
    toast("Your sign-in has expired. You are watching as a guest.", "bad");
  } else if (code === 4503) {
    noSuchShow();
  } else if (code === 4504) {
    curtain("Watching somewhere else", "This show was opened in another window.", { label: "Watch here", action: () => page.client.setToken(page.token) });
  } else {
    curtain("The connection was closed", `The server does not want us back (${code}).`, { label: "Try again", action: () => location.reload() });
  }
}

// --- drawing ---

function draw() {
  const { state, status } = page.client;
  if (!state.show || status.phase === "stopped") return;
  if (state.show.state === "scheduled") {
    curtain(state.show.title, "The show starts soon. This page opens by itself.");
    return;
  }
  show(byId("curtain"), false);
  show(byId("theatre"), true);
  setText(byId("viewers"), number.format(state.viewers));
  changed("show", state.show, drawShow);
  changed("spotlight", state.spotlight, drawSpotlight);
  changed("offers", state.offers, (offers) => offers.forEach(ensureCard));
  changed("waitlists", state.waitlists, keepWaited);
  changed("orders", state.orders, (orders) => page.orders.take(orders));
  tick();
}

function changed(name, value, action) {
  if (page.drawn[name] === value) return;
  page.drawn[name] = value;
  action(value);
}

function drawShow(current) {
  document.title = `${current.title} – Showdrop`;
  setText(byId("show-title"), current.title);
  setText(byId("show-badge"), BADGES[current.state] ?? current.state);
  byId("show-badge").dataset.state = current.state;
  if (current.state === "paused") announce("The show is paused.");
  if (current.state === "ended") {
    announce("The show has ended.");
    findNext();
  }
}

/** After the end, offer the next show as soon as there is one. */
async function findNext() {
  const next = await page.api.get("/v1/shows/current").catch(() => null);
  if (!next || next.show_id === page.showId) {
    setTimeout(findNext, FIND_NEXT_EVERY_MS);
    return;
  }
  const link = byId("next-show");
  link.href = `/watch?show=${encodeURIComponent(next.show_id)}`;
  setText(link, `Watch next: ${next.title}`);
  show(link, true);
  announce(next.state === "scheduled" ? "Another show is coming up." : "Another show is on.");
}

function drawSpotlight(products) {
  for (const product of products) {
    for (const variant of product.variants) page.catalogue.set(variant.sku, { price: variant.price, product });
  }
  byId("spotlight").replaceChildren(...products.map((product) => {
    const prices = product.variants.map((variant) => variant.price).sort((a, b) => a.amount - b.amount);
    const from = prices.length > 1 && prices[0].amount < prices.at(-1).amount ? "from " : "";
    return h("li", { class: "card product" }, productImage(product), h("div", {}, h("h3", {}, product.title), h("p", { class: "muted" }, prices.length ? from + formatMoney(prices[0]) : "")));
  }));
  show(byId("spotlight-section"), products.length > 0);
}

function ensureCard(offer) {
  if (page.cards.has(offer.offer_id)) return;
  const card = new OfferCard({
    client: page.client,
    offerId: offer.offer_id,
    known: () => page.catalogue.get(offer.sku) ?? null,
    demo: page.meta.demo,
    extensions: page.meta.hold_extensions ?? 0,
    isGuest: () => page.token === null,
    bought: () => page.orders.boughtOf(offer.offer_id),
    paymentMethod: () => byId("payment").value,
    join: joinDemo,
    announce,
  });
  page.cards.set(offer.offer_id, card);
  byId("offers").prepend(card.element);
  // A unit that came meanwhile is a hold by now: to join again would be to ask for another.
  const waits = page.waited.includes(offer.offer_id) && holdOn(page.client.state, offer.offer_id) === null;
  if (waits && offerPhase(offer, page.client.serverNow()) === "open") card.joinLine();
}

function tick() {
  const { state } = page.client;
  if (byId("theatre").hidden) return;
  const nowMs = page.client.serverNow();
  const over = state.show.state === "ended";
  let visible = 0;
  for (const offer of state.offers) {
    const card = page.cards.get(offer.offer_id);
    const keep = (wanted(offer, nowMs) && !over) || card.busy;
    show(card.element, keep);
    if (keep) card.draw(offer, nowMs);
    visible += keep ? 1 : 0;
  }
  show(byId("quiet"), visible === 0 && state.spotlight.length === 0 && !over);
  show(byId("summary"), over);
  if (over) drawSummary(state);
}

/** Offers to come and open ones; an ended one for a short while, but not again after a reload. */
function wanted(offer, nowMs) {
  const phase = offerPhase(offer, nowMs);
  if (phase === "preheat" || phase === "open") return true;
  if (!page.endedAt.has(offer.offer_id)) page.endedAt.set(offer.offer_id, Math.min(offer.ends_at_ms, nowMs));
  return nowMs - page.endedAt.get(offer.offer_id) < ENDED_OFFER_STAYS_MS;
}

function drawSummary(state) {
  const { count, total } = page.orders.totals();
  const mine = count === 0 ? "Nothing bought this time." : `You bought ${count} ${count === 1 ? "item" : "items"} for ${formatMoney(total)}.`;
  const sold = state.offers.reduce((sum, offer) => sum + (offer.sold ?? 0), 0);
  const text = `${mine}|${sold}`;
  changed("summary", text, () => byId("summary").replaceChildren(
    h("h2", {}, "That was the show"),
    h("p", {}, mine),
    h("p", { class: "muted" }, `${number.format(sold)} sold in ${state.offers.length} ${state.offers.length === 1 ? "offer" : "offers"}. Thank you for watching.`),
  ));
}

// --- what happens ---

function onMessage(message) {
  if (message.type === "reactions") rain(Object.values(message.counts ?? {}).reduce((sum, n) => sum + n, 0));
  else if (message.type === "error") toast(message.message, "bad");
  else if (message.type === "welcome") page.orders.refresh();
  else page.orders.announce(message, announce);
  for (const card of page.cards.values()) card.onMessage(message);
}

function rain(count) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches || document.hidden) return;
  const sky = byId("hearts");
  for (let i = 0; i < Math.min(count, HEARTS_AT_ONCE - sky.childElementCount); i += 1) {
    const heart = h("span", { class: "heart" }, icon("heart"));
    heart.style.setProperty("--drift", `${Math.round(Math.random() * 60 - 30)}px`);
    heart.style.animationDelay = `${Math.round(Math.random() * 400)}ms`;
    sky.append(heart);
    setTimeout(() => heart.remove(), HEART_LIFE_MS + 400);
  }
}

byId("join-button").addEventListener("click", joinDemo);
byId("react").addEventListener("click", () => {
  page.client.react("heart");
  rain(1);
});

begin();
