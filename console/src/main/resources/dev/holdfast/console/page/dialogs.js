import {byId} from './dom.js';

/** Asks before something is closed; resolves to whether to go on. */
export function ask({title, what, then, keep = 'Keep it', go = 'Close it'}) {
  const dialog = byId('ask');
  byId('ask-title').textContent = title;
  byId('ask-what').textContent = what;
  byId('ask-then').textContent = then;
  const [no, yes] = dialog.querySelectorAll('button');
  no.textContent = keep;
  yes.textContent = go;
  dialog.returnValue = 'no';
  dialog.showModal();
  return new Promise(resolve => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), {once: true});
  });
}
