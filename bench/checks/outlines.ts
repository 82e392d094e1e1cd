/**
 * Whether outlines have the pieces, the loops and the ink of the pixels: 10,000 digits of the model
 * that ships, drawn as SVG and rendered by resvg.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { initWasm, Resvg } from '@resvg/resvg-wasm';
import { fillDefaults } from '../../shared/contract/query.ts';
import { createSampler, type Samples } from '../../shared/model/sampler.ts';
import { instantiateKernels } from '../../trainer/node-kernels.ts';
import { renderSvg } from '../../worker/formats/svg.ts';
import { makeRow, makeTable, readShippedModel, type Suite } from '../harness.ts';

/** Loops of each class, at least and at most: some people write 2 and 4 with one. */
const LOOPS = [
  [1, 1],
  [0, 0],
  [0, 1],
  [0, 0],
  [0, 1],
  [0, 0],
  [1, 1],
  [0, 0],
  [2, 2],
  [1, 1],
] as const;
/** Pixels of the rendered picture for one of a digit. */
const SCALE = 4;
/** Digits that are drawn at once. */
const PART = 250;

type Picture = { readonly width: number; readonly height: number; readonly isInk: Uint8Array };

/** Returns what is ink of the only sample. */
const RENDERINGS: Readonly<Record<string, (sample: Samples) => Picture>> = {
  'pixels above 127': (sample) => cutPixels(sample, 127),
  'pixels above 31': (sample) => cutPixels(sample, 31),
  'SVG, straight lines': (sample) => renderOutlines(sample, false),
  'SVG, curves': (sample) => renderOutlines(sample, true),
};

export const measure: Suite = async (quick) => {
  await openRenderer();
  const model = await readShippedModel();
  const sampler = createSampler(model, model.bytes, instantiateKernels);
  const names = Object.keys(RENDERINGS);
  const counts = names.map(() => ({ apart: 0, missing: 0, extra: 0, ratios: [] as number[] }));
  for (let start = 0; start < (quick ? PART : 10_000); start += PART) {
    const samples = sampler.draw({ seed: 'outlines', start, count: PART });
    for (let i = 0; i < PART; i++) {
      const sample = pickSample(samples, i);
      const ink = sample.pixels.reduce((sum, value) => sum + value, 0) / 255;
      const [least = 0, most = 0] = LOOPS[sample.labels?.[0] ?? 0] ?? [];
      for (const [k, name] of names.entries()) {
        const picture = RENDERINGS[name]?.(sample) as Picture;
        const { pieces, loops, area } = measureShape(picture);
        const count = counts[k] as (typeof counts)[number];
        count.apart += pieces > 1 ? 1 : 0;
        count.missing += Math.max(0, least - loops);
        count.extra += Math.max(0, loops - most);
        count.ratios.push((100 * area * sample.width ** 2) / picture.width ** 2 / ink);
      }
    }
  }
  const cases = ['in pieces', 'loops missing', 'loops too many', 'ink, %', 'least', 'most'];
  const rows = names.map((name, k) => {
    const { apart, missing, extra, ratios } = counts[k] as (typeof counts)[number];
    const sorted = ratios.toSorted((a, b) => a - b);
    const share = (part: number) => sorted[Math.floor(part * sorted.length)];
    return makeRow(name, [apart, missing, extra, share(0.5), share(0.05), share(0.95)]);
  });
  const title = 'Outlines and pixels';
  const notes = [
    'Pieces and loops: digits with more than one piece, loops of 0, 6, 8 and 9 that are missing, ' +
      'and loops that no such digit has.',
    'Ink: the area over the sum of the pixels’ ink: median, and the bounds of nine tenths.',
  ];
  const { node } = process.versions;
  const table = makeTable({ id: 'outlines', title, unit: 'digits', notes, cases, rows });
  return { versions: { node, resvg: '2.6.2' }, tables: [table] };
};

export async function openRenderer(): Promise<void> {
  const wasm = createRequire(import.meta.url).resolve('@resvg/resvg-wasm/index_bg.wasm');
  await initWasm(await readFile(wasm));
}

export function pickSample({ labels, pixels, ...samples }: Samples, i: number): Samples {
  const size = samples.width * samples.height * samples.channels;
  return {
    ...samples,
    count: 1,
    pixels: pixels.subarray(i * size, (i + 1) * size),
    labels: labels?.subarray(i, i + 1) ?? null,
  };
}

function cutPixels({ width, height, pixels }: Samples, level: number): Picture {
  return { width, height, isInk: pixels.map((value) => (value > level ? 1 : 0)) };
}

/** Renders the only sample as white ink on black. */
export function renderOutlines(sample: Samples, smooth: boolean): Picture {
  const model = { name: 'digits', version: '' };
  const look = { scale: SCALE, smooth, format: 'svg', model, seed: '', number: undefined } as const;
  const svg = renderSvg({ ...fillDefaults('digit', {}), ...look }, sample, []);
  const { width, height, pixels } = new Resvg(svg).render();
  // White on black: red is ink.
  const isInk = Uint8Array.from(
    { length: width * height },
    (_, i) => (pixels[4 * i] as number) >> 7,
  );
  return { width, height, isInk };
}

/** Counts pieces of ink, which may touch at corners, and loops: pieces of paper inside of ink. */
export function measureShape({ width, height, isInk }: Picture) {
  const across = width + 2; // Paper surrounds the picture.
  const left = new Uint8Array(across * (height + 2));
  for (let y = 0; y < height; y++) {
    left.set(isInk.subarray(y * width, (y + 1) * width), (y + 1) * across + 1);
  }
  const straight = [-1, 1, -across, across];
  const round = [...straight, -across - 1, -across + 1, across - 1, across + 1];
  const DONE = 2;
  const pieces = [0, 0];
  const area = isInk.reduce((sum, value) => sum + value, 0);
  for (let from = 0; from < left.length; from++) {
    const value = left[from] as number;
    if (value === DONE) {
      continue;
    }
    pieces[value] = (pieces[value] as number) + 1;
    const waiting = [from];
    left[from] = DONE;
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      for (const step of value === 1 ? round : straight) {
        if (left[at + step] === value) {
          left[at + step] = DONE;
          waiting.push(at + step);
        }
      }
    }
  }
  return { pieces: pieces[1] as number, loops: (pieces[0] as number) - 1, area };
}
