/** The map as a control, by pointer and by arrow keys; and the work that follows it. */
import { find, isPress } from '../elements.ts';
import type { Place } from './space.ts';

const STEP = 0.02;
const LARGE_STEP = 0.125;

const KEYS: Readonly<Record<string, (place: Place, step: number) => Place>> = {
  ArrowLeft: ({ x, y }, step) => ({ x: x - step, y }),
  ArrowRight: ({ x, y }, step) => ({ x: x + step, y }),
  ArrowUp: ({ x, y }, step) => ({ x, y: y - step }),
  ArrowDown: ({ x, y }, step) => ({ x, y: y + step }),
  Home: () => ({ x: 0, y: 0 }),
  End: () => ({ x: 1, y: 1 }),
};

/** Wires the pad. @param move  Called with every new place. @returns  Moves the thumb. */
export function addPad(move: (place: Place) => void): (place: Place) => void {
  const pad = find('pad', HTMLElement);
  const thumb = find('pad-thumb', HTMLElement);
  let place: Place = { x: 0.5, y: 0.5 };
  let isHeld = false;
  pad.tabIndex = 0;
  pad.role = 'slider';
  pad.ariaLabel = 'Place between the four corners';
  pad.ariaValueMin = '0';
  pad.ariaValueMax = '100';
  pad.setAttribute('aria-describedby', 'pad-help');
  const put = ({ x, y }: Place): void => {
    place = { x: Math.min(1, Math.max(0, x)), y: Math.min(1, Math.max(0, y)) };
    const [across, down] = [Math.round(place.x * 100), Math.round(place.y * 100)];
    thumb.style.left = `${across}%`;
    thumb.style.top = `${down}%`;
    pad.setAttribute('aria-valuenow', String(across));
    pad.setAttribute('aria-valuetext', `${across}% across, ${down}% down`);
    move(place);
  };
  const follow = (event: PointerEvent): void => {
    // A mouse need not be pressed. A finger must touch the map first; else it scrolls the page.
    const { left, top, width, height } = pad.getBoundingClientRect();
    put({ x: (event.clientX - left) / width, y: (event.clientY - top) / height });
  };
  pad.addEventListener('pointermove', (event) => {
    if (!isHeld || event.pointerType !== 'mouse') {
      follow(event);
    }
  });
  // A press holds the place, so that a mouse can leave the map without moving it; another lets go.
  pad.addEventListener('pointerdown', (event) => {
    if (isPress(event)) {
      isHeld = event.pointerType === 'mouse' && !isHeld;
      follow(event);
    }
  });
  pad.addEventListener('keydown', (event) => {
    const step = KEYS[event.key];
    // With these keys an arrow is a command of the browser, such as Back.
    if (step !== undefined && !event.altKey && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      put(step(place, event.shiftKey ? LARGE_STEP : STEP));
    }
  });
  return put;
}

/** Runs work one at a time. It keeps only the last of the calls that come meanwhile. */
export function createLatest<T>(work: (wish: T) => Promise<void>): (wish: T) => void {
  let isBusy = false;
  let waiting: { readonly wish: T } | undefined;
  const run = async (wish: T): Promise<void> => {
    isBusy = true;
    try {
      await work(wish);
    } finally {
      isBusy = false;
      const { wish: newest } = waiting ?? {};
      const isWanted = waiting !== undefined;
      waiting = undefined;
      if (isWanted) {
        void run(newest as T);
      }
    }
  };
  return (wish) => {
    if (isBusy) {
      waiting = { wish };
    } else {
      void run(wish);
    }
  };
}
