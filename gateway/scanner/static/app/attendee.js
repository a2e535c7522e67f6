// Who holds a ticket. The phone keeps it sealed: only the ticket's own code opens it.

import { fromBase64url, uuidBytes } from "./code.js";

const INFO = new TextEncoder().encode("parvis attendee v1");
const NONCE_BYTES = 12;

// `{name, reference, short_code, number}`, or null when this code is not the one it was sealed with.
export async function openAttendee(blob, ticketId, code) {
  if (!blob) return null;
  try {
    const sealed = fromBase64url(blob);
    const material = await crypto.subtle.importKey("raw", new TextEncoder().encode(code), "HKDF", false, ["deriveKey"]);
    const how = { name: "HKDF", hash: "SHA-256", salt: uuidBytes(ticketId), info: INFO };
    const key = await crypto.subtle.deriveKey(how, material, { name: "AES-GCM", length: 256 }, false, ["decrypt"]);
    const cipher = { name: "AES-GCM", iv: sealed.subarray(0, NONCE_BYTES) };
    const opened = await crypto.subtle.decrypt(cipher, key, sealed.subarray(NONCE_BYTES));
    return JSON.parse(new TextDecoder().decode(opened));
  } catch {
    return null;
  }
}
