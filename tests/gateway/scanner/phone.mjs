// A phone of the gate without a page: its storage, its entry pass, its judge and its sync, and a server that answers as
// told. What happens to it, by name.
import { readFileSync } from "node:fs";
import "./indexeddb.mjs";

const { app } = JSON.parse(readFileSync(0, "utf8"));
const load = (name) => import(`${app}/${name}.js`);
const [{ Clock, dates }, { isPlausible, shortCodeHash, toBase64url }, { Judge, NothingKnown }, { EntryPass }] = await Promise.all(["clock", "code", "judge", "pass"].map(load));
const [{ instance, Servers }, { openStore }, { Sync }, { counts, Tally }] = await Promise.all(["servers", "store", "sync", "tally"].map(load));

const TIMEZONE = "Europe/Paris";
const HOUR_MS = 3600 * 1000;
const gate = { id: "gate", venue_id: "venue" };
const place = () => ({ gate, device: { establishment: { id: "house", slug: "house", timezone: TIMEZONE }, gates: [gate] } });
const json = (status, body) => new Response(status === 204 ? null : JSON.stringify(body), { status });
console.warn = () => {};
console.info = () => {};

// `answer(method, path, body)` is `[status, body]`.
async function phone(name, answer, nowMs = Date.parse("2027-05-01T10:00:00Z")) {
  const asked = [];
  const fetch = async (url, { method, body }) => {
    const { pathname, searchParams } = new URL(url);
    const path = pathname.replace("/v1/establishments/house", "");
    const given = body ? JSON.parse(body) : Object.fromEntries(searchParams);
    asked.push({ method, path, body: given });
    return json(...answer(method, path, given));
  };
  const store = await openStore(name);
  const servers = new Servers([instance("https://tickets.example")], { fetch });
  const pass = new EntryPass(store);
  const clock = new Clock(0, () => nowMs);
  const parts = { store, servers, pass, tally: new Tally(), clock, place };
  await pass.load(gate.venue_id, dates(nowMs, TIMEZONE));
  const sync = new Sync({ ...parts, version: "1", changed: () => {}, revoked: () => {} });
  return { ...parts, asked, judge: new Judge(parts), sync };
}

// Until it waits for the next one.
async function round(one) {
  one.sync.run = () => {};
  await one.sync.start();
  await one.sync.round().catch((error) => error);
  return { pending: one.sync.pending, foreign: one.sync.foreign, isPushFailing: one.sync.isPushFailing, conflicts: one.sync.conflicts, unrecorded: one.sync.unrecorded };
}

const page = (more = {}) => ({ cursor: "1", more: false, keys: [], gates: [gate], devices: [], gauges: [], offers: [], tariffs: [], slots: [], tickets: [], ...more });
const taken = ({ scans, undos }) => [200, { scans: scans.map(({ id, outcome }) => ({ id, outcome, reason: null, conflict: null })), undos: undos.map(({ id }) => ({ id, outcome: "undone" })) }];
const answering = (batch, pull = () => [200, page()]) => (method, path, body) => (path === "/scans/batch" ? batch(body) : path === "/entry-pass" ? pull(body) : [204]);
const refusing = (status, body) => () => [status, body];

async function keepScans(one, count, more = {}) {
  await one.store.write(["scans"], ({ scans }) => {
    for (let number = 0; number < count; number += 1) {
      const id = `${more.establishment_id ?? "house"}-${String(number).padStart(4, "0")}`;
      scans.put({ id, establishment_id: "house", code: `CODE ${number}`, gate_id: "gate", scanned_at: "2027-05-01T09:00:00Z", direction: "in", outcome: "admitted", reason: null, state: "decided", ...more });
    }
  });
}
const kept = async (one) => Object.fromEntries((await one.store.latestScans(1000)).map(({ id, state }) => [id, state]));
const isPulled = (one) => one.asked.some(({ path }) => path === "/entry-pass");

