/** Loads the generator when the visitor asks for it, and nothing of it before. */
import { find, showText } from '../elements.ts';

export function addExplorerStart(section: HTMLElement): void {
  const button = find('explore-load', HTMLButtonElement);
  button.addEventListener('click', () => {
    button.disabled = true;
    showText(find('explore-fault', HTMLElement), '');
    find('explore-status', HTMLElement).textContent = 'Loading…';
    const started = import('./explorer.ts').then(({ startExplorer }) => startExplorer(section));
    started.catch((cause: unknown) => {
      button.disabled = false;
      find('explore-status', HTMLElement).textContent = '';
      showText(
        find('explore-fault', HTMLElement),
        `It did not load: ${cause instanceof Error ? cause.message : String(cause)}.`,
      );
    });
  });
}
