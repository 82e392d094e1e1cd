/**
 * Tests the other formats over HTTP in the real runtime: each holds the same digits as the JSON.
 */
import type { Browser } from 'playwright-core';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as v from 'valibot';
import { POINTER_KEY } from '../../../shared/model/artifact.ts';
import {
  digitSchema,
  packedDigitSchema,
  packedDigitsSchema,
} from '../../../shared/contract/answers.ts';
import { collectComplaints, startBrowser } from '../../support/hosts/browser.ts';
import {
  buildFixture,
  COLOUR_LAYERS,
  buildPointer,
} from '../../support/models/fixture-artifact.ts';
import { leaveInTheMiddle } from '../../support/hosts/raw-request.ts';
import { putArtifact, startWorker, type TestWorker } from '../../support/hosts/runtime.ts';

const grey = buildFixture({ name: 'grey' });
const colour = buildFixture({ name: 'colour', layers: COLOUR_LAYERS });

let worker: TestWorker;
let browser: Browser;
beforeAll(async () => {
  [worker, browser] = await Promise.all([
    startWorker(async (bucket) => {
      await putArtifact(bucket, grey);
      await putArtifact(bucket, colour);
      await bucket.put(POINTER_KEY, buildPointer(grey, colour));
    }),
    startBrowser(),
  ]);
});
afterAll(async () => {
  await browser.close();
  await worker.close();
});

const getText = async (path: string) => (await worker.fetch(path)).text();

/** The bundled model, which draws real digits. */
const REAL = 'model=digits&seed=Ada';

test.each([
  ['svg', 'image/svg+xml', 'image/svg+xml'],
  ['txt', 'text/plain', 'text/plain; charset=utf-8'],
  ['npy', 'application/x-npy', 'application/x-npy'],
  ['ndjson', 'application/x-ndjson', 'application/x-ndjson'],
])(
  '%s is available by extension, format= and Accept, and is cached and embedded like the others',
  async (format, accept, type) => {
    const answer = await worker.fetch(`/digit.${format}?seed=a&n=2`);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': type,
      'cache-control': 'public, max-age=60, must-revalidate',
      'access-control-allow-origin': '*',
      'cross-origin-resource-policy': 'cross-origin',
      'content-disposition': `inline; filename="digitmint-a-0-1.${format}"`,
      'content-location': `/digit.${format}?seed=a&n=2&model=grey@${grey.manifest.version}`,
    });
    const bytes = Buffer.from(await answer.arrayBuffer());
    expect((await worker.getBytes(`/digit?seed=a&n=2&format=${format}`)).equals(bytes)).toBe(true);
    const negotiated = await worker.fetch('/digit?seed=a&n=2', { headers: { accept } });
    expect([negotiated.headers.get('content-type'), negotiated.headers.get('vary')]).toEqual([
      type,
      format === 'ndjson' ? 'Accept, Accept-Encoding' : 'Accept',
    ]);
    const headers = { 'if-none-match': answer.headers.get('etag') as string };
    expect(
      (await worker.fetch(`/digit.${format}?seed=a&n=2`, { headers, cache: 'no-store' })).status,
    ).toBe(304);
    const head = await worker.fetch(`/digit.${format}?seed=a&n=2`, { method: 'HEAD' });
    expect([
      head.status,
      head.headers.get('content-type'),
      (await head.arrayBuffer()).byteLength,
    ]).toEqual([200, type, 0]);
  },
);

describe('npy', () => {
  test.each([
    ['grey', 5, '(5, 28, 28)'],
    ['colour', 3, '(3, 16, 16, 3)'],
  ])('holds the pixels of model %s in NumPy’s layout', async (model, n, shape) => {
    const bytes = await worker.getBytes(`/digit.npy?seed=a&n=${n}&model=${model}`);
    expect(bytes.subarray(0, 8)).toEqual(Buffer.from('\x93NUMPY\x01\x00', 'latin1'));
    const end = 10 + bytes.readUInt16LE(8);
    expect(end % 64).toBe(0);
    expect(bytes.toString('latin1', 10, end)).toContain(
      `'descr': '|u1', 'fortran_order': False, 'shape': ${shape}`,
    );
    const { digits } = await worker.getDigits(`/digit.json?seed=a&n=${n}&model=${model}`);
    expect([...bytes.subarray(end)]).toEqual(digits.flatMap(({ pixels }) => pixels));
  });
});