const SCENARIOS = {
  async one_bad_scan_among_many() {
    const one = await phone("bad", answering((body) => (body.scans.some(({ code }) => ["CODE 3", "CODE 17"].includes(code)) ? [422, { code: "invalid" }] : taken(body))));
    await keepScans(one, 40);
    await one.store.write(["undos"], ({ undos }) => undos.put({ id: "undo", establishment_id: "house", scan_id: "house-0001", reason: "x", undone_at: "2027-05-01T09:01:00Z", state: "pending" }));
    const said = await round(one);
    const sent = one.asked.filter(({ path }) => path === "/scans/batch").length;
    const invalid = (await one.store.conflicts()).map(({ scan_id, kind }) => [scan_id, kind]);
    one.asked.length = 0;
    await round(one);
    const again = one.asked.filter(({ path }) => path === "/scans/batch").length;
    return { said, isFew: sent < 25, invalid, again, states: [...new Set(Object.values(await kept(one)))], isPulled: isPulled(one) };
  },
  async refused_for_who_asks_or_where() {
    const found = {};
    for (const [name, status, body] of [["rights", 403, { code: "forbidden" }], ["place", 404, { code: "not_found" }], ["busy", 429, { code: "slow_down" }], ["broken", 500, { code: "internal" }], ["portal", 400, { hello: "guest" }], ["mute", 200, {}]]) {
      const one = await phone(name, answering(refusing(status, body)));
      await keepScans(one, 3);
      const said = await round(one);
      found[name] = [said.pending, said.isPushFailing, isPulled(one), one.sync.isOnline];
    }
    return found;
  },
  async failure_that_is_over() {
    let isBroken = true;
    const one = await phone("over", answering((body) => (isBroken ? [403, { code: "forbidden" }] : taken(body))));
    await keepScans(one, 3);
    const before = await round(one);
    isBroken = false;
    return [before.isPushFailing, await round(one)];
  },
  async scans_of_another_establishment() {
    const one = await phone("foreign", answering(taken));
    await keepScans(one, 250, { establishment_id: "abbey" });
    await keepScans(one, 5);
    const said = await round(one);
    const sent = one.asked.flatMap(({ body }) => body.scans ?? []).map(({ id }) => id);
    return { said, sent, waiting: await one.store.pendingCount() };
  },
  async codes_that_are_none() {
    const one = await phone("odd", answering(taken));
    one.asked.length = 0;
    const texts = ["WIFI\u0000X", "BEGIN:VCARD\nVERSION:3.0", "\ud800", "x".repeat(8001), "\r\n"];
    const verdicts = [];
    for (const text of texts) verdicts.push(await one.judge.judge(text));
    return { verdicts: verdicts.map(({ outcome, reason, state }) => [outcome, reason, state]), asked: one.asked.length, waiting: await one.store.pendingCount(), kept: (await one.store.latestScans(9)).length, plausible: ["PV1:AB $%", "é😀", "x".repeat(8000)].map(isPlausible) };
  },
  async ticket_of_two_days_on_a_phone_left_on() {
    const night = Date.parse("2027-05-01T00:10:00+02:00");
    const pull = ({ cursor }) => [200, page({ tickets: cursor ? [] : [{ id: "two-days", status: "cancelled", entries: 1 }] })];
    const one = await phone("night", answering(taken, pull), night);
    await round(one);
    await one.store.write(["tickets"], ({ tickets }) => tickets.put({ id: "yesterday", dates: ["2027-04-30"] }));
    one.clock.device = () => night + 6 * HOUR_MS;
    await round(one);
    return [(await one.store.ticket("two-days"))?.status ?? null, (await one.store.ticket("yesterday")) ?? null, [...one.pass.days.keys()], await one.store.latest("pass:venue:").then(([name]) => name), (await one.store.get("pass:venue:2027-04-30")) ?? null];
  },
  async switched_on_without_a_network_on_a_new_day() {
    const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
    const key = { key_id: 1, public_key: toBase64url(new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey))) };
    const parts = { keys: [key], gauges: [{ id: "gauge", max_inside: 5, inside: 5 }], slots: [{ id: "slot", expected: 7, starts_at: "2027-05-01T09:00:00Z", ends_at: "2027-05-01T10:00:00Z" }] };
    const before = await phone("new-day", answering(taken, () => [200, page(parts)]));
    await round(before);
    const after = await phone("new-day", refusing(503, {}), Date.parse("2027-05-03T10:00:00Z"));
    const isAnotherVenueUsable = await after.pass.load("other", ["2027-05-03"]).then(() => after.pass.isUsable);
    await after.pass.load("venue", ["2027-05-03"]);
    const told = { isUsable: after.pass.isUsable, keys: [...after.pass.keys.keys()], inside: after.pass.gauges.get("gauge").inside, expected: counts(after.pass, after.tally, after.clock.now()).expected };
    const refusal = await after.judge.judge("not a ticket").then(({ reason }) => reason, (error) => (error instanceof NothingKnown ? "nothing known" : String(error)));
    const back = await phone("new-day", answering(taken), Date.parse("2027-05-03T10:00:00Z"));
    await round(back);
    return { isAnotherVenueUsable, told, refusal, days: [...back.pass.days.keys()], isOfAnotherDay: back.pass.isOfAnotherDay };
  },
  async pass_that_nobody_scanned_out_into_a_full_house() {
    const valid = { valid_from: "2027-04-01T00:00:00Z", valid_until: "2027-06-01T00:00:00Z" };
    const offer = { id: "offer", venue_id: "venue", gate_ids: [], entries_allowed: null, re_entry: false, gauge_ids: ["gauge"] };
    const row = { slot_id: "slot", tariff_id: "tariff", status: "valid", revision: 0, payment_due: false, entries: 1, inside: true, admitted_at: "2027-04-30T10:00:00Z", admitted_gate_id: "gate" };
    const tickets = [
      { ...row, id: "of-yesterday", passed_at: "2027-04-30T21:59:00Z", short_code_hash: await shortCodeHash("AAAAAAAAAA", "house") },
      { ...row, id: "of-today", passed_at: "2027-04-30T22:01:00Z", short_code_hash: await shortCodeHash("BBBBBBBBBB", "house") },
    ];
    const parts = { offers: [offer], tariffs: [{ id: "tariff", offer_id: "offer" }], gauges: [{ id: "gauge", max_inside: 5, inside: 5 }], slots: [{ ...valid, id: "slot", offer_id: "offer" }], tickets };
    const one = await phone("full", answering(taken, () => [200, page(parts)]));
    await round(one);
    one.servers.restAll();
    const verdicts = [await one.judge.judge("AAAAAAAAAA"), await one.judge.judge("BBBBBBBBBB")];
    return verdicts.map(({ reason }) => reason);
  },
  async days_around_a_change_of_clocks() {
    const nights = ["2027-03-28T22:30:00Z", "2027-03-29T00:30:00+02:00", "2027-10-31T23:30:00Z", "2027-03-01T00:30:00+01:00", "2027-05-01T05:00:00+02:00"];
    return nights.map((moment) => dates(Date.parse(moment), TIMEZONE));
  },
};

const found = {};
for (const [name, happens] of Object.entries(SCENARIOS)) found[name] = await happens();
console.log(JSON.stringify(found));
