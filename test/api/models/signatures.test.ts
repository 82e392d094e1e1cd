/**
 * Tests that a service with public keys serves only signed models from storage. Node's own Ed25519
 * signs here.
 */
import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buildKey, MANIFEST_FILE, POINTER_KEY } from '../../../shared/model/artifact.ts';
import { ENCODER_FILE, ENCODER_WEIGHTS_FILE } from '../../../shared/model/encoder.ts';
import {
  buildEncoderFixture,
  buildFixture,
  buildPointer,
  type Fixture,
} from '../../support/models/fixture-artifact.ts';
import {
  putArtifact,
  startWorker,
  waitUntil,
  type TestWorker,
} from '../../support/hosts/runtime.ts';

const [own, next, stranger] = ['own', 'next', 'stranger'].map(() =>
  generateKeyPairSync('ed25519'),
) as [
  { publicKey: KeyObject; privateKey: KeyObject },
  { publicKey: KeyObject; privateKey: KeyObject },
  { publicKey: KeyObject; privateKey: KeyObject },
];
const rawOf = ({ publicKey }: typeof own) =>
  Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
const first = buildFixture({ weightsSeed: 'first' });
const second = buildFixture({ weightsSeed: 'second' });

let worker: TestWorker;
beforeAll(async () => {
  worker = await startWorker(
    async (bucket) => {
      await putArtifact(bucket, first);
      await putSignature(bucket, first, own);
      await bucket.put(POINTER_KEY, buildPointer(first));
    },
    { MODEL_PUBLIC_KEYS: [own, next].map((pair) => rawOf(pair).toString('base64')).join(', ') },
  );
});
afterAll(() => worker?.close());

function pathOf(pair: typeof own): string {
  return `manifest.${createHash('sha256').update(rawOf(pair)).digest('hex').slice(0, 16)}.sig`;
}

async function putSignature(
  bucket: TestWorker['bucket'],
  { manifest, files }: Fixture,
  pair: typeof own,
  signed: Uint8Array = files.get(MANIFEST_FILE) as Uint8Array,
): Promise<void> {
  await bucket.put(
    buildKey(manifest.name, manifest.version, pathOf(pair)),
    new Uint8Array(sign(null, signed, pair.privateKey)),
  );
}

const readHealth = async () =>
  (await worker.fetch('/healthz')).json() as Promise<{
    status: string;
    model: { version: string };
    lastError: { reason: string } | null;
  }>;
const waitFor = (version: string) =>
  waitUntil(readHealth, ({ model, lastError }) => model.version === version && lastError === null);

test('a model signed by a trusted key serves', async () => {
  expect(await waitFor(first.manifest.version)).toMatchObject({
    status: 'ok',
    model: { source: 'r2' },
  });
});

describe('a new model', () => {
  beforeEach(async () => {
    await putArtifact(worker.bucket, second);
  });
  afterEach(async () => {
    await worker.bucket.put(POINTER_KEY, buildPointer(first));
    await waitFor(first.manifest.version);
    const { name, version } = second.manifest;
    await worker.bucket.delete(
      [own, next, stranger].map((pair) => buildKey(name, version, pathOf(pair))),
    );
  });

  test.each<[what: string, reason: string, put: () => Promise<unknown>]>([
    ['without a signature', 'unsigned', async () => undefined],
    ['signed by a stranger', 'unsigned', () => putSignature(worker.bucket, second, stranger)],
    [
      'with another manifest’s signature',
      'signature',
      () => putSignature(worker.bucket, second, own, first.files.get(MANIFEST_FILE)),
    ],
    [
      'with a signature of the wrong length',
      'signature',
      () =>
        worker.bucket.put(
          buildKey('fixture', second.manifest.version, pathOf(own)),
          new Uint8Array(10),
        ),
    ],
  ])(
    '%s does not serve: the last good one serves, health reports %s, and the files are refused',
    async (_, reason, put) => {
      await put();
      await worker.bucket.put(POINTER_KEY, buildPointer(second));
      const health = await waitUntil(readHealth, ({ lastError }) => lastError !== null);
      expect(health).toMatchObject({
        status: 'degraded',
        model: { version: first.manifest.version },
        lastError: { reason },
      });
      for (const path of [
        `/digit.png?seed=1&model=fixture@${second.manifest.version}`,
        `/models/fixture/${second.manifest.version}`,
        `/models/fixture/${second.manifest.version}/manifest.json`,
        `/models/fixture/${second.manifest.version}/weights.bin`,
      ]) {
        const answer = await worker.fetch(path);
        expect([path, answer.status]).toEqual([path, 503]);
        await answer.body?.cancel();
      }
    },
  );

  test('serves once it is signed after publishing, and a second key is accepted during a change of keys', async () => {
    await worker.bucket.put(POINTER_KEY, buildPointer(second));
    await waitUntil(readHealth, ({ lastError }) => lastError?.reason === 'unsigned');
    await putSignature(worker.bucket, second, next);
    await waitFor(second.manifest.version);
  });
});

test.each<[what: string, bytes: Uint8Array]>([
  ['too long', new Uint8Array(100_000)],
  ['of something else', new Uint8Array(sign(null, new Uint8Array(1), own.privateKey))],
])('a model serves with one good signature beside one that is %s', async (what, bytes) => {
  const model = buildFixture({ weightsSeed: what });
  const { name, version } = model.manifest;
  await putArtifact(worker.bucket, model);
  await worker.bucket.put(buildKey(name, version, pathOf(own)), bytes);
  await putSignature(worker.bucket, model, next);
  await worker.bucket.put(POINTER_KEY, buildPointer(model));
  await waitFor(version);
});

test('the bundled model needs no signature', async () => {
  const answer = await worker.fetch('/digit.png?seed=1&model=digits');
  expect([answer.status, answer.headers.get('digitmint-model-source')]).toEqual([200, 'bundled']);
  await answer.body?.cancel();
});

test('an encoder needs a signature of its own, and its bytes are verified', async () => {
  const { name, version } = first.manifest;
  const encoder = buildEncoderFixture(first);
  for (const [path, bytes] of encoder) {
    await worker.bucket.put(buildKey(name, version, path), bytes);
  }
  const ask = async (path: string) =>
    (await worker.fetch(`/models/${name}/${version}/${path}`)).status;
  expect(await ask('encoder.json')).toBe(503);
  const signature = sign(null, encoder.get(ENCODER_FILE) as Uint8Array, own.privateKey);
  const path = pathOf(own).replace('manifest', 'encoder');
  await worker.bucket.put(buildKey(name, version, path), new Uint8Array(signature));
  expect([await ask('encoder.json'), await ask('encoder.bin')]).toEqual([200, 200]);
  const card = await worker.fetch(`/models/${name}/${version}`);
  expect(await card.text()).toContain('/encoder.bin');
  const changed = (encoder.get(ENCODER_WEIGHTS_FILE) as Uint8Array).map((byte) => byte ^ 1);
  await worker.bucket.put(buildKey(name, version, ENCODER_WEIGHTS_FILE), changed);
  expect(await ask('encoder.bin')).toBe(503);
});
