// The table of streams: filter, sort, details, close one or all of a route.
import {announce, button, byId, make, setText} from './dom.js';
import {ask} from './dialogs.js';
import {bytes, closes, number, plural, roundTrip, span} from './format.js';
import {Grid} from './grid.js';
import {remove} from './link.js';
import {Store} from './store.js';

const CHIPS = 8;
export const store = new Store();

const traffic = (size, messages) => [bytes(size), messages > 0 ? `${number(messages)} msg` : ''];
const protocols = s => `${s.downstreamProtocol} → ${s.upstreamProtocol}`;
const name = s => `${s.kind} ${s.host}${s.path} from ${s.client}`;

const COLUMNS = [
  {key: 'stream', title: 'Stream', sortable: true, badge: true, cells: s => [`${s.host}${s.path}`, protocols(s), s.kind]},
  {key: 'client', title: 'Client', sortable: true, cells: s => [s.client, s.listener.slice(s.listener.indexOf('/') + 1)]},
  {key: 'route', title: 'Route, backend', sortable: true, cells: s => [s.route, s.endpoint]},
  {key: 'fromClient', title: 'From client', sortable: true, cells: s => traffic(s.bytesFromClient, s.messagesFromClient)},
  {key: 'toClient', title: 'To client', sortable: true, cells: s => traffic(s.bytesToClient, s.messagesToClient)},
  {key: 'age', title: 'Age', sortable: true, cells: s => [span(store.time() - s.openedAtMillis), '']},
  {key: 'activity', title: 'Last active', sortable: true, cells: s => [`${span(store.time() - s.lastActivityMillis)} ago`, '']},
  {key: 'roundTrip', title: 'RTT', sortable: true, cells: s => [roundTrip(s.roundTripMicros), '']},
  {key: 'closes', title: 'Closes', sortable: true, cells: s => s.closesAtMillis > 0
    ? [s.closesBy, `in ${span(s.closesAtMillis - store.time())}`] : ['no timer', '']},
  {key: 'act', title: 'Action', action: 'Close'},
];

let grid;
let limit = Infinity;
let shown;

export function start() {
  grid = new Grid(byId('frame'), byId('streams'), COLUMNS, {
    id: s => s.id,
    label: s => `Close ${name(s)}`,
    rowClass: s => s.draining ? 'draining' : '',
    onOpen: details,
    onDelete: closeOne,
    onSort: key => sort(key, store.sort === key ? !store.down : false),
  });
  const select = byId('sort');
  select.append(...COLUMNS.filter(c => c.sortable).map(c => {
    const option = make('option', '', `Sort: ${c.title}`);
    option.value = c.key;
    return option;
  }));
  select.addEventListener('change', () => sort(select.value, false));
  let typing;
  byId('filter').addEventListener('input', () => {
    clearTimeout(typing);
    typing = setTimeout(refilter, 80);
  });
  byId('close-route').addEventListener('click', () => closeRoute(wholeRoute()));
  byId('details-close').addEventListener('click', () => {
    const stream = shown;
    byId('details').close();
    closeOne(stream);
  });
  byId('details-route').addEventListener('click', () => {
    byId('details').close();
    setFilter(`route:${shown.route}`);
  });
  sort('age', false);
}

function sort(key, down) {
  store.sortBy(key, down);
  byId('sort').value = key;
  grid.sorted(key, down);
  byId('frame').scrollTop = 0;
  show();
}

function setFilter(text) {
  byId('filter').value = text;
  refilter();
}

function refilter() {
  store.filter(byId('filter').value);
  byId('frame').scrollTop = 0;
  show();
  announce(`${plural(store.rows.length, 'stream')} shown`);
}

export function describe(columns) {
  limit = columns.rows;
  store.describe(columns);
}

/** Draws what the feed has brought. */
export function show() {
  const rows = store.view();
  setText(byId('stream-count'), number(store.open));
  const frame = byId('frame');
  const none = rows.length === 0;
  if (frame.hidden !== none) frame.hidden = none;
  byId('no-streams').hidden = !none;
  setText(byId('no-streams'), store.open > 0
    ? 'No stream matches the filter.'
    : 'No stream is open. Open a page with a WebSocket or server-sent events and it shows here.');
  const of = store.open > limit ? `the newest ${number(limit)} of ${number(store.open)}` : number(store.open);
  setText(byId('shown'), rows.length === store.open ? plural(store.open, 'open', 'open') : `${number(rows.length)} of ${of}`);
  byId('page-streams').dataset.rows = String(rows.length);
  grid.show(rows);
  chips();
  if (byId('details').open) fillDetails();
}

