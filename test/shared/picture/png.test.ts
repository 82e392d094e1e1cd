/** Tests the written PNG files with zlib and with another decoder. */
import { join } from 'node:path';
import { crc32, deflateSync, inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { PNG } from 'pngjs';
import { describe, expect, it } from 'vitest';
import { WEIGHTS_FILE } from '../../../shared/model/artifact.ts';
import type { Picture } from '../../../shared/picture/png.ts';
import { createSampler } from '../../../shared/model/sampler.ts';
import { buildSheet, encodePng } from '../../../shared/picture/sheet.ts';
import { instantiateKernels, pngEncoder } from '../../../trainer/node-kernels.ts';
import { readArtifactFolder } from '../../../trainer/publish/artifact-folder.ts';
import { timesAsMany } from '../../support/fast-check.ts';

interface Chunk {
  readonly type: string;
  readonly content: Buffer;
}

/** Reads a file's chunks and compares their checksums. */
function readChunks(file: Uint8Array): Chunk[] {
  const bytes = Buffer.from(file);
  expect([...bytes.subarray(0, 8)]).toEqual([137, 80, 78, 71, 13, 10, 26, 10]);
  const chunks: Chunk[] = [];
  for (let at = 8; at < bytes.length;) {
    const length = bytes.readUInt32BE(at);
    const type = bytes.toString('latin1', at + 4, at + 8);
    expect([type, bytes.readUInt32BE(at + 8 + length)]).toEqual([
      type,
      crc32(bytes.subarray(at + 4, at + 8 + length)),
    ]);
    chunks.push({ type, content: bytes.subarray(at + 8, at + 8 + length) });
    at += 12 + length;
  }
  return chunks;
}

function findData(file: Uint8Array): Buffer {
  return readChunks(file).find(({ type }) => type === 'IDAT')!.content;
}

/** Pictures whose content leads to each of DEFLATE's blocks, codes and matches. */
const KINDS: Readonly<Record<string, (i: number, rowBytes: number, random: number) => number>> = {
  noise: (_i, _rowBytes, random) => random & 255,
  blank: () => 7,
  'few values': (_i, _rowBytes, random) => (random & 3) * 60,
  'mostly paper': (_i, _rowBytes, random) => ((random & 31) === 0 ? (random >>> 8) & 255 : 0),
  'equal rows': (i, rowBytes) => ((i % rowBytes) * 37) & 255,
  gradient: (i, rowBytes) => ((i % rowBytes) + Math.floor(i / rowBytes)) & 255,
  squares: (i, rowBytes) =>
    (Math.floor((i % rowBytes) / 4) * 91 + Math.floor(i / rowBytes / 4) * 53) & 255,
  /** Frequencies that fall so fast that codes would exceed 15 bits. */
  steep: (_i, _rowBytes, random) =>
    Math.clz32(random) * 8 + ((random >>> 3) & 7 & Math.clz32(random)),
  'short runs': (i, _rowBytes, random) => (Math.floor(i / 5) + ((random & 63) === 0 ? 1 : 0)) & 255,
};

function makeImage(
  kind: string,
  width: number,
  height: number,
  channels: number,
  smooth: boolean,
  squares = 1,
): Picture {
  let state = 88_172_645;
  const pixels = new Uint8Array(width * height * channels).map((_, i) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return KINDS[kind]!(i, width * channels, state >>> 0);
  });
  return { width, height, channels, pixels, smooth, squares };
}

function expectRead(image: Picture): void {
  const file = pngEncoder(image);
  const inflated = inflateSync(findData(file));
  expect(inflated.length).toBe(image.height * (image.width * image.channels + 1));
  const { data, width, height } = PNG.sync.read(Buffer.from(file));
  expect([width, height]).toEqual([image.width, image.height]);
  const pixels = image.width * image.height;
  const expected = Buffer.alloc(4 * pixels, 255);
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++) {
      expected[4 * i + c] = image.pixels[i * image.channels + (image.channels === 1 ? 0 : c)]!;
    }
  }
  expect(data.equals(expected)).toBe(true);
}

describe('PNG files', () => {
  const kind = fc.constantFrom(...Object.keys(KINDS));
  it('decode to the original pixels', () => {
    fc.assert(
      fc.property(
        kind,
        fc.integer({ min: 1, max: 90 }),
        fc.integer({ min: 1, max: 90 }),
        fc.constantFrom(1, 3),
        fc.boolean(),
        fc.integer({ min: 1, max: 4 }),
        (...given) => expectRead(makeImage(...given)),
      ),
      { numRuns: timesAsMany(200) },
    );
  });

  // Several blocks, several stored blocks in one, and rows longer than DEFLATE's window.
  it.each(
    Object.keys(KINDS).flatMap((each) => [[each, 700, 500] as const, [each, 40_000, 4] as const]),
  )('decode when they are large: %s, %i x %i', (each, width, height) => {
    expectRead(makeImage(each, width, height, 1, false));
    expectRead(makeImage(each, width, height / 2, 3, true));
    expectRead(makeImage(each, width, height, 1, false, 4)); // Equal rows are filtered.
  });

  it('do not depend on earlier files, however large', () => {
    const image = makeImage('few values', 50, 50, 1, false);
    const alone = pngEncoder(image);
    pngEncoder(makeImage('noise', 2000, 2000, 3, false));
    expect(pngEncoder(image)).toEqual(alone);
    pngEncoder(makeImage('noise', 60, 60, 1, true));
    expect(pngEncoder(image)).toEqual(alone);
  });

  it('grow only a little when nothing can be compressed', () => {
    const image = makeImage('noise', 1000, 300, 1, false);
    expect(pngEncoder(image).length).toBeLessThan(300 * 1001 + 200);
  });
});

/** Bytes of zopfli's smallest files, with 15 iterations and all filters. */
const ZOPFLI = { 1: 13_850, 2: 18_317, 3: 21_683, 4: 22_822 };

it.each(Object.entries(ZOPFLI))(
  'sheets at scale %s are at most 6%% larger than zopfli’s',
  async (scale, bytes) => {
    const sampler = await openSampler();
    let own = 0;
    for (let i = 0; i < 4; i++) {
      const samples = sampler.draw({ seed: `sheet ${i}`, start: 0, count: 16 });
      own += encodePng(pngEncoder, buildSheet(samples, { cols: 4, scale: Number(scale) })).length;
    }
    expect(own / bytes).toBeLessThan(1.06);
  },
);

async function openSampler() {
  const artifact = await readArtifactFolder(join(import.meta.dirname, '../../../models/digits'));
  return createSampler(artifact, artifact.files.get(WEIGHTS_FILE)!, instantiateKernels);
}

it('sheets of digits are smaller than with zlib’s best compression', async () => {
  const sampler = await openSampler();
  let [own, zlib] = [0, 0];
  for (const layout of [
    { cols: 4, scale: 1 },
    { cols: 4, scale: 4 },
    { cols: 4, scale: 3, smooth: true },
  ]) {
    for (let i = 0; i < 5; i++) {
      const sheet = buildSheet(sampler.draw({ seed: `sheet ${i}`, start: 0, count: 16 }), layout);
      const packed = findData(encodePng(pngEncoder, sheet));
      own += packed.length;
      zlib += deflateSync(inflateSync(packed), { level: 9, memLevel: 9 }).length;
    }
  }
  expect(own).toBeLessThan(zlib);
});
