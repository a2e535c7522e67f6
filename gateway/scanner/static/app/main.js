// The page: it holds the parts together and decides which screen is seen.

import { applyTheme, keepChoices, readChoices } from "./choices.js";
import { Clock, dates } from "./clock.js";
import { checkBrowser, Lacking } from "./device.js";
import { $, announce, element, listen, screenShown, show, translate } from "./dom.js";
import { Judge, NothingKnown, Revoked } from "./judge.js";
import { Pairing } from "./pairing.js";
import { EntryPass } from "./pass.js";
import { Camera, CameraRefused, listenToWedge } from "./reader.js";
import { hub, hubAddress, INSTANCE_PATIENCE_MS, isHubLink } from "./hub.js";
import { instance, Servers } from "./servers.js";
import { Sheets } from "./sheets.js";
import { Signals, Wakefulness } from "./signals.js";
import { openStore } from "./store.js";
import { Sync } from "./sync.js";
import { counts, Tally } from "./tally.js";
import { addName, fillVerdict, titleOf } from "./verdict.js";
import { Words } from "./words.js";

// A green screen that stays would be taken for the next visitor's. What must be checked takes longer.
const ADMITTED_MS = 4000;
const PROOF_MS = 10_000;

class App {
  constructor() {
    const { decoder, version } = document.documentElement.dataset;
    this.version = version;
    this.decoderUrl = `/scanner/${decoder}/worker.js`;
    this.choices = readChoices();
    this.words = new Words(this.choices.language);
    this.signals = new Signals(this.choices);
    this.queue = Promise.resolve();
    applyTheme(this.choices.theme);
    translate(this.words);
  }

  async start() {
    registerWorker();
    try {
      await checkBrowser();
      this.store = await openStore().catch(() => {
        throw new Lacking("no_indexeddb");
      });
    } catch (error) {
      if (error instanceof Lacking) return this.trouble(error.what, () => location.reload());
      throw error;
    }
    navigator.storage?.persist?.().catch(() => {});
    this.sheets = new Sheets(this);
    this.pairing = new Pairing(this, (device) => this.work(device));
    this.listen();
    const device = await this.store.get("device");
    if (device && isHubLink(location.hash)) await this.rememberHub(location.hash);
    await (device ? this.work(device) : this.pairing.open());
  }

  listen() {
    for (const event of ["pointerdown", "keydown"]) addEventListener(event, (one) => one.isTrusted && this.signals.unlock(), { capture: true });
    listenToWedge(window, {
      seen: (text, at) => this.isWorking && this.seen(text, at),
      isTyping: (target) => Boolean(target.closest?.("input:not([type=radio]):not([type=checkbox]), select, textarea")),
    });
    addEventListener("keydown", (event) => {
      if (event.key === "Escape" && screenShown() === "verdict" && !this.sheets.isAnyOpen) this.next();
    });
    addEventListener("online", () => this.sync?.poke());
    addEventListener("offline", () => {
      this.servers?.restAll();
      this.refresh();
    });
    document.addEventListener("visibilitychange", () => this.isWorking && !document.hidden && this.resume());
    listen("continue", "click", () => this.next());
    listen("undo", "click", () => this.undo());
    listen("let-in", "click", () => this.letIn());
    listen("last", "click", () => this.showVerdict(this.last, { isNew: false }));
    listen("torch", "click", () => this.toggleTorch());
    listen("camera-again", "click", () => this.openCamera());
    listen("unpair-send", "click", () => this.forget(""));
    listen("update", "click", () => location.reload());
    listen("try-again", "click", () => this.retry());
  }

  get isWorking() {
    return Boolean(this.judge);
  }

  get timezone() {
    return this.device.establishment.timezone;
  }

  get gates() {
    return new Map([...this.device.gates.map((gate) => [gate.id, gate]), ...this.pass.gates]);
  }

  get gate() {
    return this.device.gates.find((gate) => gate.id === this.choices.gate_id) ?? this.device.gates[0];
  }

  // From here on this phone scans.
  async work(device) {
    this.device = device;
    this.clock = new Clock((await this.store.get("clock")) ?? 0);
    this.pass = new EntryPass(this.store);
    this.servers = new Servers(await this.serversOf(device));
    this.tally = new Tally();
    const place = () => ({ gate: this.gate, device: this.device });
    const parts = { store: this.store, servers: this.servers, pass: this.pass, tally: this.tally, clock: this.clock, place };
    await this.loadPass();
    this.judge = new Judge(parts);
    const changed = () => this.refresh();
    const revoked = () => this.forget(this.words.say("revoked"));
    this.sync = new Sync({ ...parts, version: this.version, changed, revoked });
    if (navigator.onLine === false) this.servers.restAll();
    $("open-search").hidden = !device.may_search;
    this.wakefulness ??= new Wakefulness();
    show("ready");
    this.refresh();
    await Promise.all([this.sync.start(), this.openCamera(), this.wakefulness.keep()]);
    this.refresh();
  }

