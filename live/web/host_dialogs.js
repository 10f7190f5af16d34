/** Dialogs of the host console, on the browser's own `<dialog>`: it traps the focus and closes with Escape. */

import { byId, setText, show } from "./dom.js";

/** Give every `data-close` button its meaning. */
export function closeButtons() {
  for (const button of document.querySelectorAll("dialog [data-close]")) {
    button.addEventListener("click", () => button.closest("dialog").close(""));
  }
}

/**
 * Ask before something that cannot be undone.
 * @param {{title: string, text: string, yes: string, reason?: boolean, calm?: boolean}} question
 *   `reason`: also ask for one; `calm`: the button is not red
 * @returns {Promise<?string>} the reason (may be empty), or null for no
 */
export function ask({ title, text, yes, reason = false, calm = false }) {
  const dialog = byId("ask-dialog");
  setText(byId("ask-title"), title);
  setText(byId("ask-text"), text);
  setText(byId("ask-yes"), yes);
  byId("ask-yes").className = calm ? "button go" : "button danger";
  show(byId("ask-reason-field"), reason);
  byId("ask-reason").value = "";
  byId("ask-reason").required = reason;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes" ? byId("ask-reason").value.trim() : null), { once: true });
  });
}

/** Take all error texts out of a form. */
export function clearErrors(form) {
  for (const element of form.querySelectorAll(".form-error, .field-error")) show(element, false);
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
}

/**
 * Show an error beside the field it names (`price.amount` belongs to `price`), or at the top of the form.
 * @param {HTMLFormElement} form with `.field[data-field]` groups
 */
export function showError(form, fieldName, text) {
  const name = fieldName?.split(".")[0];
  const group = [...form.querySelectorAll(".field")].find((one) => one.dataset.field === name);
  const place = group?.querySelector(".field-error") ?? form.querySelector(".form-error");
  setText(place, text);
  show(place, true);
  const control = group?.querySelector("input, select");
  control?.setAttribute("aria-invalid", "true");
  control?.focus();
}
