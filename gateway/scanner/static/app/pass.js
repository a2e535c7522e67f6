// What the entry pass says: keys, slots, offers and rules in memory, tickets in storage. It grows by deltas.

import { publicKey } from "./code.js";
import { answered, datesOf } from "./store.js";

const STATIC_PARTS = ["establishment", "keys", "gates", "devices", "gauges", "offers", "tariffs", "slots"];
const PREFIX = "pass:";

export class EntryPass {
  constructor(store) {
    this.store = store;
    this.clear();
  }

  clear() {
    this.days = new Map();
    this.isOfAnotherDay = false;
    this.merge();
    this.keys = new Map();
    this.keyTexts = "";
  }

  // What was kept from before, of this venue.
  async load(venueId, dates) {
    this.clear();
    for (const date of dates) {
      const day = await this.store.get(named(venueId, date));
      if (day) this.days.set(date, day);
    }
    if (!this.days.size) await this.loadLatest(venueId);
    await this.refresh();
  }

  // A phone that is switched on without a network on a new day: keys, offers and tariffs are those of before, and
  // tickets of today are known by their signatures. Nobody is inside yet.
  async loadLatest(venueId) {
    const found = await this.store.latest(named(venueId, ""));
    if (!found) return;
    const [name, day] = found;
    const gauges = (day.gauges ?? []).map((gauge) => ({ ...gauge, inside: 0 }));
    this.days.set(name.slice(named(venueId, "").length), { ...day, gauges });
    this.isOfAnotherDay = true;
  }

  get isUsable() {
    return this.days.size > 0;
  }

  // When everything was last asked for, in milliseconds of this phone; 0 before.
  get pulledMs() {
    const days = [...this.days.values()];
    return days.length ? Math.min(...days.map((day) => day.pulled_ms ?? 0)) : 0;
  }

  // Each server has cursors of its own.
  cursor(date, origin) {
    return this.days.get(date)?.cursors?.[origin] ?? null;
  }

  // One page of an answer of `origin`. `pulledMs`: when the first page of this pull was asked for.
  async apply({ venueId, date, origin }, page, pulledMs) {
    const before = this.days.get(date);
    const day = { ...before, cursors: { ...before?.cursors, [origin]: page.cursor } };
    if (!page.more) day.pulled_ms = pulledMs;
    for (const part of STATIC_PARTS) if (page[part]) day[part] = merged(part, day[part], page[part]);
    await this.store.write(["meta", "tickets"], async ({ meta, tickets }) => {
      meta.put(day, named(venueId, date));
      await Promise.all(page.tickets.map((ticket) => keep(tickets, ticket, date)));
    });
    if (this.isOfAnotherDay) this.days.clear();
    this.isOfAnotherDay = false;
    this.days.set(date, day);
    await this.refresh();
  }

  // The next pull of this day starts anew.
  loseCursor(date, origin) {
    const day = this.days.get(date);
    if (day) this.days.set(date, { ...day, cursors: { ...day.cursors, [origin]: null } });
  }

  // Days that are over are forgotten.
  async keepOnly(venueId, dates) {
    for (const date of this.days.keys()) if (!dates.includes(date)) this.days.delete(date);
    this.merge();
    const over = IDBKeyRange.bound(named(venueId, ""), named(venueId, [...dates].sort()[0]), false, true);
    await this.store.write(["meta"], ({ meta }) => meta.delete(over));
  }

  async refresh() {
    this.merge();
    const texts = JSON.stringify(this.keyList);
    if (texts === this.keyTexts) return;
    const imported = this.keyList.map(async (key) => [key.key_id, await publicKey(key.public_key)]);
    this.keys = new Map(await Promise.all(imported));
    this.keyTexts = texts;
  }

  merge() {
    // Of two days that say different things, the later one is right.
    const days = [...this.days].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, day]) => day);
    const all = (part) => new Map(days.flatMap((day) => day[part] ?? []).map((one) => [one.id, one]));
    this.establishment = days.at(-1)?.establishment ?? null;
    this.keyList = days.at(-1)?.keys ?? [];
    this.gates = all("gates");
    this.devices = all("devices");
    this.gauges = all("gauges");
    this.offers = all("offers");
    this.tariffs = all("tariffs");
    this.slots = all("slots");
  }
}

// A ticket for several days comes with each of them, but only once while it does not change.
async function keep(tickets, ticket, date) {
  const before = await answered(tickets.get(ticket.id));
  tickets.put({ ...ticket, dates: [...new Set([...datesOf(before), date])] });
}

// Slots and gauges come when their counts change, one by one; everything else comes whole.
function merged(part, before, told) {
  if (part !== "slots" && part !== "gauges") return told;
  return [...new Map([...(before ?? []), ...told].map((one) => [one.id, one])).values()];
}

function named(venueId, date) {
  return `${PREFIX}${venueId}:${date}`;
}
