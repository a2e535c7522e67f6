// What opens over the scanner: typing, reasons, searching, the list of last scans, settings.

import { $, element, listen, submitted } from "./dom.js";
import { normaliseShortCode, PREFIX } from "./code.js";
import { Away } from "./servers.js";
import { titleOf, whereAndWhen } from "./verdict.js";
import { LANGUAGES } from "./words.js";

const RECENT = 20;
const LEAST_LETTERS = 3;

export class Sheets {
  // `app` is the page: its words, its storage, and what it does with a code.
  constructor(app) {
    this.app = app;
    for (const button of document.querySelectorAll("[data-close]")) {
      button.addEventListener("click", () => button.closest("dialog").close());
    }
    listen("open-type", "click", () => this.openType());
    listen("open-search", "click", () => this.openSearch());
    listen("open-more", "click", () => this.openMore());
    listen("unpair", "click", () => $("unpair-sheet").showModal());
    submitted("type-form", (form) => this.check(form.get("code")));
    submitted("reason-form", (form) => this.giveReason(form.get("reason").trim()));
    submitted("search-form", (form) => this.search(form.get("q").trim()));
    listen("settings", "change", (event) => this.settle(event.target));
  }

  get isAnyOpen() {
    return Boolean(document.querySelector("dialog[open]"));
  }

  closeAll() {
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  }

  openType() {
    $("type-code").value = "";
    fault("type", "");
    $("type-sheet").showModal();
    $("type-code").focus();
  }

  check(typed) {
    // The address of a hub, for who cannot show its QR code to a camera.
    if (typed.includes("://")) {
      $("type-sheet").close();
      this.app.useHub(typed.trim());
      return;
    }
    const code = typed.trim().startsWith(PREFIX) ? typed.trim() : normaliseShortCode(typed);
    if (!code) {
      fault("type", this.app.words.say("type_wrong"));
      $("type-code").focus();
      return;
    }
    $("type-sheet").close();
    this.app.seen(code, performance.now());
  }

  // The reason that staff give, or null when they go back. `kind`: `undo` or `let_in`.
  askReason(kind) {
    const { words } = this.app;
    $("reason-title").textContent = words.say(`${kind}_title`);
    $("reason-lead").textContent = words.say(`${kind}_lead`);
    $("reason-send").textContent = words.say(kind);
    $("reason-text").value = "";
    fault("reason", "");
    const choose = (text) => element("button", { type: "button", textContent: text, onclick: () => this.giveReason(text) });
    $("reason-choices").replaceChildren(...words.say(`reasons_${kind}`).map(choose));
    $("reason-sheet").showModal();
    return new Promise((resolve) => {
      this.reason = null;
      $("reason-sheet").addEventListener("close", () => resolve(this.reason), { once: true });
    });
  }

  giveReason(text) {
    if (!text) {
      fault("reason", this.app.words.say("reason_missing"));
      $("reason-text").focus();
      return;
    }
    this.reason = text;
    $("reason-sheet").close();
  }

  openSearch() {
    $("search-text").value = "";
    $("search-said").textContent = "";
    $("search-found").replaceChildren();
    $("search-sheet").showModal();
    $("search-text").focus();
  }

  async search(text) {
    const { words } = this.app;
    $("search-found").replaceChildren();
    if (text.length < LEAST_LETTERS) {
      $("search-said").textContent = words.say("search_short");
      return;
    }
    const found = await this.app.search(text).catch((error) => {
      if (error instanceof Away) return null;
      throw error;
    });
    $("search-said").textContent = found === null ? words.say("search_offline") : found.length ? "" : words.say("search_none");
    $("search-found").replaceChildren(...(found ?? []).map((one) => this.foundLine(one)));
  }

