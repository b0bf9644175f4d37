import {byId, make} from './dom.js';
import {plural} from './format.js';

const SIGNS = {ADDED: '+', REMOVED: '−', CHANGED: '~'};
const WORDS = {ADDED: 'added', REMOVED: 'removed', CHANGED: 'changed'};
const OPEN_UP_TO = 4;

export function show(reloads) {
  byId('reloads').replaceChildren(...reloads.map((reload, i) => item(reload, i === reloads.length - 1)));
}

function item(reload, first) {
  const time = make('time', 'mono', new Date(reload.atMillis).toLocaleTimeString());
  time.dateTime = new Date(reload.atMillis).toISOString();
  const ended = reload.drainedStreams;
  const touched = reload.openStreams === 0
    ? 'no stream was open'
    : `${ended === 0 ? 'none' : ended} of ${plural(reload.openStreams, 'open stream')} ${ended === 0 ? 'touched' : 'ended'}`;
  const made = make('li', 'card reload',
    make('div', 'problem-head', time,
      make('span', reload.applied ? 'pill ok' : 'pill bad', reload.applied ? 'applied' : 'refused'),
      make('span', ended > 0 ? 'warn' : '', touched),
      make('span', 'faint', `in ${reload.tookMillis} ms`)),
    make('p', 'small faint', reload.summary));
  if (reload.changes.length) {
    const groups = ['listener', 'route', 'cluster'].map(kind => [kind, reload.changes.filter(c => c.kind === kind)]).filter(([, c]) => c.length);
    const title = groups.map(([kind, changes]) => plural(changes.length, kind)).join(', ');
    const box = make('details', '', make('summary', '', title), ...groups.map(([, changes]) => make('ul', 'changes', ...changes.map(change))));
    box.open = reload.changes.length <= OPEN_UP_TO;
    made.append(box);
  } else if (reload.applied) {
    made.append(make('p', 'small', first ? 'The first manifests.' : 'No value changed, only where it stands in its file.'));
  } else {
    const link = make('a', '', 'See the problems');
    link.href = '#problems';
    made.append(make('p', 'small', 'The last good manifests go on serving. ', link));
  }
  return made;
}

function change({kind, name, what, details}) {
  return make('li', `change ${what}`,
    make('span', 'sign', make('span', 'hidden', WORDS[what]), SIGNS[what]),
    make('div', '', make('span', 'mono', `${kind} ${name}`), ...details.map(d => make('div', 'mono small detail', d))));
}
