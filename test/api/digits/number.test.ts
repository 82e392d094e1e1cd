/** Tests `/number` over HTTP in the real runtime: digits and signs in one handwriting. */
import { PNG } from 'pngjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { POINTER_KEY } from '../../../shared/model/artifact.ts';
import {
  buildFixture,
  COLOUR_LAYERS,
  buildPointer,
} from '../../support/models/fixture-artifact.ts';
import { putArtifact, startWorker, type TestWorker } from '../../support/hosts/runtime.ts';

const plain = buildFixture({ name: 'plain', classes: 0 });
const colour = buildFixture({ name: 'colour', layers: COLOUR_LAYERS });

let worker: TestWorker;
beforeAll(async () => {
  worker = await startWorker(async (bucket) => {
    await putArtifact(bucket, plain);
    await putArtifact(bucket, colour);
    await bucket.put(POINTER_KEY, buildPointer(plain, colour));
  });
});
afterAll(() => worker.close());

/** The bundled model, whose digits have paper around them. */
const REAL = 'model=digits&seed=Ada';

test('a number consists of the seed’s digit for each label, side by side', async () => {
  const png = PNG.sync.read(await worker.getBytes(`/number/2026.png?${REAL}&start=3`));
  expect(png.height).toBe(28);
  let left = 3;
  for (const label of '2026') {
    const [digit] = (await worker.getDigits(`/digit.json?${REAL}&start=3&label=${label}`)).digits;
    const pixels = digit?.pixels ?? [];
    const inked = Array.from({ length: 28 }, (_, x) => x).filter((x) =>
      pixels.some((value, i) => i % 28 === x && value >= 32),
    );
    const [first, last] = [inked[0] as number, inked.at(-1) as number];
    for (let x = first; x <= last; x++) {
      for (let y = 0; y < 28; y++) {
        expect(png.data[(y * png.width + left + x - first) * 4]).toBe(pixels[y * 28 + x]);
      }
    }
    left += last - first + 1 + 3;
  }
  expect(png.width).toBe(left);
});

test('a number has every format, look parameters, a canonical URL and an ETag', async () => {
  const answer = await worker.fetch(
    `/number/31415.png?${REAL}&scale=4&smooth=1&fg=000&bg=fff&margin=2`,
  );
  const canonical = answer.headers.get('content-location') as string;
  expect(canonical).toMatch(
    /^\/number\/31415\.png\?seed=Ada&scale=4&margin=2&fg=000000&bg=ffffff&smooth=1&model=digits@[0-9a-f]{16}$/,
  );
  expect(answer.headers.get('content-disposition')).toBe(
    'inline; filename="digitmint-31415-Ada-0.png"',
  );
  const again = await worker.fetch(canonical);
  expect(again.headers.get('cache-control')).toContain('immutable');
  expect(
    Buffer.from(await again.arrayBuffer()).equals(Buffer.from(await answer.arrayBuffer())),
  ).toBe(true);
  const headers = { 'if-none-match': again.headers.get('etag') as string };
  expect((await worker.fetch(canonical, { headers, cache: 'no-store' })).status).toBe(304);

  const json = await worker.getDigits(`/number/31415.json?${REAL}`);
  expect([json.n, json.height, json.digits[0]?.class, json.digits[0]?.label]).toEqual([
    1,
    28,
    '31415',
    null,
  ]);
  expect(json.digits[0]?.pixels).toHaveLength(28 * json.width);
  const picture = PNG.sync.read(
    Buffer.from(await (await fetch(json.digits[0]?.url as string)).arrayBuffer()),
  );
  expect(picture.width).toBe(json.width);
  expect((await worker.getBytes(`/number/7.svg?${REAL}`)).toString()).toContain(
    '<title>The handwritten number 7</title>',
  );
  expect((await worker.getBytes(`/number/7.npy?${REAL}`)).toString('latin1')).toMatch(
    /'shape': \(1, 28, \d+\)/,
  );
  expect((await worker.getBytes(`/number/7.txt?${REAL}`)).toString()).toMatch(/█/);
  expect(
    (await worker.getBytes(`/number/7.ndjson?${REAL}`)).toString().trimEnd().split('\n'),
  ).toHaveLength(1);
});

test.each([
  ['-3.14', '/number/-3.14.png', '-3.14'],
  ['%2D3%2E14', '/number/-3.14.png', '-3.14'],
  ['1,000.50', '/number/1,000.50.png', '1,000.50'],
  ['1%2C000.50', '/number/1,000.50.png', '1,000.50'],
  ['12%20500', '/number/12%20500.png', '12_500'],
  ['+12', '/number/%2B12.png', '+12'],
  ['%2B12', '/number/%2B12.png', '+12'],
  ['12+500', '/number/12%2B500.png', '12+500'],
  ['2026-11-23', '/number/2026-11-23.png', '2026-11-23'],
  ['.5', '/number/.5.png', '.5'],
  ['12:30', '/number/12%3A30.png', '12_30'],
  ["1'000", "/number/1'000.png", '1_000'],
])('a number in the path %s has its signs: %s', async (text, path, name) => {
  const answer = await worker.fetch(`/number/${text}?${REAL}`);
  const canonical = answer.headers.get('content-location') as string;
  expect([answer.status, answer.headers.get('content-type'), canonical.split('?')[0]]).toEqual([
    200,
    'image/png',
    path,
  ]);
  expect(answer.headers.get('content-disposition')).toBe(
    `inline; filename="digitmint-${name}-Ada-0.png"`,
  );
  const bytes = Buffer.from(await answer.arrayBuffer());
  expect((await worker.getBytes(canonical)).equals(bytes)).toBe(true);
  expect((await worker.getBytes(`/number/${text}.png?${REAL}`)).equals(bytes)).toBe(true);
  const json = await worker.getDigits(`/number/${text}.json?${REAL}`);
  const png = PNG.sync.read(bytes);
  // One picture, as without signs; its class is the requested number.
  expect([json.n, json.width, json.digits[0]?.label, json.digits[0]?.class]).toEqual([
    1,
    png.width,
    null,
    decodeURIComponent(text),
  ]);
  expect(json.digits[0]?.pixels).toEqual(
    Array.from({ length: png.width * 28 }, (_, p) => png.data[4 * p]),
  );
  expect(new URL(json.digits[0]?.url as string).pathname).toBe(path);
});

