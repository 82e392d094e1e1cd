/**
 * Tests which model serves, in the real runtime with a real bucket: published, replaced, broken,
 * missing.
 */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  buildKey,
  encodeManifest,
  MANIFEST_FILE,
  POINTER_KEY,
  sealManifest,
  WEIGHTS_FILE,
  type ManifestContent,
} from '../../../shared/model/artifact.ts';
import {
  buildFixture,
  buildPointer,
  listObjects,
  type Fixture,
} from '../../support/models/fixture-artifact.ts';
import {
  putArtifact,
  startWorker,
  waitUntil,
  type TestWorker,
} from '../../support/hosts/runtime.ts';

interface Health {
  status: string;
  model: { name: string; version: string; source: string; loadedAt: string } | null;
  lastError: { reason: string; message: string; at: string } | null;
}

let worker: TestWorker;
beforeAll(async () => {
  worker = await startWorker();
});
afterAll(() => worker.close());

const askHealth = async () => (await worker.fetch('/healthz')).json() as Promise<Health>;

async function publish(...fixtures: [Fixture, ...Fixture[]]): Promise<void> {
  for (const fixture of fixtures) {
    await putArtifact(worker.bucket, fixture);
  }
  await worker.bucket.put(POINTER_KEY, buildPointer(...fixtures));
}

const serves = (fixture: Fixture) => (health: Health) =>
  health.model?.version === fixture.manifest.version;

describe('an empty bucket', () => {
  test('makes the bundled model serve, reported with the reason', async () => {
    const answer = await worker.fetch('/digit.json?seed=a');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('digitmint-model-source')).toBe('bundled');
    expect(await askHealth()).toMatchObject({
      status: 'degraded',
      model: { source: 'bundled' },
      lastError: { reason: 'missing' },
    });
    expect(worker.readLogs().filter((line) => line.includes('model_refresh_failed'))).toHaveLength(
      1,
    );
  });

  test('keeps the bundled version pinnable and immutable', async () => {
    const { model } = (await askHealth()) as { model: NonNullable<Health['model']> };
    const answer = await worker.fetch(`/digit.png?seed=a&model=${model.name}@${model.version}`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toContain('immutable');
    expect(
      (await worker.fetch(`/digit.png?seed=a&model=${model.name}`)).headers.get('cache-control'),
    ).not.toContain('immutable');
  });
});

describe('publishing', () => {
  const first = buildFixture({ weightsSeed: 'first' });
  const second = buildFixture({ weightsSeed: 'second' });

  test('makes the model serve without a restart, and then the next one', async () => {
    await publish(first);
    const health = await waitUntil(askHealth, serves(first));
    expect(health).toMatchObject({
      status: 'ok',
      model: { name: 'fixture', source: 'r2' },
      lastError: null,
    });
    await publish(second);
    await waitUntil(askHealth, serves(second));
    const answer = await worker.fetch('/digit.json?n=2');
    expect(answer.headers.get('digitmint-model')).toBe(`fixture@${second.manifest.version}`);
    expect(answer.headers.get('digitmint-model-source')).toBe('r2');
  });

  test('changes the digits of a seed but not of a pinned URL', async () => {
    await publish(first);
    await waitUntil(askHealth, serves(first));
    const seeded = await hashOf('/digit.png?seed=a&n=4');
    const pinned = await hashOf(`/digit.png?seed=a&n=4&model=fixture@${first.manifest.version}`);
    expect(pinned).toBe(seeded);
    await publish(second);
    await waitUntil(askHealth, serves(second));
    expect(await hashOf('/digit.png?seed=a&n=4')).not.toBe(seeded);
    expect(await hashOf(`/digit.png?seed=a&n=4&model=fixture@${first.manifest.version}`)).toBe(
      pinned,
    );
  });

  test('serves each of several models by its name', async () => {
    const other = buildFixture({ name: 'other', classes: 0, weightsSeed: 'other' });
    await publish(second, other);
    await waitUntil(
      async () => worker.fetch('/digit.json?model=other'),
      (answer) => answer.status === 200,
    );
    const answer = await worker.fetch('/digit.json?model=other');
    expect(answer.headers.get('digitmint-model')).toBe(`other@${other.manifest.version}`);
    expect(((await answer.json()) as { digits: { label: unknown }[] }).digits[0]?.label).toBeNull();
    expect((await worker.fetch('/digit.json?model=another')).status).toBe(404);
    expect((await worker.fetch('/digit.json?model=other@0123456789abcdef')).status).toBe(404);
  });
});

