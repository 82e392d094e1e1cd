/** Tests `/morph` loops over HTTP in the real runtime, read by independent decoders. */
import { createHash } from 'node:crypto';
import { GifReader } from 'omggif';
import type { Browser } from 'playwright-core';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeGif } from '../../../shared/animation/gif.ts';
import { POINTER_KEY } from '../../../shared/model/artifact.ts';
import { BLACK, WHITE } from '../../../shared/picture/colour.ts';
import { takeApart } from '../../support/apng.ts';
import { startBrowser } from '../../support/hosts/browser.ts';
import {
  buildFixture,
  COLOUR_LAYERS,
  buildPointer,
} from '../../support/models/fixture-artifact.ts';
import { putArtifact, startWorker, type TestWorker } from '../../support/hosts/runtime.ts';

const grey = buildFixture({ name: 'grey' });
const plain = buildFixture({ name: 'plain', classes: 0 });
const colour = buildFixture({ name: 'colour', layers: COLOUR_LAYERS });

let worker: TestWorker;
let browser: Browser;
beforeAll(async () => {
  [worker, browser] = await Promise.all([
    startWorker(async (bucket) => {
      for (const fixture of [grey, plain, colour]) {
        await putArtifact(bucket, fixture);
      }
      await bucket.put(POINTER_KEY, buildPointer(grey, plain, colour));
    }),
    startBrowser(),
  ]);
});
afterAll(async () => {
  await browser.close();
  await worker.close();
});

/** The bundled model, which draws real digits. */
const REAL = 'model=digits&seed=Ada';

const getPixels = async (query: string) =>
  (await worker.getDigits(`/digit.json?${query}`)).digits.map(({ pixels }) => pixels);
const getFrames = async (query: string) =>
  takeApart(await worker.getBytes(`/morph.png?${query}`)).frames;

/** Returns one channel of a picture. */
function pickChannel(rgba: Uint8Array, channel = 0): number[] {
  return Array.from({ length: rgba.length / 4 }, (_, p) => rgba[4 * p + channel] as number);
}

function readGif(bytes: Buffer) {
  const gif = new GifReader(bytes);
  const frames = Array.from({ length: gif.numFrames() }, (_, i) => {
    const rgba = new Uint8Array(gif.width * gif.height * 4);
    gif.decodeAndBlitFrameRGBA(i, rgba); // Onto an empty canvas: each frame is complete.
    return { rgba, ...gif.frameInfo(i) };
  });
  return { gif, frames };
}

describe('key frames are the digits of', () => {
  test.each([
    ['a seed', 'n=4&frames=3&start=5', ['n=4&start=5']],
    ['a seed and a label', 'n=3&frames=5&label=7', ['n=3&label=7']],
    [
      'a hand',
      'digits=4071&frames=2&start=9',
      ['4', '0', '7', '1'].map((label) => `start=9&label=${label}`),
    ],
  ])('%s', async (_, query, keys) => {
    const expected = (await Promise.all(keys.map((key) => getPixels(`${REAL}&${key}`)))).flat();
    const frames = await getFrames(`${REAL}&${query}`);
    const step = frames.length / expected.length;
    for (const [i, pixels] of expected.entries()) {
      expect(pickChannel(PNG.sync.read(frames[i * step]!.png).data)).toEqual(pixels);
    }
  });
});

