// Keeps phone and servers of one mind: what was decided here goes up, what others did comes down. Every step may be
// repeated: scans and undos are known by ids made here.

import { dates } from "./clock.js";
import { isRevoked, Revoked } from "./judge.js";
import { Away } from "./servers.js";
import { answered } from "./store.js";

const PAUSE_MS = 3000;
// With a hub instead of the instance: what others let in is known here within a second.
const HUB_PAUSE_MS = 500;
// Looking whether the instance is back; it rests as long, so that no visitor waits for it.
const LOOK_MS = 5000;
const STATUS_EVERY_MS = 60_000;
const BATCH = 200;
const PULL_PATIENCE_MS = 15_000;
const PUSH_PATIENCE_MS = 30_000;
const KEPT_MS = 2 * 24 * 3600 * 1000;
// A pass of a great day comes in pages; more than these would be a server that turns in circles.
const MAX_PAGES = 500;

// The item itself is at fault, not who sends it, nor where to.
const ABOUT_CONTENT = new Set([400, 409, 413, 422]);

class Refused extends Error {
  constructor(text, { isAboutContent = false } = {}) {
    super(text);
    this.isAboutContent = isAboutContent;
  }
}

export class Sync {
  // `changed` is called after each round, `revoked` once.
  constructor({ store, servers, pass, tally, clock, place, version, changed, revoked }) {
    Object.assign(this, { store, servers, pass, tally, clock, place, version, changed, revoked });
    // Scans and undos that wait to be sent, and those of another establishment, which wait for its pairing.
    this.pending = 0;
    this.foreign = 0;
    this.conflicts = 0;
    // People let in whom the server could not record.
    this.unrecorded = 0;
    // A server was there and did not take what this phone has to tell.
    this.isPushFailing = false;
    this.told = { at: -Infinity, pending: -1 };
    this.isStopped = true;
    this.isWithHub = false;
  }

  get isOnline() {
    return !this.servers.areAllAway;
  }

  // `online`, `hub` or `alone`.
  get link() {
    if (!this.isOnline) return "alone";
    return this.isWithHub ? "hub" : "online";
  }

  async start() {
    this.isStopped = false;
    const { scans, undos } = await this.store.unsettled(this.place().device.establishment.id);
    scans.forEach((scan) => this.tally.add(scan));
    this.foreign = (await this.store.pendingCount()) - scans.length - undos.length;
    await this.count();
    this.run();
  }

  stop() {
    this.isStopped = true;
    this.poke();
  }

  // The next round begins now.
  poke() {
    this.wake?.();
  }

  async run() {
    while (!this.isStopped) {
      try {
        await this.round();
      } catch (error) {
        if (error instanceof Revoked) {
          this.isStopped = true;
          await this.revoked();
          return;
        }
        if (!(error instanceof Away)) console.warn("sync", error);
      }
      if (this.isStopped) return;
      this.changed();
      await this.pause();
    }
  }

  pause() {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.isWithHub ? HUB_PAUSE_MS : PAUSE_MS);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async round() {
    const { instance, hub } = this.servers;
    if (this.isWithHub) {
      this.look();
      return this.roundWith(hub);
    }
    try {
      await this.roundWith(instance);
    } catch (error) {
      if (!hub || !(error instanceof Away)) throw error;
      this.isWithHub = true;
      await this.roundWith(hub);
    }
  }

  async roundWith(server) {
    this.server = server;
    // What others did is worth knowing even where this phone cannot tell what it did.
    const fault = await this.push().then(
      () => null,
      (error) => error,
    );
    if (fault instanceof Revoked) throw fault;
    await this.pull();
    this.isPushFailing = Boolean(fault);
    if (server === this.servers.instance) await this.tell();
    if (fault) throw fault;
  }

  async count() {
    this.pending = (await this.store.pendingCount()) - this.foreign;
    const conflicts = await this.store.conflicts();
    const invalid = conflicts.filter((one) => one.kind === "invalid");
    this.conflicts = conflicts.length - invalid.length;
    this.unrecorded = invalid.filter((one) => one.scan.outcome === "admitted").length;
  }

