// What holds at a listener, rule or cluster: each value with where it came from.

const LABELS = {
  tls: 'TLS', alpn: 'ALPN', http: 'HTTP', http2: 'HTTP/2', tcp: 'TCP',
};

/** `http.requestHeadersTimeout` → "Request headers timeout". */
function label(path) {
  const parts = path.split('.').filter(p => p !== 'http' && p !== 'streams');
  const words = parts.map(p => LABELS[p] ?? p.replace(/([A-Z])/g, ' $1').replace(/([a-z])(\d)/g, '$1 $2').toLowerCase());
  const text = words.join(' ').replace('tcp keepalive', 'TCP keepalive').replace('min version', 'from version').replace('max version', 'to version');
  return text[0].toUpperCase() + text.slice(1);
}

/** "Kind namespace/name field (file:line:column)" as the plan's origins are written. */
export function source(text) {
  const parts = /^(\S+ \S+) (.*?)(?: ?\(([^()]+:\d+:\d+)\))?$/.exec(text);
  return parts ? {resource: parts[1], field: parts[2], position: parts[3]} : {resource: text, field: '', position: undefined};
}

const DURATION = /^\d+(ms|s)$/;

function words(path, value) {
  if (value === undefined || value === null) return 'none';
  if (Array.isArray(value)) {
    return value.length ? value.map(v => typeof v === 'object' ? (v.name ?? JSON.stringify(v)) : String(v)).join(', ') : 'none';
  }
  if (typeof value === 'object') return Object.entries(value).map(([k, v]) => `${k} ${v}`).join(', ');
  if (typeof value === 'string' && DURATION.test(value)) return duration(value);
  if (value === 0) {
    return /breaker\.max(Connections|PendingRequests|ParallelRequests)$/.test(path) ? '0: every request is refused' : 'no limit';
  }
  if (typeof value === 'number' && /window|bytes/i.test(path)) return `${value.toLocaleString('en')} bytes`;
  if (value === true) return 'yes';
  if (value === false) return 'no';
  return typeof value === 'number' ? value.toLocaleString('en') : String(value);
}

function duration(text) {
  if (text === '0s') return 'none';
  if (text.endsWith('ms')) return text;
  const seconds = Number(text.slice(0, -1));
  if (seconds >= 3600 && seconds % 3600 === 0) return `${text} (${seconds / 3600} h)`;
  if (seconds > 60 && seconds % 60 === 0) return `${text} (${seconds / 60} min)`;
  return text;
}

const get = (element, path) => path.split('.').reduce((at, name) => at?.[name], element);

/** [{label, value, from, isDefault}], what is set first; `paths` are those that matter, set or not. */
export function values(element, origins = {}, paths = []) {
  const all = [...new Set([...Object.keys(origins), ...paths])];
  return all
    .map(path => ({label: label(path), value: words(path, get(element, path)), from: origins[path] && source(origins[path]), isDefault: !origins[path]}))
    .sort((a, b) => a.isDefault - b.isDefault);
}

export const OF_LISTENER = ['tls.alpn', 'tls.minVersion', 'tls.maxVersion', 'http.idleTimeout', 'http.streamIdleTimeout', 'http.requestHeadersTimeout',
  'http.requestReceivedTimeout', 'http.tlsHandshakeTimeout', 'http.maxConnections', 'http.maxConnectionDuration', 'http.http2.maxConcurrentStreams'];
export const OF_RULE = ['requestTimeout', 'backendRequestTimeout', 'idleTimeout', 'maxStreamDuration', 'upgrades'];
export const OF_CLUSTER = ['breaker.maxConnections', 'breaker.maxPendingRequests', 'breaker.maxParallelRequests', 'maxStreams', 'useClientProtocol',
  'connectTimeout', 'idleTimeout'];
export const OF_RELAY = ['idleTimeout', 'maxDuration'];
