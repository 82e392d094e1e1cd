/**
 * Tests what counts as large, what a host with a limit of processor time refuses, the bounds of
 * answers, and how streams are drawn, in an app with real models.
 */
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import * as v from 'valibot';
import { problemSchema } from '../../shared/contract/answers.ts';
import { MANIFEST_FILE, parseManifest, WEIGHTS_FILE } from '../../shared/model/artifact.ts';
import { createSampler, type Sampler } from '../../shared/model/sampler.ts';
import { instantiateKernels, pngEncoder } from '../../trainer/node-kernels.ts';
import { readArtifactFolder } from '../../trainer/publish/artifact-folder.ts';
import { createApp } from '../../worker/app.ts';
import { BusyError, ConcurrencyLimit } from '../../worker/http/concurrency-limit.ts';
import { createDocument } from '../../worker/http/constant-document.ts';
import type { ModelFiles } from '../../worker/models/model-store.ts';
import type { ModelSource } from '../../worker/models/model-source.ts';
import { buildFixture, COLOUR_LAYERS, type Fixture } from '../support/models/fixture-artifact.ts';

const shipped = await readArtifactFolder('models/digits');
const weights = shipped.files.get(WEIGHTS_FILE) as Uint8Array;
const large = openFixture(
  buildFixture({
    layers: [
      { type: 'dense', units: 65_536, activation: 'sigmoid' },
      { type: 'reshape', shape: [256, 256, 1] },
    ],
  }),
);

const colour = openFixture(buildFixture({ layers: COLOUR_LAYERS }));

function openFixture({ files }: Fixture): Sampler {
  const parsed = parseManifest(files.get(MANIFEST_FILE) as Uint8Array);
  return createSampler(parsed, files.get(WEIGHTS_FILE) as Uint8Array, instantiateKernels);
}

/** Starts an app that draws with a model. `counted` lists the limits that requests counted for. */
function startApp(
  sampler: Sampler,
  options: { maxCpuMs?: number; allows?: boolean; weightBytes?: number } = {},
) {
  const counted: string[] = [];
  const limiter = {
    async limit({ key }: { readonly key: string }) {
      counted.push(key.split(':')[0] as string);
      return { success: options.allows !== false };
    },
  };
  const { name, version } = sampler.manifest;
  const loaded = { sampler, name, version, origin: 'bundled', loadedAt: 0 } as const;
  const app = createApp({
    modelSource: {
      acquire: async () => ({ loaded, release: () => undefined }),
    } as unknown as ModelSource,
    modelFiles: {
      readFile: async () => new Uint8Array(1),
      readManifest: async () => ({
        parsed: { manifest: listWeights(options.weightBytes ?? 100_000) },
      }),
    } as unknown as ModelFiles,
    png: pngEncoder,
    log: () => undefined,
    maxCpuMs: options.maxCpuMs,
    rateLimits: {
      all: { requests: 1, limiter },
      heavy: { requests: 1, limiter },
      findAddress: () => '192.0.2.1',
    },
  });
  return { app, counted };
}

const listWeights = (bytes: number) => ({ files: [{ path: WEIGHTS_FILE, bytes, sha256: '' }] });
const openShipped = () => createSampler(shipped, weights, instantiateKernels);

describe('an answer counts as large by its work, not by its digits', () => {
  test.each([
    ['/digit.png?n=100', false],
    ['/digit.png?scale=16', false],
    ['/number/2026.png?scale=4&smooth=1', false],
    ['/morph.png', false],
    ['/digit.png?n=256', true],
    ['/digit.png?n=25&scale=7&smooth=1', true],
    ['/digit.svg?n=100', true],
    ['/digit.json?n=200', true],
    ['/morph.gif?n=10&frames=10&scale=3&smooth=1&margin=8', true],
    ['/dataset.npy?n=300', true],
    ['/dataset.npy?n=60000&part=labels', true],
    ['/models/digits/0123456789abcdef/weights.bin', false],
  ])('%s: %s', async (path, isLarge) => {
    const { app, counted } = startApp(openShipped());
    const answer = await app.request(path);
    await answer.arrayBuffer();
    expect([answer.status, counted]).toEqual([200, isLarge ? ['all', 'heavy'] : ['all']]);
  });

  test.each([
    ['identity', ['all']],
    ['gzip', ['all', 'heavy']],
  ])('to compress a set is work: %s', async (coding, expected) => {
    const { app, counted } = startApp(openShipped());
    const headers = { 'Accept-Encoding': coding };
    await (await app.request('/dataset.csv?n=165', { headers })).arrayBuffer();
    expect(counted).toEqual(expected);
  });

  test('a file is large that takes long to hash', async () => {
    const { app, counted } = startApp(openShipped(), { weightBytes: 16_000_000 });
    await (await app.request('/models/digits/0123456789abcdef/weights.bin')).arrayBuffer();
    expect(counted).toEqual(['all', 'heavy']);
  });

  test('a body of POST /hand is read only where its caller may ask', async () => {
    const { app, counted } = startApp(openShipped(), { allows: false });
    const answer = await app.request('/hand', { method: 'POST', body: 'no picture' });
    expect([answer.status, counted]).toEqual([429, ['all']]);
  });

  test('a body may have as many pieces as bytes', async () => {
    let left = 130_000;
    const body = new ReadableStream({
      pull(controller) {
        controller.enqueue(Uint8Array.of(120));
        if (--left === 0) {
          controller.close();
        }
      },
    });
    const { app } = startApp(openShipped());
    const init = { method: 'POST', body, duplex: 'half' };
    const answer = await app.request('/hand', init);
    expect([answer.status, await answer.json()]).toMatchObject([
      422,
      { code: 'unreadable_picture' },
    ]);
  });

  test('a few digits of a large picture are large', async () => {
    const { app, counted } = startApp(large);
    await (await app.request('/digit.png?n=20')).arrayBuffer();
    expect(counted).toEqual(['all', 'heavy']);
  });
});