describe('a broken model', () => {
  const good = buildFixture({ weightsSeed: 'good' });

  beforeEach(async () => {
    await publish(good);
    await waitUntil(askHealth, (health) => serves(good)(health) && health.status === 'ok');
  });

  /** The observed state after the new model was refused. */
  async function seeRefusal() {
    const { model, lastError } = await waitUntil(askHealth, ({ status }) => status === 'degraded');
    return {
      version: model?.version,
      source: model?.source,
      reason: lastError?.reason,
      digits: (await worker.fetch('/digit.png?seed=a')).status,
    };
  }

  const keepsLastGood = (reason: string) => ({
    version: good.manifest.version,
    source: 'r2',
    reason,
    digits: 200,
  });

  test.each<[what: string, reason: string, put: (bad: Fixture) => Promise<unknown>]>([
    ['whose weights are missing', 'missing', (bad) => worker.bucket.delete(weightsKey(bad))],
    ['whose manifest is missing', 'missing', (bad) => worker.bucket.delete(manifestKey(bad))],
    [
      'whose weights are cut short',
      'size_mismatch',
      (bad) => worker.bucket.put(weightsKey(bad), weightsOf(bad).subarray(0, 1000)),
    ],
    [
      'whose weights were altered',
      'hash_mismatch',
      (bad) =>
        worker.bucket.put(
          weightsKey(bad),
          weightsOf(bad).map((byte, i) => (i === 99 ? byte ^ 1 : byte)),
        ),
    ],
    [
      'whose weights are far too large',
      'too_large',
      (bad) => worker.bucket.put(weightsKey(bad), new Uint8Array(20_000_000)),
    ],
    [
      'whose manifest was altered',
      'hash_mismatch',
      (bad) =>
        worker.bucket.put(manifestKey(bad), JSON.stringify({ ...bad.manifest, name: 'evil' })),
    ],
    [
      'whose manifest is far too large',
      'too_large',
      (bad) => worker.bucket.put(manifestKey(bad), new Uint8Array(1_000_000)),
    ],
    [
      'whose manifest is no JSON',
      'not_json',
      (bad) => worker.bucket.put(manifestKey(bad), '{"schema":1,'),
    ],
  ])('%s leaves the last good one serving', async (_, reason, damage) => {
    const bad = buildFixture({ weightsSeed: `bad ${Math.random()}` });
    await putArtifact(worker.bucket, bad);
    await damage(bad);
    await worker.bucket.put(POINTER_KEY, buildPointer(bad));
    expect(await seeRefusal()).toEqual(keepsLastGood(reason));
  });

  test.each<[what: string, reason: string, content: (content: ManifestContent) => unknown]>([
    ['a schema of the future', 'schema_unknown', (content) => ({ ...content, schema: 2 })],
    ['another sampling law', 'malformed', (content) => ({ ...content, law: 'gauss/1' })],
    [
      'another number type',
      'malformed',
      (content) => ({ ...content, weights: { dtype: 'string' } }),
    ],
    [
      '8-bit weights without their scales',
      'malformed',
      (content) => ({ ...content, weights: { dtype: 'uint8' } }),
    ],
    [
      'weights in a form that their size contradicts',
      'malformed',
      (content) => ({ ...content, weights: { dtype: 'float16' } }),
    ],
    [
      'a huge layer',
      'malformed',
      (content) => ({
        ...content,
        generator: {
          ...content.generator,
          layers: [{ type: 'dense', units: 5e8, activation: 'relu' }],
        },
      }),
    ],
    [
      'layers that do not fit',
      'malformed',
      (content) => ({
        ...content,
        generator: { ...content.generator, layers: content.generator.layers.slice(1) },
      }),
    ],
    [
      'files outside of its folder',
      'malformed',
      (content) => ({
        ...content,
        files: content.files.map((file) => ({ ...file, path: `../../${file.path}` })),
      }),
    ],
    [
      'more files than allowed',
      'malformed',
      (content) => ({
        ...content,
        files: Array.from({ length: 40 }, (_, i) => ({ ...content.files[0], path: `x${i}` })),
      }),
    ],
    ['unknown fields', 'malformed', (content) => ({ ...content, extra: 1 })],
  ])(
    'with %s, hash and version right, leaves the last good one serving',
    async (_, reason, alter) => {
      const bad = buildFixture({ weightsSeed: `bad ${Math.random()}` });
      const { version: _version, ...content } = bad.manifest;
      const sealed = sealManifest(alter(content) as ManifestContent);
      const files = new Map([...bad.files, [MANIFEST_FILE, encodeManifest(sealed)] as const]);
      const altered = { manifest: { ...sealed, name: 'fixture' }, files };
      await putArtifact(worker.bucket, altered);
      await worker.bucket.put(POINTER_KEY, buildPointer(altered));
      expect(await seeRefusal()).toEqual(keepsLastGood(reason));
    },
  );

  test.each([
    ['infinities from finite weights', 'not_finite', 3e38],
    ['one flat colour', 'blank', 0],
  ])('that draws %s leaves the last good one serving', async (_, reason, weight) => {
    const bad = buildFixture({
      weightsSeed: reason,
      latentSize: 4,
      classes: 0,
      layers: [
        { type: 'dense', units: 64, activation: 'linear' },
        { type: 'dense', units: 64, activation: 'linear' },
        { type: 'dense', units: 784, activation: 'linear' },
        { type: 'reshape', shape: [28, 28, 1] },
      ],
    });
    const weights = new Uint8Array(new Float32Array(weightsOf(bad).length / 4).fill(weight).buffer);
    const { version: _version, ...content } = bad.manifest;
    const manifest = sealManifest({
      ...content,
      files: content.files.map((file) =>
        file.path === WEIGHTS_FILE
          ? { ...file, sha256: createHash('sha256').update(weights).digest('hex') }
          : file,
      ),
    });
    await publish({
      manifest,
      files: new Map([
        ...bad.files,
        [MANIFEST_FILE, encodeManifest(manifest)],
        [WEIGHTS_FILE, weights],
      ]),
    });
    expect(await seeRefusal()).toEqual(keepsLastGood(reason));
  });

  test.each([
    ['no JSON', 'not_json', 'oops'],
    ['a list', 'malformed', '[]'],
    ['of a schema of the future', 'schema_unknown', '{"schema":9}'],
    ['without its default', 'malformed', '{"schema":1,"default":"x","models":{}}'],
    ['too large', 'too_large', ' '.repeat(100_000)],
  ])('pointer that is %s leaves the last good one serving', async (_, reason, pointer) => {
    await worker.bucket.put(POINTER_KEY, pointer);
    expect(await seeRefusal()).toEqual(keepsLastGood(reason));
  });

  test('is a 503 when named by its version, and every good one still answers', async () => {
    const bad = buildFixture({ weightsSeed: 'bad pinned' });
    await putArtifact(worker.bucket, bad);
    await worker.bucket.put(weightsKey(bad), weightsOf(bad).subarray(4));
    const answer = await worker.fetch(`/digit.json?model=fixture@${bad.manifest.version}`);
    expect(answer.status).toBe(503);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await answer.json()).toMatchObject({ code: 'model_unavailable' });
    await putArtifact(worker.bucket, bad);
    // The failure is remembered for a short time.
    await waitUntil(
      async () => (await worker.fetch(`/digit.json?model=fixture@${bad.manifest.version}`)).status,
      (status) => status === 200,
    );
  });

  test('is replaced when the pointer moves on', async () => {
    await worker.bucket.put(POINTER_KEY, 'oops');
    await waitUntil(askHealth, ({ status }) => status === 'degraded');
    const next = buildFixture({ weightsSeed: 'next' });
    await publish(next);
    expect(await waitUntil(askHealth, serves(next))).toMatchObject({
      status: 'ok',
      lastError: null,
    });
  });

  test('that vanishes with the whole bucket leaves the last good one serving', async () => {
    const { objects } = await worker.bucket.list();
    await worker.bucket.delete(objects.map(({ key }) => key));
    expect(await seeRefusal()).toEqual(keepsLastGood('missing'));
  });
});

