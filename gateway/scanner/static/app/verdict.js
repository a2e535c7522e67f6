// The verdict, full screen: a colour, a sign, words. Never a colour alone.

import { $, element } from "./dom.js";
import { mayBeLifted } from "./rules.js";

const HINTED = new Set(["unknown_ticket", "forged", "wrong_establishment", "wrong_gate", "cancelled", "not_paid", "full_inside"]);

// Fills the screen. Returns what is to be said aloud.
export function fillVerdict(scan, { words, timezone }) {
  const view = scan.view ?? {};
  const isAdmitted = scan.outcome === "admitted";
  const title = titleOf(scan, words);
  const lead = leadOf(scan, words, timezone);
  const proof = isAdmitted && view.tariff?.proof ? words.say("check_proof", { proof: words.said(view.tariff.proof) }) : "";
  document.body.dataset.outcome = scan.outcome;
  $("verdict-outcome").textContent = isAdmitted ? "" : words.say("refused");
  $("verdict-title").textContent = title;
  $("verdict-lead").textContent = lead;
  $("verdict-proof").textContent = proof;
  $("verdict-proof").hidden = !proof;
  $("verdict-facts").replaceChildren(...facts(scan, words, timezone).flatMap(([name, fact]) => line(name, fact)));
  $("undo").hidden = !isAdmitted || Boolean(scan.undone_at);
  $("let-in").hidden = isAdmitted || !mayBeLifted(scan.reason);
  return [isAdmitted ? title : `${words.say("refused")}. ${title}`, lead, proof].filter(Boolean).join(". ");
}

export function addName(attendee, words) {
  if (attendee?.name) $("verdict-facts").append(...line(words.say("name"), attendee.name));
}

export function titleOf(scan, words) {
  if (scan.undone_at) return words.say("undone");
  if (scan.outcome === "admitted") return words.say(scan.direction === "out" ? "left" : "admitted");
  return words.say(scan.reason);
}

function leadOf(scan, words, timezone) {
  const view = scan.view ?? {};
  const time = (moment) => words.moment(moment, timezone);
  if (scan.reason === "already_admitted" && view.earlier) return whereAndWhen(view.earlier, words, timezone);
  if (scan.reason === "too_early") return words.say("hint_too_early", { time: time(view.valid_from) });
  if (scan.reason === "too_late") return words.say("hint_too_late", { time: time(view.valid_until) });
  if (HINTED.has(scan.reason)) return words.say(`hint_${scan.reason}`);
  if (view.rebooked_from) return words.say("rebooked", { time: time(view.rebooked_from.starts_at) });
  return "";
}

// `14:05, South door, by Phone 3`
export function whereAndWhen({ at, gate, device, is_here: isHere }, words, timezone) {
  const by = isHere ? words.say("this_phone") : device;
  const where = [words.said(gate), by && words.say("by_device", { device: by })].filter(Boolean).join(", ");
  const time = words.moment(at, timezone);
  return where ? words.say("earlier", { time, where }) : time;
}

function facts(scan, words, timezone) {
  const view = scan.view ?? {};
  const isOurs = Boolean(view.slot || view.ticket);
  const slot = view.slot && `${words.moment(view.slot.starts_at, timezone)}–${words.time(view.slot.ends_at, timezone)}`;
  const visit = [words.said(view.offer?.name), slot].filter(Boolean).join(", ");
  return [
    [words.say("tariff"), isOurs && (words.said(view.tariff?.name) || words.say("tariff_unknown"))],
    [words.say("visit"), visit],
    [words.say("language"), view.offer?.language && words.languageName(view.offer.language)],
    [words.say("group"), view.group?.size > 1 && words.say("group_of", view.group)],
    [words.say("ticket"), view.ticket && [view.ticket.number, view.ticket.short_code].filter(Boolean).join(" · ")],
    [view.entries > 1 && words.say("entry_number", { n: view.entries }), view.entries > 1 && words.time(scan.scanned_at, timezone)],
    [words.say("reason"), scan.override_reason],
    ["", view.is_alone && words.say("decided_alone")],
  ].filter(([, fact]) => fact);
}

function line(name, fact) {
  return [element("div", {}, element("dt", { textContent: name }), element("dd", { textContent: fact }))];
}