describe('a host with a limit of processor time', () => {
  test.each([
    ['/digit.png?n=256', 'n'],
    ['/digit.svg?n=256', 'n'],
    ['/digit.json?n=256', 'n'],
    ['/digit.ndjson?n=256', 'n'],
    ['/digit.png?scale=16&margin=200&smooth=1&n=9', 'scale'],
    ['/morph.png?n=16&frames=32', 'frames'],
    ['/dataset.csv?n=1000', 'n'],
    ['/dataset.idx?n=60000&part=labels', 'n'],
    ['/dataset.parquet?n=1000', 'n'],
  ])('refuses %s beforehand and says which %s fits', async (path, name) => {
    const { app, counted } = startApp(openShipped(), { maxCpuMs: 10 });
    const headers = { Accept: 'application/problem+json' };
    const ask = (value: number) =>
      app.request(path.replace(new RegExp(`\\b${name}=\\d+`), `${name}=${value}`), { headers });
    const answer = await app.request(path, { headers });
    expect([answer.status, counted]).toEqual([400, []]);
    const { code, detail } = v.parse(problemSchema, await answer.json());
    expect(code).toBe('too_expensive');
    const fits = Number(new RegExp(`${name}=(\\d+)`).exec(detail)?.[1]);
    expect((await ask(fits)).status).toBe(200);
    expect((await ask(fits + 1)).status).toBe(400);
  });

  test('refuses a range if the same as a whole answer would not fit', async () => {
    const { app } = startApp(openShipped(), { maxCpuMs: 10 });
    const url = '/dataset.npy?seed=a&model=digits';
    for (const [query, range, expected] of [
      ['&n=137', 'bytes=128-', [206, undefined]],
      ['&n=1000', 'bytes=128-', [400, 'What would fit: a shorter range.']],
      ['&n=1000', 'bytes=705728-', [206, undefined]],
      ['&n=3900&part=labels', 'bytes=9-', [206, undefined]],
      ['&n=12000&part=labels', 'bytes=0-12006', [400, 'What would fit: a shorter range.']],
    ] as const) {
      const headers = { Range: range, Accept: 'application/problem+json' };
      const answer = await app.request(url + query, { headers });
      const text = await answer.text();
      const [fit] = /What would fit: .*?\./.exec(text) ?? [];
      expect([query, range, answer.status, fit]).toEqual([query, range, ...expected]);
    }
  });

  test('answers what fits', async () => {
    const { app } = startApp(openShipped(), { maxCpuMs: 10 });
    for (const path of ['/digit.png', '/digit.json?n=16', '/number/2026.svg', '/limits']) {
      expect([path, (await app.request(path)).status]).toEqual([path, 200]);
    }
  });
});

