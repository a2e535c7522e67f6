// The hub in the house (`parvis gate-hub`): asked like the instance, on the same paths, but nobody vouches for that
// network. So questions and answers are signed with the keys that the entry pass names, and no token leaves the phone.

import { fromBase64url, publicKey, toBase64url } from "./code.js";

const QUESTION = "parvis hub v1";
const ANSWER = "parvis hub answer v1";
const LINK = "#hub=";

// With a hub in the house, the instance has so long to answer a scan; the hub has longer, because a phone that decides
// alone while the others ask the hub lets copies in.
export const INSTANCE_PATIENCE_MS = 400;
const PATIENCE_MS = 1500;

export function isHubLink(text) {
  return text.includes(LINK);
}

// A server as `Servers` takes it. `devices` gives those of the entry pass, by id.
export function hub(origin, { privateKey, deviceId, devices }) {
  return {
    origin,
    patience: PATIENCE_MS,
    question: async (method, path, body) => {
      const { signature, headers } = await question(privateKey, deviceId, method, path, body);
      return { headers, isGenuine: (response, bytes) => isGenuine(signature, response, bytes, devices()) };
    },
  };
}

// The origin in what was typed, or in the QR that the hub shows (`…/scanner#hub=https://192.168.1.10:8443`); null for
// anything that a page like this one could not ask.
export function hubAddress(text, page = globalThis.location) {
  const shown = (text.includes(LINK) ? text.split(LINK)[1] : text).trim();
  const typed = shown.includes("//") ? shown : `https://${shown}`;
  try {
    const { origin, protocol, hostname, port } = new URL(typed);
    const mayBePlain = page?.protocol === "http:" || ["localhost", "127.0.0.1"].includes(hostname);
    if (protocol !== "https:" && !(protocol === "http:" && mayBePlain)) return null;
    // As the hub prints it; without a port, its usual one.
    return port || shown.includes("//") ? origin : `${origin}:8443`;
  } catch {
    return null;
  }
}

// Headers for a question, and the signature that its answer must be about. `path` with its query, `body` a text or
// undefined.
export async function question(privateKey, deviceId, method, path, body) {
  const message = joined(QUESTION, method, path, await sha256(utf8(body ?? "")));
  const signature = new Uint8Array(await crypto.subtle.sign("Ed25519", privateKey, message));
  return { signature, headers: { "parvis-device": deviceId, "parvis-signature": toBase64url(signature) } };
}

// Whether a scanner of the entry pass gave this answer to that question. `devices`: by id, as the entry pass has them.
export async function isGenuine(asked, { status, headers }, bytes, devices) {
  const device = devices.get(headers.get("parvis-device"));
  const signature = headers.get("parvis-signature");
  if (!device || !signature) return false;
  try {
    const message = joined(ANSWER, asked, String(status), await sha256(bytes));
    return await crypto.subtle.verify("Ed25519", await publicKey(device.public_key), fromBase64url(signature), message);
  } catch {
    return false;
  }
}

function joined(...parts) {
  const all = parts.flatMap((part, index) => (index ? [new Uint8Array(1), bytesOf(part)] : [bytesOf(part)]));
  const whole = new Uint8Array(all.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of all) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function bytesOf(part) {
  return typeof part === "string" ? utf8(part) : part;
}

function utf8(text) {
  return new TextEncoder().encode(text);
}

async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}
