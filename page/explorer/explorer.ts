/**
 * The running explorer: a map of the plane between four samples, the picture at one place of it,
 * and the corners, which the API draws too.
 */
import { formatHand, roundLatents } from '../../shared/hand/hand-text.ts';
import { BASE_PATH } from '../base-path.ts';
import { find, make } from '../elements.ts';
import { startWorker, type WorkerLink } from '../worker-link.ts';
import { addPad, createLatest } from './pad.ts';
import type { Inputs, Opened, Painter } from './painter.ts';
import {
  blend,
  buildCorners,
  CORNERS,
  findOnlyClass,
  listPlaces,
  sumDirections,
  weighCorners,
  type Place,
} from './space.ts';

/** Samples a side of the map. */
const MAP_SIDE = 9;
const MAP_PLACES = listPlaces(MAP_SIDE);
const CORNER_PLACES = listPlaces(2);
const CORNER_NAMES = ['Top left', 'Top right', 'Bottom left', 'Bottom right'];

/** The most that a slider adds along its direction; components of a latent lie in [-1, 1]. */
const MAX_BEND = 4;

/** Loads the generator and shows the explorer. */
export async function startExplorer(section: HTMLElement): Promise<void> {
  const { painter: url = '', name = '', version = '' } = section.dataset;
  const painter = await startWorker<Painter>(url);
  const opened = await painter.ask('open', { name, version }).catch((cause: unknown) => {
    painter.end(); // Another try starts another worker.
    throw cause;
  });
  const start = find('explore-start', HTMLElement);
  const hadFocus = start.contains(document.activeElement);
  start.hidden = true;
  for (const id of ['place', 'keys', 'pad-map', 'pad-thumb']) {
    find(id, HTMLElement).hidden = false;
  }
  find('pad', HTMLElement).querySelector('img')?.setAttribute('alt', '');
  runExplorer(painter, opened, section);
  if (hadFocus) {
    // The button that had the focus is hidden now.
    find('pad', HTMLElement).focus({ preventScroll: true });
  }
}

/** The place that the page's address names: `?walk=Ada&x=0.3&y=0.62&class=7`. */
function readAddress(): { seed: string; place: Place; label: string } | undefined {
  const query = new URLSearchParams(location.search);
  const seed = query.get('walk') ?? '';
  const [x, y] = ['x', 'y'].map((name) => Number(query.get(name) ?? 0.5)) as [number, number];
  return seed === '' || Number.isNaN(x + y)
    ? undefined
    : { seed, place: { x, y }, label: query.get('class') ?? '' };
}

