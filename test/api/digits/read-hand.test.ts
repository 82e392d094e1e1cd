/** Tests `POST /hand` over HTTP in the real runtime. */
import { deflateSync } from 'node:zlib';
import { encode as encodeJpeg } from 'jpeg-js';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { POINTER_KEY } from '../../../shared/model/artifact.ts';
import { loadTestDigits } from '../../../trainer/evaluation/digits.ts';
import { buildFixture, buildPointer } from '../../support/models/fixture-artifact.ts';
import { putArtifact, startWorker, type TestWorker } from '../../support/hosts/runtime.ts';

const { dataset } = await loadTestDigits();
const other = buildFixture({ name: 'other' });

let worker: TestWorker;
beforeAll(async () => {
  worker = await startWorker(async (bucket) => {
    await putArtifact(bucket, other);
    await bucket.put(POINTER_KEY, buildPointer(other));
  });
});
afterAll(() => worker.close());

const MODEL = 'model=digits';
const takeDigit = (index: number): Uint8Array =>
  dataset.images.subarray(index * 784, (index + 1) * 784);

async function post(body: Uint8Array | string, query = MODEL, headers = {}) {
  const answer = await worker.fetch(`/hand?${query}`, {
    method: 'POST',
    body: body as Uint8Array<ArrayBuffer>,
    headers,
  });
  return { status: answer.status, headers: answer.headers, json: (await answer.json()) as Answer };
}

interface Answer {
  readonly hand: string;
  readonly label: number;
  readonly certainty: number;
  readonly error: number;
  readonly url: string;
  readonly numberUrl: string;
  readonly code?: string;
  readonly detail: string;
}

/** Enlarges a digit and paints it with a colour for paper and ink, [r, g, b, alpha]. */
function paint(digit: Uint8Array, scale: number, paper: number[], ink: number[]) {
  const side = 28 * scale;
  const data = Buffer.alloc(side * side * 4);
  for (let i = 0; i < side * side; i++) {
    const [x, y] = [i % side, Math.floor(i / side)];
    const value = (digit[Math.floor(y / scale) * 28 + Math.floor(x / scale)] as number) / 255;
    for (let c = 0; c < 4; c++) {
      data[i * 4 + c] = Math.round((paper[c] as number) * (1 - value) + (ink[c] as number) * value);
    }
  }
  return { width: side, height: side, data };
}

function encodePng(picture: ReturnType<typeof paint>): Uint8Array {
  const png = new PNG({ width: picture.width, height: picture.height });
  picture.data.copy(png.data);
  return PNG.sync.write(png);
}

const [WHITE, BLACK] = [
  [255, 255, 255, 255],
  [0, 0, 0, 255],
];

test('a picture of a digit becomes a hand, and its URLs draw', async () => {
  const { status, headers, json } = await post(encodePng(paint(takeDigit(0), 8, WHITE, BLACK)));
  expect([status, json.label]).toEqual([200, 7]);
  expect(headers.get('cache-control')).toBe('no-store');
  expect(json.hand).toMatch(/^1\.digits\.[0-9a-f]{16}\.[A-Za-z0-9_-]{86}$/);
  expect(json.certainty).toBeGreaterThan(0.9);
  expect(json.error).toBeLessThan(40);
  for (const url of [json.url, json.numberUrl]) {
    const answer = await worker.fetch(url.slice(new URL(url).origin.length));
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'image/png']);
    expect(answer.headers.get('cache-control')).toContain('immutable');
  }
});

test('dark and light paper, transparency, JPEG and the numbers give the same digit', async () => {
  const digit = takeDigit(0);
  const clear = [0, 0, 0, 0];
  const bodies = [
    JSON.stringify([...digit]),
    JSON.stringify({ pixels: [...digit] }),
    encodePng(paint(digit, 6, BLACK, WHITE)),
    encodePng(paint(digit, 6, clear, BLACK)),
    encodePng(paint(digit, 6, [255, 255, 255, 0], WHITE)),
    encodeJpeg(paint(digit, 6, WHITE, BLACK), 80).data,
  ];
  for (const body of bodies) {
    const { status, json } = await post(body);
    expect([status, json.label]).toEqual([200, 7]);
  }
});

test('refine brings the hand nearer to the digit, and the same request gives the same hand', async () => {
  const body = JSON.stringify([...takeDigit(3)]);
  const [first, refined, again] = [
    await post(body),
    await post(body, `${MODEL}&refine=3`),
    await post(body, `${MODEL}&refine=3`),
  ];
  expect(refined.json.error).toBeLessThan(first.json.error);
  expect(again.json).toEqual(refined.json);
});

test('a given label counts, whatever the encoder would guess', async () => {
  const { json } = await post(JSON.stringify([...takeDigit(0)]), `${MODEL}&label=1`);
  expect(json.label).toBe(1);
  expect(json.certainty).toBeLessThan(0.5);
});

function crc(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
    }
  }
  return (value ^ 0xffffffff) >>> 0;
}

/** A progressive JPEG of many scans, each a pass over all pixels that takes 16 bytes. */
function buildScans(scans: number): Uint8Array {
  const size = [0x03, 0xe8, 0x03, 0xe8]; // 1000 x 1000
  const code = (id: number, value: number) => [id, 1, ...Array<number>(15).fill(0), value];
  const segment = (marker: number, ...bytes: number[]) => [
    0xff,
    marker,
    0,
    bytes.length + 2,
    ...bytes,
  ];
  const scan = [...segment(0xda, 1, 1, 0, 1, 63, 0), 0, 1]; // All blocks end at once.
  return Uint8Array.of(
    0xff,
    0xd8,
    ...segment(0xdb, 0, ...Array<number>(64).fill(1)),
    ...segment(0xc2, 8, ...size, 1, 1, 0x11, 0),
    ...segment(0xc4, ...code(0x00, 0)),
    ...segment(0xc4, ...code(0x10, 0xe0)),
    ...Array.from({ length: scans }, () => scan).flat(),
    0xff,
    0xd9,
  );
}

