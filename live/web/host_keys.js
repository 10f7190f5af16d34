/** Keyboard shortcuts of the host console. One key each, never while typing, and they can be switched off. */

import { byId, h } from "./dom.js";

const SLOT = "showdrop.keys";

/**
 * @param {[string, string, (digit: number) => void][]} shortcuts key, what it does in words, and the action;
 *   the key `1–9` stands for those nine digits
 */
export function bindKeys(shortcuts) {
  const dialog = byId("keys-dialog");
  const toggle = byId("keys-on");
  toggle.checked = remembered() !== "off";
  toggle.addEventListener("change", () => remember(toggle.checked ? "on" : "off"));
  const actions = new Map(shortcuts.map(([key, , action]) => [key, action]));
  const help = () => dialog.showModal();
  const rows = [...shortcuts, ["?", "This list"], ["Esc", "Close a dialog"]];
  byId("keys").append(...rows.map(([key, words]) => h("div", {}, h("dt", {}, h("kbd", {}, key.toUpperCase())), h("dd", {}, words))));
  byId("help").addEventListener("click", help);

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input:not([type=checkbox]), select, textarea, dialog");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.key === "?") {
      help();
      return;
    }
    const digit = /^[1-9]$/.test(event.key) ? Number(event.key) : null;
    const action = actions.get(digit ? "1–9" : event.key.toLowerCase());
    if (!action || !toggle.checked) return;
    event.preventDefault();
    action(digit);
  });
}

function remembered() {
  try {
    return localStorage.getItem(SLOT);
  } catch {
    return null;
  }
}

function remember(value) {
  try {
    localStorage.setItem(SLOT, value);
  } catch {
    // Without storage the choice lasts until the next reload.
  }
}
