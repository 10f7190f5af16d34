/** The host console: gate, lobby or console, and the wiring between the console's parts. */

import { byId, setText, show, toast } from "./dom.js";
import { Api } from "./http.js";
import { ChannelDesk } from "./host_channels.js";
import { ask, closeButtons } from "./host_dialogs.js";
import { Feed } from "./host_feed.js";
import { bindKeys } from "./host_keys.js";
import { openLobby } from "./host_lobby.js";
import { OfferForm } from "./host_offer_form.js";
import { OfferDesk } from "./host_offers.js";
import { ProductDesk } from "./host_products.js";
import { Sales } from "./host_sales.js";
import { ShowdropClient } from "./showdrop.js";
import { keepToken, takeToken } from "./token.js";

const SLOT = "showdrop.host";
const TICK_MS = 250;
const EXTEND_MS = 30_000;

const WORDS = { scheduled: "Scheduled", live: "Live", paused: "Paused", ended: "Ended" };
/** The one main button: its label is what the state allows. */
const NEXT_STEP = {
  scheduled: { label: "Start show", call: "start" },
  live: { label: "Pause", call: "pause" },
  paused: { label: "Resume", call: "resume" },
};

function screen(name) {
  for (const id of ["gate", "lobby", "console"]) show(byId(id), id === name);
}

/** Without a good token there is only this page. */
function gate(expired) {
  keepToken(SLOT, null);
  if (expired) {
    setText(byId("gate-title"), "This token is no longer accepted");
    setText(byId("gate-text"), "It has expired, or it was made for another server or role.");
  }
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  screen("gate");
}

byId("gate-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const pasted = byId("gate-token").value.trim();
  // A whole link is welcome too.
  keepToken(SLOT, pasted.split("#token=").at(-1));
  location.reload();
});

function start() {
  closeButtons();
  const token = takeToken(SLOT);
  addEventListener("hashchange", () => location.hash.includes("token=") && location.reload());
  if (!token) {
    gate(false);
    return;
  }
  const api = new Api(token, () => gate(true));
  const showId = new URLSearchParams(location.search).get("show");
  screen(showId ? "console" : "lobby");
  if (showId) openConsole(api, showId, token).catch((error) => error.status !== 401 && failed(error));
  else openLobby(api);
}

function failed(error) {
  setText(byId("title"), error.status === 404 ? "This show does not exist" : "The console could not open");
  setText(byId("link-state"), error.message);
  for (const id of ["main", "end", "share"]) show(byId(id), false);
}

async function openConsole(api, showId, token) {
  // The HTTP answer fills the page at once; from the first welcome on, the live state is newer.
  const [meta, opening] = await Promise.all([api.get("/v1/meta"), api.get(`/v1/shows/${showId}`)]);
  const client = new ShowdropClient({ wsUrl: meta.ws_url });
  let current = { ...opening };
  const path = `/v1/shows/${showId}`;

  /** One click on one button: busy while it runs, a toast when it fails. */
  const act = async (button, call, done = null) => {
    if (button?.getAttribute("aria-busy") === "true") return null;
    button?.setAttribute("aria-busy", "true");
    try {
      const answer = await call();
      if (done) toast(done);
      return answer;
    } catch (error) {
      toast(error.message, "bad");
      return null;
    } finally {
      button?.removeAttribute("aria-busy");
    }
  };

  const feed = new Feed(client);
  const form = new OfferForm({ api, path, currency: opening.currency, opened: (offer) => offers.adopt(offer) });
  const offers = new OfferDesk({ api, client, act });
  const products = new ProductDesk({
    api, act, path,
    onOffer: (product) => form.open(product),
    pinned: (answer) => { current = { ...current, ...answer }; draw(); },
  });
  const sales = new Sales({ api, showId, viewers: () => client.state.viewers });
  const channels = new ChannelDesk({ api, act });

  const draw = () => {
    const live = client.state.show ? client.state : null;
    const state = live?.show.state ?? current.state;
    setText(byId("title"), live?.show.title ?? current.title);
    setText(byId("state"), WORDS[state] ?? state);
    byId("state").dataset.state = state;
    const step = NEXT_STEP[state];
    show(byId("main"), Boolean(step));
    show(byId("end"), state === "live" || state === "paused");
    if (step) setText(byId("main"), step.label);
    byId("main").dataset.call = step?.call ?? "";
    products.drawPins(live?.spotlight ?? current.spotlight ?? []);
    offers.draw(live?.offers ?? current.offers ?? []);
    sales.drawViewers();
  };

  const drawLink = () => {
    const { phase, code } = client.status;
    const words = { live: "Connected", connecting: "Connecting…", waiting: "Reconnecting…", stopped: `Live updates stopped (${code})` };
    setText(byId("link-state"), words[phase] ?? "");
    byId("link-state").dataset.phase = phase;
    if (phase === "stopped" && code === 4500) gate(true);
  };

  const mainStep = async () => {
    const { call } = byId("main").dataset;
    if (!call) return;
    const answer = await act(byId("main"), () => api.post(`${path}/${call}`));
    if (answer) current = { ...current, ...answer };
    draw();
  };
  const endShow = async () => {
    const sure = await ask({ title: "End the show?", text: "Open offers end with it. Viewers see a summary. This cannot be undone.", yes: "End show" });
    if (sure === null) return;
    const answer = await act(byId("end"), () => api.post(`${path}/end`), "The show has ended.");
    if (answer) current = { ...current, ...answer };
    draw();
  };
  const share = () => copy(`${location.origin}/watch?show=${encodeURIComponent(showId)}`);

  byId("main").addEventListener("click", mainStep);
  byId("end").addEventListener("click", endShow);
  byId("share").addEventListener("click", share);
  client.addEventListener("state", draw);
  client.addEventListener("status", drawLink);
  client.addEventListener("message", ({ detail }) => {
    feed.take(detail);
    if (detail.type.startsWith("offer.") && detail.type !== "offer.stock") {
      sales.soon();
      products.refresh();
    }
  });
  addEventListener("online", () => client.retryNow());
  bindKeys([
    ["s", "Start, pause or resume the show", mainStep],
    ["/", "Search products", () => byId("product-query").focus()],
    ["1–9", "Pin or unpin that product of the list", (digit) => products.togglePinAt(digit - 1)],
    ["0", "Clear all pins", () => products.clear()],
    ["o", "Open an offer for the first pinned product", () => products.offerFirstPinned()],
    ["e", "Extend the newest open offer by 30 s", () => offers.extendNewest(EXTEND_MS)],
    ["x", "Close the newest open offer", () => offers.closeNewest()],
    ["z", "Show 0 on every channel", () => channels.zero()],
    ["l", "Copy the viewer link", share],
  ]);

  draw();
  client.connect(showId, { token });
  products.search();
  sales.start();
  channels.start();
  setInterval(() => offers.tick(), TICK_MS);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast("Viewer link copied.");
  } catch {
    // The clipboard needs HTTPS or localhost: show the link to be copied by hand.
    await ask({ title: "Viewer link", text, yes: "Done", calm: true });
  }
}

start();
