/**
 * Our PNGs beside other people's: bytes and milliseconds of sheets of digits: `npm run bench:png [-- --json FILE]`. The pixels are the
 * same. Peers that are programs of Python are installed on first use.
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync, inflateSync } from 'node:zlib';
import { encode } from 'fast-png';
import { WEIGHTS_FILE } from '../shared/model/artifact.ts';
import { createSampler } from '../shared/model/sampler.ts';
import { buildSheet, chooseCols, encodePng, type Picture } from '../shared/picture/sheet.ts';
import { instantiateKernels, pngEncoder } from '../trainer/node-kernels.ts';
import { readArtifactFolder } from '../trainer/publish/artifact-folder.ts';
import { preparePython } from './python-environment.ts';
import { takeSpread, type BenchRecord, type BenchTable, type Spread } from './record.ts';
import { createSuiteCommand, runSuite } from './suite.ts';

interface Case {
  readonly name: string;
  readonly n: number;
  readonly scale: number;
  readonly smooth: boolean;
  /** What an encoding may take, in milliseconds. */
  readonly goalMs: number | null;
}

const CASES: readonly Case[] = [
  { name: '1 digit', n: 1, scale: 1, smooth: false, goalMs: null },
  { name: '16 digits', n: 16, scale: 1, smooth: false, goalMs: 0.3 },
  { name: '256 digits', n: 256, scale: 1, smooth: false, goalMs: null },
  { name: '16, scale=4', n: 16, scale: 4, smooth: false, goalMs: null },
  { name: '16, scale=4, smooth', n: 16, scale: 4, smooth: true, goalMs: null },
];

/** Sheets of a case, each of a seed of its own: of large ones fewer, since zopfli takes seconds for one. */
const SHEETS = { small: 9, large: 2 } as const;
const LARGE_PIXELS = 100_000;
/** Milliseconds for which one sheet is encoded again and again. */
const TURN_MS = 15;

/** More than the smallest may be by this. */
const GOAL_RATIO = 1.1;

interface Packed {
  readonly bytes: number;
  readonly ms: number;
}

const OURS = 'digitmint';

/** Of a sheet the signature, IHDR, IEND and what frames IDAT: what a mere packer does not write. */
const FRAME_BYTES = 57;

await runSuite(
  'png',
  createSuiteCommand('png', 'Bytes and milliseconds of sheets as PNG.'),
  measure,
);

async function measure(): Promise<Pick<BenchRecord, 'tables' | 'versions'>> {
  const python = await preparePython(
    {
      name: 'png-venv',
      requirements: join(import.meta.dirname, 'png-requirements.txt'),
      interpreters: ['python3.13', 'python3.12', 'python3.11', 'python3.10', 'python3'],
      size: 'downloads about 3 MB',
      advice: 'zopfli, oxipng and libdeflate are wheels for Python 3.10 to 3.13.',
    },
    console.log,
  );
  const artifact = await readArtifactFolder(join(import.meta.dirname, '../models/digits'));
  const sampler = createSampler(
    artifact,
    artifact.files.get(WEIGHTS_FILE) as Uint8Array,
    instantiateKernels,
  );
  const byPacker = new Map<string, Packed[][]>();
  for (const { n, scale, smooth } of CASES) {
    const layout = { cols: chooseCols(n), scale, smooth };
    const isLarge = n * 784 * scale ** 2 > LARGE_PIXELS;
    const sheets = Array.from({ length: isLarge ? SHEETS.large : SHEETS.small }, (_, i) =>
      buildSheet(sampler.draw({ seed: `sheet ${i}`, start: 0, count: n }), layout),
    );
    const packed = { ...packHere(sheets), ...(await packInPython(python, sheets)) };
    for (const [packer, results] of Object.entries(packed)) {
      byPacker.set(packer, [...(byPacker.get(packer) ?? []), results]);
    }
  }
  const tables = (['bytes', 'ms'] as const).map((part) => makeTable(part, byPacker));
  const versions = {
    node: process.versions.node,
    zlib: process.versions.zlib,
    'fast-png': '8.0.0',
    zopfli: '0.4.3',
  };
  return { versions: { ...versions, oxipng: '9.1.1', libdeflate: '1.25' }, tables };
}

