// From a code that was seen to a verdict: asked of a server while one answers, else decided here by the same rules.

import { openAttendee } from "./attendee.js";
import { isSameDay } from "./clock.js";
import { codeHash, isPlausible, readCode, shortCodeHash } from "./code.js";
import { newId } from "./ids.js";
import { after, decide, withOwnPassages } from "./rules.js";
import { Away } from "./servers.js";

// A scan that no server answered may be asked again under its id for so long.
const SAME_QUESTION_MS = 2 * 60 * 1000;

export class Revoked extends Error {}
// Offline before anything was ever learnt.
export class NothingKnown extends Error {}

// Said by a server of ours, not by whatever else answers in a network: a hotel's sign-in page must erase nothing.
export function isRevoked(answer) {
  return answer?.status === 401 && answer.body?.code === "unauthenticated";
}

export class Judge {
  // `place`: `{gate, device}` as they are now.
  constructor({ store, servers, pass, tally, clock, place }) {
    Object.assign(this, { store, servers, pass, tally, clock, place });
  }

  // The scan as it was written down, with `view` for the page. Throws `Revoked`, `NothingKnown` and what storage throws.
  async judge(text, { direction = "in", overrideReason = null } = {}) {
    const { gate, device } = this.place();
    const code = text.replace(/^[\r\n\t]+|[\r\n\t]+$/g, "");
    const read = await readCode(code, device.establishment.id, this.pass.keys);
    const at = this.clock.iso();
    const hash = await codeHash(code);
    const scan = {
      id: newId(this.clock.now()),
      establishment_id: device.establishment.id,
      code,
      code_hash: hash,
      ticket_id: read.ticket_id ?? null,
      gate_id: gate.id,
      scanned_at: at,
      direction,
      override_reason: overrideReason,
      state: "asked",
    };
    if (!isPlausible(code)) return this.refuseHere(scan);
    const answered = this.servers.areAllAway ? null : await this.ask(scan);
    const done = answered ?? (await this.decideAlone(scan, read, gate, device));
    this.tally.add(done);
    return done;
  }

  // What no server would take: nobody is asked, and nothing is left to be told.
  async refuseHere(scan) {
    const done = { ...scan, ...refused("unknown_ticket"), code: null, state: "settled", settled_ms: Date.now() };
    await this.store.keepScan(done);
    return done;
  }

  // Null when no server answered.
  async ask(scan) {
    const { slug } = this.place().device.establishment;
    const since = new Date(this.clock.now() - SAME_QUESTION_MS).toISOString();
    const before = await this.store.askedBefore(scan.code_hash, scan.direction, since);
    if (before && before.override_reason === scan.override_reason) Object.assign(scan, { id: before.id, scanned_at: before.scanned_at });
    await this.store.keepScan(scan);
    const { id, code, gate_id, scanned_at, direction, override_reason } = scan;
    const body = { id, code, gate_id, scanned_at, direction, offline: false };
    if (override_reason) body.override_reason = override_reason;
    const answer = await this.servers.ask("POST", `/v1/establishments/${slug}/scans`, body).catch(nullIfAway);
    if (isRevoked(answer)) throw new Revoked();
    if (answer?.status !== 200) return null;
    const settled = this.settled(scan, answer.body);
    await this.store.keepScan(settled);
    return settled;
  }

  settled(scan, { outcome, reason, ticket, earlier, rebooked_from: rebookedFrom }) {
    const offer = this.pass.offers.get(ticket?.offer?.id);
    return {
      ...scan,
      code: null,
      state: "settled",
      settled_ms: Date.now(),
      ticket_id: ticket?.id ?? scan.ticket_id,
      outcome,
      reason,
      slot_id: ticket?.slot?.id ?? null,
      gauge_ids: offer?.gauge_ids ?? [],
      counted: true,
      view: {
        earlier,
        ticket: ticket && { number: ticket.number, short_code: ticket.short_code },
        tariff: ticket?.tariff ?? null,
        offer: ticket?.offer ?? null,
        slot: ticket?.slot ?? null,
        valid_from: ticket?.valid_from,
        valid_until: ticket?.valid_until,
        entries: ticket?.entries,
        group: ticket?.group ?? null,
        rebooked_from: rebookedFrom ?? null,
        is_alone: false,
      },
    };
  }

  async decideAlone(scan, read, gate, device) {
    if (!this.pass.isUsable) throw new NothingKnown();
    const find = read.short_code
      ? { short_code_hash: await shortCodeHash(read.short_code, device.establishment.id) }
      : { id: read.ticket_id ?? "" };
    return this.store.judge(find, (row, own) => {
      const verdict = read.refusal ? refused(read.refusal) : this.verdict(scan, read, { row, own, gate, device });
      return { ...scan, ...verdict, state: "decided", ticket_id: row?.id ?? scan.ticket_id };
    });
  }

