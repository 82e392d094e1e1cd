/**
 * Tests how the source follows the pointer while the bucket is slow or fails. The bucket is a fake,
 * because a real one cannot be made to fail; `models.test.ts` tests a real one.
 */
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  buildKey,
  MANIFEST_FILE,
  parseManifest,
  POINTER_KEY,
  WEIGHTS_FILE,
  type ParsedManifest,
} from '../../shared/model/artifact.ts';
import type { Sampler } from '../../shared/model/sampler.ts';
import { GENERATOR_LIMITS } from '../../shared/model/generator.ts';
import { ModelCache, type LoadedModel } from '../../worker/models/model-cache.ts';
import { ModelSource } from '../../worker/models/model-source.ts';
import type { LogEvent } from '../../worker/http/log.ts';
import { createModelStore } from '../../worker/models/model-store.ts';
import { createR2Reader, type Bucket } from '../../worker/models/r2-reader.ts';
import type { Defer } from '../../worker/context.ts';
import {
  buildFixture,
  buildPointer,
  listObjects,
  type Fixture,
} from '../support/models/fixture-artifact.ts';

const REFRESH_MS = 20_000;
const READ_TIMEOUT_MS = 40;

const bundled = buildFixture({ name: 'bundled' });
const first = buildFixture({ weightsSeed: 'first' });
const second = buildFixture({ weightsSeed: 'second' });

let objects: Map<string, Uint8Array>;
let reads: string[];
/** Runs before a read is answered. */
let fault: (key: string) => Promise<void>;
let now: number;
let logged: LogEvent[];
let alive: Set<string>;
let deferred: Promise<unknown>[];
let source: ModelSource;

const defer: Defer = (work) => {
  deferred.push(work.catch(() => undefined));
};

/** Storage timeouts end only in tests that let time pass: see `passTime`. */
beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => vi.useRealTimers());

beforeEach(() => {
  objects = new Map();
  reads = [];
  fault = async () => undefined;
  now = 1_000_000;
  logged = [];
  alive = new Set();
  deferred = [];
  source = createSource(REFRESH_MS);
});

function createSource(refreshMs: number): ModelSource {
  return new ModelSource({
    store: createModelStore(createR2Reader(bucket), READ_TIMEOUT_MS),
    bundled: [
      {
        name: 'bundled',
        version: bundled.manifest.version,
        read: () => ({
          parsed: parseManifest(bundled.files.get(MANIFEST_FILE) as Uint8Array),
          weights: bundled.files.get(WEIGHTS_FILE) as Uint8Array,
        }),
      },
    ],
    openModel: async (parsed) =>
      openSampler(parsed, `${parsed.manifest.name}@${parsed.manifest.version}`),
    refreshMs,
    waits: { firstMs: 10_000, silenceMs: 10_000, loadMs: 10_000 },
    clock: () => now,
    log: (event) => logged.push(event),
  });
}

/** The used part of R2, with R2's `onlyIf`. */
const bucket = {
  async get(key: string, options?: { onlyIf?: { etagDoesNotMatch?: string } }) {
    reads.push(key);
    await fault(key);
    const bytes = objects.get(key);
    if (bytes === undefined) {
      return null;
    }
    const etag = `etag of ${new TextDecoder().decode(bytes)}`;
    const head = { etag, size: bytes.length };
    return (options?.onlyIf?.etagDoesNotMatch ?? null) === etag
      ? head
      : {
          ...head,
          body: { cancel: async () => undefined },
          arrayBuffer: async () => bytes.slice().buffer,
        };
  },
} as unknown as Bucket;

/** Opens a sampler that draws nothing. Its key is in `alive` until it is disposed. */
function openSampler({ manifest, plan }: ParsedManifest, key: string): Sampler {
  alive.add(key);
  const [draw, checkOutput] = [() => expect.unreachable(), () => {}];
  return {
    manifest,
    plan,
    draw,
    drawHand: draw,
    drawMorph: draw,
    drawInk: draw,
    checkOutput,
    dispose: () => void alive.delete(key),
  } as Sampler;
}

function put(...fixtures: [Fixture, ...Fixture[]]): void {
  for (const [key, bytes] of fixtures.flatMap(listObjects)) {
    objects.set(key, bytes);
  }
  objects.set(POINTER_KEY, buildPointer(...fixtures));
}

