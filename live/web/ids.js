/** Ids made in the browser. `crypto.randomUUID` needs HTTPS, so both are built on `getRandomValues`. */

const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const ULID_TIME_CHARS = 10;
const ULID_RANDOM_CHARS = 16;

/**
 * A ULID: 48 bits of time and 80 random bits, as 26 characters that sort by time.
 * @param {number} [nowMs] milliseconds since the epoch
 * @returns {string}
 */
export function ulid(nowMs = Date.now()) {
  let rest = Math.floor(nowMs);
  let time = "";
  for (let i = 0; i < ULID_TIME_CHARS; i += 1) {
    time = CROCKFORD[rest % 32] + time;
    rest = Math.floor(rest / 32);
  }
  const bytes = crypto.getRandomValues(new Uint8Array(ULID_RANDOM_CHARS));
  return time + Array.from(bytes, (byte) => CROCKFORD[byte & 31]).join("");
}

/**
 * A version 4 UUID, used as an idempotency key.
 * @returns {string}
 */
export function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