test('a PNG plays for ever at the requested pace in a browser, which sees the encoded frames', async () => {
  const bytes = await worker.getBytes(`/morph.png?${REAL}&n=3&frames=4&fps=30&hold=500&scale=2`);
  const { plays, frames } = takeApart(bytes);
  expect([plays, frames.length]).toEqual([0, 12]);
  expect(
    frames.every(({ disposeAndBlend: [dispose, blend] }) => dispose === 0 && blend === 0),
  ).toBe(true);
  expect(frames.reduce((sum, { seconds }) => sum + seconds, 0)).toBeCloseTo(12 / 30 + 3 * 0.5, 3);
  expect(frames[4]?.seconds).toBeCloseTo(1 / 30 + 0.5, 2);
  const page = await browser.newPage();
  await page.goto(new URL('/errors', worker.url).href);
  const seen = await page.evaluate(
    async (content) => {
      const decoder = new ImageDecoder({ data: Uint8Array.from(content), type: 'image/png' });
      await decoder.tracks.ready;
      await decoder.completed;
      const track = decoder.tracks.selectedTrack!;
      const decoded = [];
      for (let frameIndex = 0; frameIndex < track.frameCount; frameIndex++) {
        const { image } = await decoder.decode({ frameIndex });
        const canvas = new OffscreenCanvas(image.displayWidth, image.displayHeight).getContext(
          '2d',
        )!;
        canvas.drawImage(image, 0, 0);
        const { data } = canvas.getImageData(0, 0, image.displayWidth, image.displayHeight);
        decoded.push({ durationUs: image.duration, rgba: [...data] });
      }
      return { isAnimated: track.animated, repetitions: track.repetitionCount, decoded };
    },
    [...bytes],
  );
  await page.close();
  expect([seen.isAnimated, seen.repetitions, seen.decoded.length]).toEqual([true, Infinity, 12]);
  for (const [i, { durationUs, rgba }] of seen.decoded.entries()) {
    expect(durationUs).toBeCloseTo(frames[i]!.seconds * 1e6, -2);
    expect(rgba).toEqual([...PNG.sync.read(frames[i]!.png).data]);
  }
});

test('a PNG’s frames hold only what changes', async () => {
  const bytes = await worker.getBytes(`/morph.png?${REAL}&scale=4`);
  expect(takeApart(bytes).frames).toHaveLength(80);
  expect(bytes.length).toBeLessThan(35_000);
});

test('one pixel of a coloured GIF changes no other pixel', () => {
  const frames = [[], [[0, 248, 248, 248]]].map((odd) => {
    const pixels = new Uint8Array(16 * 16 * 3).fill(255);
    for (const [at = 0, ...rgb] of [...odd, [20, 247, 247, 247], [40, 200, 30, 30]]) {
      pixels.set(rgb, at * 3);
    }
    return { width: 16, height: 16, channels: 3, pixels };
  });
  const shown = readGif(Buffer.from(encodeGif(frames, { bg: BLACK, fg: WHITE }))).frames;
  for (const { rgba } of shown) {
    const red = pickChannel(rgba);
    expect([red.filter((value) => value === 255).length, red[20], red[40]]).toEqual([
      254, 247, 200,
    ]);
  }
});

test('a GIF has the same frames and plays for ever at the same pace', async () => {
  const query = `${REAL}&n=3&frames=7&fps=30&hold=500&scale=3&margin=2&fg=1d2430&bg=eeffcc`;
  const png = await getFrames(query);
  const { gif, frames } = readGif(await worker.getBytes(`/morph.gif?${query}`));
  expect([gif.width, gif.height, gif.loopCount(), frames.length]).toEqual([88, 88, 0, 21]);
  expect(frames.reduce((sum, { delay }) => sum + delay, 0)).toBe(Math.round(100 * (21 / 30 + 1.5)));
  expect(Math.min(...frames.map(({ delay }) => delay))).toBeGreaterThanOrEqual(2);
  for (const [i, { rgba }] of frames.entries()) {
    expect(rgba).toEqual(new Uint8Array(PNG.sync.read(png[i]!.png).data));
  }
});

test('with transparency PNG has soft edges, GIF has hard edges, and no frame shows through another', async () => {
  const query = `${REAL}&n=2&frames=4&bg=transparent&fg=0a0`;
  const png = (await getFrames(query)).map((frame) =>
    pickChannel(PNG.sync.read(frame.png).data, 3),
  );
  expect(new Set(png.flat()).size).toBeGreaterThan(100);
  const { frames } = readGif(await worker.getBytes(`/morph.gif?${query}`));
  for (const [i, { rgba, disposal }] of frames.entries()) {
    expect(disposal).toBe(2); // Restores the background.
    expect(pickChannel(rgba, 3)).toEqual(png[i]!.map((alpha) => (alpha >= 128 ? 255 : 0)));
    expect(new Set(pickChannel(rgba, 1))).toEqual(new Set([0, 0xaa]));
  }
});

test('a GIF on transparent paper has one colour of ink, and frames without the paper around it', async () => {
  const bytes = await worker.getBytes(`/morph.gif?${REAL}&scale=4&bg=transparent&fg=0a0`);
  const { gif, frames } = readGif(bytes);
  expect([gif.width, gif.height, frames.length]).toEqual([112, 112, 80]);
  expect(frames.slice(1).every(({ width, height }) => width * height < 112 * 112)).toBe(true);
  expect(bytes.length).toBeLessThan(24_000);
});