  verdict(scan, read, { row, own, gate, device }) {
    if (!row && read.short_code) return refused("unknown_ticket");
    const slot = this.pass.slots.get(row?.slot_id ?? read.payload.slot_id);
    const tariff = this.pass.tariffs.get(row?.tariff_id ?? read.payload.tariff_id);
    // The slot of a ticket that was just sold may be new to this phone; its tariff hardly ever is.
    const offer = this.pass.offers.get(tariff?.offer_id ?? slot?.offer_id);
    // A ticket that no server has told of yet: what was done with it is known here only.
    const pulledMs = row ? this.pass.pulledMs : 0;
    const facts = withOwnPassages(ticketFacts(row, read, slot, offer), own, pulledMs);
    // The entry pass has all offers of this venue: this ticket is for another one.
    if (!offer) facts.venue_id = null;
    const isUnknown = !offer && (scan.direction === "out" || !isOutOfHours(facts, scan.scanned_at));
    const passage = {
      gate_id: gate.id,
      venue_id: offer ? gate.venue_id : null,
      device_gate_ids: device.gates.map((one) => one.id),
      at: scan.scanned_at,
      direction: scan.direction,
      revision: read.revision ?? null,
      full: this.isFull(offer),
      counted_inside: facts.inside && Boolean(facts.passed_at) && isSameDay(facts.passed_at, scan.scanned_at, device.establishment.timezone),
      override_reason: offer ? scan.override_reason : null,
    };
    const verdict = isUnknown ? refused("wrong_gate") : decide(facts, passage);
    const made = { at: scan.scanned_at, gate_id: gate.id, direction: scan.direction };
    const [next] = verdict.outcome === "admitted" ? after(facts, made) : [facts];
    const earlier = verdict.earlier && { ...verdict.earlier, ...this.earlierBy(own, verdict.earlier) };
    return {
      outcome: verdict.outcome,
      reason: verdict.reason,
      slot_id: slot?.id ?? null,
      gauge_ids: offer?.gauge_ids ?? [],
      counted: next.entries > facts.entries,
      view: { ...this.shown(tariff, slot, offer, facts), entries: next.entries, earlier },
    };
  }

  isFull(offer) {
    const gauges = (offer?.gauge_ids ?? []).map((id) => this.pass.gauges.get(id)).filter(Boolean);
    return gauges.some((gauge) => gauge.max_inside !== null && gauge.inside + this.tally.inside(gauge.id) >= gauge.max_inside);
  }

  earlierBy(own, earlier) {
    const isHere = own.some((scan) => scan.outcome === "admitted" && Date.parse(scan.scanned_at) === Date.parse(earlier.at));
    return { is_here: isHere, gate: this.pass.gates.get(earlier.gate_id)?.name ?? null };
  }

  shown(tariff, slot, offer, facts) {
    return {
      ticket: null,
      tariff: tariff ? { id: tariff.id, name: tariff.name, proof: tariff.proof } : null,
      offer: offer ? { id: offer.id, name: offer.name, language: offer.language } : null,
      slot: slot ? { id: slot.id, starts_at: slot.starts_at, ends_at: slot.ends_at } : null,
      valid_from: facts.valid_from,
      valid_until: facts.valid_until,
      group: null,
      rebooked_from: null,
      is_alone: true,
    };
  }

  // Read after the verdict is on the screen: nobody waits for a name.
  async attendee(scan, code) {
    const row = scan.ticket_id ? await this.store.ticket(scan.ticket_id) : null;
    return row ? openAttendee(row.blob, row.id, code.replace(/^[\r\n\t]+|[\r\n\t]+$/g, "")) : null;
  }

  // The ticket may be used again; servers hear of it when there are any.
  async undo(scan, reason) {
    const undo = { id: newId(this.clock.now()), scan_id: scan.id, reason, undone_at: this.clock.iso(), state: "pending" };
    undo.establishment_id = scan.establishment_id;
    const undone = { ...scan, undone_at: undo.undone_at };
    await this.store.write(["scans", "undos"], ({ scans, undos }) => {
      scans.put(undone);
      undos.put(undo);
    });
    this.tally.remove(scan.id);
    return undone;
  }
}

function refused(reason) {
  return { outcome: "refused", reason, counted: false, gauge_ids: [], view: { is_alone: true } };
}

// Without a row, the ticket was sold after the last delta: its code says what it is valid for. With a row for another slot,
// it was moved at a gate since it was printed.
function ticketFacts(row, read, slot, offer) {
  const isOfCode = read.payload && (!row || (row.revision === read.payload.revision && row.slot_id === read.payload.slot_id));
  return {
    status: row?.status ?? "valid",
    revision: row?.revision ?? read.payload.revision,
    payment_due: row?.payment_due ?? false,
    venue_id: offer?.venue_id ?? null,
    gate_ids: offer?.gate_ids ?? [],
    valid_from: isOfCode ? new Date(read.payload.valid_from).toISOString() : slot?.valid_from,
    valid_until: isOfCode ? new Date(read.payload.valid_until).toISOString() : slot?.valid_until,
    entries_allowed: offer ? offer.entries_allowed : 1,
    re_entry: offer?.re_entry ?? false,
    entries: row?.entries ?? 0,
    inside: row?.inside ?? false,
    admitted_at: row?.admitted_at ?? null,
    admitted_gate_id: row?.admitted_gate_id ?? null,
    passed_at: row?.passed_at ?? null,
  };
}

function isOutOfHours(facts, at) {
  const moment = Date.parse(at);
  return moment < Date.parse(facts.valid_from) || moment >= Date.parse(facts.valid_until);
}

function nullIfAway(error) {
  if (error instanceof Away) return null;
  throw error;
}
