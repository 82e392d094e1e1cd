/** Pictures of every kind, decoded and fitted to the networks' square. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { PNG } from 'pngjs';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { loadDataFolder } from '../../../trainer/data/data-folder.ts';
import { openDecoder, type Reading } from '../../../trainer/data/pictures/decoder.ts';
import { buildChunk, buildRawPng } from '../../support/pictures.ts';

const decoder = await openDecoder();
const READING: Reading = {
  side: 8,
  fit: 'crop',
  background: [255, 255, 255],
  grey: false,
  invert: false,
};

/** 24 x 16 pixels: a red field on the left, then a green one, then a blue one. */
const raw = Buffer.from(
  Array.from({ length: 24 * 16 }, (_, i) =>
    [0, 1, 2].map((c) => (Math.floor((i % 24) / 8) === c ? 240 : 15)),
  ).flat(),
);
const fields = () => sharp(raw, { raw: { width: 24, height: 16, channels: 3 } });

/** The colour at a place of a decoded picture: its strongest part, or "white" or "black". */
function nameColour(pixels: Uint8Array, x: number, y: number, side = 8): string {
  const rgb = [...pixels.subarray((y * side + x) * 3, (y * side + x) * 3 + 3)];
  const [least, most] = [Math.min(...rgb), Math.max(...rgb)];
  if (most - least < 60) {
    return least > 200 ? 'white' : most < 50 ? 'black' : 'grey';
  }
  return ['red', 'green', 'blue'][rgb.indexOf(most)] as string;
}

const decode = (content: Uint8Array, reading: Partial<Reading> = {}, channels = 3) =>
  decoder.decode(content, { ...READING, ...reading }, channels);

/** A BMP of 24 bits, as Windows writes it: from the bottom up, BGR. */
function buildBmp(): Buffer {
  const head = Buffer.alloc(54);
  head.write('BM', 'latin1');
  head.writeUInt32LE(54 + raw.length, 2);
  head.writeUInt32LE(54, 10);
  head.writeUInt32LE(40, 14);
  head.writeInt32LE(24, 18);
  head.writeInt32LE(16, 22);
  head.writeUInt16LE(1, 26);
  head.writeUInt16LE(24, 28);
  const rows = Array.from({ length: 16 }, () =>
    Array.from({ length: 24 }, (_, x) => [...raw.subarray(x * 3, x * 3 + 3)].reverse()).flat(),
  );
  return Buffer.concat([head, Buffer.from(rows.flat())]);
}

const SVG = `<?xml version="1.0"?><!-- three fields -->
<svg xmlns="http://www.w3.org/2000/svg" width="3" height="2"><path fill="#f00" d="M0 0h1v2h-1z"/><path fill="#0f0" d="M1 0h1v2h-1z"/><path fill="#00f" d="M2 0h1v2h-1z"/></svg>`;

