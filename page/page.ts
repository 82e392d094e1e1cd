/** The script of the page at `/`, which works without it. */
import { find, showText } from './elements.ts';
import { addPlayground } from './play/playground.ts';

/** How long a button shows that it has copied. */
const TOLD_MS = 1600;

const FIRST =
  'amber brave calm dusty early fern gentle hazel idle jolly kind lunar misty noble olive proud';
const SECOND =
  'otter maple river comet pebble lark harbor ember willow finch meadow lantern cedar tide acorn heron';

/** Draws a seed of two words and a number, one of 25,600. Words are easy to remember. */
function drawWordSeed(): string {
  const [a = 0, b = 0, c = 0] = crypto.getRandomValues(new Uint8Array(3));
  return `${FIRST.split(' ')[a % 16]}-${SECOND.split(' ')[b % 16]}-${c % 100}`;
}

function addCopying(): void {
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
    // Without access to the clipboard: the visitor can copy the selection.
    getSelection()?.selectAllChildren(source);
    button.textContent = 'Selected';
  }
  setTimeout(() => {
    button.textContent = 'Copy';
  }, TOLD_MS);
}

/** The buttons that put a new seed into a text field. */
function addDice(): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>('[data-dice]')) {
    button.addEventListener('click', () => {
      const field = find(button.dataset['dice'] ?? '', HTMLInputElement);
      field.value = drawWordSeed();
      field.dispatchEvent(new Event('input', { bubbles: true }));
    });
  }
}

/** The link "Mint sixteen more" without reloading the page. */
function addMinting(): void {
  const link = document.querySelector<HTMLAnchorElement>('[data-again]');
  link?.addEventListener('click', (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) {
      return; // The visitor wants another tab or window.
    }
    event.preventDefault();
    const seed = encodeURIComponent(drawWordSeed());
    for (const anchor of document.querySelectorAll<HTMLAnchorElement>('.digits a')) {
      const url = anchor.href.replace(/seed=[^&]*/, `seed=${seed}`);
      anchor.href = url;
      anchor.querySelector('img')?.setAttribute('src', url);
    }
  });
}

/** Plays the GIF of the training on request only, since it is large and it moves. */
function addTraining(): void {
  const link = document.querySelector<HTMLAnchorElement>('[data-plays]');
  link?.addEventListener('click', (event) => {
    event.preventDefault();
    const picture = find(link.dataset['plays'] ?? '', HTMLImageElement);
    const plays = picture.getAttribute('src') !== link.getAttribute('href');
    picture.src = plays ? link.href : (picture.dataset['still'] ?? '');
    link.textContent = plays ? 'Stop' : 'Play the training';
  });
}

/** Loads the generator when the visitor asks for it, and nothing of it before. */
function addExplorerStart(section: HTMLElement): void {
  const button = find('explore-load', HTMLButtonElement);
  button.addEventListener('click', () => {
    button.disabled = true;
    showText(find('explore-fault', HTMLElement), '');
    find('explore-status', HTMLElement).textContent = 'Loading…';
    const started = import('./explorer/explorer.ts').then(({ startExplorer }) =>
      startExplorer(section),
    );
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

addCopying();
addDice();
addMinting();
addPlayground();
addExplorerStart(find('explore', HTMLElement));
addTraining();
