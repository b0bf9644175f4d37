// The streams as the feed tells them, and the part of them that is asked for: filtered and sorted.

/** What a word before a colon in the filter means. */
const FIELDS = {
  route: s => s.route,
  client: s => s.client,
  kind: s => s.kind,
  host: s => s.host,
  path: s => s.path,
  backend: s => s.endpoint,
  listener: s => s.listener,
  cluster: s => s.cluster,
  protocol: s => `${s.downstreamProtocol} ${s.upstreamProtocol}`,
  closes: s => s.closesBy || 'never',
  id: s => s.id,
};

export const SORTS = {
  stream: s => `${s.host}${s.path}`,
  client: s => s.client,
  route: s => `${s.route} ${s.endpoint}`,
  protocols: s => `${s.downstreamProtocol} ${s.upstreamProtocol}`,
  age: s => -s.openedAtMillis,
  fromClient: s => s.bytesFromClient,
  toClient: s => s.bytesToClient,
  activity: s => -s.lastActivityMillis,
  roundTrip: s => s.roundTripMicros,
  closes: s => s.closesAtMillis || Number.MAX_SAFE_INTEGER,
};

/** Sorts whose order changes as streams move bytes; the others need sorting only when rows come or go. */
const MOVING_SORTS = new Set(['fromClient', 'toClient', 'activity', 'roundTrip', 'closes']);

/** `route:shop websocket -client:127.0.0.1` → a predicate: all words hold, one after a minus must not. */
export function matcher(text) {
  const tests = text.toLowerCase().split(/\s+/).filter(Boolean).map(word => {
    const not = word.startsWith('-') && word.length > 1;
    const plain = not ? word.slice(1) : word;
    const colon = plain.indexOf(':');
    const field = FIELDS[plain.slice(0, colon)];
    const wanted = field ? plain.slice(colon + 1) : plain;
    const test = field
      ? s => field(s).toLowerCase().includes(wanted)
      : s => s.search.includes(wanted);
    return not ? s => !test(s) : test;
  });
  return s => tests.every(test => test(s));
}

export class Store {
  constructor() {
    this.clear();
    this.columns = [];
    this.moving = 0;
    this.match = () => true;
    this.sort = 'age';
    this.down = false;
  }

  clear() {
    this.byId = new Map();
    this.rows = [];
    this.open = 0;
    this.now = Date.now();
    this.skew = 0;
    this.dirty = true;
  }

  describe({columns, moving}) {
    this.columns = columns;
    this.moving = moving;
    this.byId = new Map();
    this.dirty = true;
  }

  /** Takes what changed since the last time. */
  take({now, open, opened, moved, closed}) {
    this.skew = now - Date.now();
    this.open = open;
    for (const id of closed) this.byId.delete(id);
    for (const values of opened) {
      const stream = {};
      this.columns.forEach((name, i) => { stream[name] = values[i]; });
      stream.search = `${stream.kind} ${stream.host}${stream.path} ${stream.client} ${stream.route} ${stream.endpoint} ${stream.listener} ${stream.downstreamProtocol} ${stream.upstreamProtocol} ${stream.id}`.toLowerCase();
      this.byId.set(stream.id, stream);
    }
    for (const values of moved) {
      const stream = this.byId.get(values[0]);
      if (!stream) continue;
      for (let i = 1; i < values.length; i++) stream[this.columns[this.moving + i - 1]] = values[i];
    }
    if (opened.length || closed.length || (moved.length && MOVING_SORTS.has(this.sort))) this.dirty = true;
  }

  filter(text) {
    this.match = matcher(text);
    this.dirty = true;
  }

  sortBy(column, down) {
    this.sort = column;
    this.down = down;
    this.dirty = true;
  }

  /** The rows to show, in order. */
  view() {
    if (!this.dirty) return this.rows;
    const key = SORTS[this.sort];
    const found = [];
    for (const stream of this.byId.values()) {
      if (this.match(stream)) {
        stream.key = key(stream);
        found.push(stream);
      }
    }
    const sign = this.down ? -1 : 1;
    // Equal keys go by age, so that rows do not jump about.
    found.sort((a, b) => a.key < b.key ? -sign : a.key > b.key ? sign : a.openedAtMillis - b.openedAtMillis || (a.id < b.id ? -1 : 1));
    this.rows = found;
    this.dirty = false;
    return found;
  }

  /** The gateway's clock. */
  time() {
    return Date.now() + this.skew;
  }

  byRoute() {
    const counts = new Map();
    for (const stream of this.byId.values()) counts.set(stream.route, (counts.get(stream.route) ?? 0) + 1);
    return counts;
  }
}
