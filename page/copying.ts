/**
 * The buttons beside the texts to copy.
 */
import { find } from './elements.ts';

const TOLD_MS = 1600;

export function addCopying(): void {
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
    getSelection()?.selectAllChildren(source); // No right to the clipboard: the keyboard has one.
    button.textContent = 'Selected';
  }
  setTimeout(() => {
    button.textContent = 'Copy';
  }, TOLD_MS);
}