  // Is the instance back? Not waited for: its silence must not keep phones from hearing of each other.
  look() {
    if (this.looking) return;
    const { instance } = this.servers;
    this.servers.rest(instance, 2 * LOOK_MS);
    const { slug } = this.place().device.establishment;
    const asked = this.servers.ask("PUT", `/v1/establishments/${slug}/devices/self/status`, this.status(), {
      patience: LOOK_MS,
      isProbe: true,
      among: [instance],
    });
    this.looking = asked
      .then(() => {
        this.isWithHub = false;
        this.poke();
      })
      .catch(() => new Promise((resolve) => setTimeout(resolve, PAUSE_MS)))
      .finally(() => {
        this.looking = null;
      });
  }

  // Keeps the connection to the hub warm: the first ticket without internet should not wait for a handshake.
  greet() {
    const { hub } = this.servers;
    const { slug } = this.place().device.establishment;
    const how = { patience: LOOK_MS, isProbe: true, among: [hub] };
    if (hub) this.servers.ask("PUT", `/v1/establishments/${slug}/devices/self/status`, this.status(), how).catch(() => {});
  }

  status() {
    return { pending_uploads: this.pending, app_version: this.version };
  }

  async push() {
    for (;;) {
      const { scans, undos } = await this.outbox();
      if (!scans.length && !undos.length) return;
      const settled = await this.send(scans, undos);
      this.changed();
      // A server that acknowledges nothing will not be asked again at once. A hub may leave something to the instance.
      if (!settled && this.server === this.servers.instance) throw new Refused("POST /scans/batch: nothing acknowledged");
      if (!settled) return;
    }
  }

  // How many were settled. A batch that is refused as a whole is halved until the one is found that cannot be taken.
  async send(scans, undos) {
    const body = { sent_at: this.clock.iso(), scans: scans.map(uploaded), undos: undos.map(uploadedUndo) };
    try {
      return await this.settle(scans, undos, await this.ask("POST", "/scans/batch", body, PUSH_PATIENCE_MS));
    } catch (error) {
      if (!(error instanceof Refused) || !error.isAboutContent) throw error;
      console.info("sync", error.message);
    }
    const all = [...scans.map((scan) => ({ scan })), ...undos.map((undo) => ({ undo }))];
    if (all.length === 1) return this.giveUp(scans, undos);
    const middle = Math.ceil(all.length / 2);
    let settled = 0;
    for (const half of [all.slice(0, middle), all.slice(middle)]) {
      const of = (kind) => half.map((one) => one[kind]).filter(Boolean);
      settled += await this.send(of("scan"), of("undo"));
    }
    return settled;
  }

  // Kept for staff to see, and not sent again. A hub may be of another version: only the instance has the last word.
  async giveUp(scans, undos) {
    if (this.server !== this.servers.instance) return 0;
    const invalid = ({ id }) => ({ id, outcome: "invalid" });
    return this.settle(scans, undos, { scans: scans.map(invalid), undos: undos.map(invalid) });
  }

  async outbox() {
    const found = await this.store.unsettled(this.place().device.establishment.id, BATCH);
    await this.count();
    return found;
  }

  // How many were acknowledged.
  async settle(scans, undos, answer) {
    const settledMs = Date.now();
    const saidOf = (list) => new Map((list ?? []).map((one) => [one.id, one]));
    const saidScans = saidOf(answer.scans);
    const saidUndos = saidOf(answer.undos);
    let count = 0;
    await this.store.write(["scans", "undos", "conflicts"], async (stores) => {
      for (const sent of scans.filter((one) => saidScans.has(one.id))) {
        count += 1;
        const said = saidScans.get(sent.id);
        // Undone while it was on its way: what storage has now is what counts.
        const scan = (await answered(stores.scans.get(sent.id))) ?? sent;
        stores.scans.put({ ...scan, code: null, state: "settled", settled_ms: settledMs });
        this.tally.settle(scan.id, settledMs);
        const conflict = said.conflict ?? disagreement(scan, said);
        if (conflict) stores.conflicts.put({ scan_id: scan.id, ...conflict, scan: { at: scan.scanned_at, gate_id: scan.gate_id, outcome: scan.outcome, is_here: true } });
      }
      for (const undo of undos.filter((one) => saidUndos.has(one.id))) {
        count += 1;
        stores.undos.put({ ...undo, state: "settled" });
        const scan = await answered(stores.scans.get(undo.scan_id));
        if (scan) stores.scans.put({ ...scan, undo_settled_ms: settledMs });
      }
    });
    await this.count();
    return count;
  }

