import {announce, byId} from './dom.js';
import * as envoys from './envoys.js';
import * as graphs from './graphs.js';
import * as link from './link.js';
import * as plan from './plan.js';
import * as problems from './problems.js';
import * as reloads from './reloads.js';
import * as streams from './streams.js';

const PAGES = ['streams', 'configuration', 'problems', 'changes', 'envoys'];
const ENVOYS_MILLIS = 5000;
const RETRY_MILLIS = [500, 1000, 2000, 5000];

function state(text, className) {
  const pill = byId('state');
  if (pill.textContent !== text) pill.textContent = text;
  pill.className = `pill ${className}`;
}

// ---- pages and colours

function turn() {
  const asked = location.hash.slice(1);
  const page = PAGES.includes(asked) ? asked : 'streams';
  const locked = document.body.dataset.locked === 'yes';
  for (const name of PAGES) {
    byId(`page-${name}`).hidden = locked || name !== page;
    const to = document.querySelector(`nav a[href="#${name}"]`);
    if (name === page) to.setAttribute('aria-current', 'page');
    else to.removeAttribute('aria-current');
  }
  byId('token-page').hidden = !locked;
  document.querySelector('nav').hidden = locked;
  document.querySelector('footer').hidden = locked || document.body.dataset.token === 'always';
  if (page === 'streams' && !locked) streams.show();
  if (page === 'envoys') envoys.refresh();
}

const THEMES = {auto: 'Auto', light: 'Light', dark: 'Dark'};

function theme(name) {
  document.documentElement.dataset.theme = name;
  localStorage.setItem('theme', name);
  byId('theme').textContent = THEMES[name];
  byId('theme').setAttribute('aria-label', `Colours: ${name === 'auto' ? 'as the system has them' : name}`);
  document.dispatchEvent(new CustomEvent('theme'));
}

byId('theme').addEventListener('click', () => {
  const names = Object.keys(THEMES);
  theme(names[(names.indexOf(document.documentElement.dataset.theme) + 1) % names.length]);
});
addEventListener('hashchange', () => {
  turn();
  scrollTo(0, 0);
});
document.addEventListener('trouble', event => state(event.detail, 'bad'));

// ---- what the feed brings

const known = {};

async function changed(now) {
  state(now.ready ? 'ready' : 'not ready', now.ready ? 'ok' : 'bad');
  for (const [name, path, show] of [['plan', '/api/plan', plan.show], ['problems', '/api/problems', problems.show], ['reloads', '/api/reloads', reloads.show]]) {
    if (known[name] !== now[name]) {
      show(await link.read(path));
      known[name] = now[name];
    }
  }
}

const EVENTS = {
  columns: streams.describe,
  streams: change => {
    streams.store.take(change);
    if (!byId('page-streams').hidden) streams.show();
    else byId('stream-count').textContent = String(change.open);
  },
  samples: graphs.take,
  state: now => changed(now).catch(failed => state(failed.message, 'bad')),
};

// A tab that nobody looks at lets go of the feed and takes it up again when it is looked at.
const visible = () => document.hidden
  ? new Promise(resolve => document.addEventListener('visibilitychange', resolve, {once: true})).then(visible)
  : Promise.resolve();

async function live() {
  let failures = 0;
  for (;;) {
    await visible();
    const stop = new AbortController();
    const hide = () => document.hidden && stop.abort();
    document.addEventListener('visibilitychange', hide);
    try {
      graphs.clear();
      await link.follow((event, data) => {
        failures = 0;
        EVENTS[event]?.(data);
      }, stop.signal);
      state('the gateway has gone', 'bad');
    } catch (failed) {
      if (failed instanceof link.Refused && !await link.open().catch(() => false)) {
        locked(true);
        return;
      }
      if (!stop.signal.aborted) state(failed instanceof TypeError ? 'the gateway does not answer' : failed.message, 'bad');
    } finally {
      document.removeEventListener('visibilitychange', hide);
    }
    await new Promise(resolve => setTimeout(resolve, RETRY_MILLIS[Math.min(failures++, RETRY_MILLIS.length - 1)]));
  }
}

// ---- the token

function locked(yes) {
  document.body.dataset.locked = yes ? 'yes' : 'no';
  turn();
  if (yes) {
    state('locked', 'bad');
    byId('token').focus();
  }
}

async function enter(given) {
  for (;;) {
    try {
      const may = await link.open(given);
      locked(!may);
      if (may) {
        if (await envoys.refresh()) setInterval(() => document.hidden || envoys.refresh(), ENVOYS_MILLIS);
        live();
      }
      return may;
    } catch {
      state('the gateway does not answer', 'bad');
      await new Promise(resolve => setTimeout(resolve, 1000));
    }
  }
}

byId('token-form').addEventListener('submit', async event => {
  event.preventDefault();
  const box = byId('token');
  document.body.dataset.token = 'always';
  if (await enter(box.value.trim())) {
    box.value = '';
    announce('The console is open');
  } else {
    byId('token-wrong').textContent = 'That is not its token.';
    box.select();
  }
});

theme(localStorage.getItem('theme') in THEMES ? localStorage.getItem('theme') : 'auto');
streams.start();
graphs.start();
plan.start();
turn();
enter();
