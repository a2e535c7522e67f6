// Who may pass a gate, and what the passages of a ticket amount to, as services/ticketing/entry/rules.py has it:
// tests/gate/cases.json holds for both. Times are RFC 3339 texts. Pure: no clock, no network, no storage.

// A pass that was just let in is not let in again: it was handed back over the barrier.
export const PASSBACK_MS = 5 * 60 * 1000;
const LIFTED_BY_STAFF = new Set(["too_early", "too_late", "full_inside"]);

// `{outcome: "admitted" | "refused", reason, earlier}`: refused for the first objection that holds.
export function decide(ticket, passage) {
  const [reason] = objections(ticket, passage).find(([, holds]) => holds) ?? [null];
  if (!reason) return { outcome: "admitted", reason: null, earlier: null };
  const wasAdmitted = reason === "already_admitted" && ticket.admitted_at;
  const earlier = wasAdmitted ? { at: ticket.admitted_at, gate_id: ticket.admitted_gate_id } : null;
  return { outcome: "refused", reason, earlier };
}

export function mayBeLifted(reason) {
  return LIFTED_BY_STAFF.has(reason);
}

// In order of weight: what staff cannot mend comes first, then what is worth most to know, the clock last.
function objections(ticket, passage) {
  // Nobody is kept inside: not by the hour, nor by what happened to the ticket meanwhile.
  if (passage.direction === "out") return [["wrong_gate", isElsewhere(ticket, passage)]];
  const isExchanged = passage.revision !== null && passage.revision < ticket.revision;
  const at = Date.parse(passage.at);
  const found = [
    ["cancelled", ticket.status !== "valid" || isExchanged],
    ["wrong_gate", isElsewhere(ticket, passage)],
    ["not_paid", ticket.payment_due],
    // Before the hours: that the ticket was used is worth more to staff than that it is late.
    ["already_admitted", effectOfEntering(ticket, at) === "conflict"],
    ["too_early", at < Date.parse(ticket.valid_from)],
    ["too_late", at >= Date.parse(ticket.valid_until)],
    // Who is counted inside already takes no more room; who is so since another day is not counted any more.
    ["full_inside", passage.full && !(passage.counted_inside ?? ticket.inside)],
  ];
  const isLifted = Boolean(passage.override_reason?.trim());
  return isLifted ? found.filter(([reason]) => !mayBeLifted(reason)) : found;
}

function isElsewhere(ticket, { gate_id: gateId, venue_id: venueId, device_gate_ids: bound }) {
  const isOfOffer = !ticket.gate_ids?.length || ticket.gate_ids.includes(gateId);
  return ticket.venue_id !== venueId || !isOfOffer || Boolean(bound && !bound.includes(gateId));
}

// `admitted`, `readmitted` after an exit, or `conflict`: somebody on a copy.
function effectOfEntering(ticket, at) {
  if (!ticket.entries) return "admitted";
  if (ticket.re_entry && !ticket.inside) return "readmitted";
  if (ticket.entries_allowed !== null && ticket.entries >= ticket.entries_allowed) return "conflict";
  const isHandedBack = ticket.inside && ticket.passed_at && at - Date.parse(ticket.passed_at) < PASSBACK_MS;
  return isHandedBack ? "conflict" : "admitted";
}

// `[facts, effect]` after one more passage, later than all those before. Passages happened: none is refused here.
export function after(ticket, { at, gate_id: gateId, direction }) {
  const effect = direction === "out" ? "left" : effectOfEntering(ticket, Date.parse(at));
  const isFirst = effect === "admitted" && !ticket.admitted_at;
  const facts = {
    ...ticket,
    entries: ticket.entries + (effect === "admitted" ? 1 : 0),
    inside: direction === "in",
    admitted_at: isFirst ? at : ticket.admitted_at,
    admitted_gate_id: isFirst ? gateId : ticket.admitted_gate_id,
    passed_at: at,
  };
  return [facts, effect];
}

export function inOrder(passages) {
  return [...passages].sort((one, other) => Date.parse(one.at) - Date.parse(other.at) || (one.id < other.id ? -1 : 1));
}

// A ticket as servers know it, with what this phone did meanwhile. `scans`: this phone's scans of the ticket, as
// storage has them; what was acknowledged before the servers were last asked (`pulledMs`) is in the ticket already.
export function withOwnPassages(ticket, scans, pulledMs) {
  const isIncluded = (scan) =>
    scan.settled_ms < pulledMs || (ticket.passed_at && Date.parse(ticket.passed_at) >= Date.parse(scan.scanned_at));
  const isUndoKnown = (scan) => scan.undo_settled_ms < pulledMs;
  const admitted = scans.filter((scan) => scan.outcome === "admitted" && scan.state !== "asked");
  const toUndo = admitted.filter((scan) => scan.undone_at && isIncluded(scan) && !isUndoKnown(scan));
  const toAdd = admitted.filter((scan) => !scan.undone_at && !isIncluded(scan));
  return inOrder(toAdd.map((scan) => ({ ...scan, at: scan.scanned_at }))).reduce(
    (facts, passage) => after(facts, passage)[0],
    toUndo.reduce(undone, ticket),
  );
}

function undone(ticket, scan) {
  if (scan.direction === "out") return { ...ticket, inside: true };
  const entries = Math.max(0, ticket.entries - 1);
  const first = entries ? {} : { admitted_at: null, admitted_gate_id: null };
  return { ...ticket, ...first, entries, inside: false };
}