/** The route that the filter names in full, if that is all it says. */
function wholeRoute() {
  const text = byId('filter').value.trim();
  return text.startsWith('route:') && !text.includes(' ') ? text.slice('route:'.length) : undefined;
}

function chips() {
  const counts = store.byRoute();
  const top = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, CHIPS);
  const chosen = wholeRoute();
  const box = byId('by-route');
  box.hidden = counts.size < 2 && !chosen;
  const state = JSON.stringify([top, chosen]);
  if (box.dataset.state !== state) {
    const focused = document.activeElement?.dataset.route;
    box.dataset.state = state;
    box.replaceChildren(...top.map(([route, count]) => {
      const chip = button('', 'chip', () => setFilter(chosen === route ? '' : `route:${route}`));
      chip.append(make('span', 'mono', route), make('span', 'badge', number(count)));
      chip.dataset.route = route;
      chip.setAttribute('aria-pressed', String(chosen === route));
      return chip;
    }));
    if (focused) [...box.children].find(c => c.dataset.route === focused)?.focus();
  }
  const all = byId('close-route');
  const count = chosen ? counts.get(chosen) : undefined;
  all.hidden = !count;
  if (count) setText(all, `Close all ${number(count)}`);
}

function details(stream) {
  shown = stream;
  fillDetails();
  byId('details').showModal();
}

function fillDetails() {
  const s = store.byId.get(shown.id);
  setText(byId('details-title'), `${shown.kind} ${shown.id}${s ? '' : ' (closed)'}`);
  byId('details-close').disabled = !s || s.draining;
  shown = s ?? shown;
  const now = store.time();
  const lines = [
    ['Host and path', `${shown.host}${shown.path}`],
    ['Client', shown.client],
    ['Listener', shown.listener],
    ['Route', shown.route],
    ['Backend', `${shown.endpoint} (cluster ${shown.cluster})`],
    ['Protocol from the client', shown.downstreamProtocol],
    ['Protocol to the backend', shown.upstreamProtocol],
    ['Opened', `${new Date(shown.openedAtMillis).toLocaleString()}, ${span(now - shown.openedAtMillis)} ago`],
    ['Last activity', `${span(now - shown.lastActivityMillis)} ago`],
    ['From the client', `${number(shown.bytesFromClient)} bytes, ${plural(shown.messagesFromClient, 'message')}`],
    ['To the client', `${number(shown.bytesToClient)} bytes, ${plural(shown.messagesToClient, 'message')}`],
    ['Round trip', shown.roundTripMicros > 0 ? roundTrip(shown.roundTripMicros) : 'not measured: no StreamPolicy pings it'],
    ['Closes', s ? shown.draining ? 'saying goodbye now' : closes(shown, now) : 'it is closed'],
  ];
  const list = byId('details-list');
  if (list.childElementCount !== lines.length * 2) list.replaceChildren(...lines.flatMap(([k]) => [make('dt', '', k), make('dd', '')]));
  lines.forEach(([, value], i) => setText(list.children[i * 2 + 1], value));
}

async function closeOne(stream) {
  const yes = await ask({
    title: 'Close this stream?',
    what: name(stream),
    then: 'Its client is told (a WebSocket with close 1001) and may connect again.',
  });
  if (!yes) return;
  await attempt(async () => {
    const {ok, body} = await remove(`/api/streams/${encodeURIComponent(stream.id)}`);
    announce(ok ? 'The stream is closing' : body.error);
  });
}

async function closeRoute(route) {
  const count = store.byRoute().get(route) ?? 0;
  const yes = await ask({
    title: `Close ${count === 1 ? 'the stream' : `all ${number(count)} streams`} of this route?`,
    what: route,
    then: 'Each client is told in its turn, spread over the drain time so that they do not all come back at once.',
    keep: 'Keep them',
    go: `Close ${number(count)}`,
  });
  if (!yes) return;
  await attempt(async () => {
    const {body} = await remove(`/api/streams?route=${encodeURIComponent(route)}`);
    announce(`${plural(body.closing ?? 0, 'stream')} closing`);
  });
}

async function attempt(action) {
  try {
    await action();
  } catch (failed) {
    announce(`That did not work: ${failed.message}`);
    document.dispatchEvent(new CustomEvent('trouble', {detail: failed.message}));
  }
}
