/**
 * Loads the generator when the visitor asks for it, and nothing of it before.
 */
import { find, showText } from '../elements.ts';

export function addExplorerStart(section: HTMLElement): void {
  const button = find('explore-load', HTMLButtonElement);
  button.addEventListener('click', () => {
    button.disabled = true;
    showText(find('explore-fault', HTMLElement), '');
    find('explore-status', HTMLElement).textContent = 'Loading…';
    start(section).catch((cause: unknown) => {
      button.disabled = false;
      find('explore-status', HTMLElement).textContent = '';
      showText(
        find('explore-fault', HTMLElement),
        `It did not load: ${cause instanceof Error ? cause.message : String(cause)}.`,
      );
    });
  });
}

async function start(section: HTMLElement): Promise<void> {
  const { painter: url = '', name = '', version = '' } = section.dataset;
  const [{ startPainter }, { runExplorer }] = await Promise.all([
    import('./painter-link.ts'),
    import('./explorer.ts'),
  ]);
  const painter = await startPainter(url);
  const opened = await painter.ask('open', { name, version });
  find('explore-start', HTMLElement).hidden = true;
  find('explorer', HTMLElement).hidden = false;
  runExplorer(painter, opened, section);
  // The button that had the focus is hidden now.
  find('pad', HTMLElement).focus({ preventScroll: true });
}
