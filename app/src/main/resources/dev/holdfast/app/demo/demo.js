'use strict';

const part = (card, name) => document.querySelector(`#${card} .${name}`);
const set = (card, name, text) => { part(card, name).textContent = text; };
function state(card, text, good) {
  const line = part(card, 'state');
  line.textContent = text;
  line.className = `state ${good ? 'good' : 'bad'}`;
}
const seconds = since => `${Math.round((Date.now() - since) / 1000)} s`;

const ws = { opened: 0, count: 0, cut: 0, sent: 0 };
function openSocket() {
  const socket = new WebSocket(`wss://${location.host}/api/websocket`);
  let beat;
  socket.onopen = () => {
    ws.opened = Date.now();
    state('ws', 'open', true);
    beat = setInterval(() => { ws.sent = performance.now(); socket.send(`{"type":"ping","at":${Date.now()}}`); }, 1000);
  };
  socket.onmessage = () => {
    set('ws', 'count', ++ws.count);
    if (ws.sent) set('ws', 'trip', `${(performance.now() - ws.sent).toFixed(1)} ms`);
  };
  socket.onclose = event => {
    clearInterval(beat);
    set('ws', 'cut', ++ws.cut);
    state('ws', `closed with ${event.code}, trying again`, false);
    setTimeout(openSocket, 1000);
  };
}

const sse = { opened: 0, count: 0, cut: 0 };
const events = new EventSource('/events');
events.onopen = () => { sse.opened = Date.now(); state('sse', 'open', true); };
events.onmessage = event => { set('sse', 'count', ++sse.count); set('sse', 'trip', event.data); };
events.onerror = () => { set('sse', 'cut', ++sse.cut); state('sse', 'cut, trying again', false); };

let round = 0;
async function loadAssets() {
  state('page', 'loading', true);
  const assets = document.getElementById('assets');
  assets.replaceChildren();
  const number = ++round;
  const began = performance.now();
  const times = [];
  let failed = 0;
  const one = path => {
    const from = performance.now();
    return fetch(path).then(r => r.ok ? r.blob() : Promise.reject(r.status))
      .then(blob => { times.push(performance.now() - from); return blob; }, () => { failed++; });
  };
  const all = [];
  for (let i = 0; i < 20; i++) {
    all.push(one(`/asset/${i}.js?${number}`));
    all.push(one(`/asset/${i}.svg?${number}`).then(blob => {
      if (!blob) return;
      const image = new Image();
      image.alt = '';
      image.src = URL.createObjectURL(blob);
      assets.append(image);
    }));
  }
  await Promise.all(all);
  set('page', 'time', `${(performance.now() - began).toFixed(0)} ms`);
  set('page', 'slowest', `${Math.max(0, ...times).toFixed(0)} ms`);
  set('page', 'failed', failed);
  set('page', 'protocol', performance.getEntriesByType('navigation')[0].nextHopProtocol);
  state('page', failed ? `${failed} assets failed` : 'loaded', !failed);
}

document.getElementById('reload').addEventListener('click', loadAssets);
document.getElementById('change').addEventListener('click', async () => {
  const answer = await fetch('/change', { method: 'POST' });
  const number = await answer.text();
  document.getElementById('changes').textContent = `${number} ${number === '1' ? 'change' : 'changes'}, WebSocket cut ${ws.cut} times`;
});
setInterval(() => {
  if (ws.opened) set('ws', 'age', seconds(ws.opened));
  if (sse.opened) set('sse', 'age', seconds(sse.opened));
}, 1000);
openSocket();
loadAssets();
