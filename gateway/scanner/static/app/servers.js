// Whom to ask, in order: where this page comes from, then a hub in the house. When none answers, the phone is alone.

const PATIENCE_MS = 1500;
// A server that did not answer is left alone for a while, so that a queue does not wait for it at every ticket.
const REST_MS = 4000;

export class Away extends Error {}

// The instance itself believes a token. A hub, which does not hold it, would be told who asks by a signature.
export function instance(origin, token = null) {
  return { origin, headers: async () => (token ? { authorization: `Bearer ${token}` } : {}) };
}

export class Servers {
  // `servers`: `{origin, headers}`, where `headers(method, path, body)` says who asks. `now` counts milliseconds.
  constructor(servers, { now = () => performance.now(), fetch = (...asked) => globalThis.fetch(...asked) } = {}) {
    this.servers = servers;
    this.now = now;
    this.fetch = fetch;
    this.restUntil = new Map();
  }

  get areAllAway() {
    return this.servers.every((server) => this.isResting(server));
  }

  // `{status, body}` of the first server that is there. Throws `Away`. `isProbe`: ask those at rest too.
  async ask(method, path, body, { patience = PATIENCE_MS, isProbe = false } = {}) {
    const text = body === undefined ? undefined : JSON.stringify(body);
    for (const server of this.servers) {
      if (this.isResting(server) && !isProbe) continue;
      const answer = await this.askOne(server, method, path, text, patience);
      if (answer) return answer;
    }
    throw new Away();
  }

  isResting({ origin }) {
    return (this.restUntil.get(origin) ?? 0) > this.now();
  }

  rest({ origin }) {
    this.restUntil.set(origin, this.now() + REST_MS);
  }

  restAll() {
    this.servers.forEach((server) => this.rest(server));
  }

  async askOne(server, method, path, body, patience) {
    try {
      const headers = { accept: "application/json", ...(await server.headers(method, path, body)) };
      if (body !== undefined) headers["content-type"] = "application/json";
      const signal = AbortSignal.timeout(patience);
      const how = { method, headers, body, signal, credentials: "omit", cache: "no-store" };
      const response = await this.fetch(server.origin + path, how);
      // Too many questions or a server in trouble: as good as none.
      if (response.status >= 500 || response.status === 429) throw new Error(`status ${response.status}`);
      const text = await response.text();
      const answer = { status: response.status, body: text ? JSON.parse(text) : null };
      this.restUntil.delete(server.origin);
      return answer;
    } catch {
      this.rest(server);
      return null;
    }
  }
}
