import {byId} from './dom.js';

/** Answers the question that is open, if any. */
let settle = () => {};

/** Asks before something is closed; resolves to whether to go on. */
export function ask({title, what, then, keep = 'Keep it', go = 'Close it'}) {
  const dialog = byId('ask');
  // A dialog tells of its end a little later: whoever asks again at once must not get the answer of before.
  settle();
  dialog.onclose = () => dialog.open || settle();
  byId('ask-title').textContent = title;
  byId('ask-what').textContent = what;
  byId('ask-then').textContent = then;
  const [no, yes] = dialog.querySelectorAll('button');
  no.textContent = keep;
  yes.textContent = go;
  dialog.returnValue = 'no';
  dialog.showModal();
  return new Promise(resolve => {
    settle = () => {
      settle = () => {};
      resolve(dialog.returnValue === 'yes');
    };
  });
}
