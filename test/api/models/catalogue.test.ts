/**
 * Tests further routes over HTTP in the real runtime: a class's own path, models and their files,
 * limits, descriptions, embedding.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as v from 'valibot';
import small from '../../../models/digits-small/manifest.json' with { type: 'json' };
import shipped from '../../../models/digits/manifest.json' with { type: 'json' };
import { POINTER_KEY } from '../../../shared/model/artifact.ts';
import {
  limitsSchema,
  modelCardSchema,
  modelsSchema,
  oembedSchema,
} from '../../../shared/contract/answers.ts';
import { LIMITS } from '../../../shared/contract/limits.ts';
import { PNG } from 'pngjs';
import { buildFixture, buildPointer } from '../../support/models/fixture-artifact.ts';
import { sendRaw } from '../../support/hosts/raw-request.ts';
import { putArtifact, startWorker, type TestWorker } from '../../support/hosts/runtime.ts';

const first = buildFixture({ name: 'first' });
const old = buildFixture({ name: 'first', weightsSeed: 'old' });
const { version } = first.manifest;
let worker: TestWorker;
beforeAll(async () => {
  worker = await startWorker(async (bucket) => {
    await putArtifact(bucket, first);
    await putArtifact(bucket, old);
    await bucket.put(POINTER_KEY, buildPointer(first));
  });
});
afterAll(() => worker.close());

const getJson = async (path: string) => (await worker.fetch(path)).json();
const getProblem = async (path: string) => {
  const answer = await worker.fetch(path);
  return [answer.status, ((await answer.json()) as { code: string }).code];
};

describe('/digit/{label}', () => {
  test('gives the same as label=, with the same canonical URL', async () => {
    const answer = await worker.fetch('/digit/7.png?seed=a&n=3');
    const other = await worker.fetch('/digit.png?label=7&seed=a&n=3');
    for (const name of ['etag', 'content-location', 'content-type', 'cache-control']) {
      expect(answer.headers.get(name)).toBe(other.headers.get(name));
    }
    expect(
      Buffer.from(await answer.arrayBuffer()).equals(Buffer.from(await other.arrayBuffer())),
    ).toBe(true);
  });

  test('takes extension, format= or Accept', async () => {
    const getType = async (path: string, accept = '*/*') =>
      (await worker.fetch(path, { headers: { accept } })).headers.get('content-type');
    expect(await getType('/digit/7')).toBe('image/png');
    expect(await getType('/digit/7', 'application/json')).toBe('application/json');
    expect(await getType('/digit/7?format=json')).toBe('application/json');
    expect(await getType('/digit/7.json')).toBe('application/json');
  });

  test('refuses an unknown class, and a label that is given twice', async () => {
    expect(await getProblem('/digit/10')).toEqual([400, 'label_not_supported']);
    expect(await getProblem('/digit/7.bmp')).toEqual([404, 'format_not_found']);
    expect(await getProblem('/digit/7?label=7')).toEqual([400, 'repeated_parameter']);
    expect(await getProblem(`/digit/${'7'.repeat(65)}`)).toEqual([400, 'invalid_parameter']);
    expect(await getProblem('/digit/%3Cscript%3E')).toEqual([400, 'label_not_supported']);
    expect(await getProblem('/digit/7/8')).toEqual([404, 'not_found']);
    const drawn = await worker.fetch('/digit/10.png');
    expect([drawn.status, drawn.headers.get('content-type')]).toEqual([400, 'image/png']);
  });
});

