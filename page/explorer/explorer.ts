/**
 * The running explorer: a map of the plane between four samples, the picture at one place of it,
 * and the corners, which the API draws too.
 */
import { find, make } from '../elements.ts';
import { paintSamples } from './canvas.ts';
import { compareWithApi } from './comparison.ts';
import { createLatest } from './latest.ts';
import { addPad } from './pad.ts';
import type { PainterLink } from './painter-link.ts';
import type { Inputs, Opened } from './protocol.ts';
import { blend, buildCorners, CORNERS, listPlaces, sumDirections, type Place } from './space.ts';

/** Samples a side of the map. */
const MAP_SIDE = 9;
const MAP_PLACES = listPlaces(MAP_SIDE);
const CORNER_PLACES = listPlaces(2);
const CORNER_NAMES = ['Top left', 'Top right', 'Bottom left', 'Bottom right'];

/** The most that a slider adds along its direction; components of a latent lie in [-1, 1]. */
const MAX_BEND = 4;

export function runExplorer(painter: PainterLink, opened: Opened, section: HTMLElement): void {
  const { name = '', version = '' } = section.dataset;
  const form = find('explore-form', HTMLFormElement);
  const seedField = find('explore-seed', HTMLInputElement);
  const sliders = addSliders(opened);
  const unbent = new Float32Array(opened.latentSize);
  let derived: { readonly seed: string; readonly inputs: Inputs } | undefined;
  let corners: Float32Array[] = [];
  let bend: Float32Array = unbent;
  let place: Place = { x: 0.5, y: 0.5 };
  let cornerPixels = new Uint8Array();

  const drawSeen = createLatest<Place>(async (wanted) => {
    const pixels = await painter.ask('draw', { input: blend(corners, [wanted], bend) });
    paintSamples(find('seen', HTMLCanvasElement), pixels, 1, opened);
  });
  const drawAll = createLatest<void>(async () => {
    const seed = seedField.value;
    if (derived?.seed !== seed) {
      derived = { seed, inputs: await painter.ask('derive', { seed, count: CORNERS }) };
    }
    const label = readLabel(form);
    corners = buildCorners(derived.inputs, opened.classes, label?.index);
    bend = sumDirections(
      opened.directions,
      sliders.map((slider) => Number(slider.value)),
      opened.latentSize,
    );
    drawSeen(place);
    // The API draws the corners without a bend.
    cornerPixels = new Uint8Array(
      await painter.ask('draw', { input: blend(corners, CORNER_PLACES, unbent) }),
    );
    const query = new URLSearchParams({
      seed,
      ...(label !== undefined && { label: label.name }),
      model: `${name}@${version}`,
    });
    showCorners(cornerPixels, opened, query, derived.inputs.labels, label?.name, form);
    find('compare', HTMLButtonElement).dataset['path'] = `/digit.json?n=${CORNERS}&${query}`;
    find('compare-result', HTMLElement).textContent = '';
    const map = await painter.ask('draw', { input: blend(corners, MAP_PLACES, bend) });
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
  find('compare', HTMLButtonElement).addEventListener('click', ({ currentTarget }) => {
    const path = (currentTarget as HTMLElement).dataset['path'] ?? '';
    void compareWithApi(path, cornerPixels).then((text) => {
      find('compare-result', HTMLElement).textContent = text;
    });
  });
  put(place);
  drawAll();
}

/** The chosen class; undefined where each corner keeps its own. */
function readLabel(form: HTMLFormElement): { name: string; index: number } | undefined {
  const radios = [...form.querySelectorAll<HTMLInputElement>('input[name=explore-class]')];
  const index = radios.findIndex((radio) => radio.checked);
  return index > 0 ? { name: radios[index]?.value ?? '', index: index - 1 } : undefined;
}

function addSliders({ directions }: Opened): HTMLInputElement[] {
  const box = find('sliders', HTMLFieldSetElement);
  box.hidden = directions.length === 0;
  const sliders = directions.map((_, i) => {
    const slider = make('input', {
      type: 'range',
      min: String(-MAX_BEND),
      max: String(MAX_BEND),
      step: '0.1',
      value: '0',
    });
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
  labels: Uint8Array | null,
  label: string | undefined,
  form: HTMLFormElement,
): void {
  const names = [...form.querySelectorAll<HTMLInputElement>('input[name=explore-class]')].map(
    ({ value }) => value,
  );
  const size = pixels.length / CORNERS;
  const items = CORNER_NAMES.map((corner, i) => {
    const shown = label ?? (labels === null ? undefined : names[(labels[i] ?? 0) + 1]);
    const canvas = make('canvas', { className: 'ink' });
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', `${corner}${shown === undefined ? '' : `: ${shown}`}`);
    paintSamples(canvas, pixels.subarray(i * size, (i + 1) * size), 1, opened);
    const item = make('li');
    const path = `/digit.png?scale=8&start=${i}&${query}`;
    const link = make('a', { href: path, textContent: 'the same from the API' });
    link.setAttribute('aria-label', `${corner}: the same from the API`);
    item.append(canvas, make('span', { textContent: corner }), link);
    return item;
  });
  find('corners', HTMLUListElement).replaceChildren(...items);
}
