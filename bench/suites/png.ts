/**
 * Sheets of digits as PNG, beside other packers of the same pixels: bytes and encoding time.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateSync, inflateSync } from 'node:zlib';
import { encode } from 'fast-png';
import { createSampler } from '../../shared/model/sampler.ts';
import { buildSheet, encodePng } from '../../shared/picture/sheet.ts';
import { chooseCols } from '../../shared/picture/sheet-layout.ts';
import type { Picture } from '../../shared/picture/png.ts';
import { instantiateKernels, pngEncoder } from '../../trainer/node-kernels.ts';
import * as harness from '../harness.ts';
import { runPython } from '../peers.ts';

/** `goalMs`: what an encoding may take. Few of large sheets, since zopfli takes seconds for one. */
const CASES = [
  { name: '1 digit', n: 1, scale: 1, smooth: false, sheets: 9, goalMs: null },
  { name: '16 digits', n: 16, scale: 1, smooth: false, sheets: 9, goalMs: 0.3 },
  { name: '256 digits', n: 256, scale: 1, smooth: false, sheets: 2, goalMs: null },
  { name: '16, scale=2', n: 16, scale: 2, smooth: false, sheets: 2, goalMs: null },
  { name: '16, scale=3', n: 16, scale: 3, smooth: false, sheets: 2, goalMs: null },
  { name: '16, scale=4', n: 16, scale: 4, smooth: false, sheets: 2, goalMs: null },
  { name: '16, scale=4, smooth', n: 16, scale: 4, smooth: true, sheets: 2, goalMs: null },
];
const TURN_MS = 15;
/** Our bytes over the smallest packer's, at most. */
const GOAL_RATIO = 1.1;
/** A packer of rows alone does not write signature, IHDR, IEND and the frame of IDAT. */
const FRAME_BYTES = 57;

type Packed = Record<string, Record<'bytes' | 'ms', number[]>>;

/** Return the bytes of a picture; those of zlib get rows that are filtered already. */
const PACKERS: Readonly<Record<string, (sheet: Picture, rows: Uint8Array) => number>> = {
  digitmint: (sheet) => encodePng(pngEncoder, sheet).length,
  ...Object.fromEntries(
    ([1, 3, 9] as const).map((level) => [
      `fast-png, level ${level}`,
      ({ width, height, pixels }: Picture) =>
        encode({ width, height, channels: 1, depth: 8, data: pixels }, { zlib: { level } }).length,
    ]),
  ),
  ...Object.fromEntries(
    [6, 9].map((level) => [
      `zlib of Node, level ${level}`,
      (_: Picture, rows: Uint8Array) => deflateSync(rows, { level }).length + FRAME_BYTES,
    ]),
  ),
};

export const measure: harness.Suite = async (quick) => {
  const model = await harness.readShippedModel();
  const sampler = createSampler(model, model.bytes, instantiateKernels);
  const cases = quick ? CASES.slice(0, 1) : CASES;
  const packed: Packed[] = [];
  for (const { n, scale, smooth, sheets: count } of cases) {
    const layout = { cols: chooseCols(n), scale, smooth };
    const sheets = Array.from({ length: quick ? 1 : count }, (_, i) =>
      buildSheet(sampler.draw({ seed: `sheet ${i}`, start: 0, count: n }), layout),
    );
    packed.push({ ...(await packHere(sheets)), ...(await packInPython(sheets)) });
  }
  const names = cases.map(({ name }) => name);
  const tabulate = (unit: 'bytes' | 'ms', id: string, what: string, notes: string[]) => {
    const title = `A sheet of digits as PNG, ${what}`;
    const rows = Object.keys(packed[0] ?? {}).map((packer) => {
      const figures = packed.map((each) => each[packer]?.[unit]);
      return harness.makeRow(packer, figures, packer === 'digitmint');
    });
    return harness.makeTable({ id, title, unit, notes, cases: names, rows });
  };
  const bytes = tabulate('bytes', 'png-bytes', 'its size', [
    `The same pixels, of the model that ships; ${cases.map(({ sheets }) => sheets).join(', ')} ` +
      'sheets, each of another seed.',
    'To reach: within 10% of the smallest.',
  ]);
  const ms = tabulate('ms', 'png', 'its encoding', [
    'Warmed up, on one thread, from a picture in memory to a file in memory; libdeflate gets rows ' +
      'that are filtered already.',
  ]);
  const smallest = cases.map((_, i) =>
    Math.min(...bytes.rows.slice(1).map(({ values }) => values[i]?.median ?? Infinity)),
  );
  const { node, zlib } = process.versions;
  const peers = { 'fast-png': '8.0.0', zopfli: '0.4.3', oxipng: '9.1.1', libdeflate: '1.25' };
  return {
    versions: { node, zlib, ...peers },
    tables: [
      { ...bytes, goals: smallest.map((each) => GOAL_RATIO * each) },
      { ...ms, goals: cases.map(({ goalMs }) => goalMs) },
    ],
  };
};

async function packHere(sheets: readonly Picture[]): Promise<Packed> {
  const packed: Packed = {};
  for (const [name, pack] of Object.entries(PACKERS)) {
    const results: Packed[string] = { bytes: [], ms: [] };
    packed[name] = results;
    for (const sheet of sheets) {
      const rows = readRows(sheet);
      await harness.timeRepeated(() => pack(sheet, rows), TURN_MS); // Warms up.
      results.ms.push(await harness.timeRepeated(() => pack(sheet, rows), 2 * TURN_MS));
      results.bytes.push(pack(sheet, rows));
    }
  }
  return packed;
}

/** The rows of a sheet as our encoder filters them. */
function readRows(sheet: Picture): Uint8Array {
  const file = Buffer.from(encodePng(pngEncoder, sheet));
  const at = file.indexOf('IDAT');
  return inflateSync(file.subarray(at + 4, at + 4 + file.readUInt32BE(at - 4)));
}

function packInPython(sheets: readonly Picture[]): Promise<Packed> {
  return harness.withFolder(async (folder) => {
    for (const [i, sheet] of sheets.entries()) {
      await writeFile(join(folder, `${i}.png`), encodePng(pngEncoder, sheet));
      await writeFile(join(folder, `${i}.rows`), readRows(sheet));
    }
    return runPython<Packed>('png', [folder, String(sheets.length)]);
  });
}
