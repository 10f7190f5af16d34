/** The console without a show: make one, or go back to a recent one. */

import { byId, h, show } from "./dom.js";
import { clearErrors, showError } from "./host_dialogs.js";

const PAGE = 20;
const WORDS = { scheduled: "Scheduled", live: "Live", paused: "Paused", ended: "Ended" };

/** @param {import("./http.js").Api} api */
export function openLobby(api) {
  const form = byId("new-show");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    create(api, form);
  });
  byId("recent-more").addEventListener("click", () => recent(api, byId("recent-more").dataset.after));
  recent(api);
  byId("new-title").focus();
}

async function create(api, form) {
  clearErrors(form);
  const title = form.elements.title.value.trim();
  const currency = form.elements.currency.value.trim().toUpperCase();
  if (!title) {
    showError(form, "title", "Give the show a title.");
    return;
  }
  if (!/^[A-Z]{3}$/.test(currency)) {
    showError(form, "currency", "Three letters, such as EUR.");
    return;
  }
  try {
    const made = await api.post("/v1/shows", { title, currency });
    location.assign(`/host?show=${encodeURIComponent(made.show_id)}`);
  } catch (error) {
    showError(form, error.field, error.message);
  }
}

async function recent(api, after = null) {
  const note = byId("recent-note");
  try {
    const { items, next } = await api.get("/v1/shows", { limit: PAGE, after });
    byId("recent").append(...items.map(row));
    show(note, byId("recent").childElementCount === 0);
    note.textContent = "No show yet. Make the first one.";
    byId("recent-more").dataset.after = next ?? "";
    show(byId("recent-more"), Boolean(next));
  } catch (error) {
    note.textContent = error.message;
    show(note, true);
  }
}

function row(one) {
  const start = one.scheduled_start_at_ms ? new Date(one.scheduled_start_at_ms).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }) : "";
  return h("li", {},
    h("a", { href: `/host?show=${encodeURIComponent(one.show_id)}` },
      h("span", { class: "recent-title" }, one.title),
      h("span", { class: "muted" }, [one.currency, start].filter(Boolean).join(" · ")),
      h("span", { class: "badge", "data-state": one.state }, WORDS[one.state] ?? one.state)));
}