function runExplorer(painter: WorkerLink<Painter>, opened: Opened, section: HTMLElement): void {
  const { name = '', version = '', truncation = '1', route = 'digit' } = section.dataset;
  const form = find('explore-form', HTMLFormElement);
  const seedField = find('explore-seed', HTMLInputElement);
  const classes = JSON.parse(section.dataset['classes'] ?? '[]') as string[];
  // Buttons or a list; null for a generator without classes.
  const classField = form.elements.namedItem('explore-class') as
    | RadioNodeList
    | HTMLSelectElement
    | null;
  /** The chosen class; undefined where each corner keeps its own. */
  const readLabel = (): { name: string; index: number } | undefined => {
    const index = classes.indexOf(classField?.value ?? '');
    return index < 0 ? undefined : { name: classes[index] ?? '', index };
  };
  const sliders = addSliders(opened);
  const unbent = new Float32Array(opened.latentSize);
  let derived: { readonly seed: string; readonly inputs: Inputs } | undefined;
  let corners: Float32Array[] = [];
  let bend: Float32Array = unbent;
  let place: Place = { x: 0.5, y: 0.5 };
  let cornerPixels: Uint8Array = new Uint8Array();

  const drawSeen = createLatest<Place>(async (wanted) => {
    const input = blend(corners, [wanted], bend);
    const corner = bend.some((value) => value !== 0) ? -1 : weighCorners(wanted).indexOf(1);
    if (corner < 0) {
      // Round as the place's URL does, so that the URL gives the same picture.
      input.set(roundLatents(input.subarray(0, opened.latentSize)));
    }
    const pixels = await painter.ask('draw', input);
    paintSamples(find('seen', HTMLCanvasElement), pixels, 1, opened);
    tellUrl(input, corner);
    const link = find('place-link', HTMLAnchorElement);
    link.hidden = bend.some((value) => value !== 0); // An address has no directions.
    const query = new URLSearchParams({
      walk: writeCorners().seed,
      x: wanted.x.toFixed(2),
      y: wanted.y.toFixed(2),
      class: readLabel()?.name ?? '',
    });
    link.href = `?${query}#explore`;
  });
  /** Writes the URL of a place's picture. @param corner  Below 0 where the place is none. */
  function tellUrl(input: Float32Array, corner: number): void {
    const only = findOnlyClass(input, opened.latentSize);
    const label = classes[only];
    const latents = input.subarray(0, opened.latentSize);
    const query = new URLSearchParams(
      corner < 0
        ? {
            ...(label !== undefined && { label }),
            hand: formatHand({ model: { name, version }, latents }),
          }
        : { ...writeCorners(), start: String(corner) },
    );
    const isMixed = only < 0 && opened.classes > 0;
    const url = `${location.origin}${BASE_PATH}/${route}.png?${query}&scale=4`;
    find('place-url', HTMLElement).textContent = url;
    find('place-picture', HTMLElement).hidden = isMixed;
    find('place-mixed', HTMLElement).hidden = !isMixed;
  }
  /** The parameters with which the API draws the corners. */
  const writeCorners = () => {
    const label = readLabel()?.name;
    return {
      seed: derived?.seed ?? seedField.value,
      ...(label !== undefined && { label }),
      truncation,
      model: `${name}@${version}`,
    };
  };
  const drawAll = createLatest<void>(async () => {
    const seed = seedField.value;
    if (seed === '') {
      return; // The API has no such seed.
    }
    if (derived?.seed !== seed) {
      const count = CORNERS;
      const inputs = await painter.ask('derive', { seed, count, truncation: Number(truncation) });
      derived = { seed, inputs };
    }
    const label = readLabel();
    corners = buildCorners(derived.inputs, opened.classes, label?.index);
    bend = sumDirections(
      opened.directions,
      sliders.map((slider) => Number(slider.value)),
      opened.latentSize,
    );
    drawSeen(place);
    // The API draws the corners without a bend.
    cornerPixels = await painter.ask('draw', blend(corners, CORNER_PLACES, unbent));
    const query = new URLSearchParams(writeCorners());
    const own = [...(derived.inputs.labels ?? [])].map((each) => classes[each]);
    const names = CORNER_NAMES.map((_, i) => label?.name ?? own[i]);
    showCorners(cornerPixels, opened, query, names);
    find('compare', HTMLButtonElement).dataset['path'] =
      `${BASE_PATH}/digit.json?n=${CORNERS}&${query}`;
    find('compare-result', HTMLElement).textContent = '';
    const map = await painter.ask('draw', blend(corners, MAP_PLACES, bend));
    paintSamples(find('pad-map', HTMLCanvasElement), map, MAP_SIDE, opened);
    // Names what is shown, so that tests can wait for it.
    section.dataset['drawn'] = query.toString();
  });

  const put = addPad((wanted) => {
    place = wanted;
    if (corners.length > 0) {
      drawSeen(place);
    }
  });
  form.addEventListener('submit', (event) => event.preventDefault());
  form.addEventListener('input', () => drawAll());
  const compare = find('compare', HTMLButtonElement);
  compare.addEventListener('click', () => {
    const { path = '' } = compare.dataset;
    const show = (text: string): void => {
      // The corners may have changed meanwhile.
      if (compare.dataset['path'] === path) {
        find('compare-result', HTMLElement).textContent = text;
      }
    };
    compareWithApi(path, cornerPixels).then(show, () => {
      show('No answer came: network or service is down.');
    });
  });
  const address = readAddress();
  if (address !== undefined) {
    seedField.value = [...address.seed].slice(0, seedField.maxLength).join('');
    if (classField !== null && ['', ...classes].includes(address.label)) {
      classField.value = address.label;
    }
  }
  put(address?.place ?? place);
  drawAll();
}

