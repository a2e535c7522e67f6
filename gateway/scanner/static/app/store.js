// What the phone keeps, in IndexedDB. A scan is on the disk before anybody sees a verdict.
//
// meta     by name: the device, its keys, its choices, and what the entry pass says besides tickets
// tickets  as servers know them; `dates` tells with the entry passes of which days they came
// scans    of this phone. `state`: `asked` (a server was asked, nothing came back yet), `decided` (here, to be
//          uploaded), `settled` (a server has it)
// undos    `state`: `pending` or `settled`
// conflicts  found by a server when it was told what this phone had decided

const NAME = "parvis-scanner";
const VERSION = 1;

export async function openStore(name = NAME) {
  return new Store(await opened(name));
}

class Store {
  constructor(database) {
    this.database = database;
  }

  async get(name) {
    return answered(this.database.transaction("meta").objectStore("meta").get(name));
  }

  async set(name, value) {
    await this.write(["meta"], (stores) => stores.meta.put(value, name));
  }

  // Runs `work` in one transaction and returns what it returned, once that is on the disk. `work` gets the stores by
  // name and must not wait for anything but them.
  async write(names, work) {
    const transaction = this.database.transaction(names, "readwrite", { durability: "strict" });
    const done = new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error ?? new Error("storage refused"));
    });
    try {
      const result = await work(Object.fromEntries(names.map((each) => [each, transaction.objectStore(each)])));
      await done;
      return result;
    } catch (error) {
      done.catch(() => {});
      if (transaction.error === null) abort(transaction);
      throw error;
    }
  }

  async keepScan(scan) {
    await this.write(["scans"], (stores) => stores.scans.put(scan));
  }

  async scan(id) {
    return answered(this.database.transaction("scans").objectStore("scans").get(id));
  }

  // Decides with everything that is known of the ticket, and writes the scan, as one step: two scans of a ticket are
  // judged one after the other. `find` is the id of a ticket, or `{short_code_hash}`.
  async judge(find, decided) {
    return this.write(["tickets", "scans"], async ({ tickets, scans }) => {
      const row = await answered(find.short_code_hash ? tickets.index("short_code_hash").get(find.short_code_hash) : tickets.get(find.id));
      const id = row?.id ?? find.id;
      const own = id ? await answered(scans.index("ticket_id").getAll(id)) : [];
      const scan = decided(row ?? null, own);
      scans.put(scan);
      return scan;
    });
  }

  async ticket(id) {
    return answered(this.database.transaction("tickets").objectStore("tickets").get(id));
  }

  async latestScans(count) {
    const cursor = this.database.transaction("scans").objectStore("scans").index("scanned_at").openCursor(null, "prev");
    return collected(cursor, count);
  }

  // What an establishment still has to be told; of other ones something may be left on this phone too.
  async unsettled(establishmentId, limit = Infinity) {
    const transaction = this.database.transaction(["scans", "undos"]);
    const isOwn = (one) => one.establishment_id === establishmentId;
    const [scans, undos] = await Promise.all([
      collected(transaction.objectStore("scans").index("state").openCursor("decided"), limit, isOwn),
      collected(transaction.objectStore("undos").index("state").openCursor("pending"), limit, isOwn),
    ]);
    return { scans, undos };
  }

  // Of all establishments.
  async pendingCount() {
    const transaction = this.database.transaction(["scans", "undos"]);
    const scans = await answered(transaction.objectStore("scans").index("state").count("decided"));
    return scans + (await answered(transaction.objectStore("undos").index("state").count("pending")));
  }

  // An unanswered question to a server may be asked again: it knows the scan by its id.
  async askedBefore(codeHash, direction, since) {
    const asked = await answered(this.database.transaction("scans").objectStore("scans").index("state").getAll("asked"));
    return asked.find((scan) => scan.code_hash === codeHash && scan.direction === direction && scan.scanned_at >= since);
  }

  async conflicts() {
    return answered(this.database.transaction("conflicts").objectStore("conflicts").getAll());
  }

  // Nothing of an establishment stays on a phone that was revoked, but for what it still has to tell.
  async forget() {
    await this.write(["meta", "tickets", "conflicts", "scans"], async (stores) => {
      stores.meta.clear();
      stores.tickets.clear();
      stores.conflicts.clear();
      await dropped(stores.scans.index("state").openCursor("settled"), () => true);
      await dropped(stores.scans.index("state").openCursor("asked"), () => true);
    });
  }

  // The last value, by name, of those whose name begins so: `[name, value]`, or null.
  async latest(beginning) {
    const names = IDBKeyRange.bound(beginning, `${beginning}\uffff`);
    const cursor = await answered(this.database.transaction("meta").objectStore("meta").openCursor(names, "prev"));
    return cursor && [cursor.key, cursor.value];
  }

  // Tickets of days that are over, and scans that were settled before `before`.
  async tidy(dates, before) {
    await this.write(["tickets", "scans", "undos"], async ({ tickets, scans, undos }) => {
      await dropped(tickets.openCursor(), (ticket) => !datesOf(ticket).some((date) => dates.includes(date)));
      await dropped(scans.index("scanned_at").openCursor(IDBKeyRange.upperBound(before)), (scan) => scan.state !== "decided");
      await dropped(undos.index("state").openCursor("settled"), (undo) => undo.undone_at < before);
    });
  }
}

// Phones of before kept one date.
export function datesOf(ticket) {
  return ticket?.dates ?? (ticket?.date ? [ticket.date] : []);
}

function abort(transaction) {
  try {
    transaction.abort();
  } catch {
    // It had ended by itself.
  }
}

export function answered(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function opened(name) {
  const request = indexedDB.open(name, VERSION);
  request.onupgradeneeded = () => {
    const made = request.result;
    made.createObjectStore("meta");
    const tickets = made.createObjectStore("tickets", { keyPath: "id" });
    tickets.createIndex("short_code_hash", "short_code_hash");
    const scans = made.createObjectStore("scans", { keyPath: "id" });
    for (const name of ["state", "ticket_id", "scanned_at"]) scans.createIndex(name, name);
    made.createObjectStore("undos", { keyPath: "id" }).createIndex("state", "state");
    made.createObjectStore("conflicts", { keyPath: "scan_id" });
  };
  return answered(request);
}

function collected(request, count, isWanted = () => true) {
  const found = [];
  const visit = ({ value }) => {
    if (isWanted(value)) found.push(value);
    return found.length < count;
  };
  return each(request, visit).then(() => found);
}

function dropped(request, isOver) {
  return each(request, (cursor) => {
    if (isOver(cursor.value)) cursor.delete();
    return true;
  });
}

function each(request, visit) {
  return new Promise((resolve, reject) => {
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const cursor = request.result;
      if (cursor && visit(cursor)) cursor.continue();
      else resolve();
    };
  });
}