test.each(['', '&label=3', '&digits=0123456789'])(
  'no step is conspicuous, not even the last one back to the start: %s',
  async (more) => {
    const frames = (await getFrames(`${REAL}&frames=32${more}`)).map(({ png }) =>
      pickChannel(PNG.sync.read(png).data),
    );
    const steps = frames.map((frame, i) => {
      const next = frames[(i + 1) % frames.length]!;
      return frame.reduce((sum, value, p) => sum + Math.abs(value - next[p]!), 0) / frame.length;
    });
    const median = steps.toSorted((a, b) => a - b)[steps.length / 2]!;
    expect(Math.max(...steps)).toBeLessThan(6 * median);
    expect(steps.at(-1)).toBeLessThan(median); // The loop slows down there, as at every digit.
  },
);

test('a loop works for a model without classes and for one in colour', async () => {
  expect(await getFrames('seed=a&model=plain&n=2&frames=2')).toHaveLength(4);
  const query = 'seed=a&model=colour&n=2&frames=3&scale=2';
  const png = (await getFrames(query)).map((frame) => PNG.sync.read(frame.png).data);
  const { frames } = readGif(await worker.getBytes(`/morph.gif?${query}`));
  const off = frames.flatMap(({ rgba }, i) =>
    [...rgba].map((value, p) => Math.abs(value - png[i]![p]!)),
  );
  // The palette has only 256 colours for noise.
  expect(off.reduce((sum, value) => sum + value, 0) / off.length).toBeLessThan(8);
  expect(await (await worker.fetch('/morph?model=colour&fg=Red')).json()).toMatchObject({
    code: 'parameter_not_supported',
    detail: expect.stringMatching(/^fg is "Red", which model colour does not support/) as unknown,
  });
});

describe('the answer', () => {
  test('has one minimal canonical URL with the same bytes for good', async () => {
    const answer = await worker.fetch(
      '/morph?_=1&bg=000&scale=2&seed=a&n=5&frames=2&gap=3&hold=0&format=gif',
    );
    const permalink = `/morph.gif?seed=a&frames=2&hold=0&scale=2&model=grey@${grey.manifest.version}`;
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'image/gif',
      'content-location': permalink,
      'cache-control': 'public, max-age=60, must-revalidate',
      'content-disposition': 'inline; filename="digitmint-morph-a-0-4.gif"',
      'digitmint-warning': 'unknown parameters: gap',
      'access-control-allow-origin': '*',
      'server-timing': expect.stringMatching(
        /^load;dur=[\d.]+, generate;dur=[\d.]+, encode;dur=[\d.]+$/,
      ) as unknown,
    });
    const again = await worker.fetch(permalink);
    expect(again.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    const bytes = Buffer.from(await again.arrayBuffer());
    expect(bytes.equals(Buffer.from(await answer.arrayBuffer()))).toBe(true);
    for (const path of [permalink, '/morph.gif?seed=a&frames=2&hold=0&scale=2']) {
      const headers = { 'if-none-match': again.headers.get('etag') as string };
      const current = await worker.fetch(path, { headers, cache: 'no-store' });
      // No Server-Timing: nothing was drawn.
      expect([current.status, current.headers.get('server-timing')]).toEqual([304, null]);
    }
    const hand = await worker.fetch('/morph.png?seed=a&digits=42&start=3&frames=1');
    expect(hand.headers.get('content-location')).toMatch(
      /^\/morph\.png\?seed=a&start=3&digits=42&frames=1&model=grey@/,
    );
    expect(hand.headers.get('content-disposition')).toBe(
      'inline; filename="digitmint-morph-a-3.png"',
    );
  });

  test('has the same bytes as ever', async () => {
    const hash = async (path: string) =>
      createHash('sha256')
        .update(await worker.getBytes(path))
        .digest('hex')
        .slice(0, 16);
    const query = `seed=golden&n=3&frames=4&scale=2&fg=1d2430&bg=eee&model=grey@${grey.manifest.version}`;
    expect([await hash(`/morph.png?${query}`), await hash(`/morph.gif?${query}`)]).toEqual([
      '87186d50c1588175',
      'bc2146d9ace8addb',
    ]);
  });

  test('is new without a seed, and has the requested format', async () => {
    const [first, second] = [
      await worker.fetch('/morph'),
      await worker.fetch('/morph', { headers: { accept: 'image/gif' } }),
    ];
    expect([first.headers.get('content-type'), second.headers.get('content-type')]).toEqual([
      'image/png',
      'image/gif',
    ]);
    expect([first.headers.get('cache-control'), first.headers.get('vary')]).toEqual([
      'no-store',
      'Accept',
    ]);
    expect(first.headers.get('digitmint-seed')).not.toBe(second.headers.get('digitmint-seed'));
  });

  test('has its headers for HEAD, without a body', async () => {
    const head = await worker.fetch('/morph.png?seed=a', { method: 'HEAD' });
    const get = await worker.fetch('/morph.png?seed=a');
    expect([head.status, (await head.arrayBuffer()).byteLength]).toEqual([200, 0]);
    for (const name of [
      'content-length',
      'content-type',
      'etag',
      'cache-control',
      'content-location',
      'digitmint-seed',
    ]) {
      expect([name, head.headers.get(name)]).toEqual([name, get.headers.get(name)]);
    }
  });
});

