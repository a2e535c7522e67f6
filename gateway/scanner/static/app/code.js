// What proves a ticket, as services/ticketing/tickets/code.py has it: `PV1:` and base45 of 141 signed bytes.
// Nothing here throws for what a camera may show: what cannot be read or believed comes back as `refusal`.

export const PREFIX = "PV1:";
const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
const DIGITS = new Uint8Array(128).fill(255);
for (let value = 0; value < ALPHABET.length; value += 1) DIGITS[ALPHABET.charCodeAt(value)] = value;
const PAYLOAD_BYTES = 77;
const SIGNED_BYTES = PAYLOAD_BYTES + 64;
const CODE_CHARACTERS = PREFIX.length + 3 * 70 + 2;
const VERSION = 1;
const SIGNING_DOMAIN = new TextEncoder().encode("parvis ticket v1\0");

const SHORT_CODE = /^[23456789ABCDEFGHJKMNPQRSTVWXYZ]{10}$/;
const SEPARATORS = /[-\u2010\u2011\u2012\u2013\u2212_.\u200b\s]/g;
const SHORT_CODE_DOMAIN = "parvis short code v1";
// What readers that act as a keyboard put around a code. Not the space: base45 has it, a code may end with one.
const LINE_ENDS = /^[\r\n\t]+|[\r\n\t]+$/g;
// Longer than any QR code; servers take no more.
const MAX_CHARACTERS = 8000;
// Control characters and halves of a character: no ticket has them, and no server takes them.
const IMPOSSIBLE = /[\p{Cc}\p{Cs}]/u;

// Whether a text may be a ticket's at all, or a server be asked about it.
export function isPlausible(text) {
  return text.length > 0 && text.length <= MAX_CHARACTERS && !IMPOSSIBLE.test(text);
}

// `{ticket_id, revision, payload}`, `{short_code}` or `{refusal}`. `keys`: CryptoKey by key id.
export async function readCode(shown, establishmentId, keys) {
  const text = shown.replace(LINE_ENDS, "");
  if (!text.startsWith(PREFIX)) {
    const shortCode = normaliseShortCode(text);
    return shortCode ? { short_code: shortCode } : { refusal: "unknown_ticket" };
  }
  const signed = takeApart(text);
  if (!signed) return { refusal: "unknown_ticket" };
  const { payload } = signed;
  if (payload.establishment_id !== establishmentId) return { refusal: "wrong_establishment" };
  const key = keys.get(payload.key_id);
  if (!key || !(await isSigned(signed, key))) return { refusal: "forged" };
  return { ticket_id: payload.ticket_id, revision: payload.revision, payload };
}

// The payload is only a claim until `isSigned` has spoken; null for what is none of our codes.
export function takeApart(text) {
  const bytes = text.length === CODE_CHARACTERS && text.startsWith(PREFIX) ? fromBase45(text) : null;
  if (!bytes) return null;
  const view = new DataView(bytes.buffer);
  const payload = {
    key_id: view.getUint16(1),
    establishment_id: uuid(bytes, 3),
    ticket_id: uuid(bytes, 19),
    slot_id: uuid(bytes, 35),
    tariff_id: uuid(bytes, 51),
    valid_from: view.getUint32(67) * 1000,
    valid_until: view.getUint32(71) * 1000,
    revision: view.getUint16(75),
  };
  if (bytes[0] !== VERSION || payload.valid_from >= payload.valid_until) return null;
  return { payload, bytes };
}

export async function isSigned({ bytes }, key) {
  const message = new Uint8Array(SIGNING_DOMAIN.length + PAYLOAD_BYTES);
  message.set(SIGNING_DOMAIN);
  message.set(bytes.subarray(0, PAYLOAD_BYTES), SIGNING_DOMAIN.length);
  return crypto.subtle.verify("Ed25519", key, bytes.subarray(PAYLOAD_BYTES), message);
}

export function publicKey(base64url) {
  return crypto.subtle.importKey("raw", fromBase64url(base64url), "Ed25519", false, ["verify"]);
}

// The stored form of what somebody typed: any case, spaces and hyphens anywhere, U for V. Null for anything else.
export function normaliseShortCode(text) {
  const typed = text.replace(SEPARATORS, "");
  // Judged before changing case: some letters of other alphabets become ASCII capitals.
  if (!/^[A-Za-z0-9]{10}$/.test(typed)) return null;
  const shortCode = typed.toUpperCase().replaceAll("U", "V");
  return SHORT_CODE.test(shortCode) ? shortCode : null;
}

export function grouped(shortCode) {
  return `${shortCode.slice(0, 4)}-${shortCode.slice(4)}`;
}

// What the entry pass holds instead of a short code, so that no list of codes lies on the phone.
export async function shortCodeHash(shortCode, establishmentId) {
  const encoder = new TextEncoder();
  const parts = [encoder.encode(SHORT_CODE_DOMAIN), uuidBytes(establishmentId), encoder.encode(shortCode)];
  return toBase64url((await sha256(joined(parts))).subarray(0, 16));
}

export async function codeHash(text) {
  return toBase64url(await sha256(new TextEncoder().encode(text)));
}

export function uuidBytes(id) {
  return Uint8Array.from(id.replaceAll("-", "").match(/../g), (pair) => parseInt(pair, 16));
}

export function fromBase64url(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
}

export function toBase64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

function joined(parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

// The bytes that have this one spelling, or null.
function fromBase45(text) {
  const bytes = new Uint8Array(SIGNED_BYTES);
  let at = PREFIX.length;
  for (let byte = 0; byte < SIGNED_BYTES - 1; byte += 2, at += 3) {
    const pair = digits(text, at, 3);
    if (pair > 0xffff) return null;
    bytes[byte] = pair >> 8;
    bytes[byte + 1] = pair & 0xff;
  }
  const last = digits(text, at, 2);
  if (last > 0xff) return null;
  bytes[SIGNED_BYTES - 1] = last;
  return bytes;
}

// Infinity for a letter that is no digit of base45.
function digits(text, at, count) {
  let value = 0;
  for (let place = at + count - 1; place >= at; place -= 1) {
    const digit = DIGITS[text.charCodeAt(place)] ?? 255;
    if (digit === 255) return Infinity;
    value = value * 45 + digit;
  }
  return value;
}

const HEX = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, "0"));

function uuid(bytes, at) {
  const hex = Array.from(bytes.subarray(at, at + 16), (byte) => HEX[byte]).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