async function serve(choice?: { name: string; version: string | undefined }): Promise<string> {
  const acquired = await source.acquire(choice, defer);
  if ('code' in acquired) {
    return acquired.code;
  }
  const { name, version, origin } = acquired.loaded;
  acquired.release();
  return `${origin}:${name}@${version}`;
}

/** Makes a refresh due, starts it, and waits for its end. */
async function refresh(): Promise<void> {
  now += REFRESH_MS;
  await serve();
  await Promise.all(deferred);
}

const failure = async () => (await source.getHealth(defer)).failure;
const named = (fixture: Fixture) => `r2:${fixture.manifest.name}@${fixture.manifest.version}`;
const pin = ({ manifest }: Fixture) => ({ name: manifest.name, version: manifest.version });
const BUNDLED = `bundled:bundled@${bundled.manifest.version}`;
const SLOWER_THAN_ALLOWED = READ_TIMEOUT_MS * 3;
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Lets time pass until work ends that waits for an object. Other work needs no time. */
async function passTime<T>(work: Promise<T>): Promise<T> {
  let isOver = false;
  const end = (): void => {
    isOver = true;
  };
  work.then(end, end);
  while (!isOver) {
    await vi.advanceTimersByTimeAsync(1);
    await setImmediate();
  }
  return work;
}

describe('the first request', () => {
  test('waits for the published model; many at once load it once', async () => {
    put(first);
    expect(await Promise.all([serve(), serve(), serve()])).toEqual([
      named(first),
      named(first),
      named(first),
    ]);
    expect(reads).toEqual([
      POINTER_KEY,
      ...[MANIFEST_FILE, WEIGHTS_FILE].map((path) =>
        buildKey('fixture', first.manifest.version, path),
      ),
    ]);
  });

  test('gets the bundled model when the bucket fails, and the reported failure has no internal details', async () => {
    fault = () => Promise.reject(new Error('secret host 10.0.0.1'));
    expect(await serve()).toBe(BUNDLED);
    expect(await failure()).toMatchObject({
      reason: 'storage',
      message: 'reading current.json failed',
    });
    expect(logged).toHaveLength(1);
    expect(String((logged.map(({ cause }) => cause)[0] as Error).cause)).toContain('secret host');
  });

  test('gets the bundled model when the bucket does not answer in time', async () => {
    put(first);
    fault = () => new Promise(() => undefined);
    expect(await passTime(serve())).toBe(BUNDLED);
    expect((await failure())?.message).toContain('took longer than');
    fault = async () => undefined;
    await refresh();
    expect(await serve()).toBe(named(first));
  });
});