describe('/models', () => {
  test('lists the published models and the bundled ones', async () => {
    const list = v.parse(modelsSchema, await getJson('/models'));
    expect(list.default).toBe('first');
    expect(list.models.map((model) => [model.name, model.version, model.publishedAt])).toEqual([
      ['first', version, '2026-01-01T00:00:00Z'],
      ['digits', shipped.version, null],
      ['digits-small', small.version, null],
    ]);
    for (const { url, name } of list.models) {
      expect(((await (await fetch(url)).json()) as { name: string }).name).toBe(name);
    }
  });

  test('has cards of the current version and of any other', async () => {
    const card = await getJson('/models/first');
    expect(v.parse(modelCardSchema, card)).toEqual(card);
    expect(card).toEqual(await getJson(`/models/first/${version}`));
    expect(await getJson(`/models/first/${old.manifest.version}`)).toMatchObject({
      version: old.manifest.version,
    });
    expect(v.parse(modelCardSchema, await getJson('/models/digits'))).toMatchObject({
      weights: 'uint8',
      image: { width: 28 },
    });
  });

  test.each([
    ['first', version, first.files],
    ['first', old.manifest.version, old.files],
  ])('serves the files of %s@%s unchanged and immutable', async (name, published, files) => {
    for (const [path, bytes] of files) {
      const answer = await worker.fetch(`/models/${name}/${published}/${path}`);
      expect(Buffer.from(await answer.arrayBuffer()).equals(Buffer.from(bytes))).toBe(true);
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        'cache-control': 'public, max-age=31536000, immutable',
        'access-control-allow-origin': '*',
        'x-content-type-options': 'nosniff',
        'content-type': path.endsWith('.json') ? 'application/json' : 'application/octet-stream',
      });
      const headers = { 'if-none-match': answer.headers.get('etag') as string };
      expect(
        (
          await worker.fetch(`/models/${name}/${published}/${path}`, {
            headers,
            cache: 'no-store',
          })
        ).status,
      ).toBe(304);
    }
  });

  test.each([shipped, small])(
    'serves the files of the bundled $name, equal to the repository’s by hash',
    async ({ name, version: own }) => {
      const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
      for (const path of ['manifest.json', 'model.json', 'weights.bin']) {
        const bytes = await worker.getBytes(`/models/${name}/${own}/${path}`);
        expect([path, hash(bytes)]).toEqual([path, hash(readFileSync(join('models', name, path)))]);
      }
      const card = v.parse(modelCardSchema, await getJson(`/models/${name}`));
      const model = await tf.loadLayersModel(
        new URL(`/models/${name}/${own}/model.json`, worker.url).href,
      );
      expect(model.countParams()).toBe(card.parameters);
      model.dispose();
    },
  );

  test('files of an encoder are named by their content, because a version may get another one', async () => {
    for (const path of ['encoder.json', 'encoder.bin']) {
      const url = `/models/${shipped.name}/${shipped.version}/${path}`;
      const answer = await worker.fetch(url);
      const bytes = Buffer.from(await answer.arrayBuffer());
      const etag = `"${createHash('sha256').update(bytes).digest('hex')}"`;
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        etag,
        'cache-control': 'public, max-age=60, must-revalidate',
      });
      const again = await worker.fetch(url, { headers: { 'if-none-match': etag } });
      expect(again.status).toBe(304);
    }
  });

  test('a bundled model is drawn by its name', async () => {
    const query = `/digit.png?seed=small&model=${small.name}`;
    const answer = await worker.fetch(query);
    expect([answer.status, answer.headers.get('digitmint-model')]).toEqual([
      200,
      `${small.name}@${small.version}`,
    ]);
    const pinned = await worker.getBytes(`${query}@${small.version}`);
    expect(pinned.equals(Buffer.from(await answer.arrayBuffer()))).toBe(true);
  });

  test.each<[path: string, status: number]>([
    ['/models/none', 404],
    ['/models/A', 404],
    [`/models/first/0000000000000000`, 404],
    [`/models/first/${version}/current.json`, 404],
    [`/models/first/${version}/..%2f..%2f..%2fcurrent.json`, 404],
    [`/models/first/${version}/..%5c`, 404],
    ['/models/first/..%2f..%2f/current.json', 404],
    ['/models/..%2fcurrent.json', 404],
    ['/models/..%2f/0000000000000000/manifest.json', 404],
    ['/models/first/0000000000000000/weights.bin', 404],
    [`/models/first/${version}/__proto__`, 404],
    [`/models/%00/${version}/weights.bin`, 404],
    ['/models/%E0%A4%A', 404],
  ])('serves nothing else: %s', async (path, status) => {
    expect((await sendRaw(worker.url, path)).status).toBe(status);
  });

  test('refuses files that differ from the manifest', async () => {
    const bad = buildFixture({ name: 'bad' });
    await putArtifact(worker.bucket, bad);
    const weights = new Uint8Array(bad.files.get('weights.bin') as Uint8Array);
    weights[0] = (weights[0] as number) ^ 1;
    await worker.bucket.put(`models/bad/${bad.manifest.version}/weights.bin`, weights);
    expect(await getProblem(`/models/bad/${bad.manifest.version}/weights.bin`)).toEqual([
      503,
      'model_unavailable',
    ]);
    expect((await worker.fetch(`/models/bad/${bad.manifest.version}/model.json`)).status).toBe(200);
  });
});