describe('a picture', () => {
  it.each<[string, () => Promise<Uint8Array>]>([
    ['PNG', () => fields().png().toBuffer()],
    ['PNG of 16 bits', () => fields().toColourspace('rgb16').png().toBuffer()],
    [
      'PNG with a palette, interlaced',
      () => fields().png({ palette: true, progressive: true }).toBuffer(),
    ],
    ['JPEG', () => fields().jpeg({ quality: 95 }).toBuffer()],
    ['JPEG in CMYK', () => fields().toColourspace('cmyk').jpeg({ quality: 95 }).toBuffer()],
    [
      'JPEG of a turned camera',
      () => fields().rotate(90).jpeg({ quality: 95 }).withMetadata({ orientation: 8 }).toBuffer(),
    ],
    ['WebP', () => fields().webp({ quality: 95 }).toBuffer()],
    ['GIF', () => fields().gif().toBuffer()],
    ['TIFF', () => fields().tiff({ compression: 'lzw' }).toBuffer()],
    ['AVIF', () => fields().avif({ quality: 90 }).toBuffer()],
    ['BMP', () => Promise.resolve(buildBmp())],
    ['SVG', () => Promise.resolve(Buffer.from(SVG))],
  ])('of the kind %s is read by its content, cropped, padded and stretched', async (_, build) => {
    const bytes = await build();
    const look = (pixels: Uint8Array) => [1, 4, 6].map((x) => nameColour(pixels, x, 4));
    expect(nameColour(await decode(bytes), 4, 4)).toBe('green');
    const stretched = await decode(bytes, { fit: 'stretch' });
    expect(look(stretched)).toEqual(['red', 'green', 'blue']);
    const padded = await decode(bytes, { fit: 'pad', background: [0, 0, 0] });
    expect(look(padded)).toEqual(['red', 'green', 'blue']);
    expect([0, 7].map((y) => nameColour(padded, 4, y))).toEqual(['black', 'black']);
  });

  it.each(['png', 'jpeg', 'webp', 'tiff'] as const)(
    'of a turned camera stands upright: %s, of the right size and not',
    async (format) => {
      const square = fields().resize(16, 16, { fit: 'fill' }).rotate(90);
      const turned = sharp(await square.png().toBuffer()).withMetadata({ orientation: 8 });
      const bytes = await turned[format]({ quality: 100 }).toBuffer();
      for (const side of [8, 16]) {
        const pixels = await decode(bytes, { side });
        const look = [1, side / 2, side - 2].map((x) => nameColour(pixels, x, side / 2, side));
        expect(look).toEqual(['red', 'green', 'blue']);
      }
      const tall = await fields().rotate(90).withMetadata({ orientation: 8 })[format]().toBuffer();
      expect(await decoder.measure(tall)).toMatchObject({ width: 24, height: 16 });
    },
  );

  it('that is transparent shows the background', async () => {
    const clear = {
      width: 16,
      height: 16,
      channels: 4,
      background: { r: 255, g: 0, b: 0, alpha: 0 },
    } as const;
    const bytes = await sharp({ create: clear }).png().toBuffer();
    for (const side of [8, 16]) {
      const pixels = await decode(bytes, { side, background: [0, 0, 255] });
      expect(
        new Set(Array.from({ length: side }, (_, x) => nameColour(pixels, x, 3, side))),
      ).toEqual(new Set(['blue']));
      const grey = await sharp(bytes).toColourspace('b-w').png().toBuffer();
      const own = await decode(grey, { side, background: [200, 30, 60] });
      expect([...own.subarray(0, 3)]).toEqual([200, 30, 60]);
    }
  });

  it('of 16 bits with the profile of sRGB keeps its colours', async () => {
    const plain = await fields().toColourspace('rgb16').png().toBuffer();
    const profiled = await fields().withIccProfile('srgb').jpeg().toBuffer();
    const { icc = Buffer.alloc(0) } = await sharp(profiled).metadata();
    const chunk = buildChunk('iCCP', Buffer.concat([Buffer.from('sRGB\0\0'), deflateSync(icc)]));
    const content = Buffer.concat([plain.subarray(0, 33), chunk, plain.subarray(33)]);
    const pixelsOf = async (bytes: Uint8Array, range?: readonly [number, number]) => [
      ...(await decode(bytes, { fit: 'stretch', ...(range && { range }) })),
    ];
    const expected = await pixelsOf(plain);
    for (const range of [undefined, [0, 65_534] as const]) {
      const found = await pixelsOf(content, range);
      const far = found.filter((value, i) => Math.abs(value - (expected[i] as number)) > 2);
      expect(far, String(range)).toEqual([]);
    }
  });

  it('becomes grey by brightness, and inverted', async () => {
    const bytes = await fields().png().toBuffer();
    const grey = await decode(bytes, { fit: 'stretch', grey: true }, 1);
    const inverted = await decode(bytes, { fit: 'stretch', grey: true, invert: true }, 1);
    expect([grey.length, grey[33], grey[36]]).toEqual([
      64,
      expect.closeTo(82, -1),
      expect.closeTo(150, -1),
    ]);
    expect([...inverted]).toEqual([...grey].map((value) => 255 - value));
  });

  it('that is interlaced with packed pixels has the pixels of another decoder', async () => {
    // Adam7 of 4 x 2 pixels of 1 bit: passes 1, 4, 6 and 7.
    const rows = Uint8Array.of(0, 128, 0, 0, 0, 128, 0, 16);
    const bytes = buildRawPng({ width: 4, height: 2, depth: 1, colourType: 0, interlace: 1, rows });
    const { data } = PNG.sync.read(bytes);
    const pixels = await decode(bytes, { side: 4, fit: 'pad' }, 1);
    expect([...pixels.subarray(4, 12)]).toEqual(Array.from({ length: 8 }, (_, i) => data[i * 4]));
  });

  it.each([
    ['a damaged text', 'tEXt', Buffer.from('a\0b'), 1],
    ['a damaged colour profile', 'iCCP', Buffer.from('x\0\0none'), 0],
    ['a compressed text that is none', 'zTXt', deflateSync('x').subarray(2), 0],
  ])('is read in spite of %s', async (_, type, content, fault) => {
    const bytes = await fields().resize(8, 8, { fit: 'fill' }).png().toBuffer();
    const sound = buildChunk(type, content);
    sound[sound.length - 1] = (sound.at(-1) as number) ^ fault;
    const damaged = Buffer.concat([bytes.subarray(0, 33), sound, bytes.subarray(33)]);
    expect([...(await decode(damaged))]).toEqual([...(await decode(bytes))]);
  });

  it.each<[string, () => Promise<Uint8Array> | Uint8Array, RegExp]>([
    [
      'cut short',
      async () => (await fields().jpeg().toBuffer()).subarray(0, -30),
      /cannot be decoded/,
    ],
    [
      'a bomb',
      () =>
        buildRawPng({
          width: 60_000,
          height: 60_000,
          depth: 1,
          colourType: 0,
          rows: new Uint8Array(9),
        }),
      /has 60000 x 60000 pixels, at most 100,000,000 allowed/,
    ],
    [
      'an SVG bomb',
      () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="99999" height="99999"/>'),
      /has 99999 x 99999 pixels/,
    ],
    [
      'of an unknown kind',
      () => Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1'),
      /is of the format HEIC/,
    ],
    ['no picture', () => Buffer.from('Hello'), /^is no picture$/],
    ['empty', () => new Uint8Array(0), /^is empty$/],
  ])('is refused when it is %s', async (_, build, message) => {
    await expect(decode(await build())).rejects.toThrow(message);
  });
});