  foundLine(one) {
    const { words, timezone } = this.app;
    const slot = one.slot?.starts_at && words.time(one.slot.starts_at, timezone);
    const state = one.admitted_at
      ? `${words.say("already_admitted")}, ${words.time(one.admitted_at, timezone)}`
      : one.status !== "valid" && words.say("cancelled");
    const about = [slot, words.said(one.offer?.name), words.said(one.tariff?.name), one.reference, state];
    const label = words.say("search_admit", { name: one.name });
    const check = () => {
      $("search-sheet").close();
      this.app.seen(one.short_code, performance.now());
    };
    return element(
      "li",
      {},
      element("button", { type: "button", onclick: check }, element("strong", { textContent: label })),
      element("span", { textContent: about.filter(Boolean).join(" · ") }),
    );
  }

  async openMore() {
    const { app } = this;
    this.fillSettings();
    const scans = await app.store.latestScans(RECENT);
    $("recent").replaceChildren(...listed(scans.map((scan) => this.recentLine(scan)), app.words.say("no_recent")));
    const own = await app.store.conflicts();
    await this.fillConflicts(own);
    $("more-sheet").showModal();
    const all = await app.knownConflicts();
    // What no server could record, no server tells of.
    if (all) await this.fillConflicts([...own.filter((one) => one.kind === "invalid"), ...all]);
  }

  recentLine(scan) {
    const { words, timezone } = this.app;
    const sign = scan.state === "asked" ? "?" : scan.undone_at ? "↶" : scan.outcome === "admitted" ? "✓" : "✕";
    const title = scan.state === "asked" ? "…" : titleOf(scan, words);
    const text = `${words.time(scan.scanned_at, timezone)} ${sign} ${title}`;
    const more = words.said(scan.view?.tariff?.name);
    const open = () => {
      $("more-sheet").close();
      this.app.showVerdict(scan, { isNew: false });
    };
    return element("li", {}, element("button", { type: "button", onclick: open, disabled: scan.state === "asked" }, more ? `${text} · ${more}` : text));
  }

  // Both times, gates and devices. `conflicts`: those that this phone was told of, or all of the establishment's day.
  async fillConflicts(conflicts) {
    const { words } = this.app;
    $("conflicts").replaceChildren(...listed(conflicts.map((one) => this.conflictLine(one)), words.say("no_conflicts")));
  }

  conflictLine(one) {
    const { words, timezone, gates } = this.app;
    const named = (side) => ({ ...side, gate: side.gate ?? gates.get(side.gate_id)?.name });
    const said = [one.earlier, one.scan].filter(Boolean).map((side) => whereAndWhen(named(side), words, timezone));
    const title = [words.say(one.kind), one.ticket_number && `${words.say("ticket")} ${one.ticket_number}`].filter(Boolean).join(" · ");
    return element("li", {}, element("strong", { textContent: title }), ...said.map((text) => element("span", { textContent: text })));
  }

  fillSettings() {
    const { app } = this;
    const form = $("settings");
    const option = ([value, textContent]) => element("option", { value, textContent });
    $("gate").replaceChildren(...app.device.gates.map((gate) => option([gate.id, app.words.said(gate.name)])));
    $("language").replaceChildren(...Object.entries(LANGUAGES).map(option));
    form.gate.value = app.gate.id;
    for (const name of ["theme", "language"]) form[name].value = app.choices[name];
    for (const name of ["sound", "vibration"]) form[name].checked = app.choices[name];
    const about = app.words.say("about_device", { device: app.device.name || app.words.say("this_phone"), establishment: app.words.said(app.device.establishment.name) });
    $("about").textContent = `${about} · ${app.words.say("version", { version: app.version })}`;
  }

  settle({ name, type, value, checked }) {
    const key = name === "gate" ? "gate_id" : name;
    this.app.choose({ [key]: type === "checkbox" ? checked : value });
    this.fillSettings();
  }
}

function listed(lines, otherwise) {
  return lines.length ? lines : [element("li", { className: "quiet", textContent: otherwise })];
}

function fault(sheet, text) {
  const isWrong = Boolean(text);
  $(`${sheet}-fault`).textContent = text;
  $(sheet === "type" ? "type-code" : "reason-text").setAttribute("aria-invalid", String(isWrong));
}