test('/limits lists every limit', async () => {
  const limits = v.parse(limitsSchema, await getJson('/limits'));
  expect(
    Object.fromEntries(Object.entries(limits).map(([name, { value }]) => [name, value])),
  ).toEqual(LIMITS);
});

test('/llms.txt names every route for programs, with working examples', async () => {
  const answer = await worker.fetch('/llms.txt');
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain/);
  const text = await answer.text();
  expect(text).toMatch(/^# digitmint\n\n> /);
  expect(text).toContain('## GET /digit/{label}.{extension}');
  const examples = [...text.matchAll(/^Example: (.*)$/gm)].map(([, url]) => url as string);
  expect(examples.length).toBeGreaterThan(5);
  for (const url of examples) {
    expect([url, [200, 404].includes((await fetch(url)).status)]).toEqual([url, true]);
    expect(url.startsWith(worker.url.origin)).toBe(true);
  }
});

describe('/oembed', () => {
  const ask = (url: string, more = '') =>
    worker.fetch(`/oembed?url=${encodeURIComponent(new URL(url, worker.url).href)}${more}`);
  const describePhoto = async (url: string, more = '') =>
    v.parse(oembedSchema, await (await ask(url, more)).json());

  test('describes pictures with their true size', async () => {
    for (const url of [
      '/digit.png?seed=a&n=5&scale=3',
      '/digit?n=4&cols=1',
      '/digit/7.png?scale=2',
      '/',
    ]) {
      const photo = await describePhoto(url);
      const png = PNG.sync.read(Buffer.from(await (await fetch(photo.url)).arrayBuffer()));
      expect([png.width, png.height]).toEqual([photo.width, photo.height]);
    }
    expect((await describePhoto('/digit/7?seed=a')).url).toContain('label=7');
    // The same sixteen at every view.
    expect((await describePhoto('/')).url).toContain('seed=');
  });

  test('describes numbers, loops and outlines with the size of the answer', async () => {
    for (const [url, type, title] of [
      [
        '/number/2026?seed=a&scale=3&margin=4',
        'image/png',
        'The handwritten number 2026, which nobody wrote',
      ],
      [
        '/number/-3.14?model=digits&scale=2',
        'image/png',
        'The handwritten number -3.14, which nobody wrote',
      ],
      [
        '/number/12%20500.svg?model=digits',
        'image/svg+xml',
        'The handwritten number 12 500, which nobody wrote',
      ],
      ['/number/7.png', 'image/png', 'The handwritten number 7, which nobody wrote'],
      [
        '/number/31.svg?model=digits&scale=2',
        'image/svg+xml',
        'The handwritten number 31, which nobody wrote',
      ],
      ['/digit.svg?n=6&cols=3&gap=2', 'image/svg+xml', '6 handwritten digits that nobody wrote'],
      ['/digit/7?format=svg', 'image/svg+xml', 'A handwritten digit that nobody wrote'],
      [
        '/morph?scale=2&frames=2',
        'image/png',
        'Handwritten digits that nobody wrote, turning into one another',
      ],
      [
        '/morph.gif?digits=321&margin=3&frames=2',
        'image/gif',
        'Handwritten digits that nobody wrote, turning into one another: 3, 2, 1',
      ],
    ] as const) {
      const photo = await describePhoto(url);
      expect(photo.title).toBe(title);
      const answer = await fetch(photo.url);
      expect([url, answer.status, answer.headers.get('content-type')]).toEqual([url, 200, type]);
      const bytes = Buffer.from(await answer.arrayBuffer());
      expect([url, ...measure(bytes, type)]).toEqual([url, photo.width, photo.height]);
    }
    // A number's width depends on its seed's digits.
    expect((await describePhoto('/number/2026')).url).toMatch(
      /\?seed=\S{16}&model=first%40[0-9a-f]{16}&scale=1$/,
    );
  });

  test('fits pictures into the requested size, or refuses', async () => {
    expect(await describePhoto('/digit.png?scale=16', '&maxwidth=100')).toMatchObject({
      width: 84,
      height: 84,
    });
    for (const [url, more, detail] of [
      ['/digit.png?n=4', '&maxheight=50', 'maxheight is "50", expected at least 56 for this URL.'],
      ['/digit.png?width=10', '', 'width is "10", expected at least 28 for this picture.'],
      ['/digit.png?width=600', '', 'width is "600", expected at most 475 for this picture.'],
    ] as const) {
      const answer = await ask(url, more);
      const problem = (await answer.json()) as { detail: string };
      expect([answer.status, problem.detail]).toEqual([400, detail]);
    }
  });

  test('is linked from the page', async () => {
    const link = /<link\s+rel="alternate"\s+type="application\/json\+oembed"\s+href="([^"]+)"/.exec(
      await (await worker.fetch('/')).text(),
    );
    expect(v.parse(oembedSchema, await (await fetch(link?.[1] as string)).json())).toMatchObject({
      type: 'photo',
      width: 448,
    });
  });

  test.each([
    ['', 400],
    [`?url=${encodeURIComponent('https://example.org/digit.png')}`, 404],
    ['?url=javascript:alert(1)', 404],
    ['?url=%00', 404],
    ['?url=', 400],
    ['?maxwidth=0', 400],
  ])('refuses %j', async (query, status) => {
    expect((await worker.fetch(`/oembed${query}`)).status).toBe(status);
  });

  test('passes on the errors of the pasted URL, and answers 501 for XML', async () => {
    expect((await ask('/digit.png?n=0')).status).toBe(400);
    for (const path of [
      '/digit.json',
      '/digit?format=json',
      '/digit.gif',
      '/number',
      '/morph/7.png',
      '/morph.svg',
      '/docs',
    ]) {
      expect([path, (await ask(path)).status]).toEqual([path, 404]);
    }
    for (const [path, code] of [
      ['/digit.png?label=10', 'label_not_supported'],
      ['/digit.png?n=256&scale=16', 'picture_too_large'],
      ['/morph.png?n=16&frames=32&scale=16', 'picture_too_large'],
      ['/morph.png?n=1', 'invalid_parameter'],
      ['/number/x', 'invalid_parameter'],
    ] as const) {
      expect(await (await ask(path)).json()).toMatchObject({ code });
    }
    expect((await ask('/', '&format=xml')).status).toBe(501);
  });
});

/** Reads a picture's size from its header. */
function measure(bytes: Buffer, type: string): [width: number, height: number] {
  switch (type) {
    case 'image/png':
      return [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
    case 'image/gif':
      return [bytes.readUInt16LE(6), bytes.readUInt16LE(8)];
    default: {
      const [, width, height] = / width="(\d+)" height="(\d+)"/.exec(bytes.toString()) ?? [];
      return [Number(width), Number(height)];
    }
  }
}
