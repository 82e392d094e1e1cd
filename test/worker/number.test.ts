/**
 * Numbers in one hand, over HTTP in the real runtime.
 */
import { PNG } from 'pngjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { POINTER_KEY } from '../../shared/artifact.ts';
import { digitsSchema } from '../../shared/contract/answers.ts';
import { buildFixture, buildPointer } from '../support/fixture-artifact.ts';
import { putArtifact, startWorker, type TestWorker } from '../support/runtime.ts';

const plain = buildFixture({ name: 'plain', classes: 0 });

let worker: TestWorker;
beforeAll(async () => {
  worker = await startWorker(async (bucket) => {
    await putArtifact(bucket, plain);
    await bucket.put(POINTER_KEY, buildPointer(plain));
  });
});
afterAll(() => worker.close());

/** The model in the bundle, whose digits have paper around them. */
const REAL = 'model=digits&seed=Ada';

const getBytes = async (path: string) => Buffer.from(await (await worker.fetch(path)).arrayBuffer());
const getJson = async (path: string) => digitsSchema.parse(await (await worker.fetch(path)).json());

test('a number is the digits that its seed gives for each label, side by side', async () => {
  const png = PNG.sync.read(await getBytes(`/number/2026.png?${REAL}&start=3`));
  expect(png.height).toBe(28);
  let left = 3;
  for (const label of '2026') {
    const [digit] = (await getJson(`/digit.json?${REAL}&start=3&label=${label}`)).digits;
    const pixels = digit?.pixels ?? [];
    const inked = Array.from({ length: 28 }, (_, x) => x).filter((x) => pixels.some((value, i) => i % 28 === x && value >= 32));
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

test('has every format, a look, a permanent URL and an ETag', async () => {
  const answer = await worker.fetch(`/number/31415.png?${REAL}&scale=4&smooth=1&fg=000&bg=fff&margin=2`);
  const canonical = answer.headers.get('content-location') as string;
  expect(canonical).toMatch(
    /^\/number\/31415\.png\?seed=Ada&scale=4&margin=2&fg=000000&bg=ffffff&smooth=1&model=digits@[0-9a-f]{16}$/,
  );
  expect(answer.headers.get('content-disposition')).toBe('inline; filename="digitmint-31415-Ada-0.png"');
  const again = await worker.fetch(canonical);
  expect(again.headers.get('cache-control')).toContain('immutable');
  expect(Buffer.from(await again.arrayBuffer()).equals(Buffer.from(await answer.arrayBuffer()))).toBe(true);
  const headers = { 'if-none-match': again.headers.get('etag') as string };
  expect((await worker.fetch(canonical, { headers, cache: 'no-store' })).status).toBe(304);

  const json = await getJson(`/number/31415.json?${REAL}`);
  expect([json.n, json.height, json.digits[0]?.class, json.digits[0]?.label]).toEqual([1, 28, '31415', null]);
  expect(json.digits[0]?.pixels).toHaveLength(28 * json.width);
  const picture = PNG.sync.read(Buffer.from(await (await fetch(json.digits[0]?.url as string)).arrayBuffer()));
  expect(picture.width).toBe(json.width);
  expect((await getBytes(`/number/7.svg?${REAL}`)).toString()).toContain('<title>The handwritten number 7</title>');
  expect((await getBytes(`/number/7.npy?${REAL}`)).toString('latin1')).toMatch(/'shape': \(1, 28, \d+\)/);
  expect((await getBytes(`/number/7.txt?${REAL}`)).toString()).toMatch(/█/);
  expect((await getBytes(`/number/7.ndjson?${REAL}`)).toString().trimEnd().split('\n')).toHaveLength(1);
});

test('is fresh without a seed', async () => {
  const [first, second] = [await worker.fetch('/number/42?model=digits'), await worker.fetch('/number/42?model=digits')];
  expect([first.headers.get('content-type'), first.headers.get('cache-control')]).toEqual(['image/png', 'no-store']);
  expect(first.headers.get('digitmint-seed')).not.toBe(second.headers.get('digitmint-seed'));
});

test.each<[path: string, status: number, code: string]>([
  ['/number/x?model=digits', 400, 'invalid_parameter'],
  ['/number/-1?model=digits', 400, 'invalid_parameter'],
  ['/number/1.5?model=digits', 400, 'invalid_parameter'],
  ['/number/%D9%A3?model=digits', 400, 'invalid_parameter'],
  [`/number/${'1'.repeat(33)}?model=digits`, 400, 'invalid_parameter'],
  ['/number/12?model=digits&label=3&strict=1', 400, 'unknown_parameter'],
  ['/number/12?model=plain', 400, 'parameter_not_supported'],
  ['/number/12?model=none', 404, 'model_not_found'],
  [`/number/${'8'.repeat(32)}?model=digits&scale=16&margin=256`, 400, 'picture_too_large'],
  ['/number', 404, 'not_found'],
])('%s is a %i', async (path, status, code) => {
  const answer = await worker.fetch(path);
  expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([status, code]);
});