/** All that runs in Node take turns. */
function packHere(sheets: readonly Picture[]): Record<string, Packed[]> {
  const rows = sheets.map(readRows);
  const packers: Record<string, (i: number) => number> = {
    [OURS]: (i) => encodePng(pngEncoder, sheets[i] as Picture).length,
    ...Object.fromEntries(
      ([1, 3, 9] as const).map((level) => [
        `fast-png, level ${level}`,
        (i: number) => {
          const { width, height, pixels } = sheets[i] as Picture;
          return encode({ width, height, channels: 1, depth: 8, data: pixels }, { zlib: { level } })
            .length;
        },
      ]),
    ),
    ...Object.fromEntries(
      [6, 9].map((level) => [
        `zlib of Node, level ${level}`,
        (i: number) => deflateSync(rows[i] as Uint8Array, { level }).length + FRAME_BYTES,
      ]),
    ),
  };
  return Object.fromEntries(
    Object.entries(packers).map(([name, pack]) => [
      name,
      sheets.map((_, i) => ({ bytes: pack(i), ms: time(() => pack(i)) })),
    ]),
  );
}

/** @returns  Milliseconds of one, warmed up. */
function time(pack: () => void): number {
  let ms = 0;
  for (const turn of [1, 2]) {
    const began = performance.now();
    let times = 0;
    do {
      pack();
      times++;
    } while (performance.now() - began < turn * TURN_MS);
    ms = (performance.now() - began) / times;
  }
  return ms;
}

/** A sheet's rows as we filter them. */
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
        return {
          file,
          pixels,
          width: sheet.width,
          height: sheet.height,
          filter: readRows(sheet)[0],
        };
      }),
    );
    const script = join(import.meta.dirname, 'png_peers.py');
    const output = execFileSync(python, [script], {
      input: JSON.stringify(pictures),
      maxBuffer: 2 ** 24,
    });
    return JSON.parse(output.toString()) as Record<string, Packed[]>;
  } finally {
    await rm(folder, { recursive: true });
  }
}

function makeTable(
  part: 'bytes' | 'ms',
  byPacker: ReadonlyMap<string, readonly Packed[][]>,
): BenchTable {
  const rows = [...byPacker].map(([subject, cases]) => ({
    subject,
    isOurs: subject === OURS,
    values: cases.map((results) => takeSpread(results.map((packed) => packed[part]))),
  }));
  const smallest = CASES.map((_, i) =>
    Math.min(...rows.slice(1).map(({ values }) => (values[i] as Spread).median)),
  );
  const sheets = `${SHEETS.small} sheets a case, ${SHEETS.large} of more than ${LARGE_PIXELS.toLocaleString('en')} pixels`;
  return {
    id: part === 'bytes' ? 'png-bytes' : 'png',
    title:
      part === 'bytes'
        ? 'A sheet of digits as PNG, its size'
        : 'A sheet of digits as PNG, its encoding',
    unit: part,
    better: 'lower',
    notes:
      part === 'bytes'
        ? [
            `The same pixels, of the model that ships; ${sheets}, each of a seed of its own.`,
            'To reach: within 10% of the smallest.',
          ]
        : [
            'Warmed up, on one thread, a picture in memory to a file in memory; libdeflate is given rows that are filtered already.',
          ],
    cases: CASES.map(({ name }) => name),
    rows,
    limit: null,
    goals:
      part === 'bytes'
        ? smallest.map((bytes) => GOAL_RATIO * bytes)
        : CASES.map(({ goalMs }) => goalMs),
  };
}
