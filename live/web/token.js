/** Where a page's token comes from: the address fragment first, then what this tab remembers. */

/**
 * Take `#token=…` out of the address, so that it is not copied or shown with it, and keep it for a reload.
 * @param {string} slot name under which the tab remembers it
 * @returns {?string}
 */
export function takeToken(slot) {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    keepToken(slot, given);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return given ?? read(slot);
}

/** Remember a token (or forget it, with null) until the tab closes. */
export function keepToken(slot, token) {
  try {
    if (token === null) sessionStorage.removeItem(slot);
    else sessionStorage.setItem(slot, token);
  } catch {
    // Storage may be switched off; then a reload asks again.
  }
}

function read(slot) {
  try {
    return sessionStorage.getItem(slot);
  } catch {
    return null;
  }
}

/**
 * The claims inside a token, for display only; the server is the one that checks them.
 * @returns {{sub?: string, exp?: number}} empty when the token cannot be read
 */
export function tokenClaims(token) {
  try {
    return JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
  } catch {
    return {};
  }
}