describe('ndjson', () => {
  test('holds the JSON’s digits, one per line, over any number of chunks', async () => {
    const lines = (await getText('/digit.ndjson?seed=a&n=130&start=7&label=3'))
      .trimEnd()
      .split('\n');
    const { digits } = await worker.getDigits('/digit.json?seed=a&n=130&start=7&label=3');
    expect(lines.map((line) => v.parse(digitSchema, JSON.parse(line)))).toEqual(digits);
  });

  test('may be aborted without harm to later requests', async () => {
    for (let i = 0; i < 5; i++) {
      await leaveInTheMiddle(new URL('/digit.ndjson?n=256', worker.url));
    }
    expect((await getText('/digit.ndjson?n=256')).trimEnd().split('\n')).toHaveLength(256);
  });
});

describe('pixels=base64', () => {
  const decode = (pixels: string) => [...Buffer.from(pixels, 'base64')];

  test.each([
    '/digit.json?seed=a&n=3',
    '/digit.json?seed=a&n=2&model=colour',
    `/number/42.json?${REAL}`,
  ])('holds the bytes of the array and changes nothing else: %s', async (path) => {
    const plain = await worker.getDigits(path);
    const answer = await worker.fetch(`${path}&pixels=base64`);
    expect(answer.headers.get('content-location')).toContain('&pixels=base64&model=');
    const packed = v.parse(packedDigitsSchema, await answer.json());
    expect(packed.digits.every(({ pixels }) => pixels.length % 4 === 0)).toBe(true);
    expect({
      ...packed,
      digits: packed.digits.map((digit) => ({ ...digit, pixels: decode(digit.pixels) })),
    }).toEqual(plain);
  });

  test('applies to each NDJSON line, with a different ETag', async () => {
    const lines = (await getText('/digit.ndjson?seed=a&n=70&pixels=base64')).trimEnd().split('\n');
    const unpacked = lines.map((line) => v.parse(packedDigitSchema, JSON.parse(line)));
    const { digits } = await worker.getDigits('/digit.json?seed=a&n=70&pixels=array');
    expect(unpacked.map((digit) => ({ ...digit, pixels: decode(digit.pixels) }))).toEqual(digits);
    const tags = ['array', 'base64'].map(async (form) =>
      (await worker.fetch(`/digit.json?seed=a&pixels=${form}`)).headers.get('etag'),
    );
    expect(new Set(await Promise.all(tags)).size).toBe(2);
  });

  test('is ignored in pictures, with a warning', async () => {
    const answer = await worker.fetch('/digit.png?seed=a&pixels=base64');
    expect(answer.headers.get('digitmint-warning')).toBe('without effect in png: pixels');
    expect(answer.headers.get('content-location')).not.toContain('pixels');
    expect((await worker.fetch('/digit.npy?pixels=base64&strict=1')).status).toBe(400);
    expect((await worker.fetch('/digit.json?pixels=hex')).status).toBe(400);
  });
});

