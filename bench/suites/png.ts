/**
 * Sheets of digits as PNG, beside other packers of the same pixels: bytes and encoding time.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync, inflateSync } from 'node:zlib';
import { encode } from 'fast-png';
import { ExpectedError } from '../../shared/expected-error.ts';
import { createSampler } from '../../shared/model/sampler.ts';
import { buildSheet, chooseCols, encodePng, type Picture } from '../../shared/picture/sheet.ts';
import { instantiateKernels, pngEncoder } from '../../trainer/node-kernels.ts';
import { quoteLastLines, runCommand } from '../../trainer/tensorflow/setup/command.ts';
import { preparePython } from '../peers.ts';
import type { BenchTable } from '../record.ts';
import { defineSuite, makeRow, readShippedModel, timeRepeated, type Measured } from '../suite.ts';

/** `goalMs`: what an encoding may take. */
const CASES = [
  { name: '1 digit', n: 1, scale: 1, smooth: false, goalMs: null },
  { name: '16 digits', n: 16, scale: 1, smooth: false, goalMs: 0.3 },
  { name: '256 digits', n: 256, scale: 1, smooth: false, goalMs: null },
  { name: '16, scale=4', n: 16, scale: 4, smooth: false, goalMs: null },
  { name: '16, scale=4, smooth', n: 16, scale: 4, smooth: true, goalMs: null },
];

/**
 * Sheets of a case, each of another seed. Of large ones few, since zopfli takes seconds for one.
 */
const SHEETS = { small: 9, large: 2 } as const;
const LARGE_PIXELS = 100_000;
/** One sheet is encoded again and again for this long. */
const TURN_MS = 15;
/** Our bytes over the smallest packer's, at most. */
const GOAL_RATIO = 1.1;
const OURS = 'digitmint';
/**
 * Bytes that a packer of rows alone does not write: signature, IHDR, IEND and the frame of IDAT.
 */
const FRAME_BYTES = 57;

interface Packed {
  readonly bytes: number;
  readonly ms: number;
}

export const suite = defineSuite({
  about: 'sheets as PNG, beside other packers: bytes and time',
  measure: ({ quick }) => (quick ? measure(CASES.slice(0, 1), 1) : measure(CASES, SHEETS.small)),
});

async function measure(cases: typeof CASES, sheetCount: number): Promise<Measured> {
  const python = await preparePython('png');
  const model = await readShippedModel();
  const sampler = createSampler(model, model.bytes, instantiateKernels);
  const byPacker = new Map<string, Packed[][]>();
  for (const { n, scale, smooth } of cases) {
    const layout = { cols: chooseCols(n), scale, smooth };
    const count = n * 784 * scale ** 2 > LARGE_PIXELS ? SHEETS.large : sheetCount;
    const sheets = Array.from({ length: count }, (_, i) =>
      buildSheet(sampler.draw({ seed: `sheet ${i}`, start: 0, count: n }), layout),
    );
    const packed = { ...(await packHere(sheets)), ...(await packInPython(python, sheets)) };
    for (const [packer, results] of Object.entries(packed)) {
      byPacker.set(packer, [...(byPacker.get(packer) ?? []), results]);
    }
  }
  const makeTable = (
    unit: 'bytes' | 'ms',
    table: Pick<BenchTable, 'id' | 'title' | 'notes'>,
    chooseGoal: (column: number, others: BenchTable['rows']) => number | null,
  ): BenchTable => {
    const rows = [...byPacker].map(([subject, results]) =>
      makeRow(
        subject,
        results.map((each) => each.map((packed) => packed[unit])),
        subject === OURS,
      ),
    );
    return {
      ...table,
      unit,
      better: 'lower',
      cases: cases.map(({ name }) => name),
      rows,
      limit: null,
      goals: cases.map((_, column) => chooseGoal(column, rows.slice(1))),
    };
  };
  return {
    versions: {
      node: process.versions.node,
      zlib: process.versions.zlib,
      'fast-png': '8.0.0',
      zopfli: '0.4.3',
      oxipng: '9.1.1',
      libdeflate: '1.25',
    },
    tables: [
      makeTable(
        'bytes',
        {
          id: 'png-bytes',
          title: 'A sheet of digits as PNG, its size',
          notes: [
            `The same pixels, of the model that ships; ${sheetCount} sheets a case, ` +
              `${SHEETS.large} of more than ${LARGE_PIXELS.toLocaleString('en')} pixels, ` +
              'each of another seed.',
            'To reach: within 10% of the smallest.',
          ],
        },
        (column, others) =>
          GOAL_RATIO * Math.min(...others.map(({ values }) => values[column]?.median ?? Infinity)),
      ),
      makeTable(
        'ms',
        {
          id: 'png',
          title: 'A sheet of digits as PNG, its encoding',
          notes: [
            'Warmed up, on one thread, from a picture in memory to a file in memory; libdeflate ' +
              'gets rows that are filtered already.',
          ],
        },
        (column) => cases[column]?.goalMs ?? null,
      ),
    ],
  };
}

async function packHere(sheets: readonly Picture[]): Promise<Record<string, Packed[]>> {
  const packers: Record<string, (sheet: Picture, rows: Uint8Array) => number> = {
    [OURS]: (sheet) => encodePng(pngEncoder, sheet).length,
  };
  for (const level of [1, 3, 9] as const) {
    packers[`fast-png, level ${level}`] = ({ width, height, pixels }) =>
      encode({ width, height, channels: 1, depth: 8, data: pixels }, { zlib: { level } }).length;
  }
  for (const level of [6, 9]) {
    packers[`zlib of Node, level ${level}`] = (_, rows) =>
      deflateSync(rows, { level }).length + FRAME_BYTES;
  }
  const packed: Record<string, Packed[]> = {};
  for (const [name, pack] of Object.entries(packers)) {
    packed[name] = [];
    for (const sheet of sheets) {
      const rows = readRows(sheet);
      await timeRepeated(() => pack(sheet, rows), TURN_MS); // Warms up.
      const ms = await timeRepeated(() => pack(sheet, rows), 2 * TURN_MS);
      packed[name].push({ bytes: pack(sheet, rows), ms });
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

async function packInPython(
  python: string,
  sheets: readonly Picture[],
): Promise<Record<string, Packed[]>> {
  const folder = await mkdtemp(join(tmpdir(), 'digitmint-png-'));
  try {
    const pictures = await Promise.all(
      sheets.map(async (sheet, i) => {
        const [file, pixels] = [join(folder, `${i}.png`), join(folder, `${i}.raw`)];
        await writeFile(file, encodePng(pngEncoder, sheet));
        await writeFile(pixels, sheet.pixels);
        const { width, height } = sheet;
        return { file, pixels, width, height, filter: readRows(sheet)[0] };
      }),
    );
    const list = join(folder, 'pictures.json');
    await writeFile(list, JSON.stringify(pictures));
    const script = join(import.meta.dirname, '../peers/png_peers.py');
    const ended = await runCommand(python, [script, list], { env: process.env });
    if (ended?.status !== 0) {
      const output = ended === undefined ? '' : quoteLastLines(ended);
      throw new ExpectedError(`png_peers.py failed:\n${output}`);
    }
    return JSON.parse(ended.stdout) as Record<string, Packed[]>;
  } finally {
    await rm(folder, { recursive: true });
  }
}
