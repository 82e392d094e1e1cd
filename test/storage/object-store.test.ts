import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe } from 'vitest';
import { createFolderStore } from '../../storage/folder-store.ts';
import { openLocalR2 } from '../../storage/local-r2.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { createS3Store } from '../../storage/s3-store.ts';
import { createMemoryStore } from '../support/storage/memory-store.ts';
import { describeObjectStoreContract } from '../support/storage/object-store-contract.ts';
import {
  hasMoto,
  hasVersitygw,
  startMoto,
  startVersitygw,
  startWrangler,
  type S3Server,
} from '../support/storage/s3-server.ts';

const cleanUps: (() => Promise<void>)[] = [];
afterAll(async () => {
  await Promise.all(cleanUps.map((cleanUp) => cleanUp()));
});

async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'digitmint-store-'));
  cleanUps.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function openServer(start: () => Promise<S3Server>, prefix = ''): Promise<ObjectStore> {
  const server = await start();
  cleanUps.push(server.stop);
  return createS3Store({ ...server, prefix, listPageSize: 2 });
}

describeObjectStoreContract('a folder', async () =>
  createFolderStore(join(await makeFolder(), 'made/by the first put')),
);
describeObjectStoreContract('the memory of tests', async () => createMemoryStore());
describeObjectStoreContract("wrangler's local S3 endpoint", () => openServer(startWrangler));
describeObjectStoreContract('the local R2 bucket without a dev server', async () =>
  openLocalR2(await makeFolder()),
);
describe.skipIf(!hasVersitygw())('versitygw (installed by dev/install-versitygw.sh)', () => {
  describeObjectStoreContract('its bucket', () => openServer(startVersitygw));
  describeObjectStoreContract('its bucket below a prefix', () =>
    openServer(startVersitygw, 'Some/prefix_1'),
  );
});
describe.skipIf(!hasMoto())('moto (installed by dev/data-tools/install.sh moto)', () => {
  describeObjectStoreContract('its bucket', () => openServer(startMoto));
  describeObjectStoreContract('its bucket with a name that AWS no longer takes', () =>
    openServer(() => startMoto('Old_Bucket.2006')),
  );
});