describe('the estimate of an answer', () => {
  /** Draws the same samples again without work, so that the encoders take the time. */
  function drawOnce(sampler: Sampler): Sampler {
    const keep = <R extends { seed: string; start: number }, T>(draw: (request: R) => T) => {
      const drawn = new Map<string, T>();
      return (request: R): T => {
        const key = JSON.stringify({ ...request, seed: '', start: 0 });
        const samples = drawn.get(key) ?? draw(request);
        drawn.set(key, samples);
        return samples;
      };
    };
    const { draw, drawMorph, plan } = sampler;
    return {
      ...sampler,
      plan: { ...plan, effort: 0 },
      draw: keep(draw),
      drawMorph: keep(drawMorph),
    };
  }

  /** Reads the estimate from the refusal of a host that allows nothing, in milliseconds. */
  async function estimate(sampler: Sampler, path: string): Promise<number> {
    const { app } = startApp(sampler, { maxCpuMs: 1e-3 });
    const answer = await app.request(path, { headers: { Accept: 'application/problem+json' } });
    const { detail } = v.parse(problemSchema, await answer.json());
    return Number(/about (\d+) ms/.exec(detail)?.[1]);
  }

  /** @returns  Milliseconds of this thread's processor time, the mean of some answers. */
  async function measure(sampler: Sampler, path: string): Promise<number> {
    const { app } = startApp(sampler);
    const answer = async () => (await app.request(path)).arrayBuffer();
    for (let i = 0; i < 5; i++) {
      await answer(); // The first answers compile the code.
    }
    // Some kernels count processor time in steps of 4 ms: one answer alone may take 0 of them.
    const began = process.threadCpuUsage();
    for (let answers = 1; ; answers++) {
      await answer();
      const { user, system } = process.threadCpuUsage(began);
      if (answers >= 8 && user + system > 60_000) {
        return (user + system) / answers / 1000;
      }
    }
  }

  test('is as right for one format as for another', async () => {
    const real = openShipped();
    const [grey, coloured] = [drawOnce(real), drawOnce(colour)];
    const signs = "-+.,:'".repeat(5);
    const cases = [
      [real, `/number/${signs}1.png`],
      [grey, '/digit.png?n=100&scale=2'],
      [grey, '/digit.png?n=16&scale=3&smooth=1'],
      [grey, '/digit.svg?n=36'],
      [grey, '/digit.txt?n=100'],
      [grey, '/digit.json?n=100&latent=1'],
      [grey, '/digit.npy?n=256'],
      [grey, '/digit.ndjson?n=256'],
      [grey, '/morph.png?n=10'],
      [grey, '/morph.gif?n=10&scale=2'],
      [grey, '/dataset.npy?n=3000'],
      [grey, '/dataset.npz?n=1000'],
      [grey, '/dataset.parquet?n=1000'],
      [grey, '/dataset.csv?n=500'],
      [grey, '/dataset.ndjson?n=200'],
      [grey, '/dataset.idx.gz?n=500'],
      [grey, '/dataset.idx?n=3000&part=labels'],
      [coloured, '/digit.png?n=100&scale=2'],
      [coloured, '/digit.txt?n=256'],
      [coloured, '/dataset.npy?n=1000'],
      [coloured, '/dataset.parquet?n=500'],
      [coloured, '/dataset.csv?n=200'],
      [coloured, '/morph.png?n=10'],
      [coloured, '/morph.gif?n=10'],
    ] as const;
    const ratios: number[] = [];
    for (const [sampler, path] of cases) {
      ratios.push((await measure(sampler, path)) / (await estimate(sampler, path)));
    }
    // Noise, which the coloured model draws, takes up to three times as long as pictures.
    const usual = ratios.toSorted((a, b) => a - b)[ratios.length >> 1] as number;
    const wrong = cases.flatMap(([, path], i) => {
      const ratio = (ratios[i] as number) / usual;
      return ratio < 4 ? [] : [`${path} takes ${ratio.toFixed(1)} times its estimate`];
    });
    expect(wrong).toEqual([]);
  });
});

test.each(['/digit.json?n=256', '/digit.txt?n=16', '/digit.svg?n=100', '/dataset.csv?n=60000'])(
  'an answer with too many numbers is refused: %s of a large picture',
  async (path) => {
    const { app } = startApp(large);
    const answer = await app.request(path, { headers: { Accept: 'application/problem+json' } });
    expect(v.parse(problemSchema, await answer.json())).toMatchObject({
      status: 400,
      code: 'answer_too_large',
    });
  },
);

describe('the picture of an error', () => {
  test('counts like a digit, and beyond the limit it is the limit’s', async () => {
    const { app, counted } = startApp(openShipped());
    expect((await app.request('/digit.png?n=x')).status).toBe(400);
    expect(counted).toEqual(['all']);
    const limited = startApp(openShipped(), { allows: false });
    expect((await limited.app.request('/digit.gif?n=x')).status).toBe(429);
  });

  test('is not counted where it is only text', async () => {
    const { app, counted } = startApp(openShipped());
    expect((await app.request('/digit.json?n=x')).status).toBe(400);
    expect(counted).toEqual([]);
  });
});

test('streams draw in turn: other requests come between two parts', async () => {
  let drawn = 0;
  const sampler = openShipped();
  const counting: Sampler = {
    ...sampler,
    draw(request) {
      drawn++;
      return sampler.draw(request);
    },
  };
  const { app } = startApp(counting);
  const streams = Array.from({ length: 8 }, async () => {
    const answer = await app.request('/dataset.ndjson?n=200');
    return (await answer.text()).split('\n').length - 1;
  });
  const ended = Promise.all(streams);
  let isOver = false;
  void ended.then(() => (isOver = true));
  const inOneTurn: number[] = [];
  while (!isOver) {
    const before = drawn;
    await setImmediate();
    inOneTurn.push(drawn - before);
  }
  expect(await ended).toEqual(Array.from({ length: 8 }, () => 200));
  expect(drawn).toBeGreaterThan(8);
  expect(Math.max(...inOneTurn)).toBe(1);
});

