// The fleet, where the gateway steers one: shown only where /api/envoys knows of an Envoy.
import {byId, make} from './dom.js';
import {readIfThere} from './link.js';

export async function refresh() {
  const envoys = await readIfThere('/api/envoys').catch(() => undefined);
  if (envoys === undefined) return false;
  const any = Array.isArray(envoys) && envoys.length > 0;
  byId('envoys-link').hidden = !any && location.hash !== '#envoys';
  if (!any) {
    byId('envoys').replaceChildren(make('p', 'empty card', 'No Envoy asks this gateway for its configuration.'));
    return true;
  }
  const columns = [...new Set(envoys.flatMap(e => Object.keys(e)))];
  const words = name => name.replace(/([A-Z])/g, ' $1').toLowerCase();
  const cell = value => Array.isArray(value) ? value.join(', ') : value !== null && typeof value === 'object' ? JSON.stringify(value) : String(value ?? '');
  const head = make('thead', '', make('tr', '', ...columns.map(c => {
    const th = make('th', '', words(c));
    th.scope = 'col';
    return th;
  })));
  const body = make('tbody', '', ...envoys.map(e => make('tr', '', ...columns.map(c => make('td', '', cell(e[c]))))));
  byId('envoys').replaceChildren(make('div', 'card scroll', make('table', 'values', head, body)));
  return true;
}