function addSliders({ directions }: Opened): HTMLInputElement[] {
  const box = find('sliders', HTMLFieldSetElement);
  box.hidden = directions.length === 0;
  const sliders = directions.map((_, i) => {
    const [min, max] = [String(-MAX_BEND), String(MAX_BEND)];
    const slider = make('input', { type: 'range', min, max, step: '0.1', value: '0' });
    const label = make('label', { textContent: `Direction ${i + 1}` });
    label.append(slider);
    box.append(label);
    return slider;
  });
  const reset = make('button', { type: 'button', className: 'quiet', textContent: 'Straighten' });
  reset.addEventListener('click', () => {
    for (const slider of sliders) {
      slider.value = '0';
    }
    box.dispatchEvent(new Event('input', { bubbles: true }));
  });
  box.append(reset);
  return sliders;
}

/** Shows a canvas for each corner, with a link to the API's picture. */
function showCorners(
  pixels: Uint8Array,
  opened: Opened,
  query: URLSearchParams,
  names: readonly (string | undefined)[],
): void {
  const size = pixels.length / CORNERS;
  const items = CORNER_NAMES.map((corner, i) => {
    const shown = names[i];
    const canvas = make('canvas', { className: 'ink' });
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', `${corner}${shown === undefined ? '' : `: ${shown}`}`);
    paintSamples(canvas, pixels.subarray(i * size, (i + 1) * size), 1, opened);
    const item = make('li');
    const path = `${BASE_PATH}/digit.png?scale=8&start=${i}&${query}`;
    const link = make('a', { href: path, textContent: 'the same from the API' });
    link.setAttribute('aria-label', `${corner}: the same from the API`);
    item.append(canvas, make('span', { textContent: corner }), link);
    return item;
  });
  find('corners', HTMLUListElement).replaceChildren(...items);
}

/**
 * Paints a square of samples, row by row, one pixel for each of theirs. The style sheet colours it.
 * @param pixels  [side * side, height, width, channels]
 */
function paintSamples(
  canvas: HTMLCanvasElement,
  pixels: Uint8Array,
  side: number,
  { width, height, channels }: Opened,
): void {
  canvas.width = side * width;
  canvas.height = side * height;
  const context = canvas.getContext('2d');
  if (context === null) {
    return;
  }
  const size = width * height * channels;
  for (let s = 0; s < side * side; s++) {
    const data = context.createImageData(width, height);
    for (let p = 0; p < width * height; p++) {
      for (let c = 0; c < 3; c++) {
        data.data[p * 4 + c] = pixels[s * size + p * channels + (channels === 1 ? 0 : c)] as number;
      }
      data.data[p * 4 + 3] = 255;
    }
    context.putImageData(data, (s % side) * width, Math.floor(s / side) * height);
  }
}

/**
 * Counts the pixels of the API that differ from those drawn here.
 * @param path    A path of `/digit.json`, for the same samples.
 * @param pixels  Drawn here.
 * @returns       A sentence for the page.
 */
async function compareWithApi(path: string, pixels: Uint8Array): Promise<string> {
  const answer = await fetch(path);
  if (!answer.ok) {
    return `The API answers ${answer.status}.`;
  }
  const { digits } = (await answer.json()) as { digits: { pixels: number[] }[] };
  const theirs = digits.flatMap((digit) => digit.pixels);
  const equal = theirs.filter((value, i) => value === pixels[i]).length;
  const all = Math.max(theirs.length, pixels.length);
  return equal === all
    ? `All ${all.toLocaleString('en')} pixels are the same.`
    : `${(all - equal).toLocaleString('en')} of ${all.toLocaleString('en')} pixels differ.`;
}
