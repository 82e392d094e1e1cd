/** Publishes a fixture as `npm run publish` does. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  publishArtifact,
  type PublishOptions,
  type PublishResult,
} from '../../../trainer/publish/publish.ts';
import type { ObjectStore } from '../../../storage/object-store.ts';
import { writeModel, type Fixture } from './fixture-artifact.ts';

/** @param options  By default the model becomes the default one. */
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