describe('errors', () => {
  test.each<[path: string, status: number, code: string]>([
    ['/morph?n=1', 400, 'invalid_parameter'],
    ['/morph?n=17', 400, 'invalid_parameter'],
    ['/morph?frames=0', 400, 'invalid_parameter'],
    ['/morph?frames=33', 400, 'invalid_parameter'],
    ['/morph?fps=51', 400, 'invalid_parameter'],
    ['/morph?hold=10001', 400, 'invalid_parameter'],
    ['/morph?digits=1', 400, 'invalid_parameter'],
    ['/morph?digits=12x', 400, 'invalid_parameter'],
    [`/morph?digits=${'1'.repeat(17)}`, 400, 'invalid_parameter'],
    ['/morph?digits=12&n=2', 400, 'invalid_parameter'],
    ['/morph?digits=12&label=2', 400, 'invalid_parameter'],
    ['/morph?format=webp', 400, 'invalid_parameter'],
    ['/morph?gap=1&strict=1', 400, 'unknown_parameter'],
    ['/morph?vary=0.2&strict=1', 400, 'parameter_without_effect'],
    ['/morph?label=10', 400, 'label_not_supported'],
    ['/morph?label=1&model=plain', 400, 'label_not_supported'],
    ['/morph?digits=12&model=plain', 400, 'parameter_not_supported'],
    ['/morph?model=none', 404, 'model_not_found'],
    ['/morph.webp', 404, 'format_not_found'],
    ['/morph?width=27', 400, 'invalid_parameter'],
  ])('answers %s with status %i', async (path, status, code) => {
    const answer = await worker.fetch(path);
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([
      status,
      code,
    ]);
  });

  test('name the size that a loop would have', async () => {
    const answer = await worker.fetch('/morph?n=16&frames=32&scale=4');
    expect([answer.status, await answer.json()]).toEqual([
      400,
      expect.objectContaining({
        code: 'picture_too_large',
        detail: expect.stringContaining(
          '512 frames of 112 x 112 pixels, at most 6000000 pixels in all allowed',
        ) as unknown,
      }),
    ]);
    expect((await worker.fetch('/morph?n=16&frames=32&scale=3&strict=1')).status).toBe(200);
  });

  test('come in the requested format', async () => {
    for (const path of ['/morph.gif?n=1', '/morph?format=gif&n=1', '/nothing.gif']) {
      const answer = await worker.fetch(path);
      expect([answer.headers.get('content-type'), answer.headers.get('cache-control')]).toEqual([
        'image/gif',
        'no-store',
      ]);
      const { gif, frames } = readGif(Buffer.from(await answer.arrayBuffer()));
      expect([frames.length, gif.width > 300]).toEqual([1, true]);
      expect(pickChannel(frames[0]!.rgba).filter((value) => value < 128).length).toBeGreaterThan(
        500,
      );
    }
    expect((await worker.fetch('/morph.png?n=1')).headers.get('content-type')).toBe('image/png');
    expect((await worker.fetch('/morph', { headers: { accept: 'text/html' } })).status).toBe(406);
  });
});
