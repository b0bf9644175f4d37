// Everything shown comes from manifests and clients: it is only ever set as text, never as HTML.

export const byId = id => document.getElementById(id);

/** `make('td', 'mono', 'text', child…)`: an element with a class and what is in it. */
export function make(name, className, ...content) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...content.filter(part => part !== undefined && part !== null));
  return made;
}

export function button(text, className, onClick, label) {
  const made = make('button', className, text);
  made.type = 'button';
  if (label) made.setAttribute('aria-label', label);
  made.addEventListener('click', onClick);
  return made;
}

/** A button that copies and says so. */
export function copyButton(text, label) {
  const made = button('Copy', 'quiet', async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without a secure context there is no clipboard API; the older way still works.
      const area = make('textarea', 'hidden');
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand('copy');
      area.remove();
    }
    made.textContent = 'Copied';
    announce('Copied');
    setTimeout(() => { made.textContent = 'Copy'; }, 1500);
  }, label);
  return made;
}

/** Says it to screen readers. */
export function announce(text) {
  byId('announce').textContent = text;
}

/** Sets text only where it differs, so that selection and layout stay. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}
