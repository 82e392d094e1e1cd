/**
 * Published models for tests: makes tiny artifacts, and reads a store as a reader does. The reader
 * uses Node's own hash and none of the publishing code.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pointer } from '../../../shared/model/artifact.ts';
import type { ObjectStore } from '../../../storage/object-store.ts';
import {
  publishArtifact,
  type PublishOptions,
  type PublishResult,
} from '../../../trainer/publish/publish.ts';
import { PublishError, type PublishFailure } from '../../../trainer/publish/publish-error.ts';
import { buildFixture, writeModel, type Fixture } from './fixture-artifact.ts';

/** Builds versions of the model `mlp`, one for each seed. */
export function buildVersions<const Seeds extends readonly string[]>(...seeds: Seeds) {
  const built = seeds.map((seed) => buildTiny('mlp', seed));
  return built as { readonly [I in keyof Seeds]: Fixture };
}

/** A network of 84 weights: 4 latent numbers to a picture of 4 x 4. */
export function buildTiny(name: string, weightsSeed: string): Fixture {
  const layers = [
    { type: 'dense', units: 16, activation: 'sigmoid' } as const,
    { type: 'reshape', shape: [4, 4, 1] } as const,
  ];
  return buildFixture({
    name,
    weightsSeed,
    latentSize: 4,
    classes: 0,
    layers: layers.map((layer) => structuredClone(layer)) as never,
  });
}

/**
 * Writes an artifact into a new folder inside the given one.
 * @returns  The new folder's path.
 */
export async function writeArtifact(base: string, fixture: Fixture): Promise<string> {
  const folder = join(base, `${fixture.manifest.name}-${fixture.manifest.version}`);
  await writeModel(folder, fixture);
  return folder;
}

/**
 * Publishes a fixture as `npm run publish` does.
 * @param options  By default the model becomes the default one.
 */
export async function publishFixture(
  store: ObjectStore,
  fixture: Fixture,
  options: Partial<PublishOptions> = {},
): Promise<PublishResult> {
  const folder = await mkdtemp(join(tmpdir(), 'digitmint-fixture-'));
  try {
    await writeModel(folder, fixture);
    const now = () => new Date();
    return await publishArtifact({ store, folder, makeDefault: true, now, ...options });
  } finally {
    await rm(folder, { recursive: true });
  }
}

export async function readPointer(from: ObjectStore): Promise<Pointer> {
  return JSON.parse(new TextDecoder().decode((await from.get('current.json'))?.bytes)) as Pointer;
}

function hash(bytes: Uint8Array | undefined): string {
  return createHash('sha256')
    .update(bytes ?? 'nothing')
    .digest('hex');
}

/** Reads each model's served version and checks that all of its files are there and whole. */
export async function readServed(from: ObjectStore): Promise<Record<string, string>> {
  const served: Record<string, string> = {};
  for (const [name, { version, manifestSha256 }] of Object.entries(
    (await readPointer(from)).models,
  )) {
    const manifest = await from.get(`models/${name}/${version}/manifest.json`);
    assert.equal(hash(manifest?.bytes), manifestSha256);
    for (const file of JSON.parse(new TextDecoder().decode(manifest?.bytes)).files) {
      const found = await from.get(`models/${name}/${version}/${file.path}`);
      assert.equal(hash(found?.bytes), file.sha256);
    }
    served[name] = version;
  }
  return served;
}

/** Returns the error of a rejected call. */
export async function catchPublishFailure(call: Promise<unknown>): Promise<PublishFailure> {
  const error = await call.then(
    () => new Error('expected it to fail'),
    (cause: unknown) => cause,
  );
  if (!(error instanceof PublishError)) {
    throw error;
  }
  return error.failure;
}
