/**
 * Tests models of other subjects than digits over HTTP: the paper that their manifest knows, their
 * words, and what they refuse.
 */
import { GifReader } from 'omggif';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as v from 'valibot';
import { modelCardSchema } from '../../../shared/contract/answers.ts';
import { POINTER_KEY } from '../../../shared/model/artifact.ts';
import {
  buildFixture,
  buildPointer,
  COLOUR_LAYERS,
  type FixtureOptions,
} from '../../support/models/fixture-artifact.ts';
import { putArtifact, startWorker, type TestWorker } from '../../support/hosts/runtime.ts';

const LETTERS = ['a', 'b', 'c,d', 'seven'];
const present = (
  name: string,
  paper: number[] | undefined,
  subject: { one: string; many: string } | undefined,
  { names = ['0', '1'], ...options }: FixtureOptions & { names?: string[] } = {},
) =>
  buildFixture({
    ...options,
    name,
    classes: names.length,
    alter: (content) => ({
      ...content,
      classes: names,
      image: { ...content.image, ...(paper !== undefined && { paper }) },
      ...(subject !== undefined && { subject }),
    }),
  });

const letters = present(
  'letters',
  [255],
  { one: 'inked letter', many: 'letters' },
  { names: LETTERS },
);
const flags = present(
  'flags',
  [10, 200, 30],
  { one: 'flag', many: 'flags' },
  {
    names: ['de', 'fr'],
    layers: COLOUR_LAYERS,
  },
);
const light = present('light', [255], undefined, { names: [...'0123456789'] });
const dark = present('dark', undefined, undefined, { names: [...'0123456789'] });

let worker: TestWorker;
beforeAll(async () => {
  worker = await startWorker(async (bucket) => {
    for (const fixture of [letters, flags, light, dark]) {
      await putArtifact(bucket, fixture);
    }
    await bucket.put(POINTER_KEY, buildPointer(letters, flags, light, dark));
  });
});
afterAll(() => worker.close());

const readPng = async (path: string) => PNG.sync.read(await worker.getBytes(path));
const getText = async (path: string) => (await worker.fetch(path)).text();
const getProblem = async (path: string) => {
  const answer = await worker.fetch(path, { headers: { accept: 'application/problem+json' } });
  const { code, detail } = (await answer.json()) as Record<string, string>;
  return [answer.status, code, detail];
};
/** Red, green, blue and opacity of a pixel. */
const pick = ({ data, width }: PNG, x: number, y: number) => [
  ...data.subarray(4 * (y * width + x), 4 * (y * width + x) + 4),
];
const getCanonical = async (path: string) =>
  (await worker.fetch(path)).headers.get('content-location');

