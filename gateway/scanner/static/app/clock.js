// The server's time, as far as this phone knows it: phones are wrong by minutes.

const MAX_ROUND_TRIP_MS = 2000;

export class Clock {
  constructor(offsetMs = 0, now = () => Date.now()) {
    this.offsetMs = offsetMs;
    this.device = now;
  }

  now() {
    return this.device() + this.offsetMs;
  }

  iso() {
    return new Date(this.now()).toISOString();
  }

  // `serverTime` was told between two moments of this phone's clock.
  learn(serverTime, sentMs, receivedMs) {
    if (receivedMs - sentMs <= MAX_ROUND_TRIP_MS) this.offsetMs = Math.round(Date.parse(serverTime) - (sentMs + receivedMs) / 2);
  }
}

// The days whose tickets may be shown now. A night ends at five.
export function dates(nowMs, timezone) {
  const day = new Intl.DateTimeFormat("en-CA", { timeZone: timezone, year: "numeric", month: "2-digit", day: "2-digit" });
  const hour = Number(new Intl.DateTimeFormat("en-GB", { timeZone: timezone, hour: "2-digit", hourCycle: "h23" }).format(nowMs));
  const today = day.format(nowMs);
  return hour < 5 ? [today, dayBefore(today)] : [today];
}

// By the calendar: a day may have 23 or 25 hours.
function dayBefore(date) {
  const noon = new Date(`${date}T12:00:00Z`);
  noon.setUTCDate(noon.getUTCDate() - 1);
  return noon.toISOString().slice(0, 10);
}

export function isSameDay(one, other, timezone) {
  const day = new Intl.DateTimeFormat("en-CA", { timeZone: timezone, dateStyle: "short" });
  return day.format(new Date(one)) === day.format(new Date(other));
}