test.each([
  ['%E2%88%9212', '-12'],
  ['12%E2%80%AF500', '12 500'],
  ['12%C2%A0500', '12 500'],
  ['1%E2%80%99000', "1'000"],
])('a number as people write it in other languages, %s, is the number %s', async (text, same) => {
  const [answer, expected] = await Promise.all(
    [text, same].map((each) => worker.fetch(`/number/${each}.png?${REAL}`)),
  );
  expect(answer!.headers.get('content-location')).toBe(expected!.headers.get('content-location'));
  expect(Buffer.from(await answer!.arrayBuffer())).toEqual(
    Buffer.from(await expected!.arrayBuffer()),
  );
});

test('signs that the pen cannot draw are refused by name', async () => {
  const answer = await worker.fetch('/number/5%25.json');
  expect([answer.status, ((await answer.json()) as { detail: string }).detail]).toEqual([
    400,
    expect.stringContaining('digits is "5%", expected') as unknown,
  ]);
  const euro = (await (await worker.fetch('/number/%E2%82%AC5.json')).json()) as { detail: string };
  expect(euro.detail).toContain('but no %, € or $');
});

test('signs leave digits unchanged, depend on the seed, and have outlines like digits', async () => {
  const readRows = async (path: string) => {
    const { width, digits } = await worker.getDigits(path);
    const pixels = digits[0]?.pixels as number[];
    return Array.from({ length: width }, (_, x) =>
      pixels.filter((_p, i) => i % width === x).join(),
    );
  };
  const [unsigned, signed] = [
    await readRows(`/number/314.json?${REAL}`),
    await readRows(`/number/3.14.json?${REAL}`),
  ];
  const isPaper = (column: string) => !/[1-9]/.test(column);
  const [before, after] = [
    unsigned.filter((column) => !isPaper(column)),
    signed.filter((column) => !isPaper(column)),
  ];
  expect(after.length).toBeGreaterThan(before.length);
  expect(after.filter((column) => before.includes(column))).toEqual(before);
  expect(await readRows(`/number/3.14.json?${REAL}&start=1`)).not.toEqual(signed);

  const countPaths = async (path: string) =>
    (await worker.getBytes(path)).toString().match(/M/g)?.length ?? 0;
  expect(await countPaths(`/number/3.14.svg?${REAL}`)).toBe(
    (await countPaths(`/number/314.svg?${REAL}`)) + 1,
  );
  expect((await worker.getBytes(`/number/-3.svg?${REAL}`)).toString()).toContain(
    '<title>The handwritten number -3</title>',
  );
});

test('signs are refused for a model in colour, because signs are drawn in ink', async () => {
  expect((await worker.fetch('/number/12?model=colour')).status).toBe(200);
  const answer = await worker.fetch('/number/1.2?model=colour&format=json');
  expect([answer.status, await answer.json()]).toEqual([
    400,
    expect.objectContaining({
      code: 'parameter_not_supported',
      detail: expect.stringContaining(
        'digits is "1.2", which model colour does not support',
      ) as unknown,
    }),
  ]);
});

test('an error is drawn when a picture was requested, whatever follows the number’s last dot', async () => {
  const answer = await worker.fetch('/number/1.5.14?n=x&seed=', {
    headers: { accept: 'image/avif,image/webp,*/*;q=0.8' },
  });
  expect([answer.status, answer.headers.get('content-type')]).toEqual([400, 'image/png']);
});

test('a number is new without a seed', async () => {
  const [first, second] = [
    await worker.fetch('/number/42?model=digits'),
    await worker.fetch('/number/42?model=digits'),
  ];
  expect([first.headers.get('content-type'), first.headers.get('cache-control')]).toEqual([
    'image/png',
    'no-store',
  ]);
  expect(first.headers.get('digitmint-seed')).not.toBe(second.headers.get('digitmint-seed'));
});

test.each<[path: string, status: number, code: string]>([
  ['/number/x?model=digits', 400, 'invalid_parameter'],
  ['/number/%D9%A3?model=digits', 400, 'invalid_parameter'],
  [`/number/${'1'.repeat(33)}?model=digits`, 400, 'invalid_parameter'],
  ['/number/12?model=digits&label=3&strict=1', 400, 'unknown_parameter'],
  ['/number/12?model=plain', 400, 'parameter_not_supported'],
  ...[
    '-',
    '%20',
    '%201',
    '1%20',
    '1%20%202',
    '1e3',
    '1_000',
    '1%2F2',
    '5%25',
    '%E2%82%AC5',
    '%245',
    '1.5.x',
  ].map((text): [string, number, string] => [
    `/number/${text}?model=digits&format=json`,
    400,
    'invalid_parameter',
  ]),
  ['/number/-1?model=plain', 400, 'parameter_not_supported'],
  ['/number/12?model=none', 404, 'model_not_found'],
  [`/number/${'8'.repeat(32)}?model=digits&scale=16&margin=256`, 400, 'picture_too_large'],
  ['/number', 404, 'not_found'],
])('answers %s with status %i', async (path, status, code) => {
  const answer = await worker.fetch(path);
  expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([status, code]);
});