describe('txt', () => {
  test.each(['grey', 'colour'])('draws two rows of pixels per line for model %s', async (model) => {
    const { digits, width, height, channels } = await worker.getDigits(
      `/digit.json?seed=a&n=3&model=${model}`,
    );
    const lines = (await getText(`/digit.txt?seed=a&n=3&cols=2&model=${model}`)).split('\n');
    // Two rows of digits, two pixel rows per line, and the final line feed.
    expect(lines).toHaveLength(height + 1);
    for (const [i, { pixels }] of digits.entries()) {
      const inked: number[] = [];
      const blank: number[] = [];
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const line = lines[(Math.floor(i / 2) * height) / 2 + Math.floor(y / 2)] as string;
          const character = line[(i % 2) * width + x] ?? ' ';
          const ink = pixels
            .slice((y * width + x) * channels, (y * width + x + 1) * channels)
            .reduce((sum, value) => sum + value);
          ((y % 2 === 0 ? '▀█' : '▄█').includes(character) ? inked : blank).push(ink / channels);
        }
      }
      // A grey digit has a level of its own.
      const [faintest, darkest] = [Math.min(...inked), Math.max(...blank)];
      expect([i, faintest > darkest]).toEqual([i, true]);
      const isHalf = darkest <= 127.5 && faintest > 127.5;
      expect([i, isHalf || model === 'grey']).toEqual([i, true]);
    }
  });
});

