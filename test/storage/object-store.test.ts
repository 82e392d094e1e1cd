import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
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

async function start(run: () => Promise<S3Server>): Promise<S3Server> {
  const server = await run();
  cleanUps.push(server.stop);
  return server;
}

function openStore(server: S3Server, prefix = ''): ObjectStore {
  return createS3Store({ ...server, prefix, listPageSize: 2 });
}

describeObjectStoreContract('a folder', async () =>
  createFolderStore(join(await makeFolder(), 'made/by the first put')),
);
describeObjectStoreContract('the memory of tests', async () => createMemoryStore());
describeObjectStoreContract("wrangler's local S3 endpoint", async () =>
  openStore(await start(startWrangler)),
);
describeObjectStoreContract('the local R2 bucket without a dev server', async () =>
  openLocalR2(await makeFolder()),
);
describe.skipIf(!hasVersitygw())('versitygw (installed by dev/install-versitygw.sh)', () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await start(startVersitygw);
  });
  describeObjectStoreContract('its bucket', async () => openStore(server));
  describeObjectStoreContract('its bucket below a prefix', async () =>
    openStore(server, 'Some/prefix_1'),
  );
});
describe.skipIf(!hasMoto())('moto (installed by dev/data-tools/install.sh moto)', () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await start(startMoto);
  });
  describeObjectStoreContract('its bucket', async () => openStore(server));
  describeObjectStoreContract('its bucket with a name that AWS no longer takes', async () => {
    const bucket = 'Old_Bucket.2006';
    await fetch(`${server.endpoint}/${bucket}`, { method: 'PUT' });
    return openStore({ ...server, bucket });
  });
});