test('a stream of a costly model takes short turns, and has the same digits', async () => {
  const drawn: number[] = [];
  const sampler = openShipped();
  const costly: Sampler = {
    ...sampler,
    plan: { ...sampler.plan, effort: 2.5e8 }, // 6 ms a digit.
    draw(request) {
      const samples = sampler.draw(request);
      drawn.push(samples.count);
      return samples;
    },
  };
  const { app } = startApp(costly);
  const answer = await app.request('/dataset.csv?n=70&seed=Ada');
  const cheap = await startApp(sampler).app.request('/dataset.csv?n=70&seed=Ada');
  expect(await answer.text()).toBe(await cheap.text());
  expect(Math.max(...drawn)).toBe(2);
});

test('a document is built once, for any number of origins', () => {
  const build = vi.fn<(origin: string) => string>(
    (origin) => `{"a":"${origin}/a","b":"${origin}"}`,
  );
  const write = createDocument(build, (origin) => JSON.stringify(origin).slice(1, -1));
  for (let i = 0; i < 100; i++) {
    // A host name may hold quotes.
    const { origin } = new URL(`http://a"${i}/`);
    expect(JSON.parse(write(origin))).toEqual({ a: `${origin}/a`, b: origin });
  }
  expect(build).toHaveBeenCalledTimes(1);
});

const LIMITS = { concurrent: 2, waiting: 3, waitMs: 60_000, expiresMs: 1000 };
const ignore = () => undefined;

/** Starts work that ends on command. */
function createWork(gate: ConcurrencyLimit) {
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const start = (i: number) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    ends[i] = resolve;
    const done = gate.run(async () => {
      begun.push(i);
      await promise;
      return i;
    }, ignore);
    done.catch(ignore);
    return done;
  };
  return { begun, start, end: (i: number) => ends[i]?.() };
}

test('a limited number runs, a limited number is queued in order, and the rest is rejected at once', async () => {
  const { begun, start, end } = createWork(new ConcurrencyLimit(LIMITS, () => 0));
  const all = Array.from({ length: 7 }, (_, i) => start(i));
  await setImmediate();
  expect(begun).toEqual([0, 1]);
  await expect(all[5]).rejects.toThrow(BusyError);
  await expect(all[6]).rejects.toThrow(BusyError);
  for (const i of [1, 0, 2, 3, 4]) {
    end(i);
    expect(await all[i]).toBe(i);
  }
  expect(begun).toEqual([0, 1, 2, 3, 4]);
  const next = start(7);
  end(7);
  expect(await next).toBe(7);
});

test('failed work frees its slot, and its caller gets the error', async () => {
  const gate = new ConcurrencyLimit({ ...LIMITS, concurrent: 1 }, () => 0);
  const failing = gate.run(() => Promise.reject(new Error('no')), ignore);
  const next = gate.run(() => 'yes', ignore);
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('yes');
});

test('work that is queued too long is rejected, and the next work gets its turn', async () => {
  const gate = new ConcurrencyLimit({ ...LIMITS, concurrent: 1, waitMs: 20 }, () => 0);
  const { start, end, begun } = createWork(gate);
  const first = start(0);
  await expect(start(1)).rejects.toThrow('no turn within 20 ms');
  const third = start(2);
  end(0);
  await first;
  end(2);
  expect(await third).toBe(2);
  expect(begun).toEqual([0, 2]);
});

test('cancelled work keeps its slot only for a limited time', async () => {
  let now = 0;
  const { begun, start, end } = createWork(
    new ConcurrencyLimit({ ...LIMITS, concurrent: 1 }, () => now),
  );
  const lost = start(0);
  now = 1001;
  const next = start(1);
  end(1);
  expect(await next).toBe(1);
  expect(begun).toEqual([0, 1]);
  // The cancelled work ends after all. Its slot was already given away, so nothing more may begin.
  const [running, waiting] = [start(2), start(3)];
  end(0);
  await lost;
  await setImmediate();
  expect(begun).toEqual([0, 1, 2]);
  end(2);
  await running;
  end(3);
  await waiting;
});

test('work continues when its request is cancelled, because the host is asked to keep it', async () => {
  const kept: Promise<unknown>[] = [];
  const done = new ConcurrencyLimit(LIMITS, () => 0).run(
    () => 'whole',
    (work) => kept.push(work),
  );
  expect(kept).toEqual([done]);
  expect(await done).toBe('whole');
});
