/** Tests the publication of a model's encoder, a part that older workers do not know. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildKey } from '../../../shared/model/artifact.ts';
import { ENCODER_FILE, ENCODER_WEIGHTS_FILE } from '../../../shared/model/encoder.ts';
import { createFolderStore } from '../../../storage/folder-store.ts';
import type { ObjectStore } from '../../../storage/object-store.ts';
import { publishArtifact } from '../../../trainer/publish/publish.ts';
import {
  createKeyFile,
  hasUnsignedEncoder,
  readSigner,
  signVersion,
  type Signer,
} from '../../../trainer/publish/signing.ts';
import { verifyStore } from '../../../trainer/publish/verify.ts';
import { buildEncoderFixture, buildFixture } from '../../support/models/fixture-artifact.ts';
import { writeArtifact } from '../../support/models/published.ts';

const fixture = buildFixture();
const { name, version } = fixture.manifest;
const encoder = buildEncoderFixture(fixture);

let base: string;
let store: ObjectStore;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'digitmint-encoder-'));
  store = createFolderStore(join(base, 'store'));
});
afterEach(() => rm(base, { recursive: true, force: true }));

async function publish(files: ReadonlyMap<string, Uint8Array>, signer?: Signer) {
  const folder = await writeArtifact(base, fixture);
  for (const [path, bytes] of files) {
    await writeFile(join(folder, path), bytes);
  }
  const now = () => new Date('2026-02-03T04:05:06Z');
  return publishArtifact({ store, folder, makeDefault: true, now, signer });
}

test('an encoder is published beside its model, whose version and manifest stay the same', async () => {
  await publish(new Map());
  const { uploaded, pointerMoved } = await publish(encoder);
  expect(uploaded.map(({ key }) => key)).toEqual([
    buildKey(name, version, ENCODER_WEIGHTS_FILE),
    buildKey(name, version, ENCODER_FILE),
  ]);
  expect(pointerMoved).toBe(false);
  expect((await verifyStore(store)).faults).toEqual([]);
});

test('another encoder for the same version is refused, as a published object never changes', async () => {
  await publish(encoder);
  const other = buildEncoderFixture(fixture, (each) => ({ ...each, figures: { median: 1 } }));
  await expect(publish(other)).rejects.toThrow(ENCODER_FILE);
});

test('an encoder of another version, or without its weights, is refused before anything is written', async () => {
  const stray = buildEncoderFixture(buildFixture({ weightsSeed: 'another' }));
  await expect(publish(stray)).rejects.toThrow('it belongs to fixture@');
  await rm(base, { recursive: true });
  const half = new Map([[ENCODER_FILE, encoder.get(ENCODER_FILE) as Uint8Array]]);
  await expect(publish(half)).rejects.toThrow(`${ENCODER_WEIGHTS_FILE} is missing`);
  expect(await store.list('')).toEqual([]);
});

test('verify names a damaged encoder, and only a publisher who has it signs it', async () => {
  const file = join(base, 'key');
  const publicKey = await createKeyFile(file);
  const signer = await readSigner(file);
  const signature = buildKey(name, version, `encoder.${publicKey.id}.sig`);
  const verify = async () => (await verifyStore(store, { publicKeys: [publicKey] })).faults;
  const unsigned = {
    key: buildKey(name, version, ENCODER_FILE),
    problem: 'is not signed by any of the public keys given',
  };
  // A writer of the bucket may have put this encoder there.
  await publish(encoder);
  const now = () => new Date('2026-02-03T04:05:06Z');
  const id = { name, version };
  expect(await signVersion({ store, id, signer, now })).toBe(true);
  expect(await signVersion({ store, id, signer, now })).toBe(false);
  expect(await hasUnsignedEncoder(store, id, signer)).toBe(true);
  expect(await verify()).toEqual([unsigned]);
  await publish(encoder, signer);
  expect(await hasUnsignedEncoder(store, id, signer)).toBe(false);
  expect(await verify()).toEqual([]);
  await store.delete(signature);
  expect(await verify()).toEqual([unsigned]);
  await store.put(signature, new Uint8Array(64), null);
  expect(await verify()).toEqual([
    { key: signature, problem: `is not the signature of this ${ENCODER_FILE}` },
    unsigned,
  ]);
  const weights = buildKey(name, version, ENCODER_WEIGHTS_FILE);
  await store.delete(weights);
  expect((await verifyStore(store)).faults).toEqual([{ key: weights, problem: 'is missing' }]);
});
