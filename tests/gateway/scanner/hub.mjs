// Signs a question as the scanner does, judges an answer, and reads addresses.
import { readFileSync } from "node:fs";

const { app, question: asked } = JSON.parse(readFileSync(0, "utf8"));
const { hubAddress, isGenuine, question } = await import(`${app}/hub.js`);
const { fromBase64url } = await import(`${app}/code.js`);

const key = await crypto.subtle.importKey("jwk", asked.key, "Ed25519", false, ["sign"]);
const signed = await question(key, "device-1", "POST", asked.path, asked.body);
const page = { protocol: "https:" };
const devices = new Map([["hub-1", { id: "hub-1", public_key: asked.hub_key }]]);
const judged = [];
for (const { status, body, device, signature } of asked.answers) {
  const headers = new Headers({ "parvis-device": device, "parvis-signature": signature });
  const bytes = new TextEncoder().encode(body);
  judged.push(await isGenuine(fromBase64url(asked.asked), { status, headers }, bytes, devices));
}
const addresses = asked.addresses.map((text) => hubAddress(text, page));
console.log(JSON.stringify({ headers: signed.headers, judged, addresses }));