describe('paper of a colour of its own', () => {
  test('fills gaps, margins and the rest of the last row', async () => {
    const paper = [10, 200, 30, 255];
    const sheet = await readPng('/sample.png?model=flags&seed=s&n=3&cols=2&gap=2&margin=3');
    expect([
      pick(sheet, 0, 0),
      pick(sheet, 3 + 16, 3),
      pick(sheet, 3 + 18 + 8, 3 + 18 + 8),
    ]).toEqual([paper, paper, paper]);
  });

  test('is light under dark ink, as the model was trained, unless colours are asked for', async () => {
    const { digits } = await worker.getDigits('/sample.json?model=light&seed=s');
    const own = digits[0]!.pixels;
    const plain = await readPng('/sample.png?model=light&seed=s&margin=1');
    const coloured = await readPng('/sample.png?model=light&seed=s&margin=1&fg=ff0000&bg=0000ff');
    const inverted = await readPng('/sample.png?model=light&seed=s&margin=1&fg=fff&bg=000');
    expect(pick(plain, 0, 0)).toEqual([255, 255, 255, 255]);
    own.forEach((level, at) => {
      const [x, y] = [1 + (at % 28), 1 + Math.floor(at / 28)];
      expect(pick(plain, x, y)).toEqual([level, level, level, 255]);
      expect(pick(coloured, x, y)).toEqual([255 - level, 0, level, 255]);
      expect(pick(inverted, x, y)[0]).toBe(255 - level);
    });
  });

  test('has one canonical URL for its own colours, and another for those of other papers', async () => {
    const get = (model: string, look: string) =>
      getCanonical(`/digit.svg?model=${model}&seed=s&${look}`).then(
        (url) => url?.split('&seed')[0],
      );
    const look = (url: string | null | undefined) =>
      url?.replace(/^.*seed=s/, '').replace(/&?model=.*$/, '');
    const own = 'fg=000&bg=fff&dark_fg=000&dark_bg=white';
    expect([
      look(await get('light', own)),
      look(await get('dark', own)),
      look(await get('dark', 'fg=fff&bg=000&dark_fg=fff')),
      look(await get('light', 'fg=fff&bg=000')),
    ]).toEqual(['', '&fg=000000&bg=ffffff', '', '&fg=ffffff&bg=000000']);
    const pinned = `/digit.png?seed=s&fg=fff&bg=000&model=dark@${dark.manifest.version}`;
    const etag = (await worker.fetch(pinned)).headers.get('etag') ?? '';
    const again = await worker.fetch(pinned, { headers: { 'if-none-match': etag } });
    expect(again.status).toBe(304);
  });

  test('is the background of SVG, text, numbers with signs, and loops', async () => {
    const svg = await getText('/sample.svg?model=light&seed=s');
    expect(svg).toContain('height="100%" fill="#ffffff"/>');
    expect(svg).toContain('<g fill="#000000">');
    const number = await readPng('/number/-1.png?model=light&seed=s');
    expect(pick(number, 0, 0)).toEqual([255, 255, 255, 255]);
    const gif = new GifReader(await worker.getBytes('/morph.gif?model=light&seed=s&n=2&margin=2'));
    const rgba = new Uint8Array(gif.width * gif.height * 4);
    gif.decodeAndBlitFrameRGBA(1, rgba);
    expect([...rgba.subarray(0, 3)]).toEqual([255, 255, 255]);
    const apng = await readPng('/morph.png?model=flags&seed=s&n=2&margin=2');
    expect(pick(apng, 0, 0)).toEqual([10, 200, 30, 255]);
  });

  test('leaves the narrow ink of a number its own width', async () => {
    const ink = await readPng('/number/10.png?model=light&seed=s');
    expect(ink.width).toBeLessThanOrEqual(2 * (28 + 3) + 3);
    const text = await getText('/sample.txt?model=light&seed=s');
    expect(text).toMatch(/[▄▀█]/);
  });
});