  async pull() {
    const { device, gate } = this.place();
    const days = dates(this.clock.now(), device.establishment.timezone);
    for (const date of days) await this.pullDay(gate, date);
    this.tally.pulled(this.pass.pulledMs);
    if (String(days) !== this.tidied) {
      await this.pass.keepOnly(gate.venue_id, days);
      await this.store.tidy(days, new Date(this.clock.now() - KEPT_MS).toISOString());
      this.tidied = String(days);
    }
  }

  async pullDay(gate, date) {
    const pulledMs = Date.now();
    const { origin } = this.server;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const query = new URLSearchParams({ gate_id: gate.id, date });
      const cursor = this.pass.cursor(date, origin);
      if (cursor !== null) query.set("cursor", cursor);
      const sentMs = Date.now();
      const answer = await this.ask("GET", `/entry-pass?${query}`, undefined, PULL_PATIENCE_MS).catch((error) => {
        if (!(error instanceof Refused) || cursor === null) throw error;
        // The instance went back to a backup, the hub was started anew, or the day has other bounds now.
        this.pass.loseCursor(date, origin);
        return null;
      });
      if (!answer) continue;
      if (answer.server_time) this.clock.learn(answer.server_time, sentMs, Date.now());
      await this.pass.apply({ venueId: gate.venue_id, date, origin }, answer, pulledMs);
      if (!answer.more) return;
    }
  }

  async tell() {
    const now = performance.now();
    const isDue = now - this.told.at > STATUS_EVERY_MS || this.told.pending !== this.pending;
    if (!isDue) return;
    this.greet();
    this.told = { at: now, pending: this.pending };
    const battery = await navigator.getBattery?.().catch(() => null);
    const status = this.status();
    if (battery) status.battery_percent = Math.round(battery.level * 100);
    await this.ask("PUT", "/devices/self/status", status, PULL_PATIENCE_MS);
    await this.store.set("clock", this.clock.offsetMs);
  }

  // The body of a good answer. Throws `Away` and `Revoked`.
  async ask(method, path, body, patience) {
    const { slug } = this.place().device.establishment;
    const { instance, hub } = this.servers;
    const mayWait = hub && this.server === instance ? Math.min(patience, LOOK_MS) : patience;
    const how = { patience: mayWait, isProbe: true, among: [this.server] };
    const answer = await this.servers.ask(method, `/v1/establishments/${slug}${path}`, body, how);
    if (isRevoked(answer)) throw new Revoked();
    // A hub that has not heard of this phone yet.
    if (answer.status === 401) throw new Away();
    if (answer.status >= 400) {
      // With a code it is a server of ours that speaks, and not the sign-in page of some network.
      const isAboutContent = ABOUT_CONTENT.has(answer.status) && Boolean(answer.body?.code);
      throw new Refused(`${method} ${path}: ${answer.status} ${answer.body?.code ?? ""}`, { isAboutContent });
    }
    return answer.body ?? {};
  }
}

function uploaded({ id, code, gate_id, scanned_at, direction, outcome, reason, override_reason }) {
  const scan = { id, code, gate_id, scanned_at, direction, outcome };
  if (reason) scan.reason = reason;
  if (override_reason) scan.override_reason = override_reason;
  return scan;
}

function uploadedUndo({ id, scan_id, reason, undone_at }) {
  return { id, scan_id, reason, undone_at };
}

// A server had answered this scan before, but its answer never arrived; or it cannot record it at all.
function disagreement(scan, said) {
  if (said.outcome === "invalid") return { kind: "invalid", earlier: null };
  return scan.outcome === "admitted" && said.outcome === "refused" ? { kind: said.reason, earlier: null } : null;
}