/** Builds a PNG that says it has one grey pixel, and holds 200 million bytes. */
function buildBomb(): Uint8Array {
  const chunk = (type: string, data: Uint8Array): Buffer => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    check.writeUInt32BE(crc(body));
    return Buffer.concat([length, body, check]);
  };
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', Buffer.from([0, 0, 0, 9, 0, 0, 0, 9, 8, 0, 0, 0, 0])),
    chunk('IDAT', deflateSync(Buffer.alloc(200_000_000))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Every third row of two digits side by side, or lines across everything. */
function drawTwo(): string {
  const png = new PNG({ width: 70, height: 28 });
  png.data.fill(0);
  for (const [index, left] of [
    [0, 0],
    [1, 40],
  ] as const) {
    takeDigit(index).forEach((value, i) => {
      png.data[((Math.floor(i / 28) * 70 + left + (i % 28)) << 2) + 0] = value;
      png.data[((Math.floor(i / 28) * 70 + left + (i % 28)) << 2) + 1] = value;
      png.data[((Math.floor(i / 28) * 70 + left + (i % 28)) << 2) + 2] = value;
    });
  }
  for (let i = 3; i < png.data.length; i += 4) {
    png.data[i] = 255;
  }
  return PNG.sync.write(png).toString('latin1');
}
const latin1 = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const scribble = Array.from({ length: 784 }, (_, i) => {
  const [x, y] = [i % 28, Math.floor(i / 28)];
  return x > 3 && x < 24 && y > 3 && y < 24 && (x * 3 + y * 7) % 6 < 2 ? 255 : 0;
});

test.each<[string, () => Uint8Array | string, number, string, string]>([
  ['an empty body', () => '', 422, 'unreadable_picture', 'The body is empty'],
  ['no picture', () => 'hello', 422, 'unreadable_picture', 'neither PNG nor JPEG nor JSON'],
  ['cut-off JSON', () => '[1, 2', 422, 'unreadable_picture', 'malformed JSON'],
  ['too few numbers', () => '[1, 2]', 422, 'unreadable_picture', 'JSON with 2 numbers'],
  [
    'a number out of range',
    () => JSON.stringify([...new Array(783).fill(0), 256]),
    422,
    'unreadable_picture',
    'number 784',
  ],
  [
    'a cut-off PNG',
    () => encodePng(paint(takeDigit(0), 4, WHITE, BLACK)).slice(0, 300),
    422,
    'unreadable_picture',
    'The body ',
  ],
  [
    'half a JPEG',
    () => encodeJpeg(paint(takeDigit(0), 4, WHITE, BLACK), 80).data.subarray(0, 60),
    422,
    'unreadable_picture',
    'The body ',
  ],
  [
    'a decompression bomb',
    buildBomb,
    422,
    'unreadable_picture',
    'more pixels than its header says',
  ],
  ['a JPEG that costs seconds', () => buildScans(65), 422, 'unreadable_picture', '64 scans'],
  ['too large a body', () => new Uint8Array(1_000_001), 413, 'body_too_large', '1000000 bytes'],
  [
    'too many pixels',
    () => encodePng(paint(takeDigit(0), 40, WHITE, BLACK)),
    422,
    'unreadable_picture',
    '1120 x 1120 pixels',
  ],
  [
    'an empty canvas',
    () => encodePng(paint(new Uint8Array(784), 4, WHITE, BLACK)),
    422,
    'no_digit',
    'the picture is blank',
  ],
  [
    'a tiny picture',
    () =>
      encodePng({
        width: 3,
        height: 3,
        data: Buffer.from([
          ...WHITE,
          ...WHITE,
          ...WHITE,
          ...WHITE,
          ...BLACK,
          ...WHITE,
          ...WHITE,
          ...WHITE,
          ...WHITE,
        ]),
      }),
    422,
    'no_digit',
    'pixels long',
  ],
  ['two digits', () => latin1(drawTwo()), 422, 'no_digit', '2 digits beside each other'],
  ['a scribble', () => JSON.stringify(scribble), 422, 'no_digit', 'nearest is '],
])('%s is refused by name', async (_, build, status, code, text) => {
  const answer = await post(build());
  expect([answer.status, answer.json.code]).toEqual([status, code]);
  expect(answer.json.detail).toContain(text);
});

test('a model without an encoder, a wrong label and an unknown parameter are refused by name', async () => {
  const body = JSON.stringify([...takeDigit(0)]);
  const bare = await post(body, 'model=other');
  expect([bare.status, bare.json.code]).toEqual([404, 'encoder_not_found']);
  expect(bare.json.detail).toContain(`other@${other.manifest.version} has no encoder`);
  expect((await post(body, `${MODEL}&label=x`)).json.code).toBe('label_not_supported');
  expect((await post(body, `${MODEL}&refine=13`)).json.detail).toContain('from 0 to 12');
  expect((await post(body, `${MODEL}&strict=1&lable=7`)).json.code).toBe('unknown_parameter');
});

test('other origins may post, and nothing of a picture is logged', async () => {
  const preflight = await worker.fetch('/hand', { method: 'OPTIONS' });
  expect(preflight.headers.get('access-control-allow-methods')).toContain('POST');
  await post(JSON.stringify([...takeDigit(0)]), `${MODEL}&label=7`);
  const line = worker.readLogs().findLast((each) => each.includes('"/hand"'));
  expect(line).not.toMatch(/label|1\.digits/);
});
