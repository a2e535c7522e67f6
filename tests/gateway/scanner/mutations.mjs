// Codes that nobody should be admitted by, judged as a phone without a network judges them. Made and signed here, so
// that the scanner's reading is held against another's writing.
import { readFileSync } from "node:fs";

const { app, question } = JSON.parse(readFileSync(0, "utf8"));
const { readCode, toBase64url, publicKey } = await import(`${app}/code.js`);
const { Judge } = await import(`${app}/judge.js`);
const { Tally } = await import(`${app}/tally.js`);
const { count, seed } = question;

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
const DOMAIN = new TextEncoder().encode("parvis ticket v1\0");
const NOW_SECONDS = 1_800_000_000;
const AT_ONCE = 500;

// Marsaglia's xorshift: what fails once fails again.
let state = seed | 1;
function random(below) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
}
const pick = (list) => list[random(list.length)];
const uuid = () => Uint8Array.from({ length: 16 }, () => random(256));
const named = (bytes) => Buffer.from(bytes).toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");

const newKey = () => crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
const [first, second, foreign] = [await newKey(), await newKey(), await newKey()];
const house = { establishment: uuid(), slot: uuid(), tariff: uuid(), otherTariff: uuid(), otherSlot: uuid() };

function payload({ keyId = 1, establishment = house.establishment, slot = house.slot, tariff = house.tariff, from = -3600, until = 3600, revision = 0, ticket = uuid() } = {}) {
  const bytes = new Uint8Array(77);
  const view = new DataView(bytes.buffer);
  bytes[0] = 1;
  view.setUint16(1, keyId);
  [establishment, ticket, slot, tariff].forEach((id, place) => bytes.set(id, 3 + 16 * place));
  view.setUint32(67, NOW_SECONDS + from);
  view.setUint32(71, NOW_SECONDS + until);
  view.setUint16(75, revision);
  return bytes;
}
async function signed(bytes, key = first) {
  const signature = await crypto.subtle.sign("Ed25519", key.privateKey, Buffer.concat([DOMAIN, bytes]));
  return Buffer.concat([bytes, new Uint8Array(signature)]);
}
function written(bytes) {
  let text = "PV1:";
  for (let at = 0; at < bytes.length - 1; at += 2) {
    const pair = bytes[at] * 256 + bytes[at + 1];
    text += ALPHABET[pair % 45] + ALPHABET[Math.floor(pair / 45) % 45] + ALPHABET[Math.floor(pair / 2025)];
  }
  const last = bytes.at(-1);
  return text + ALPHABET[last % 45] + ALPHABET[Math.floor(last / 45)];
}

const genuine = await Promise.all(Array.from({ length: 50 }, (_, number) => signed(payload({ keyId: 1 + (number % 2) }), number % 2 ? second : first)));
const texts = genuine.map(written);
const used = await signed(payload());
const cancelled = await signed(payload());
const replaced = await signed(payload({ revision: 1 }));
const isolated = async (more, key) => written(await signed(payload(more), key));

const HOUR = 3600;
const MUTATIONS = {
  bit: () => {
    const bytes = Buffer.from(pick(genuine));
    bytes[random(bytes.length)] ^= 1 << random(8);
    return written(bytes);
  },
  bits: () => {
    const bytes = Buffer.from(pick(genuine));
    for (let flip = 2 + random(30); flip > 0; flip -= 1) bytes[random(bytes.length)] ^= 1 << random(8);
    return written(bytes);
  },
  letter: () => {
    const text = pick(texts);
    const at = random(text.length);
    const letter = pick([...ALPHABET, "a", "é", "\u0000", "😀"]);
    return text[at] === letter ? `${text}${letter}` : text.slice(0, at) + letter + text.slice(at + 1);
  },
  swapped_key_id: () => {
    const bytes = Buffer.from(pick(genuine));
    bytes.writeUInt16BE(bytes.readUInt16BE(1) === 1 ? 2 : pick([0, 1, 3, 65535]), 1);
    return written(bytes);
  },
  swapped_halves: () => written(Buffer.concat([genuine[random(25)].subarray(0, 77), genuine[25 + random(25)].subarray(77)])),
  swapped_slot: () => {
    const bytes = Buffer.from(pick(genuine));
    bytes.set(house.otherSlot, 35);
    return written(bytes);
  },
  truncated: () => pick(texts).slice(0, random(216)),
  longer: () => pick(texts) + pick([...ALPHABET]).repeat(1 + random(50)),
  small: () => pick(texts).toLowerCase(),
  garbage: () => Array.from({ length: random(300) }, () => String.fromCharCode(random(65536))).join(""),
  zeros: () => written(Buffer.concat([pick(genuine).subarray(0, 77), Buffer.alloc(64)])),
};
const SIGNED = {
  foreign_key: () => isolated({ keyId: 1 + random(2) }, foreign),
  foreign_house: () => isolated({ establishment: uuid() }, foreign),
  other_house_by_our_key: () => isolated({ establishment: uuid() }),
  expired: () => isolated({ from: -3 * HOUR - random(1e6), until: -random(3 * HOUR) }),
  too_early: () => isolated({ from: 1 + random(1e6), until: 2e6 }),
  wrong_place: () => isolated({ tariff: house.otherTariff, slot: house.otherSlot }),
  unknown_tariff_and_slot: () => isolated({ tariff: uuid(), slot: uuid() }),
  used: () => written(used),
  cancelled: () => written(cancelled),
  replaced: async () => {
    const bytes = Buffer.from(replaced.subarray(0, 77));
    bytes.writeUInt16BE(0, 75);
    return written(await signed(bytes));
  },
};

