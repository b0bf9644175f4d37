'use strict';

// Everything shown comes from manifests and clients: it is only ever set as text, never as HTML.
const byId = id => document.getElementById(id);
const element = (name, text, className) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
};

function span(millis) {
  const seconds = Math.max(0, Math.round(millis / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds % 3600 / 60)} min`;
}

function bytes(count) {
  if (count < 1024) return `${count} B`;
  if (count < 1048576) return `${(count / 1024).toFixed(1)} kB`;
  return `${(count / 1048576).toFixed(1)} MB`;
}

const traffic = (size, messages) => messages > 0 ? `${bytes(size)} in ${messages} messages` : bytes(size);

const COLUMNS = [
  ['Stream', s => `${s.kind} ${s.host}${s.path} from ${s.client}`],
  ['Route', s => s.route],
  ['Backend', s => s.endpoint],
  ['Protocols', s => `${s.downstreamProtocol} to ${s.upstreamProtocol}`],
  ['Age', s => span(Date.now() - s.openedAtMillis)],
  ['From client', s => traffic(s.bytesFromClient, s.messagesFromClient)],
  ['To client', s => traffic(s.bytesToClient, s.messagesToClient)],
  ['Last activity', s => `${span(Date.now() - s.lastActivityMillis)} ago`],
  ['Closes', s => s.closesAtMillis > 0 ? `${s.closesBy} in ${span(s.closesAtMillis - Date.now())}` : 'no timer'],
];

const rows = new Map();

function newRow(stream) {
  const row = element('tr');
  for (const [label] of COLUMNS) {
    const cell = element('td');
    cell.dataset.label = label;
    cell.append(element('span'));
    row.append(cell);
  }
  const action = element('td');
  action.dataset.label = '';
  const button = element('button', 'Close', 'danger');
  button.type = 'button';
  button.setAttribute('aria-label', `Close ${COLUMNS[0][1](stream)}`);
  button.addEventListener('click', () => ask(stream));
  action.append(button);
  row.append(action);
  return row;
}

// Rows are kept and only their text changes, so that focus and selection survive a refresh.
function showStreams(streams) {
  const body = byId('streams').tBodies[0];
  const live = new Set(streams.map(s => s.id));
  for (const [id, row] of rows) {
    if (!live.has(id)) {
      row.remove();
      rows.delete(id);
    }
  }
  for (const stream of streams) {
    let row = rows.get(stream.id);
    if (!row) {
      row = newRow(stream);
      rows.set(stream.id, row);
      body.append(row);
    }
    row.className = stream.draining ? 'draining' : '';
    COLUMNS.forEach(([, text], i) => {
      const value = text(stream);
      const target = row.cells[i].firstChild;
      if (target.textContent !== value) target.textContent = value;
    });
  }
  byId('stream-count').textContent = String(streams.length);
  byId('streams').hidden = streams.length === 0;
  byId('no-streams').hidden = streams.length > 0;
}

function ask(stream) {
  const dialog = byId('ask');
  byId('ask-what').textContent = COLUMNS[0][1](stream);
  dialog.returnValue = 'no';
  dialog.onclose = async () => {
    if (dialog.returnValue !== 'yes') return;
    try {
      await fetch(`/api/streams/${encodeURIComponent(stream.id)}`, {method: 'DELETE'});
      await refreshStreams();
    } catch {
      unreachable();
    }
  };
  dialog.showModal();
}

function showProblems(problems) {
  byId('problem-count').textContent = String(problems.length);
  byId('no-problems').hidden = problems.length > 0;
  byId('problems').replaceChildren(...problems.map(problem => {
    const item = element('li');
    item.append(element('span', problem.severity.toLowerCase(), `severity ${problem.severity}`), ` ${problem.code} `);
    if (problem.position) {
      const p = problem.position;
      item.append(element('span', `${p.file}:${p.line}:${p.column}`, 'mono faint'));
    }
    const what = [problem.resource && `${problem.resource.kind} ${problem.resource.namespace}/${problem.resource.name}`,
      problem.fieldPath].filter(Boolean).join(' ');
    if (what) item.append(element('div', what, 'mono'));
    item.append(element('div', problem.message));
    if (problem.fix) item.append(element('div', `Fix: ${problem.fix}`));
    if (problem.fixYaml) item.append(element('pre', problem.fixYaml));
    return item;
  }));
}

function matchText(match) {
  const path = match.path.path ?? match.path.expression;
  const kind = {Exact: 'exactly ', Prefix: '', Regex: 'matching '}[match.path.type] ?? '';
  const more = match.headers.length + match.queryParams.length;
  return `${match.method ? match.method + ' ' : ''}${kind}${path}${more ? ` and ${more} more conditions` : ''}`;
}

function actionText(action, clusters) {
  switch (action.type) {
    case 'Forward':
      return action.destinations.map(d => d.failure ? `answers ${d.failure}`
        : endpoints(d.cluster, clusters)).join(' or ');
    case 'Redirect': return `redirect ${action.statusCode}`;
    default: return `answers ${action.statusCode} ${action.reason ?? ''}`;
  }
}

function endpoints(cluster, clusters) {
  return (clusters[cluster]?.endpoints ?? []).map(e => e.port < 0 ? e.host : `${e.host}:${e.port}`).join(', ') || 'no endpoint';
}

const layers = {Tcp: 'TCP', Udp: 'UDP', Passthrough: 'TLS, passed through', Terminate: 'TLS, ends here'};

function l4Listener(listener, clusters) {
  const box = element('div', undefined, 'listener');
  box.append(element('h3', `${listener.name} on port ${listener.bindPort}`));
  box.append(element('p', `${listener.hostname ?? 'every hostname'} · ${layers[listener.layer.type]}`, 'faint'));
  const list = element('ul');
  for (const route of listener.routes) {
    const item = element('li');
    const to = route.destinations.map(d => d.failure ? `refuses: ${d.failure}` : endpoints(d.cluster, clusters)).join(' or ');
    item.append(element('span', `${route.hostnames.join(', ')} → ${to}`, 'mono'), element('div', route.route, 'faint'));
    list.append(item);
  }
  box.append(list);
  return box;
}

function showPlan(plan) {
  byId('listeners').replaceChildren(...plan.listeners.map(listener => {
    const box = element('div', undefined, 'listener');
    box.append(element('h3', `${listener.name} on port ${listener.bindPort}`));
    const tls = listener.tls ? `TLS, offers ${listener.tls.alpn.join(', ') || 'no ALPN'}` : 'no TLS';
    box.append(element('p', `${listener.hostname ?? 'every hostname'} · ${tls}`, 'faint'));
    const list = element('ul');
    for (const host of listener.virtualHosts) {
      for (const route of host.routes) {
        const item = element('li');
        item.append(element('span', `${host.hostname} ${matchText(route.match)} → ${actionText(route.action, plan.clusters)}`, 'mono'),
          element('div', `${route.route}${route.upgrades.length ? ' · upgrades ' + route.upgrades.join(', ') : ''}`, 'faint'));
        list.append(item);
      }
    }
    box.append(list);
    return box;
  }), ...plan.l4.map(listener => l4Listener(listener, plan.clusters)));
}

function showReloads(reloads) {
  byId('reloads').replaceChildren(...reloads.map(reload =>
    element('li', `${new Date(reload.atMillis).toLocaleTimeString()} ${reload.summary}`)));
}

function state(text, className) {
  const pill = byId('state');
  if (pill.textContent !== text) pill.textContent = text;
  pill.className = `pill ${className}`;
}

const unreachable = () => state('the gateway does not answer', 'bad');

async function read(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

const refreshStreams = async () => showStreams(await read('/api/streams'));

const last = {};

// The slower parts are drawn again only when they changed.
async function refresh(path, show) {
  const text = await (await fetch(path)).text();
  if (last[path] !== text) {
    last[path] = text;
    show(JSON.parse(text));
  }
}

async function tick() {
  try {
    await refreshStreams();
    await Promise.all([
      refresh('/api/problems', showProblems),
      refresh('/api/plan', showPlan),
      refresh('/api/reloads', showReloads),
    ]);
    const ready = await fetch('/readyz');
    state(ready.ok ? 'ready' : 'not ready', ready.ok ? 'ok' : 'bad');
  } catch {
    unreachable();
  }
  setTimeout(tick, document.hidden ? 5000 : 1000);
}

tick();
