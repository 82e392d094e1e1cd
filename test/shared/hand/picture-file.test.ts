import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { openPicture } from '../../../shared/hand/picture-file.ts';

/** A ramp that is bright at the left and the top: each turn of it looks different. */
const [WIDTH, HEIGHT] = [48, 32];
const RAMP = Buffer.from(
  Array.from({ length: WIDTH * HEIGHT }, (_, i) => {
    const [x, y] = [i % WIDTH, Math.floor(i / WIDTH)];
    return 250 - 3 * x - 2 * y;
  }),
);

describe('a photograph', () => {
  const ORIENTATIONS = [1, 2, 3, 4, 5, 6, 7, 8];
  it.each(
    (['jpeg', 'png'] as const).flatMap((format) =>
      ORIENTATIONS.map((one) => [format, one] as const),
    ),
  )(
    'is turned as its camera was held, %s of orientation %i, as sharp turns it',
    async (format, orientation) => {
      const ramp = sharp(RAMP, { raw: { width: WIDTH, height: HEIGHT, channels: 1 } });
      const turned = ramp.withMetadata({ orientation });
      const bytes = await turned[format]({ quality: 100 }).toBuffer();
      const picture = await openPicture(bytes).decode(255);
      const expected = await sharp(bytes)
        .rotate()
        .toColourspace('b-w')
        .raw()
        .toBuffer({ resolveWithObject: true });
      expect([picture.width, picture.height]).toEqual([expected.info.width, expected.info.height]);
      const furthest = picture.pixels.reduce(
        (most, level, i) => Math.max(most, Math.abs(level - (expected.data[i] as number))),
        0,
      );
      expect(furthest).toBeLessThanOrEqual(2);
    },
  );

  it('is read upright where its Exif is cut or says nothing that exists', async () => {
    const ramp = sharp(RAMP, { raw: { width: WIDTH, height: HEIGHT, channels: 1 } });
    const jpeg = await ramp.withMetadata({ orientation: 6 }).jpeg().toBuffer();
    const start = jpeg.indexOf('Exif');
    const tag = jpeg.indexOf(Buffer.from([0x12, 0x01, 0x03, 0x00]), start);
    for (const change of [
      (bytes: Buffer) => bytes.writeUInt16LE(9, tag + 8), // no such orientation
      (bytes: Buffer) => bytes.writeUInt32LE(0xffff_fff0, start + 10), // no such directory
      (bytes: Buffer) => {
        bytes.writeUInt16LE(0, tag);
        bytes.writeUInt16LE(0xffff, start + 14); // more entries than there is room for
      },
    ]) {
      const bytes = Buffer.from(jpeg);
      change(bytes);
      const picture = await openPicture(bytes).decode(255);
      expect([picture.width, picture.height]).toEqual([WIDTH, HEIGHT]);
    }
  });
});

/** Length of a PNG's signature and header. */
const HEADER_BYTES = 33;

/** Builds a chunk of a PNG. */
function buildChunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  const ends = [Buffer.alloc(4), Buffer.alloc(4)] as const;
  ends[0].writeUInt32BE(data.length);
  ends[1].writeUInt32BE(crc32(body));
  return Buffer.concat([ends[0], body, ends[1]]);
}

it('a PNG is transparent with an alpha channel or a colour that stands for paper', async () => {
  for (const channels of [1, 3] as const) {
    const ink = Buffer.alloc(9 * 9 * channels).fill(255, 30 * channels, 33 * channels);
    const space = channels === 1 ? 'b-w' : 'srgb';
    const raw = sharp(ink, { raw: { width: 9, height: 9, channels } }).toColourspace(space);
    const png = await raw.png().toBuffer();
    const file = Buffer.concat([
      png.subarray(0, HEADER_BYTES),
      buildChunk('tRNS', Buffer.alloc(2 * channels)),
      png.subarray(HEADER_BYTES),
    ]);
    const keyed = openPicture(file);
    const withAlpha = openPicture(await raw.ensureAlpha().png().toBuffer());
    expect([openPicture(png), keyed, withAlpha].map((each) => each.isTransparent)).toEqual([
      false,
      true,
      true,
    ]);
    const white = await keyed.decode(255);
    file.fill(0); // It is decoded once for both papers.
    const black = await keyed.decode(0);
    expect([new Set(white.pixels), new Set(black.pixels)]).toEqual([
      new Set([255]),
      new Set([0, 255]),
    ]);
  }
});

