/** Building and changing page elements. Text is always set as text, never as markup. */

const SVG = "http://www.w3.org/2000/svg";

/** @returns {HTMLElement} the element with this id; the pages own their ids, so a missing one is a mistake */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`The page has no #${id}.`);
  return element;
}

/**
 * Make an element: `h("button", { class: "go", onclick: pay, disabled: true }, "Pay")`.
 * Keys that start with `on` are listeners, true and false set or leave out an attribute, null children are skipped.
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** An icon from the sprite at the top of the page. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** Set text only when it differs, so that a ticking clock does not disturb selections and screen readers. */
export function setText(element, text) {
  const next = String(text);
  if (element.textContent !== next) element.textContent = next;
}

export function show(element, visible) {
  if (element.hidden === visible) element.hidden = !visible;
}

/** A bar's fill, 0 to 1, through the style object, which a strict content policy allows. */
export function setShare(element, share) {
  const percent = `${Math.round(1000 * Math.min(1, Math.max(0, share))) / 10}%`;
  if (element.style.width !== percent) element.style.width = percent;
}

/** Addresses that did not load; redrawing a list must not ask for them again. */
const brokenImages = new Set();

/** The first letters of the first and the last word. */
function initials(title) {
  const words = title.trim().split(/\s+/);
  return [words[0], words.length > 1 ? words.at(-1) : ""].map((word) => [...word][0] ?? "").join("").toUpperCase();
}

/** A colour of its own for every title, as degrees on the colour wheel. */
function hueOf(title) {
  return [...title].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7);
}

/** A product image over a coloured tile with the product's initials, which stays when no image loads. */
export function productImage(product) {
  const title = product.title || "?";
  const letter = h("span", { class: "letter", "aria-hidden": "true" }, initials(title));
  const frame = h("span", { class: "picture" }, letter);
  frame.style.setProperty("--hue", hueOf(title));
  if (product.image && !brokenImages.has(product.image)) {
    const image = h("img", { alt: "", loading: "lazy", decoding: "async", referrerpolicy: "no-referrer" });
    image.addEventListener("load", () => frame.classList.add("loaded"));
    image.addEventListener("error", () => {
      brokenImages.add(product.image);
      image.remove();
    });
    image.src = product.image;
    frame.append(image);
  }
  return frame;
}

let toastTimer = null;

/** A short message at the foot of the page, read out politely. `tone` is `ok` or `bad`. */
export function toast(text, tone = "ok") {
  const element = byId("toast");
  element.textContent = text;
  element.dataset.tone = tone;
  element.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { element.hidden = true; }, tone === "bad" ? 7_000 : 3_500);
}