describe('a refresh', () => {
  beforeEach(async () => {
    put(first);
    await serve();
  });

  test('does not start early, and reads only the pointer when nothing changed', async () => {
    reads = [];
    now += REFRESH_MS - 1;
    await serve();
    expect(reads).toEqual([]);
    now += 1;
    await Promise.all([serve(), serve(), serve()]);
    expect(reads).toEqual([POINTER_KEY]);
  });

  test('makes no request wait, and switches when the new model is complete', async () => {
    put(second);
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    fault = (key) => (key.endsWith(WEIGHTS_FILE) ? released : Promise.resolve());
    now += REFRESH_MS;
    expect(await serve()).toBe(named(first));
    await setImmediate();
    expect(await serve()).toBe(named(first));
    release();
    await Promise.all(deferred);
    expect(await serve()).toBe(named(second));
  });

  test('makes no request wait where it is due each minute, and the bucket hangs', async () => {
    source = createSource(60_000);
    await serve();
    fault = () => new Promise(() => undefined);
    now += 60_000;
    expect(source.acquire(undefined, defer)).not.toBeInstanceOf(Promise);
  });

  test('is waited for after a long idle time, so that an hour-old model is not served', async () => {
    put(second);
    fault = () => setImmediate();
    now += 3_600_000;
    expect(await serve()).toBe(named(second));
  });

  test('is due when the clock was set back', async () => {
    put(second);
    now -= 3_600_000;
    expect(await serve()).toBe(named(second));
  });

  test('is not waited for much longer after a long idle time when the bucket hangs', async () => {
    put(second);
    fault = () => new Promise(() => undefined);
    now += 3_600_000;
    expect(await passTime(serve())).toBe(named(first));
  });

  test.each<[string, () => Promise<void>]>([
    ['fails', () => Promise.reject(new Error('no'))],
    ['is slow', () => sleep(SLOWER_THAN_ALLOWED)],
  ])('keeps the last good model when the bucket %s, and heals later', async (_, meet) => {
    put(second);
    fault = meet;
    await passTime(refresh());
    expect(await serve()).toBe(named(first));
    expect((await failure())?.reason).toBe('storage');
    fault = async () => undefined;
    await refresh();
    expect(await serve()).toBe(named(second));
    expect(await failure()).toBeUndefined();
  });

  test('is logged once when it fails repeatedly', async () => {
    objects.set(POINTER_KEY, new TextEncoder().encode('oops'));
    logged = [];
    await refresh();
    await refresh();
    await refresh();
    expect(logged).toMatchObject([
      { level: 'error', event: 'model_refresh_failed', reason: 'not_json' },
    ]);
  });

  test('logs a switch with the old and the new model', async () => {
    const name = ({ manifest }: Fixture) => `fixture@${manifest.version}`;
    put(second);
    await refresh();
    await refresh();
    expect(logged).toEqual([
      { level: 'info', event: 'model_switched', isDefault: true, from: null, to: name(first) },
      {
        level: 'info',
        event: 'model_switched',
        isDefault: true,
        from: name(first),
        to: name(second),
      },
    ]);
  });

  test('that is cancelled with its request does not stop later ones', async () => {
    put(second);
    fault = () => new Promise(() => undefined);
    now += REFRESH_MS;
    await serve();
    fault = async () => undefined;
    now += 60_000;
    await serve();
    await deferred.at(-1);
    expect(await serve()).toBe(named(second));
  });

  test('updates named models too, without a wait', async () => {
    const [one, two] = ['one', 'two'].map((weightsSeed) =>
      buildFixture({ name: 'other', weightsSeed }),
    ) as [Fixture, Fixture];
    put(first, one);
    await refresh();
    expect(await serve({ name: 'other', version: undefined })).toBe(named(one));
    put(first, two);
    fault = () => setImmediate();
    now += REFRESH_MS;
    expect(await serve({ name: 'other', version: undefined })).toBe(named(one));
    await Promise.all(deferred);
    expect(await serve({ name: 'other', version: undefined })).toBe(named(two));
  });

  test('keeps the last good versions of the named models that are used, and logs each once', async () => {
    const [one, two] = ['one', 'two'].map((weightsSeed) =>
      buildFixture({ name: 'other', weightsSeed }),
    ) as [Fixture, Fixture];
    const others = ['b', 'c', 'd'].map((name) => buildFixture({ name }));
    put(first, one, ...others);
    await refresh();
    const names = ['other', 'b', 'c', 'other', 'd', 'b', 'other'];
    for (const name of names) {
      await serve({ name, version: undefined });
    }
    expect(logged.map(({ to }) => to)).toEqual(
      [first, one, ...others].map(({ manifest }) => `${manifest.name}@${manifest.version}`),
    );
    put(first, two, ...others);
    objects.delete(buildKey('other', two.manifest.version, WEIGHTS_FILE));
    await refresh();
    expect(await serve({ name: 'other', version: undefined })).toBe(named(one));
    expect(await failure()).toBeUndefined();
  });

  test('stops serving a name that the pointer no longer has', async () => {
    const other = buildFixture({ name: 'other' });
    put(first, other);
    await refresh();
    expect(await serve({ name: 'other', version: undefined })).toBe(named(other));
    put(first);
    await refresh();
    expect(await serve({ name: 'other', version: undefined })).toBe('model_not_found');
  });
});