test('many pinned versions in turn are all served, and old ones are released', async () => {
  const fixtures = Array.from({ length: 10 }, (_, i) =>
    buildFixture({ weightsSeed: `pinned ${i}` }),
  );
  for (const fixture of fixtures) {
    for (const [key, bytes] of listObjects(fixture)) {
      await worker.bucket.put(key, bytes);
    }
  }
  const ask = () =>
    Promise.all(
      fixtures.map(({ manifest }) => hashOf(`/digit.png?seed=a&model=fixture@${manifest.version}`)),
    );
  const hashes = await ask();
  expect(new Set(hashes).size).toBe(fixtures.length);
  expect(await ask()).toEqual(hashes);
});

function weightsKey({ manifest }: Fixture): string {
  return buildKey(manifest.name, manifest.version, WEIGHTS_FILE);
}

function manifestKey({ manifest }: Fixture): string {
  return buildKey(manifest.name, manifest.version, MANIFEST_FILE);
}

async function hashOf(path: string): Promise<string> {
  const answer = await worker.fetch(path);
  expect(answer.status).toBe(200);
  return createHash('sha256')
    .update(new Uint8Array(await answer.arrayBuffer()))
    .digest('hex');
}

function weightsOf(fixture: Fixture): Uint8Array {
  return fixture.files.get(WEIGHTS_FILE) as Uint8Array;
}