const venue = named(uuid());
const gate = { id: named(uuid()), venue_id: venue };
const device = { gates: [gate], establishment: { id: named(house.establishment) } };
const offer = { id: named(uuid()), venue_id: venue, gate_ids: [], entries_allowed: 1, re_entry: false, gauge_ids: [] };
const otherOffer = { ...offer, id: named(uuid()), venue_id: named(uuid()) };
const iso = (after) => new Date((NOW_SECONDS + after) * 1000).toISOString();
const hours = { valid_from: iso(-3600), valid_until: iso(3600), starts_at: iso(0), ends_at: iso(1800) };
const keys = await Promise.all([first, second].map(async (key, at) => [at + 1, await publicKey(toBase64url(new Uint8Array(await crypto.subtle.exportKey("raw", key.publicKey))))]));
const tariffs = [{ id: named(house.tariff), offer_id: offer.id }, { id: named(house.otherTariff), offer_id: otherOffer.id }];
const slots = [{ ...hours, id: named(house.slot), offer_id: offer.id }, { ...hours, id: named(house.otherSlot), offer_id: otherOffer.id }];
const by = (list) => new Map(list.map((one) => [one.id, one]));
const pass = { isUsable: true, pulledMs: 1, keys: new Map(keys), tariffs: by(tariffs), slots: by(slots), offers: by([offer, otherOffer]), gauges: new Map(), gates: by([gate]) };
const row = (bytes, more) => [named(bytes.subarray(19, 35)), { id: named(bytes.subarray(19, 35)), slot_id: named(house.slot), tariff_id: named(house.tariff), status: "valid", revision: 0, payment_due: false, entries: 0, inside: false, admitted_at: null, admitted_gate_id: null, passed_at: null, ...more }];
const rows = new Map([
  row(used, { entries: 1, inside: true, admitted_at: iso(-60), admitted_gate_id: gate.id, passed_at: iso(-60) }),
  row(cancelled, { status: "cancelled" }),
  row(replaced, { revision: 1 }),
]);
// Where a phone has IndexedDB.
const store = { judge: async ({ id }, decided) => decided(rows.get(id) ?? null, []) };
const judge = new Judge({ store, pass, tally: new Tally(), place: () => ({ gate, device }) });

async function judged(text) {
  const read = await readCode(text, device.establishment.id, pass.keys);
  const scan = { scanned_at: iso(0), direction: "in", override_reason: null, ticket_id: read.ticket_id ?? null };
  return judge.decideAlone(scan, read, gate, device);
}

const kinds = { ...MUTATIONS, ...SIGNED };
const ready = Object.fromEntries(await Promise.all(Object.keys(SIGNED).map(async (name) => [name, await Promise.all(Array.from({ length: 200 }, SIGNED[name]))])));
const names = Object.keys(kinds);
const reasons = {};
const admitted = [];
const thrown = [];
const genuineSet = new Set(texts);
for (let done = 0; done < count; done += AT_ONCE) {
  const batch = Array.from({ length: Math.min(AT_ONCE, count - done) }, (_, at) => {
    const name = names[(done + at) % names.length];
    let text = name in ready ? pick(ready[name]) : MUTATIONS[name]();
    if (genuineSet.has(text)) text = "";
    return [name, text];
  });
  const found = await Promise.all(batch.map(([name, text]) => judged(text).then((scan) => [name, text, scan], (error) => [name, text, error])));
  for (const [name, text, scan] of found) {
    if (scan instanceof Error) thrown.push([name, text, String(scan.stack)]);
    else if (scan.outcome !== "refused") admitted.push([name, text]);
    reasons[name] ??= {};
    reasons[name][scan.reason] = (reasons[name][scan.reason] ?? 0) + 1;
  }
}
const controls = await Promise.all(texts.map(judged));
console.log(JSON.stringify({ admitted: admitted.slice(0, 5), thrown: thrown.slice(0, 5), reasons, genuine: controls.map(({ outcome }) => outcome) }));