describe('a small file that would become a large one', () => {
  const ramp = (side: number) =>
    sharp({ create: { width: side, height: side, channels: 3, background: 'red' } });

  it('is read without its colour profile, which is not even inflated', async () => {
    const png = await ramp(28).png().toBuffer();
    const bytes = Buffer.concat([
      png.subarray(0, HEADER_BYTES),
      buildChunk('iCCP', Buffer.from('k\0\0no compressed profile')),
      png.subarray(HEADER_BYTES),
    ]);
    expect((await openPicture(bytes).decode(255)).pixels).toEqual(
      (await openPicture(png).decode(255)).pixels,
    );
  });

  it('is refused where its pixels are more than its header says', async () => {
    const png = await ramp(1024).png().toBuffer();
    const bytes = Buffer.concat([
      png.subarray(0, HEADER_BYTES),
      buildChunk('IDAT', deflateSync(Buffer.alloc(20_000_000))),
      buildChunk('IEND', new Uint8Array()),
    ]);
    await expect(openPicture(bytes).decode(255)).rejects.toThrow('more pixels than its header');
  });

  const FRAME = Buffer.of(0xff, 0xc0);
  const SCAN = Buffer.of(0xff, 0xda);

  it('is refused where a JPEG has a second frame', async () => {
    const jpeg = await ramp(28).jpeg().toBuffer();
    const frame = jpeg.indexOf(FRAME);
    const scan = jpeg.indexOf(SCAN);
    const larger = Buffer.from(jpeg.subarray(frame, frame + 2 + jpeg.readUInt16BE(frame + 2)));
    larger.writeUInt16BE(4800, 5);
    const bytes = Buffer.concat([jpeg.subarray(0, scan), larger, jpeg.subarray(scan)]);
    expect(() => openPicture(bytes)).toThrow('more than one frame');
  });

  it('is refused where a JPEG repeats a component or has more coefficients than 64', async () => {
    const jpeg = await ramp(28).toColourspace('b-w').jpeg({ progressive: true }).toBuffer();
    const frame = jpeg.indexOf(Buffer.of(0xff, 0xc2));
    const scan = jpeg.indexOf(SCAN);
    const [components, selectors, last] = [frame + 9, scan + 4, scan + 8];
    for (const [at, value] of [
      [components, 255],
      [selectors, 255],
      [last, 255],
    ] as const) {
      const bytes = Buffer.from(jpeg);
      bytes[at] = value;
      expect(() => openPicture(bytes)).toThrow('cannot be decoded');
    }
  });
});

describe('the cost of a JPEG', () => {
  const noise = sharp({
    create: {
      width: 64,
      height: 32,
      channels: 3,
      background: 'grey',
      noise: { type: 'gaussian', mean: 128, sigma: 60 },
    },
  });
  it.each([
    ['grey', { mozjpeg: false }, true, 1],
    ['half as many colours', { chromaSubsampling: '4:2:0' }, false, 1.5],
    ['all colours', { chromaSubsampling: '4:4:4' }, false, 3],
    // libjpeg's script: brightness and colours in ten scans, two of which hold all three.
    ['all colours, progressive', { chromaSubsampling: '4:4:4', progressive: true }, false, 14],
  ] as const)('is that of its scans: %s', async (_, options, isGrey, passes) => {
    const jpeg = await noise
      .clone()
      .toColourspace(isGrey ? 'b-w' : 'srgb')
      .jpeg(options)
      .toBuffer();
    expect(openPicture(jpeg).decoded).toBe(passes * 64 * 32);
  });

  it('does not count the pictures in metadata or behind it', async () => {
    const jpeg = await noise.clone().jpeg().toBuffer();
    const thumbnail = Buffer.concat([Buffer.of(0xff, 0xe2, 0, 0), jpeg]);
    thumbnail.writeUInt16BE(thumbnail.length - 2, 2);
    const bytes = Buffer.concat([jpeg.subarray(0, 2), thumbnail, jpeg.subarray(2), jpeg]);
    const [plain, padded] = [openPicture(jpeg), openPicture(bytes)];
    expect(padded.decoded).toBe(plain.decoded);
    expect((await padded.decode(255)).pixels).toEqual((await plain.decode(255)).pixels);
  });

  it('quantizers of 255 are no markers, and keep the picture as it was', async () => {
    for (const quality of [1, 7, 21]) {
      const jpeg = await noise.clone().jpeg({ quality }).toBuffer();
      const { pixels } = await openPicture(jpeg).decode(255);
      const expected = await sharp(jpeg).toColourspace('b-w').raw().toBuffer();
      const error = pixels.reduce(
        (sum, each, i) => sum + Math.abs(each - (expected[i] as number)),
        0,
      );
      expect(error / pixels.length).toBeLessThan(3);
    }
  });
});
