/**
 * Kills publishers at random points and checks that readers of the store always find a whole model.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFolderStore } from '../../../storage/folder-store.ts';
import type { ObjectStore } from '../../../storage/object-store.ts';
import { createS3Store } from '../../../storage/s3-store.ts';
import type { Dice } from '../dice.ts';
import { buildFixture } from '../models/fixture-artifact.ts';
import { writeArtifact } from '../models/published.ts';
import { startVersitygw } from '../storage/s3-server.ts';
import { runDeadly, type Ended, type Killer, type KillReport } from './deadly-process.ts';

/** After this many kills a publication may finish. */
const KILLS_A_PUBLICATION = 3;

interface Target {
  readonly name: string;
  /** The store for readers; the publisher has its own. */
  readonly store: ObjectStore;
  /** The arguments of `npm run publish`. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

export async function createFolderKiller(): Promise<Killer> {
  const folder = await mkdtemp(join(tmpdir(), 'digitmint-crash-store-'));
  return createPublisherKiller({
    name: 'publisher (folder)',
    store: createFolderStore(folder),
    args: ['--to', folder],
    env: {},
    close: () => rm(folder, { recursive: true, force: true }),
  });
}

/** Uses versitygw, which must be installed. */
export async function createS3Killer(): Promise<Killer> {
  const server = await startVersitygw();
  const { accessKeyId, secretAccessKey } = server.credentials;
  return createPublisherKiller({
    name: 'publisher (S3)',
    store: createS3Store(server),
    args: [
      '--to',
      `s3://${server.bucket}`,
      '--endpoint',
      server.endpoint,
      '--region',
      server.region,
    ],
    env: { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
    close: server.stop,
  });
}

async function createPublisherKiller({ name, store, args, env, close }: Target): Promise<Killer> {
  const parent = await mkdtemp(join(tmpdir(), 'digitmint-crash-models-'));
  const versions: string[] = [];
  const publish = (model: string, killAfterMs?: number): Promise<Ended> =>
    runDeadly({ args: ['publish', '--model', model, ...args], env, begins: /./, killAfterMs });

  /** Writes a model that was never published. */
  async function write(seed: string): Promise<{ model: string; version: string }> {
    const fixture = buildFixture({ name: 'model', weightsSeed: seed });
    const model = await writeArtifact(parent, fixture);
    return { model, version: fixture.manifest.version };
  }

  const first = await write('first');
  let unharmed = await publish(first.model);
  if (unharmed.code !== 0) {
    throw new Error(
      `the publication that nobody kills ended with ${unharmed.code}: ${unharmed.output}`,
    );
  }
  versions.push(first.version);

  async function kill(dice: Dice): Promise<KillReport> {
    const { model, version } = await write(`${versions.length}`);
    const before = versions.at(-1) as string;
    const faults: string[] = [];
    const where: string[] = [];
    for (let kills = 0; ; kills++) {
      const isLast = kills === KILLS_A_PUBLICATION;
      // The later of two random times, because the writes come towards the end.
      const killAfterMs = Math.max(...[1, 2].map(() => dice.below(Math.ceil(unharmed.workMs))));
      const ended = await publish(model, isLast ? undefined : killAfterMs);
      const { served, broken } = await readServed(store);
      faults.push(...broken);
      if (ended.killed) {
        where.push(await describePlace(store, version, served));
        if (served !== before && served !== version) {
          faults.push(`after a kill ${served} is served, before it was ${before}`);
        }
        continue;
      }
      versions.push(version);
      unharmed = ended; // The machine's speed may have changed meanwhile.
      if (ended.code !== 0 || served !== version) {
        faults.push(`ended with ${ended.code}, ${served} is served: ${ended.output.slice(-500)}`);
      }
      for (const old of versions.slice(-4)) {
        faults.push(...(await findBroken(store, old)));
      }
      return { kills, faults, where };
    }
  }
  return {
    name,
    kill,
    close: async () => {
      await store.close();
      await close();
      await rm(parent, { recursive: true, force: true });
    },
  };
}

const hash = (bytes: Uint8Array | undefined): string =>
  createHash('sha256')
    .update(bytes ?? 'nothing')
    .digest('hex');

/**
 * Reads as a reader does: returns the version that the pointer names and lists what is incomplete.
 */
async function readServed(
  store: ObjectStore,
): Promise<{ served: string | undefined; broken: string[] }> {
  const pointer = await store.get('current.json');
  if (pointer === null) {
    return { served: undefined, broken: ['there is no pointer'] };
  }
  const { model } = (JSON.parse(new TextDecoder().decode(pointer.bytes)) as Record<string, any>)[
    'models'
  ];
  const manifest = await store.get(`models/model/${model.version}/manifest.json`);
  const isPromised = hash(manifest?.bytes) === model.manifestSha256;
  return {
    served: model.version as string,
    broken: isPromised
      ? await findBroken(store, model.version as string)
      : [`${model.version}: its manifest is not the promised one`],
  };
}

async function findBroken(store: ObjectStore, version: string): Promise<string[]> {
  const manifest = await store.get(`models/model/${version}/manifest.json`);
  if (manifest === null) {
    return [`${version}: no manifest`];
  }
  const { files } = JSON.parse(new TextDecoder().decode(manifest.bytes)) as {
    files: { path: string; sha256: string }[];
  };
  const broken: string[] = [];
  for (const { path, sha256 } of files) {
    if (hash((await store.get(`models/model/${version}/${path}`))?.bytes) !== sha256) {
      broken.push(`${version}: ${path} is not whole`);
    }
  }
  return broken;
}

async function describePlace(
  store: ObjectStore,
  version: string,
  served: string | undefined,
): Promise<string> {
  if (served === version) {
    return 'after the pointer moved';
  }
  const isThere = async (path: string) =>
    (await store.get(`models/model/${version}/${path}`)) !== null;
  if (await isThere('manifest.json')) {
    return 'before the pointer moved';
  }
  return (await isThere('model.json')) ? 'between two files' : 'before the first file';
}
