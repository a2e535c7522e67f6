// As much of IndexedDB as the scanner's storage asks for, for a Node that has none: transactions one after the other,
// values copied, requests answered later, a commit when nothing is asked any more.

const later = (work) => setImmediate(work);
const at = (value, path) => path.split(".").reduce((found, name) => found?.[name], value);

globalThis.IDBKeyRange = class {
  constructor(isIn) {
    this.includes = isIn;
  }
  static bound(lower, upper, isLowerOpen = false, isUpperOpen = false) {
    return new IDBKeyRange((key) => (isLowerOpen ? key > lower : key >= lower) && (isUpperOpen ? key < upper : key <= upper));
  }
  static upperBound(upper) {
    return new IDBKeyRange((key) => key <= upper);
  }
};

class Transaction {
  constructor(database, names) {
    Object.assign(this, { database, error: null, waiting: [], before: database.last });
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
    database.last = this.ended;
    this.names = names;
    this.before.then(() => this.run());
  }
  objectStore(name) {
    return new Source(this, this.database.stores.get(name), (key) => key);
  }
  asked(work) {
    const request = {};
    this.waiting.push({ request, work });
    return request;
  }
  // Whoever was answered may ask again before the turn is over.
  run() {
    const next = this.waiting.shift();
    if (!next) {
      this.end();
      return this.oncomplete?.();
    }
    next.request.result = next.work();
    next.request.onsuccess?.();
    later(() => this.run());
  }
  abort() {
    this.waiting = [];
    this.onabort?.();
  }
}

class Source {
  constructor(transaction, store, keyOf) {
    Object.assign(this, { transaction, store, keyOf });
  }
  index(name) {
    return new Source(this.transaction, this.store, (_, value) => at(value, name));
  }
  found(query) {
    const isIn = (key) => (query === null || query === undefined ? true : query.includes instanceof Function && query instanceof IDBKeyRange ? query.includes(key) : key === query);
    const rows = [...this.store.rows].map(([primary, value]) => ({ primary, value, key: this.keyOf(primary, value) }));
    const isIndexed = rows.filter(({ key }) => key !== undefined && key !== null && isIn(key));
    const order = (one, other) => (one < other ? -1 : one > other ? 1 : 0);
    return isIndexed.sort((one, other) => order(one.key, other.key) || order(one.primary, other.primary));
  }
  get(query) {
    return this.transaction.asked(() => structuredClone(this.found(query)[0]?.value));
  }
  getAll(query, count = Infinity) {
    return this.transaction.asked(() => this.found(query).slice(0, count).map(({ value }) => structuredClone(value)));
  }
  count(query) {
    return this.transaction.asked(() => this.found(query).length);
  }
  put(value, key) {
    const copy = structuredClone(value);
    return this.transaction.asked(() => this.store.rows.set(key ?? copy[this.store.keyPath], copy) && undefined);
  }
  delete(query) {
    return this.transaction.asked(() => this.found(query).forEach(({ primary }) => this.store.rows.delete(primary)));
  }
  clear() {
    return this.transaction.asked(() => this.store.rows.clear());
  }
  openCursor(query, direction) {
    let rows = null;
    const request = this.transaction.asked(() => {
      rows = this.found(query);
      if (direction === "prev") rows.reverse();
      return cursor();
    });
    const cursor = () => {
      const row = rows.shift();
      if (!row) return null;
      const again = () => this.transaction.waiting.push({ request, work: cursor });
      return { key: row.key, value: structuredClone(row.value), delete: () => this.transaction.asked(() => this.store.rows.delete(row.primary)), continue: again };
    };
    return request;
  }
}

const databases = new Map();

globalThis.indexedDB = {
  open(name) {
    const request = {};
    const isNew = !databases.has(name);
    const database = databases.get(name) ?? { stores: new Map(), last: Promise.resolve() };
    databases.set(name, database);
    request.result = {
      createObjectStore(store, { keyPath } = {}) {
        database.stores.set(store, { keyPath, rows: new Map() });
        return { createIndex() {} };
      },
      transaction: (names) => new Transaction(database, names),
    };
    later(() => {
      if (isNew) request.onupgradeneeded?.();
      request.onsuccess();
    });
    return request;
  },
};
