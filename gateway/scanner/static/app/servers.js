// Whom to ask, in order: where this page comes from, then a hub in the house. When none answers, the phone is alone.

const PATIENCE_MS = 1500;
// A server that did not answer is left alone for a while, so that a queue does not wait for it at every ticket.
const REST_MS = 4000;

export class Away extends Error {}

// The instance believes a token, and is believed because of its certificate. A hub is another kind of server: it signs
// and wants signatures (hub.js), so it has a `question` of its own.
export function instance(origin, token = null, { patience = PATIENCE_MS } = {}) {
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  return { origin, patience, question: async () => ({ headers, isGenuine: async () => true }) };
}

export class Servers {
  // `servers`: `{origin, patience, question}`, the instance first, where `question(method, path, body)` gives the headers that say who asks, and
  // `isGenuine(response, bytes)` for the answer. `now` counts milliseconds.
  constructor(servers, { now = () => performance.now(), fetch = (...asked) => globalThis.fetch(...asked) } = {}) {
    this.servers = servers;
    this.now = now;
    this.fetch = fetch;
    this.restUntil = new Map();
  }

  get areAllAway() {
    return this.servers.every((server) => this.isResting(server));
  }

  get instance() {
    return this.servers[0];
  }

  // In the house, if there is one.
  get hub() {
    return this.servers[1] ?? null;
  }

  // `{status, body}` of the first server `among` these that is there. Throws `Away`. `isProbe`: ask those at rest too.
  async ask(method, path, body, { patience = null, isProbe = false, among = this.servers } = {}) {
    const text = body === undefined ? undefined : JSON.stringify(body);
    for (const server of among) {
      if (this.isResting(server) && !isProbe) continue;
      const answer = await this.askOne(server, method, path, text, patience ?? server.patience);
      if (answer) return answer;
    }
    throw new Away();
  }

  isResting({ origin }) {
    return (this.restUntil.get(origin) ?? 0) > this.now();
  }

  rest({ origin }, milliseconds = REST_MS) {
    this.restUntil.set(origin, this.now() + milliseconds);
  }

  restAll() {
    this.servers.forEach((server) => this.rest(server));
  }

  async askOne(server, method, path, body, patience) {
    try {
      const question = await server.question(method, path, body);
      const headers = { accept: "application/json", ...question.headers };
      if (body !== undefined) headers["content-type"] = "application/json";
      const signal = AbortSignal.timeout(patience);
      const how = { method, headers, body, signal, credentials: "omit", cache: "no-store" };
      const response = await this.fetch(server.origin + path, how);
      // Too many questions or a server in trouble: as good as none.
      if (response.status >= 500 || response.status === 429) throw new Error(`status ${response.status}`);
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (!(await question.isGenuine(response, bytes))) throw new Error("not signed by who was asked");
      const answer = { status: response.status, body: bytes.length ? JSON.parse(new TextDecoder().decode(bytes)) : null };
      this.restUntil.delete(server.origin);
      return answer;
    } catch {
      this.rest(server);
      return null;
    }
  }
}