describe('words of a model’s own subject', () => {
  test('/sample and /digit are names of the same bytes, and of one canonical URL', async () => {
    for (const rest of ['.png?n=4', '.json?n=2', '.svg?', '/b.png?', '/seven?format=txt', '?']) {
      const query = `${rest}&model=letters&seed=s`;
      const [sample, digit] = [
        await worker.fetch(`/sample${query}`),
        await worker.fetch(`/digit${query}`),
      ];
      expect(sample.status).toBe(200);
      expect(sample.headers.get('etag')).toBe(digit.headers.get('etag'));
      expect(sample.headers.get('content-location')).toBe(digit.headers.get('content-location'));
      expect(Buffer.from(await sample.arrayBuffer())).toEqual(
        Buffer.from(await digit.arrayBuffer()),
      );
    }
    expect(await getProblem('/sample.webp')).toEqual(await getProblem('/digit.webp'));
  });

  test('titles, pages, llms.txt and oEmbed name it', async () => {
    expect(await getText('/sample/a.svg?seed=s')).toContain('<title>An inked letter: a</title>');
    expect(await getText('/sample.svg?seed=s&n=2&label=b')).toContain(
      '<title>2 letters: b, b</title>',
    );
    expect(await getText('/sample/3.svg?seed=s&model=dark')).toContain(
      '<title>A handwritten digit: 3</title>',
    );
    const llms = await getText('/llms.txt');
    expect(llms).toContain('> Letters from a small neural network.');
    expect(llms).toContain('label= is one of: a, b, c,d, seven.');
    expect(llms).not.toMatch(/\/digit[./?{]|\/number\/|digits=\d|new digits/i);
    const examples = [...llms.matchAll(/^Example: (\S+)$/gm)].map(([, url = '']) => new URL(url));
    for (const { pathname, search } of examples.filter(
      (url) => !url.pathname.startsWith('/hand'),
    )) {
      const answer = await worker.fetch(pathname + search);
      await answer.arrayBuffer();
      expect([pathname + search, answer.status]).toEqual([pathname + search, 200]);
    }
    expect(await getText('/openapi.json')).not.toMatch(/"summary":"Handwritten digits/);
    expect(await getText('/docs/embed')).toMatch(/By default this service draws letters/);
    const reference = await getText('/docs/reference');
    expect(reference).toMatch(/By default this service draws letters/);
    for (const [, path = ''] of reference.matchAll(/class="result" src="([^"]*)"/g)) {
      const { status } = await worker.fetch(path.replaceAll('&amp;', '&'));
      expect([path, status]).toEqual([path, 200]);
    }
    const docs = await getText('/docs');
    expect(docs).toContain('guides for an API of letters.');
    expect(docs).toMatch(/By default this service draws letters:\s*<a href="\/models\/letters">/);
    const page = await getText('/');
    expect(page).toContain('curl -o samples.png');
    expect(page).toContain('<title>Letters, from a URL');
    expect(page).toMatch(/<section\s+id="explore"[^>]*data-ink="dark"/);
    expect(page).toContain('<option value="flags"></option>');
    expect(page).toContain('/sample.png?label=a&amp;seed=otter');
    expect(page).toContain('data-one="An inked letter"');
    expect(page).not.toMatch(/every view shows new digits|as different people write/);
    // The colours in force: black on the model's own white.
    expect(page).toMatch(/name="bg"[^>]*placeholder="ffffff"/);
    expect(await getText('/hand')).toContain('cannot read a handwritten digit');
    const base = worker.url.origin;
    const describePicture = async (path: string) =>
      (
        (await (await worker.fetch(`/oembed?url=${encodeURIComponent(base + path)}`)).json()) as {
          title: string;
        }
      ).title;
    expect(await describePicture('/sample.png?n=4&model=flags')).toBe(
      '4 flags drawn by a neural network',
    );
    expect(await describePicture('/sample/a.png')).toBe(
      'An inked letter drawn by a neural network',
    );
    expect(await describePicture('/morph.gif?labels=a,b')).toBe(
      'Letters drawn by a neural network, turning into one another: a, b',
    );
    expect(await describePicture('/digit.png?model=dark')).toBe(
      'A handwritten digit that nobody wrote',
    );
  });
});

test('the card of a model tells its paper and subject', async () => {
  const getCard = async (name: string) =>
    v.parse(modelCardSchema, await (await worker.fetch(`/models/${name}`)).json());
  const [own, usual] = [await getCard('flags'), await getCard('dark')];
  expect([own.paper, own.subject.many, usual.paper, usual.subject.many]).toEqual([
    [10, 200, 30],
    'flags',
    [0],
    'handwritten digits',
  ]);
});

describe('a model without digits', () => {
  test('refuses numbers and digits of loops, and says what there is instead', async () => {
    for (const path of ['/number/10.png?', '/morph.png?digits=10', '/number/7?']) {
      const [status, code, detail] = await getProblem(`${path}&model=letters`);
      expect([path, status, code]).toEqual([path, 400, 'parameter_not_supported']);
      expect(detail).toContain('no digits but a, b, c,d, seven');
      expect(detail).toContain('labels= of /morph');
    }
  });

  test('walks through a list of classes by name or number, in one hand', async () => {
    const named = await worker.fetch('/morph.png?labels=seven,a,2&model=letters&seed=s&frames=2');
    const numbered = await worker.fetch('/morph.png?labels=3,0,2&model=letters&seed=s&frames=2');
    expect(named.headers.get('content-location')).toContain('&labels=seven%2Ca%2C2&');
    expect(numbered.headers.get('content-location')).toBe(named.headers.get('content-location'));
    expect(numbered.headers.get('etag')).toBe(named.headers.get('etag'));
    expect(await named.arrayBuffer()).toEqual(await numbered.arrayBuffer());
    const digits = await worker.getBytes('/morph.png?labels=3,1,4&model=dark&seed=s&frames=2');
    expect(digits).toEqual(
      await worker.getBytes('/morph.png?digits=314&model=dark&seed=s&frames=2'),
    );
    for (const [path, code] of [
      ['/morph.png?labels=a,z&model=letters', 'label_not_supported'],
      ['/morph.png?labels=a&model=letters', 'invalid_parameter'],
      ['/morph.png?labels=a,b&digits=12', 'invalid_parameter'],
      ['/morph.png?labels=a,b&n=3', 'invalid_parameter'],
    ] as const) {
      expect([path, ...(await getProblem(path)).slice(0, 2)]).toEqual([path, 400, code]);
    }
  });
});
