// What this phone did that the counts of the entry pass do not hold yet.

export class Tally {
  constructor() {
    this.own = new Map();
  }

  add(scan) {
    if (scan.outcome === "admitted" && !scan.undone_at) this.own.set(scan.id, scan);
  }

  remove(id) {
    this.own.delete(id);
  }

  settle(id, settledMs) {
    const scan = this.own.get(id);
    if (scan) this.own.set(id, { ...scan, settled_ms: settledMs });
  }

  // Everything up to `pulledMs` is in the counts of the servers.
  pulled(pulledMs) {
    for (const [id, scan] of this.own) if (scan.settled_ms < pulledMs) this.own.delete(id);
  }

  admitted(slotId) {
    return this.sum((scan) => (scan.slot_id === slotId && scan.direction === "in" && scan.counted ? 1 : 0));
  }

  inside(gaugeId) {
    return this.sum((scan) => (scan.gauge_ids?.includes(gaugeId) ? (scan.direction === "in" ? 1 : -1) : 0));
  }

  sum(count) {
    let sum = 0;
    for (const scan of this.own.values()) sum += count(scan);
    return sum;
  }
}

// `{kind: "now" | "next" | "today", slots, admitted, expected, gauges: [{name, inside, max}]}`
export function counts(pass, tally, nowMs) {
  const slots = pass.isOfAnotherDay ? [] : [...pass.slots.values()];
  const [kind, chosen] = current(slots, nowMs);
  const sum = (count) => chosen.reduce((total, slot) => total + count(slot), 0);
  return {
    kind,
    slots: chosen,
    admitted: sum((slot) => (slot.admitted ?? 0) + tally.admitted(slot.id)),
    expected: sum((slot) => slot.expected ?? 0),
    gauges: [...pass.gauges.values()].map((gauge) => ({
      name: gauge.name,
      inside: Math.max(0, gauge.inside + tally.inside(gauge.id)),
      max: gauge.max_inside,
    })),
  };
}

// The slots that run now; those that start next when none does; all when neither is left.
function current(slots, nowMs) {
  const running = slots.filter((slot) => Date.parse(slot.starts_at) <= nowMs && nowMs < Date.parse(slot.ends_at));
  if (running.length) return ["now", running];
  const starts = slots.map((slot) => Date.parse(slot.starts_at)).filter((start) => start > nowMs);
  const first = Math.min(...starts);
  if (starts.length) return ["next", slots.filter((slot) => Date.parse(slot.starts_at) === first)];
  return ["today", slots];
}
