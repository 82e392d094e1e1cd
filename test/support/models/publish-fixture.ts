/** Publishes a fixture as `npm run publish` does. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publishArtifact } from '../../../trainer/publish/publish.ts';
import type { ObjectStore } from '../../../storage/object-store.ts';
import type { Fixture } from './fixture-artifact.ts';

export async function publishFixture(store: ObjectStore, { files }: Fixture): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'digitmint-fixture-'));
  for (const [path, bytes] of files) {
    await writeFile(join(folder, path), bytes);
  }
  await publishArtifact({ store, folder, makeDefault: true, now: () => new Date() });
  await rm(folder, { recursive: true });
}