  // Asked in this order. Where there is a hub in the house, nobody waits long for the instance.
  async serversOf(device) {
    const [origin, keys] = await Promise.all([this.store.get("hub"), this.store.get("keys")]);
    if (!origin || !keys) return [instance(location.origin, device.device_token)];
    const known = { privateKey: keys.privateKey, deviceId: device.device_id, devices: () => this.pass.devices };
    return [instance(location.origin, device.device_token, { patience: INSTANCE_PATIENCE_MS }), hub(origin, known)];
  }

  // From the QR that the hub shows. False when it is no address that this page could ask.
  async rememberHub(text) {
    const origin = hubAddress(text);
    if (location.hash) history.replaceState(null, "", location.pathname);
    if (!origin) return false;
    await this.store.set("hub", origin);
    return true;
  }

  // While this phone scans.
  async useHub(text) {
    const isKept = await this.rememberHub(text);
    announce(this.words.say(isKept ? "hub_kept" : "hub_wrong"));
    if (isKept) location.reload();
  }

  loadPass() {
    return this.pass.load(this.gate.venue_id, dates(this.clock.now(), this.timezone));
  }

  async openCamera() {
    this.camera ??= new Camera($("video"), this.decoderUrl, (text, at) => this.isWorking && !this.sheets.isAnyOpen && this.seen(text, at));
    let fault = null;
    try {
      await this.camera.start();
    } catch (error) {
      if (!(error instanceof CameraRefused)) throw error;
      fault = error.what;
    }
    $("camera-trouble").hidden = !fault;
    $("aim").hidden = Boolean(fault);
    $("camera-trouble-title").textContent = fault ? this.words.say(fault) : "";
    $("camera-trouble-lead").textContent = fault ? this.words.say(`${fault}_lead`) : "";
    this.cameraFault = fault;
    $("torch").hidden = !this.camera.hasTorch;
  }

  async resume() {
    this.sync.poke();
    if (!this.camera?.track || this.camera.track.readyState === "ended") await this.openCamera();
  }

  // One code after the other, in the order in which they were seen. `at`: performance.now() of that moment.
  seen(text, at, more = {}) {
    const direction = document.querySelector("[name=direction]:checked").value;
    this.queue = this.queue.then(() => this.judgeOne(text, at, { direction, ...more }));
    return this.queue;
  }

  async judgeOne(text, at, { direction, overrideReason = null }) {
    if (!this.isWorking) return;
    if (isHubLink(text)) return this.useHub(text);
    try {
      const scan = await this.judge.judge(text, { direction, overrideReason });
      this.showVerdict(scan, { isNew: true, code: text });
      performance.measure("verdict", { start: at, end: performance.now(), detail: { outcome: scan.outcome, reason: scan.reason, alone: scan.view.is_alone } });
    } catch (error) {
      if (error instanceof Revoked) return this.forget(this.words.say("revoked"));
      if (error instanceof NothingKnown) {
        this.signals.give("refused");
        announce(this.words.say("no_list"));
        return this.refresh();
      }
      console.warn("scan", error);
      this.trouble("storage_failed", () => show("ready"));
      this.signals.give("refused");
    }
  }

  showVerdict(scan, { isNew, code = null }) {
    if (isNew) this.lastCode = { id: scan.id, code };
    const known = this.lastCode?.id === scan.id ? this.lastCode.code : scan.code;
    this.shown = { scan, code: known };
    const said = fillVerdict(scan, this);
    if (!known) $("let-in").hidden = true;
    if (isNew) {
      this.last = scan;
      this.sheets.closeAll();
      this.signals.give(scan.outcome);
      this.sync.poke();
      this.judge.attendee(scan, code).then((attendee) => this.shown?.scan === scan && addName(attendee, this.words));
    }
    show("verdict");
    document.querySelector("[data-screen=verdict]").focus({ preventScroll: true });
    announce(said);
    clearTimeout(this.timer);
    const mayGo = isNew && scan.outcome === "admitted";
    if (mayGo) this.timer = setTimeout(() => this.next(), scan.view.tariff?.proof ? PROOF_MS : ADMITTED_MS);
  }

  next() {
    if (screenShown() !== "verdict" || this.sheets.isAnyOpen) return;
    clearTimeout(this.timer);
    show("ready");
    this.refresh();
  }

  async undo() {
    const { scan } = this.shown;
    clearTimeout(this.timer);
    const reason = await this.sheets.askReason("undo");
    if (!reason) return;
    const undone = await this.judge.undo(scan, reason);
    if (this.last?.id === undone.id) this.last = undone;
    announce(this.words.say("undone"));
    show("ready");
    this.refresh();
    this.sync.poke();
  }

