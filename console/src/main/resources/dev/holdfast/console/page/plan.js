// Gateways → listeners → routes → clusters, each with the values that hold and where they came from.
import {byId, copyButton, make} from './dom.js';
import {baseName, plural} from './format.js';
import {OF_CLUSTER, OF_LISTENER, OF_RELAY, OF_RULE, source, values} from './policy.js';

let plan;

export function start() {
  let typing;
  byId('plan-filter').addEventListener('input', () => {
    clearTimeout(typing);
    typing = setTimeout(draw, 120);
  });
  byId('defaults').addEventListener('change', draw);
}

export function show(next) {
  plan = next;
  draw();
}

const withoutTls = path => !path.startsWith('tls.') && !path.includes('tlsHandshake');

/** A policy of the Gateway may speak of TLS on a listener that has none. */
const ofListener = listener => Object.fromEntries(Object.entries(plan.provenance.listeners[listener.name] ?? {})
  .filter(([path]) => listener.tls || withoutTls(path)));

const gatewayOf = listener => listener.name.slice(0, listener.name.lastIndexOf('/'));
const sectionOf = listener => listener.name.slice(listener.name.lastIndexOf('/') + 1);
const ruleOf = route => route.id.slice(0, route.id.lastIndexOf('/'));

function matchText(match) {
  const path = match.path.path ?? match.path.expression;
  const kind = {Exact: '= ', Prefix: '', Regex: '~ '}[match.path.type] ?? '';
  const more = [...match.headers.map(h => `header ${h.name}${h.regex ? ' ~ ' : ': '}${h.value}`),
    ...match.queryParams.map(q => `?${q.name}${q.regex ? '~' : '='}${q.value}`)];
  return [match.method, `${kind}${path}${match.path.type === 'Prefix' && path !== '/' ? '/…' : ''}`, ...more].filter(Boolean).join(' ');
}

const endpoint = e => e.port < 0 ? e.host : `${e.host}:${e.port}`;

/** Where the shares go: addresses, or what `failed` says of one that goes nowhere. */
function destinationsText(destinations, failed) {
  return destinations.map(d => {
    if (d.failure) return failed(d.failure);
    const at = plan.clusters[d.cluster]?.endpoints ?? [];
    return at.length ? at.map(endpoint).join(', ') : 'no endpoint';
  }).join(' or ');
}

function actionText(action) {
  switch (action.type) {
    case 'Forward':
      return destinationsText(action.destinations, failure => `answers ${failure}: its backend is not valid`);
    case 'Redirect': return `redirect ${action.statusCode} to ${[action.scheme, action.hostname].filter(Boolean).join('://') || 'another path'}`;
    default: return `answers ${action.statusCode} ${action.reason ?? ''}`;
  }
}

function origin(text) {
  const from = source(text);
  return make('span', 'from', make('span', '', from.resource), place(from));
}

function place(from) {
  if (!from.position) return undefined;
  const shown = make('span', 'mono place', baseName(from.position.replace(/:\d+$/, '')));
  shown.title = `${from.field} at ${from.position}`;
  return shown;
}

/** A table of values; without defaults where the reader did not ask for them. */
function policy(element, origins, paths, caption) {
  const all = values(element, origins, paths);
  const shown = byId('defaults').checked ? all : all.filter(v => !v.isDefault);
  if (shown.length === 0) return make('p', 'faint small', `${caption}: all defaults.`);
  const table = make('table', 'values', make('caption', 'hidden', caption),
    make('thead', 'hidden', make('tr', '', ...['Value', 'Is', 'From'].map(t => {
      const th = make('th', '', t);
      th.scope = 'col';
      return th;
    }))));
  const body = make('tbody');
  for (const v of shown) {
    const head = make('th', '', v.label);
    head.scope = 'row';
    const from = v.from
      ? make('td', 'from', make('span', '', v.from.resource), place(v.from), copy(v.from))
      : make('td', 'from faint', 'default');
    body.append(make('tr', v.isDefault ? 'default' : '', head, make('td', 'mono', v.value), from));
  }
  table.append(body);
  return make('div', 'scroll', table);
}

const copy = from => from.position ? copyButton(from.position.replace(/:\d+$/, ''), `Copy ${from.position}`) : undefined;

function cluster(name) {
  const found = plan.clusters[name];
  if (!found) return make('p', 'bad small', `cluster ${name} is not there`);
  const tls = found.tls ? `TLS as ${found.tls.sni || 'any name'}` : 'no TLS';
  return make('div', 'cluster',
    make('h5', '', `Cluster ${name}`, ' ', origin(found.origin)),
    make('p', 'small', make('span', 'mono', found.endpoints.map(endpoint).join(', ') || 'no endpoint'), ` · ${{HTTP1: 'HTTP/1.1', HTTP2: 'HTTP/2', AUTO: 'HTTP/1.1, or HTTP/2 by ALPN'}[found.protocol]} · ${tls}`),
    policy(found, plan.provenance.clusters[name], OF_CLUSTER, 'Values of the cluster'));
}

