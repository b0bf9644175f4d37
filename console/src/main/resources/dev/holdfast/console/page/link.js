// The page's only way to the gateway: reads, writes with the token, and the live feed.

let token = '';
const CONSOLE = {'X-Holdfast-Console': '1'};

export class Refused extends Error {}

async function ask(path, method = 'GET', signal = undefined) {
  const headers = token ? {...CONSOLE, Authorization: `Bearer ${token}`} : CONSOLE;
  const response = await fetch(path, {method, headers, signal, credentials: 'omit', cache: 'no-store'});
  if (response.status === 401) throw new Refused('the token is not right');
  return response;
}

/** True where the page may go on; false where a person has to give the token first. */
export async function open(given) {
  if (given !== undefined) token = given;
  else token = sessionStorage.getItem('token') ?? '';
  const session = await (await ask('/api/session')).json();
  if (session.token) token = session.token;
  if (!session.tokenAlways) return true;
  try {
    await ask('/api/problems');
  } catch (refused) {
    if (!(refused instanceof Refused)) throw refused;
    token = '';
    sessionStorage.removeItem('token');
    return false;
  }
  sessionStorage.setItem('token', token);
  return true;
}

export async function read(path) {
  const response = await ask(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

/** The answer of an address that may not be there: undefined without it. */
export async function readIfThere(path) {
  const response = await ask(path);
  return response.ok ? response.json() : undefined;
}

export async function remove(path) {
  let response = await ask(path, 'DELETE').catch(async refused => {
    // A gateway that was started anew has a new token.
    if (!(refused instanceof Refused) || !await open()) throw refused;
    return ask(path, 'DELETE');
  });
  return {ok: response.ok, body: await response.json()};
}

/**
 * Follows the live feed until `signal` says stop; `on(event, data)` for each event. Server-sent events read by fetch,
 * for EventSource cannot carry the token. Resolves when the feed ends.
 */
export async function follow(on, signal) {
  const response = await ask('/api/events', 'GET', signal);
  if (response.status === 503) throw new Error('too many consoles are open on this gateway');
  if (!response.ok) throw new Error(`the gateway answered ${response.status}`);
  const lines = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = [];
  for (;;) {
    const {value, done} = await lines.read();
    if (done) return;
    // Pieces are joined only when an event is whole: a first view of 10,000 streams comes in hundreds of them.
    rest.push(value);
    if (!value.includes('\n')) continue;
    const parts = rest.join('').split('\n\n');
    rest = [parts.pop()];
    for (const part of parts) {
      const cut = part.indexOf('\ndata: ');
      if (cut > 0) on(part.slice('event: '.length, cut), JSON.parse(part.slice(cut + '\ndata: '.length)));
    }
  }
}
