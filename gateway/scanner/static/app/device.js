// This phone as a device of an establishment: its token, its gates, its keys.

import { toBase64url } from "./code.js";

const PAIRING_CODE = /^[A-Z0-9]{8}$/;
const KEY = "Ed25519";

export class PairingRefused extends Error {}

// The code in what was typed or in the QR (`…/scanner#pair=ABCD-2345`); null for anything else.
export function pairingCode(text) {
  const shown = text.includes("#pair=") ? text.split("#pair=")[1] : text;
  const code = shown.replace(/[\s-]/g, "").toUpperCase();
  return PAIRING_CODE.test(code) ? `${code.slice(0, 4)}-${code.slice(4)}` : null;
}

// Throws `PairingRefused`, or `Away` when there is no network.
export async function pair(servers, store, code, name) {
  const keys = await crypto.subtle.generateKey(KEY, false, ["sign", "verify"]);
  const publicKey = toBase64url(new Uint8Array(await crypto.subtle.exportKey("raw", keys.publicKey)));
  const body = { code, public_key: publicKey, ...(name ? { name } : {}) };
  const answer = await servers.ask("POST", "/v1/devices/pairing", body, { patience: 10_000, isProbe: true });
  if (answer.status !== 201) throw new PairingRefused();
  const device = { ...answer.body, name: name || answer.body.name || "" };
  // The private key cannot be read by anybody, this page included: it can only be used.
  await store.set("keys", keys);
  await store.set("device", device);
  return device;
}

// Throws when this browser lacks what a scanner needs: `insecure`, `no_crypto`, `no_indexeddb`.
export async function checkBrowser() {
  if (!globalThis.isSecureContext) throw new Lacking("insecure");
  if (!globalThis.crypto?.subtle) throw new Lacking("no_crypto");
  try {
    await crypto.subtle.generateKey(KEY, false, ["sign", "verify"]);
  } catch {
    throw new Lacking("no_crypto");
  }
  if (!globalThis.indexedDB) throw new Lacking("no_indexeddb");
}

export class Lacking extends Error {
  constructor(what) {
    super(what);
    this.what = what;
  }
}