describe('the cache', () => {
  const versions = Array.from({ length: 12 }, (_, i) =>
    buildFixture({ weightsSeed: `version ${i}` }),
  );

  test('evicts the least recently used model, never the default', async () => {
    put(first);
    await serve();
    for (const version of versions) {
      put(first, version);
      objects.set(POINTER_KEY, buildPointer(first));
      expect(await serve(pin(version))).toBe(named(version));
    }
    expect(alive.size).toBeLessThanOrEqual(6);
    expect(alive.has(`fixture@${first.manifest.version}`)).toBe(true);
    expect(alive.has(`fixture@${versions.at(-1)?.manifest.version}`)).toBe(true);
    expect(await serve()).toBe(named(first));
  });

  test('evicts no model that is in use', async () => {
    put(...(versions as [Fixture, ...Fixture[]]));
    const held = await Promise.all(
      versions.map(async (version) => source.acquire(pin(version), defer)),
    );
    expect(alive.size).toBe(versions.length);
    for (const acquired of held) {
      expect('release' in acquired && acquired.release()).toBeUndefined();
    }
    expect(alive.size).toBeLessThanOrEqual(6);
  });

  test('keeps one of the largest models beside those in use', async () => {
    const cache = new ModelCache(1000);
    const load = vi.fn<() => Promise<LoadedModel>>(async () => {
      const plan = { parameters: GENERATOR_LIMITS.parameters };
      return { sampler: { plan, dispose: () => undefined } } as unknown as LoadedModel;
    });
    await cache.acquire('in use', load, defer);
    for (let i = 0; i < 3; i++) {
      (await cache.acquire('other', load, defer)).release();
    }
    expect(load).toHaveBeenCalledTimes(2);
    (await cache.acquire('third', load, defer)).release();
    expect(['in use', 'other', 'third'].map((key) => cache.isKnown(key))).toEqual([
      true,
      false,
      true,
    ]);
  });

  test('frees a loaded model when nobody waits for it any more', async () => {
    put(first);
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    fault = (key) => (key.endsWith(WEIGHTS_FILE) ? released : Promise.resolve());
    const slow = createSlowSource();
    expect(await passTime(Promise.resolve(slow.acquire(pin(first), defer)))).toMatchObject({
      code: 'model_unavailable',
    });
    release();
    await Promise.all(deferred);
    expect(alive.size).toBe(0);
  });
});

/** A source whose requests give up before a load ends. */
function createSlowSource(): ModelSource {
  return new ModelSource({
    store: createModelStore(createR2Reader(bucket), 1000),
    bundled: [{ name: 'bundled', version: 'none', read: () => expect.unreachable() }],
    openModel: async (parsed) => openSampler(parsed, 'late'),
    refreshMs: REFRESH_MS,
    waits: { firstMs: 5, silenceMs: 5, loadMs: 5 },
    clock: () => now,
    log: () => undefined,
  });
}

test('an answer fails instead of hanging when no model can be opened', async () => {
  const broken = new ModelSource({
    store: createModelStore(createR2Reader(bucket), READ_TIMEOUT_MS),
    bundled: [{ name: 'bundled', version: 'x', read: () => expect.unreachable() }],
    openModel: () => Promise.reject(new Error('no wasm')),
    refreshMs: REFRESH_MS,
    waits: { firstMs: 50, silenceMs: 50, loadMs: 50 },
    clock: () => now,
    log: (event) => logged.push(event),
  });
  expect(await broken.acquire(undefined, defer)).toMatchObject({ code: 'model_unavailable' });
  expect((await broken.getHealth(defer)).serving).toBeUndefined();
});

describe('the load of a named version', () => {
  const refused = { code: 'busy', retryAfterSeconds: 1 } as const;

  test('is admitted once, however many wait for it, and not when it is loaded', async () => {
    put(second);
    await serve(); // Loads the default.
    put(second, first);
    const admitLoad = vi.fn<() => Promise<undefined>>(async () => undefined);
    for (let round = 0; round < 2; round++) {
      const acquired = await Promise.all(
        [0, 1, 2].map(async () => source.acquire(pin(first), defer, admitLoad)),
      );
      expect(acquired.every((lease) => 'loaded' in lease)).toBe(true);
    }
    await source.acquire(pin(second), defer, admitLoad);
    expect(admitLoad).toHaveBeenCalledTimes(3);
  });

  test('reads nothing when it is refused', async () => {
    put(first);
    expect(await source.acquire(pin(first), defer, async () => refused)).toEqual(refused);
    expect(reads).toEqual([]);
  });

  test('is not repeated for a short time after the version was found unusable', async () => {
    const admitLoad = vi.fn<() => Promise<undefined>>(async () => undefined);
    for (let i = 0; i < 3; i++) {
      expect(await source.acquire(pin(first), defer, admitLoad)).toMatchObject({
        code: 'model_not_found',
      });
    }
    expect([reads.length, admitLoad.mock.calls.length]).toEqual([1, 1]);
    now += 2000;
    await source.acquire(pin(first), defer, admitLoad);
    expect(reads).toHaveLength(2);
    put(first);
    now -= 3_600_000; // The clock is set back.
    expect(await source.acquire(pin(first), defer, admitLoad)).toHaveProperty('loaded');
  });

  test('is repeated at once after the storage failed', async () => {
    put(first);
    fault = () => Promise.reject(new Error('down'));
    expect(await serve(pin(first))).toBe('model_unavailable');
    fault = async () => undefined;
    expect(await serve(pin(first))).toBe(named(first));
  });
});