function route(listener, host, entry) {
  const summary = make('summary', '',
    make('span', 'mono match', `${host} ${matchText(entry.match)}`),
    make('span', 'mono action', `→ ${actionText(entry.action)}`),
    make('span', 'faint small', entry.id));
  const box = make('details', 'route', summary);
  // Made when it is opened: a plan may have thousands.
  box.addEventListener('toggle', () => {
    if (!box.open || box.childElementCount > 1) return;
    const inner = make('div', 'inside', make('p', 'small', origin(entry.origin)));
    const filters = [...entry.httpFilters, ...entry.filters].map(f => words(f.type));
    if (filters.length) inner.append(make('p', 'small', `Filters, in this order: ${filters.join(', ')}`));
    inner.append(policy(entry, plan.provenance.rules[`${listener.name} ${ruleOf(entry)}`], OF_RULE, 'Values of the rule'));
    if (entry.action.type === 'Forward') {
      for (const d of entry.action.destinations) if (d.cluster) inner.append(cluster(d.cluster));
    }
    box.append(inner);
  });
  return box;
}

/** `ResponseHeaders` → "response headers". */
const words = type => type.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();

const LAYERS = {Tcp: 'TCP', Udp: 'UDP', Passthrough: 'TLS, passed through', Terminate: 'TLS, ended here'};

const namesText = entry => entry.hostnames.map(h => h === '*' ? 'every connection' : h).join(', ');

const relayText = entry => destinationsText(entry.destinations, failure => `ended: ${failure}`);

/** A route whose connections are relayed as they come. */
function relay(entry) {
  const box = make('details', 'route', make('summary', '',
    make('span', 'mono match', namesText(entry)),
    make('span', 'mono action', `→ ${relayText(entry)}`),
    make('span', 'faint small', entry.id)));
  box.addEventListener('toggle', () => {
    if (!box.open || box.childElementCount > 1) return;
    const inner = make('div', 'inside', make('p', 'small', origin(entry.origin)));
    if (entry.authorization) inner.append(make('p', 'small', 'Clients are let in by their address.'));
    inner.append(policy(entry, {}, OF_RELAY, 'Values of the rule'));
    for (const d of entry.destinations) if (d.cluster) inner.append(cluster(d.cluster));
    box.append(inner);
  });
  return box;
}

/** What each is found by, known by, and drawn as. */
function routesOf(listener) {
  if (listener.layer) {
    return listener.routes.map(r => ({text: `${namesText(r)} ${r.id} ${relayText(r)}`, key: `${listener.name} ${r.id}`, box: () => relay(r)}));
  }
  return listener.virtualHosts.flatMap(h => h.routes.map(r => ({
    text: `${h.hostname} ${matchText(r.match)} ${r.id} ${actionText(r.action)}`,
    key: `${listener.name} ${h.hostname} ${r.id}`,
    box: () => route(listener, h.hostname, r),
  })));
}

function draw() {
  if (!plan) return;
  const wanted = byId('plan-filter').value.trim().toLowerCase();
  const open = new Set([...document.querySelectorAll('#plan details[open]')].map(d => d.dataset.key));
  const gateways = new Map();
  for (const listener of [...plan.listeners, ...plan.l4]) {
    const name = gatewayOf(listener);
    if (!gateways.has(name)) gateways.set(name, []);
    gateways.get(name).push(listener);
  }
  const cards = [...gateways].map(([name, listeners]) => {
    const card = make('article', 'card gateway', make('h3', '', make('span', 'faint', 'Gateway '), name));
    for (const listener of listeners) {
      const routes = routesOf(listener).filter(r => !wanted || r.text.toLowerCase().includes(wanted));
      if (wanted && routes.length === 0) continue;
      const tls = listener.layer ? LAYERS[listener.layer.type] : listener.tls ? 'HTTPS' : 'HTTP';
      const box = make('section', 'listener',
        make('h4', '', sectionOf(listener), ' ', make('span', 'kind', tls), make('span', 'mono', `:${listener.bindPort}`),
          listener.bindPort === listener.port ? undefined : make('span', 'faint small', `for ${listener.port}`),
          make('span', 'faint', listener.hostname ?? 'every host')),
        make('p', 'small', origin(listener.origin)),
        listener.layer ? undefined
          : policy(listener, ofListener(listener), listener.tls ? OF_LISTENER : OF_LISTENER.filter(withoutTls), 'Values of the listener'),
        make('p', 'faint small', plural(routes.length, 'route')));
      for (const r of routes) {
        const made = r.box();
        made.dataset.key = r.key;
        if (open.has(made.dataset.key)) made.open = true;
        box.append(made);
      }
      card.append(box);
    }
    return card;
  });
  byId('plan').replaceChildren(...(cards.length ? cards : [make('p', 'empty card', 'Nothing is served.')]));
}