describe('without sharp', () => {
  const load = () => Promise.reject(new Error('Could not load the "sharp" module\nusing linux'));

  it('PNG files of the right size are read all the same, and the reason is kept', async () => {
    const plain = await openDecoder(load);
    expect(plain.fault).toBe('Could not load the "sharp" module');
    const png = await fields().resize(8, 8).png().toBuffer();
    expect(await plain.decode(png, READING, 3)).toEqual(await decode(png));
    await expect(plain.measure(await fields().jpeg().toBuffer())).rejects.toThrow(
      /is JPEG, which needs sharp/,
    );
    await expect(plain.decode(await fields().png().toBuffer(), READING, 3)).rejects.toThrow(
      /has 24 x 16 pixels, expected 8 x 8/,
    );
    const folder = await mkdtemp(join(tmpdir(), 'digitmint-plain-'));
    try {
      await writeFile(join(folder, 'a.png'), png);
      const { notes } = await loadDataFolder(folder, { decoder: plain });
      const told =
        /sharp cannot be loaded \(Could not load the "sharp" module; npm ci installs it\)/;
      expect(notes).toEqual([expect.stringMatching(told)]);
      await writeFile(join(folder, 'b.jpg'), await fields().jpeg().toBuffer());
      await expect(loadDataFolder(folder, { decoder: plain })).rejects.toThrow(told);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
