import {byId, copyButton, make, setText} from './dom.js';
import {number} from './format.js';

const RANK = {ERROR: 0, WARNING: 1, INFO: 2};

export function show(problems) {
  const sorted = [...problems].sort((a, b) => RANK[a.severity] - RANK[b.severity]);
  const badge = byId('problem-count');
  setText(badge, number(problems.length));
  badge.dataset.worst = sorted[0]?.severity ?? '';
  byId('no-problems').hidden = problems.length > 0;
  byId('problems').replaceChildren(...sorted.map(item));
}

function item(problem) {
  const at = problem.position && `${problem.position.file}:${problem.position.line}:${problem.position.column}`;
  const resource = problem.resource
    && `${problem.resource.kind} ${[problem.resource.namespace, problem.resource.name].filter(Boolean).join('/')}`;
  const made = make('li', 'card problem',
    make('div', 'problem-head',
      make('span', `severity ${problem.severity}`, problem.severity.toLowerCase()),
      make('span', 'code', problem.code),
      resource ? make('span', '', resource) : undefined),
    make('p', 'message', problem.message));
  if (at) {
    made.append(make('p', 'small', make('span', 'mono', problem.fieldPath ? `${problem.fieldPath} · ` : '', at), ' ', copyButton(at, `Copy ${at}`)));
  } else if (problem.fieldPath) {
    made.append(make('p', 'small mono', problem.fieldPath));
  }
  if (problem.fix) made.append(make('p', 'fix', make('strong', '', 'Fix: '), problem.fix));
  if (problem.fixYaml) {
    const pre = make('pre', '', problem.fixYaml);
    pre.tabIndex = 0;
    made.append(make('div', 'yaml', pre, copyButton(problem.fixYaml, 'Copy the manifest that mends it')));
  }
  return made;
}
