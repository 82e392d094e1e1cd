/** The buttons that copy the text of the element that they name. */
import { find, make } from './elements.ts';

/** How long a button shows that it has copied. */
const TOLD_MS = 1600;

/** For screen readers, which read the label of the button instead of its text. */
const told = make('output', { className: 'hidden' });

export function addCopying(): void {
  document.body.append(told);
  document.addEventListener('click', (event) => {
    const button =
      event.target instanceof Element
        ? event.target.closest<HTMLButtonElement>('[data-copies]')
        : null;
    if (button !== null) {
      void copy(button);
    }
  });
}

async function copy(button: HTMLButtonElement): Promise<void> {
  const source = find(button.dataset['copies'] ?? '', HTMLElement);
  try {
    await navigator.clipboard.writeText(source.textContent ?? '');
    button.textContent = 'Copied';
  } catch {
    // Over http there is no clipboard, but browsers copy a selection, or the visitor can.
    getSelection()?.selectAllChildren(source);
    button.textContent = document.execCommand('copy') ? 'Copied' : 'Selected';
  }
  told.textContent = button.textContent;
  setTimeout(() => {
    button.textContent = 'Copy';
    told.textContent = '';
  }, TOLD_MS);
}
