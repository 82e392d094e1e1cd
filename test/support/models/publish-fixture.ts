/** Publishes a fixture as `npm run publish` does. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publishArtifact } from '../../../trainer/publish/publish.ts';
import type { ObjectStore } from '../../../storage/object-store.ts';
import { writeModel, type Fixture } from './fixture-artifact.ts';

export async function publishFixture(store: ObjectStore, fixture: Fixture): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'digitmint-fixture-'));
  await writeModel(folder, fixture);
  await publishArtifact({ store, folder, makeDefault: true, now: () => new Date() });
  await rm(folder, { recursive: true });
}