describe('svg', () => {
  test('rendered by a browser shows the digit, and has a title', async () => {
    const { digits } = await worker.getDigits(`/digit.json?${REAL}&n=4`);
    const page = await browser.newPage({ viewport: { width: 560, height: 560 } });
    const complaints = collectComplaints(page);
    await page.goto(new URL(`/digit.svg?${REAL}&n=4&scale=10`, worker.url).href);
    const shown = await page.evaluate(() => {
      const svg = document.documentElement as unknown as SVGSVGElement;
      const paths = [...svg.querySelectorAll('path')];
      return Array.from({ length: 4 }, (_, i) =>
        Array.from({ length: 784 }, (_p, p) => {
          const point = svg.createSVGPoint();
          [point.x, point.y] = [((p % 28) + 0.5) * 10, (Math.floor(p / 28) + 0.5) * 10];
          return paths[i]?.isPointInFill(point) === true;
        }),
      );
    });
    // isPointInFill uses the path's own units: ten per pixel.
    for (const [i, { pixels }] of digits.entries()) {
      // Each digit has a level of its own, at which its ink ends.
      const faintest = Math.min(...pixels.filter((_, p) => shown[i]?.[p] === true));
      const darkest = Math.max(...pixels.filter((_, p) => shown[i]?.[p] !== true));
      expect(darkest - faintest).toBeLessThan(50);
      expect(shown[i]?.filter(Boolean).length).toBeGreaterThan(20);
    }
    expect(await page.title()).toBe(
      `4 handwritten digits: ${digits.map((digit) => digit.class).join(', ')}`,
    );
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('is small and has the size of the picture', async () => {
    const text = await getText(`/digit.svg?${REAL}&n=16&scale=3`);
    expect(text.length / 16).toBeLessThan(700);
    expect(text).toContain('width="336" height="336" viewBox="0 0 336 336" role="img"');
  });

  test.each(['</desc><script>alert(1)</script>', '"&\u0000\u001b\uFFFE', '\ud800', ']]>'])(
    'escapes the seed in its text: %j',
    async (seed) => {
      const answer = await worker.fetch(
        `/digit.svg?seed=${encodeURIComponent(seed.toWellFormed())}`,
      );
      expect(answer.headers.get('content-security-policy')).toBe(
        "default-src 'none'; style-src 'unsafe-inline'",
      );
      const page = await browser.newPage();
      const elements = await page.evaluate(
        (text) => {
          const parsed = new DOMParser().parseFromString(text, 'image/svg+xml');
          return [...parsed.querySelectorAll('*')].map(({ tagName }) => tagName);
        },
        await answer.text(),
      );
      expect(elements).toEqual(['svg', 'title', 'desc', 'rect', 'g', 'path']);
      await page.close();
    },
  );

  test('is refused for a model that draws in colour', async () => {
    const answer = await worker.fetch('/digit?format=svg&model=colour', {
      headers: { accept: '*/*' },
    });
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain('which model colour does');
  });
});

describe('look parameters', () => {
  const getPng = async (path: string) => PNG.sync.read(await worker.getBytes(path));

  test('are in the canonical URL, which gives the same bytes', async () => {
    for (const format of ['png', 'svg']) {
      const path = `/digit.${format}?seed=a&n=4&scale=3&smooth=1&gap=2&margin=5&fg=%230A0&bg=transparent&dark_fg=fff`;
      const answer = await worker.fetch(path);
      const canonical = answer.headers.get('content-location') as string;
      expect(canonical).toContain('&n=4&scale=3&gap=2&margin=5&fg=00aa00&bg=transparent&smooth=1');
      const again = await worker.fetch(canonical);
      expect(
        Buffer.from(await again.arrayBuffer()).equals(Buffer.from(await answer.arrayBuffer())),
      ).toBe(true);
      expect(again.headers.get('etag')).toBe(answer.headers.get('etag'));
    }
  });

  test('change the ETag unless they have the default value', async () => {
    const getTag = async (more: string) =>
      (await worker.fetch(`/digit.png?seed=a&n=4&scale=2${more}`)).headers.get('etag');
    const tags = await Promise.all(
      ['', '&gap=1', '&margin=1', '&fg=f00', '&bg=f00', '&smooth=1'].map(getTag),
    );
    expect(new Set(tags).size).toBe(tags.length);
    expect(await getTag('&gap=0&margin=0&fg=fff&bg=000&smooth=0')).toBe(tags[0]);
  });

  test('colour digits without a change of their shape', async () => {
    const [plain, painted] = [
      await getPng(`/digit.png?${REAL}`),
      await getPng(`/digit.png?${REAL}&fg=0b7a5b&bg=transparent`),
    ];
    expect(Array.from({ length: 784 }, (_, i) => painted.data[i * 4 + 3])).toEqual(
      Array.from({ length: 784 }, (_, i) => plain.data[i * 4]),
    );
  });

  test('with smooth=1 keep a digit’s ink in place', async () => {
    const [small, large] = [
      await getPng(`/digit.png?${REAL}`),
      await getPng(`/digit.png?${REAL}&scale=8&smooth=1`),
    ];
    expect(large.width).toBe(224);
    for (let i = 0; i < 784; i++) {
      let sum = 0;
      for (let p = 0; p < 64; p++) {
        const [x, y] = [(i % 28) * 8 + (p % 8), Math.floor(i / 28) * 8 + Math.floor(p / 8)];
        sum += large.data[(y * large.width + x) * 4] as number;
      }
      expect(Math.abs(sum / 64 - (small.data[i * 4] as number))).toBeLessThan(64);
    }
  });

  test('without effect are named in a warning and refused by strict=1', async () => {
    const answer = await worker.fetch('/digit.npy?fg=f00&scale=2&sede=1');
    expect(answer.headers.get('digitmint-warning')).toBe(
      'unknown parameters: sede (did you mean seed?); without effect in npy: scale, fg',
    );
    const strict = await worker.fetch('/digit.npy?fg=f00&strict=1');
    expect([strict.status, ((await strict.json()) as { code: string }).code]).toEqual([
      400,
      'parameter_without_effect',
    ]);
    expect((await worker.fetch('/digit.json?cols=3&strict=1')).status).toBe(200);
    expect((await worker.fetch('/digit.json?cols=3')).headers.get('digitmint-warning')).toBeNull();
  });

  test('of size and smoothing apply to a model in colour; ink and paper colours are refused', async () => {
    expect((await worker.fetch('/digit.png?model=colour&fg=f00')).status).toBe(400);
    expect((await worker.fetch('/digit.npy?model=colour&fg=f00')).status).toBe(200);
    expect((await worker.fetch('/digit.png?model=colour&bg=f00')).status).toBe(400);
    const png = await getPng('/digit.png?model=colour&n=2&scale=2&smooth=1&gap=3&margin=1');
    expect([png.width, png.height]).toEqual([2 + 64 + 3, 2 + 32]);
  });

  test('are limited in their total size', async () => {
    expect((await worker.fetch('/digit.json?gap=257')).status).toBe(400);
    const answer = await worker.fetch('/digit?format=png&n=256&gap=256');
    expect([answer.status, answer.headers.get('content-type')]).toEqual([400, 'image/png']);
  });

  test.each([
    ['light', 'rgb(29, 36, 48)'],
    ['dark', 'rgb(232, 234, 238)'],
  ] as const)('make an SVG follow the viewer’s %s scheme', async (colorScheme, fill) => {
    const context = await browser.newContext({ colorScheme });
    const page = await context.newPage();
    const complaints = collectComplaints(page);
    await page.goto(
      new URL(
        `/digit.svg?${REAL}&smooth=1&scale=4&fg=1d2430&bg=transparent&dark_fg=e8eaee`,
        worker.url,
      ).href,
    );
    expect(await page.locator('g').evaluate((group) => getComputedStyle(group).fill)).toBe(fill);
    expect(await page.locator('rect').evaluate((rect) => getComputedStyle(rect).fill)).toBe('none');
    expect(complaints).toEqual([]);
    await context.close();
  });
});

describe('a picture of an asked size', () => {
  const readSize = async (path: string) => {
    const bytes = await worker.getBytes(path);
    if (path.includes('.gif')) {
      return [bytes.readUInt16LE(6), bytes.readUInt16LE(8)];
    }
    const svg = / width="(\d+)" height="(\d+)"/.exec(bytes.toString('latin1'));
    return svg === null
      ? [bytes.readUInt32BE(16), bytes.readUInt32BE(20)]
      : [Number(svg[1]), Number(svg[2])];
  };

  test.each([
    [`/digit.png?${REAL}&width=300`, [280, 280]],
    [`/digit.svg?${REAL}&width=300`, [280, 280]],
    [`/digit.png?${REAL}&n=16&width=300&gap=4&margin=8`, [252, 252]],
    [`/digit.png?${REAL}&n=3&cols=3&width=300&height=60`, [168, 56]],
    [`/morph.gif?${REAL}&frames=1&height=100`, [84, 84]],
    [`/morph.png?${REAL}&frames=1&width=57&margin=1`, [30, 30]],
    [`/number/2026.png?${REAL}&height=100`, [undefined, 84]],
  ])('is as large as fits: %s', async (path, [width, height]) => {
    const size = await readSize(path);
    expect([width ?? size[0], height]).toEqual(size);
    const canonical = (await worker.fetch(path)).headers.get('content-location') as string;
    expect(canonical).toMatch(/[?&](width|height)=/);
    expect(await readSize(canonical)).toEqual(size);
  });

  test('of a number depends on its drawn digits', async () => {
    const [width = 0] = await readSize(`/number/2026.png?${REAL}&width=200`);
    const [least = 0] = await readSize(`/number/2026.png?${REAL}`);
    expect(width).toBe(least * Math.floor(200 / least));
  });

  test.each([
    [`/digit.json?${REAL}&width=27`, 'width is "27", expected at least 28 for this picture.'],
    ['/digit.json?n=16&width=28&strict=1', undefined], // Each digit has its own picture.
    ['/digit.txt?width=10', undefined], // Without effect.
    ['/digit.npy?height=9999', undefined],
    [
      `/digit.png?${REAL}&n=16&height=111`,
      'height is "111", expected at least 112 for this picture.',
    ],
    [`/digit.png?${REAL}&width=476`, 'width is "476", expected at most 475 for this picture.'],
    [
      `/number/2026.png?${REAL}&width=30`,
      /^width is "30", expected at least \d+ for this picture.$/,
    ],
    [
      `/digit.png?${REAL}&width=317&dpr=1.5`,
      'width is "317", expected width times dpr to be at most 475 for this picture, not 317 x 1.5 = 476.',
    ],
    [
      `/morph.gif?${REAL}&height=10&dpr=2.625`,
      'height is "10", expected height times dpr to be at least 28 for this picture, not 10 x 2.625 = 26.',
    ],
    [`/digit.svg?${REAL}&width=10&dpr=2`, 'width is "10", expected at least 28 for this picture.'],
    [`/digit.png?width=99&scale=2`, 'scale is "2", expected none beside width, which replaces it.'],
    ['/digit.png?width=0', 'width is "0", expected a whole number from 1 to 16384.'],
  ])('that cannot be had is refused: %s', async (path, detail) => {
    const headers = { accept: 'application/problem+json, */*' };
    const answer = await worker.fetch(path, { headers });
    if (detail === undefined) {
      expect(answer.status).toBe(200);
      return;
    }
    const problem = (await answer.json()) as { detail: string };
    expect([answer.status, problem.detail]).toEqual([
      400,
      typeof detail === 'string' ? detail : (expect.stringMatching(detail) as unknown),
    ]);
    const head = await worker.fetch(path, { method: 'HEAD', headers });
    expect(head.status).toBe(400);
  });
});

describe('formats that no route has', () => {
  test.each([
    ['/digit.webp', 'webp', 'png, json, svg'],
    ['/digit.gif', 'gif', 'png, json, svg'],
    ['/digit/7.avif', 'avif', 'png, json, svg'],
    ['/number/3.14.jpg', 'jpg', 'png, json, svg'],
    ['/morph.webp', 'webp', 'png, gif'],
    ['/dataset.xlsx', 'xlsx', 'idx, idx.gz, npy'],
    ['/dataset.csv.gz', 'csv.gz', 'idx, idx.gz, npy'],
  ])('%s is answered with those that there are', async (path, received, available) => {
    const answer = await worker.fetch(path, { headers: { accept: 'application/problem+json' } });
    const problem = (await answer.json()) as { code: string; detail: string };
    expect([answer.status, problem.code]).toEqual([404, 'format_not_found']);
    expect(problem.detail).toContain(`"${received}". Available: ${available}`);
  });
});

test('two pictures in one page keep their own colours in the dark', async () => {
  const context = await browser.newContext({ colorScheme: 'dark' });
  const page = await context.newPage();
  const svgs = await Promise.all(
    ['red', 'rgba'].map((name) =>
      getText(`/digit.svg?${REAL}&fg=000&bg=fff&dark_fg=${name === 'red' ? 'red' : '00f8'}`),
    ),
  );
  await page.setContent(svgs.join(''));
  const fills = await page
    .locator('g')
    .evaluateAll((groups) =>
      groups.map((group) => [getComputedStyle(group).fill, getComputedStyle(group).fillOpacity]),
    );
  expect(fills).toEqual([
    ['rgb(255, 0, 0)', '1'],
    ['rgb(0, 0, 255)', '0.533'],
  ]);
  await context.close();
});

describe('errors', () => {
  test('come in the requested format', async () => {
    const svg = await worker.fetch('/digit.svg?n=%3Cb%3E');
    expect([svg.status, svg.headers.get('content-type'), svg.headers.get('cache-control')]).toEqual(
      [400, 'image/svg+xml', 'no-store'],
    );
    expect((await svg.text()).replaceAll(/<[^<>]*>/g, '')).toContain('n is &quot;&lt;b&gt;&quot;');
    const txt = await worker.fetch('/digit.txt?n=0');
    expect([txt.status, await txt.text()]).toEqual([
      400,
      '400 Invalid parameter (invalid_parameter)\nn is "0", expected a whole number from 1 to 256.\n',
    ]);
    for (const format of ['npy', 'ndjson']) {
      const answer = await worker.fetch(`/digit.${format}?n=0`);
      expect([answer.status, answer.headers.get('content-type')]).toEqual([
        400,
        'application/problem+json',
      ]);
    }
  });
});