  async letIn() {
    const { scan, code } = this.shown;
    const overrideReason = await this.sheets.askReason("let_in");
    if (overrideReason && code) await this.seen(code, performance.now(), { direction: scan.direction, overrideReason });
  }

  async search(text) {
    const { slug } = this.device.establishment;
    const query = new URLSearchParams({ q: text, date: dates(this.clock.now(), this.timezone)[0] });
    const answer = await this.servers.ask("GET", `/v1/establishments/${slug}/entry/search?${query}`, undefined, { patience: 5000, isProbe: true });
    return answer.status === 200 ? answer.body.items : [];
  }

  // Of the whole establishment today; null without a network.
  async knownConflicts() {
    const { slug } = this.device.establishment;
    const query = new URLSearchParams({ date: dates(this.clock.now(), this.timezone)[0] });
    const path = `/v1/establishments/${slug}/scans/conflicts?${query}`;
    const answer = await this.servers.ask("GET", path, undefined, { patience: 5000 }).catch(() => null);
    return answer?.status === 200 ? answer.body.items : null;
  }

  async toggleTorch() {
    const on = $("torch").getAttribute("aria-pressed") !== "true";
    await this.camera.setTorch(on);
    $("torch").setAttribute("aria-pressed", String(on));
  }

  async choose(chosen) {
    Object.assign(this.choices, chosen);
    keepChoices(this.choices);
    applyTheme(this.choices.theme);
    this.words = new Words(this.choices.language);
    translate(this.words);
    if ("gate_id" in chosen) {
      await this.loadPass();
      this.sync.poke();
    }
    this.refresh();
  }

  // What the ready screen says, whatever screen is seen.
  refresh() {
    if (!this.isWorking) return;
    const { words, sync } = this;
    $("gate-name").textContent = words.said(this.gate.name);
    $("link").dataset.link = sync.link;
    $("link-state").textContent = words.say(sync.link);
    $("link-pending").textContent = sync.pending ? words.say("to_send", { n: sync.pending }) : "";
    const warning = this.warning();
    $("warning").textContent = warning;
    $("warning").hidden = !warning;
    $("counts").replaceChildren(...this.counted());
    $("last").hidden = !this.last;
    if (this.last) $("last").textContent = `${words.say("last")} ${this.last.outcome === "admitted" ? "✓" : "✕"} ${words.time(this.last.scanned_at, this.timezone)} ${titleOf(this.last, words)}`;
  }

  warning() {
    const { words, sync, pass } = this;
    if (!pass.isUsable) return words.say("no_list");
    if (sync.isPushFailing && sync.isOnline) return words.say("push_failing");
    if (sync.conflicts) return words.say("conflict_news", { n: sync.conflicts });
    if (sync.unrecorded) return words.say("unrecorded_news", { n: sync.unrecorded });
    if (sync.foreign) return words.say("foreign_pending", { n: sync.foreign });
    return sync.isOnline ? "" : words.say("stale", { time: words.moment(pass.pulledMs, this.timezone) });
  }

  counted() {
    const { words } = this;
    const now = counts(this.pass, this.tally, this.clock.now());
    const figure = (number, text) => element("span", {}, element("strong", { textContent: number }), ` ${text}`);
    const when = now.kind === "today" || !now.slots.length ? words.say("today") : `${words.say(now.kind)} ${words.time(now.slots[0].starts_at, this.timezone)}`;
    const inside = now.gauges.map(({ inside: number, max }) => figure(number, max === null ? words.say("inside") : words.say("inside_of", { max })));
    return [element("span", { textContent: when }), figure(now.admitted, words.say("admitted_of", { expected: now.expected })), ...inside];
  }

  // Nothing of the establishment stays, but for what was not sent yet.
  async forget(notice) {
    this.sync?.stop();
    this.judge = null;
    this.camera?.stop();
    this.camera = null;
    this.last = null;
    this.sheets.closeAll();
    await this.store.forget();
    await this.pairing.open({ notice });
  }

  trouble(what, retry) {
    $("trouble-title").textContent = this.words.say(what);
    $("trouble-lead").textContent = this.words.say(`${what}_lead`);
    this.retry = retry;
    show("trouble");
    announce(`${this.words.say(what)}. ${this.words.say(`${what}_lead`)}`);
  }
}

async function registerWorker() {
  if (!navigator.serviceWorker) return;
  const before = navigator.serviceWorker.controller;
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    if (before) $("update").hidden = false;
  });
  await navigator.serviceWorker.register("/scanner/worker.js", { scope: "/scanner" }).catch((error) => console.warn("worker", error));
}

new App().start();
