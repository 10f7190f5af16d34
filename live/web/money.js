/** Money for people: minor units in, text out, and back. */

const formats = new Map();

function formatOf(currency) {
  if (!formats.has(currency)) formats.set(currency, new Intl.NumberFormat(undefined, { style: "currency", currency }));
  return formats.get(currency);
}

/** Digits after the point: 2 for EUR, 0 for JPY. */
export function minorDigits(currency) {
  return formatOf(currency).resolvedOptions().maximumFractionDigits;
}

/**
 * @param {?{amount: number, currency: string}} money
 * @returns {string} in the reader's own style, such as `€19.99`; a dash for nothing
 */
export function formatMoney(money) {
  if (!money) return "–";
  return formatOf(money.currency).format(money.amount / 10 ** minorDigits(money.currency));
}

/** The plain number for an input field: `19.99`. */
export function moneyInput({ amount, currency }) {
  const digits = minorDigits(currency);
  return (amount / 10 ** digits).toFixed(digits);
}

/**
 * Read what a person typed: digits, at most one point or comma, no more decimals than the currency has.
 * @returns {?{amount: number, currency: string}} null when it is not an amount
 */
export function parseMoney(text, currency) {
  const match = /^(\d{1,9})(?:[.,](\d+))?$/.exec(text.trim());
  const digits = minorDigits(currency);
  if (!match || (match[2] ?? "").length > digits) return null;
  // Joined as text: 19.99 * 100 is not 1999 in floating point.
  return { amount: Number(match[1] + (match[2] ?? "").padEnd(digits, "0")), currency };
}

/** Price times quantity. */
export function times(money, quantity) {
  return { amount: money.amount * quantity, currency: money.currency };
}

/** Whole percents that `now` is below `before`; 0 when it is not, or the currencies differ. */
export function percentOff(before, now) {
  if (!before || before.currency !== now.currency || before.amount <= now.amount) return 0;
  return Math.floor((100 * (before.amount - now.amount)) / before.amount);
}
