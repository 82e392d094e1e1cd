/** The script of the page at `/`, which works without it. */
import { addCopying } from './copying.ts';
import { find, markReady, showText } from './elements.ts';
// Not by import(): where its file does not come once, Chromium does not ask for it again.
import { startExplorer } from './explorer/explorer.ts';
import { addPlayground } from './play/playground.ts';

const FIRST =
  'amber brave calm dusty early fern gentle hazel idle jolly kind lunar misty noble olive proud';
const SECOND =
  'otter maple river comet pebble lark harbor ember willow finch meadow lantern cedar tide acorn heron';

/** Draws a seed of two words and a number, one of 25,600. Words are easy to remember. */
function drawWordSeed(): string {
  const [a = 0, b = 0, c = 0] = crypto.getRandomValues(new Uint8Array(3));
  return `${FIRST.split(' ')[a % 16]}-${SECOND.split(' ')[b % 16]}-${c % 100}`;
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

/** The link "Draw new ones" without reloading the page. */
function addDrawing(): void {
  const link = document.querySelector<HTMLAnchorElement>('[data-again]');
  link?.addEventListener('click', (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) {
      return; // The visitor wants another tab or window.
    }
    event.preventDefault();
    const seed = drawWordSeed();
    for (const anchor of listDigits()) {
      void showSeed(anchor, seed);
    }
  });
}

/** A phone shows four. */
function listDigits(): HTMLAnchorElement[] {
  const all = document.querySelectorAll<HTMLAnchorElement>('.digits a');
  return [...all].filter(({ offsetParent }) => offsetParent !== null);
}

/**
 * Shows the digit of another seed, in its place of the seed's sequence.
 * @returns  Whether it came. An error may be a picture too, so the old digit stays until then.
 */
async function showSeed(anchor: HTMLAnchorElement, seed: string): Promise<boolean> {
  const url = anchor.href.replace(/seed=[^&]*/, `seed=${encodeURIComponent(seed)}`);
  try {
    const answer = await fetch(url);
    await answer.blob(); // The image then takes it from the cache.
    if (!answer.ok) {
      return false;
    }
  } catch {
    return false;
  }
  anchor.href = url;
  anchor.querySelector('img')?.setAttribute('src', url);
  return true;
}

/** Calls once, when an element is at most a third of a screen away. */
function onceNear(element: Element, act: () => void): IntersectionObserver {
  const observer = new IntersectionObserver(
    (entries) => {
      if (entries.some(({ isIntersecting }) => isIntersecting)) {
        observer.disconnect();
        act();
      }
    },
    { rootMargin: '0% 0% 33% 0%' },
  );
  observer.observe(element);
  return observer;
}

/** Everything that can be paused, by the id of the moving element. */
interface Motion {
  readonly start: () => void;
  readonly stop: () => void;
}

const CHANGE_MS = 1500;
/** One digit after the other changes, each once. So a page that is left open asks for no more. */
function changeDigits(end: () => void): Motion {
  let timer: ReturnType<typeof setInterval> | undefined;
  let i = 0;
  const stop = (): void => clearInterval(timer);
  const finish = (): void => {
    stop();
    end();
  };
  const start = (): void => {
    const digits = listDigits();
    const seed = drawWordSeed();
    i = 0;
    timer = setInterval(() => {
      const anchor = digits[(i * 7) % digits.length]; // Not in the order of reading.
      if (document.hidden || anchor === undefined) {
        return;
      }
      i++;
      if (i === digits.length) {
        finish();
      }
      void showSeed(anchor, seed).then((isShown) => isShown || finish());
    }, CHANGE_MS);
  };
  return { start, stop };
}

/** Shows a picture's loop by giving its sources their conditions. */
function switchSources(picture: Element): Motion {
  const sources = [...picture.querySelectorAll<HTMLSourceElement>('[data-loop]')];
  return {
    start: () => sources.forEach((source) => (source.media = source.dataset['loop'] ?? 'all')),
    stop: () => sources.forEach((source) => (source.media = 'not all')),
  };
}

/** Everything that moves has a pause button, and starts paused where less motion is preferred. */
function addPauses(): void {
  const isCalm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  for (const button of document.querySelectorAll<HTMLButtonElement>('[data-pauses]')) {
    const target = find(button.dataset['pauses'] ?? '', HTMLElement);
    const title = button.ariaLabel?.replace('Pause', '') ?? '';
    const tell = (moves: boolean): void => {
      button.dataset['moves'] = String(moves);
      button.textContent = moves ? 'Pause' : 'Play';
      if (title !== '') {
        button.ariaLabel = `${button.textContent}${title}`;
      }
    };
    const motion =
      target instanceof HTMLPictureElement
        ? switchSources(target)
        : changeDigits(() => tell(false));
    button.hidden = false;
    tell(!isCalm);
    const seen = onceNear(target, () => {
      if (!isCalm) {
        motion.start();
      }
    });
    button.addEventListener('click', () => {
      seen.disconnect();
      const moves = button.dataset['moves'] !== 'true';
      tell(moves);
      (moves ? motion.start : motion.stop)();
    });
  }
}

/** Loads the generator when it comes near, or on request where the visitor saves data. */
function addExplorerStart(section: HTMLElement): void {
  const button = find('explore-load', HTMLButtonElement);
  const load = (): void => {
    if (button.ariaDisabled === 'true') {
      return;
    }
    button.ariaDisabled = 'true'; // `disabled` would take the focus away.
    showText(find('explore-fault', HTMLElement), '');
    find('explore-status', HTMLElement).textContent = 'Loading…';
    startExplorer(section).catch((cause: unknown) => {
      button.ariaDisabled = 'false';
      button.textContent = 'Try again';
      find('explore-status', HTMLElement).textContent = '';
      showText(
        find('explore-fault', HTMLElement),
        `It did not load: ${cause instanceof Error ? cause.message : String(cause)}.`,
      );
    });
  };
  button.addEventListener('click', load);
  const { connection } = navigator as { connection?: { saveData?: boolean } };
  if (connection?.saveData === true) {
    return;
  }
  onceNear(section, load);
}

addCopying();
addDice();
addDrawing();
addPlayground();
addExplorerStart(find('explore', HTMLElement));
addPauses();
markReady();
