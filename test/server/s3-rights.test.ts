/**
 * Tests that the rights of docs/publication.md are enough, on an S3 server that enforces them, and
 * how the server takes the 403 that AWS sends for a missing object.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutBucketPolicyCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createObjectReader } from '../../server/object-reader.ts';
import { POINTER_KEY } from '../../shared/model/artifact.ts';
import { encodePublicKey, type PublicKey } from '../../shared/model/signature.ts';
import type { S3Credentials } from '../../storage/s3-location.ts';
import { createS3Store } from '../../storage/s3-store.ts';
import { pruneStore } from '../../trainer/publish/prune.ts';
import { createKeyFile, readSigner, signVersion } from '../../trainer/publish/signing.ts';
import { startServer, type TestServer } from '../support/hosts/node-server.ts';
import { buildFixture, type Fixture } from '../support/models/fixture-artifact.ts';
import { publishFixture } from '../support/models/published.ts';
import { startFaultyProxy, type Fault, type FaultyProxy } from '../support/storage/faulty-proxy.ts';
import {
  addUsers,
  hasVersitygw,
  startVersitygw,
  type S3Server,
} from '../support/storage/s3-server.ts';

const PAGE = readFileSync(new URL('../../docs/publication.md', import.meta.url), 'utf8');

/** Reads the page's statements for a role, as statements of a bucket's policy. */
function readStatements(role: string, { bucket }: S3Server, { accessKeyId }: S3Credentials) {
  const [, text = ''] = new RegExp(`\n\`\`\`json ${role}\n(.*?)\n\`\`\`\n`, 's').exec(PAGE) ?? [];
  const { Statement } = JSON.parse(text.replaceAll('BUCKET', bucket)) as { Statement: object[] };
  return Statement.map((statement) => ({ ...statement, Principal: { AWS: [accessKeyId] } }));
}

const [oldest, older, present] = ['oldest', 'older', 'present'].map((weightsSeed) =>
  buildFixture({ weightsSeed }),
) as [Fixture, Fixture, Fixture];

describe.skipIf(!hasVersitygw())('with the documented rights, on versitygw', () => {
  let folder: string;
  let storage: S3Server;
  let users: Readonly<Record<'reader' | 'publisher' | 'nobody', S3Credentials>>;
  let keys: PublicKey[];
  /** AWS does this, and versitygw does not. */
  let hiding: FaultyProxy;
  let fault: (key: string) => Fault;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'digitmint-rights-'));
    storage = await startVersitygw({ hasUsers: true });
    users = await addUsers(storage, ['reader', 'publisher', 'nobody']);
    const root = new S3Client({ ...storage, forcePathStyle: true });
    const Statement = (['reader', 'publisher'] as const).flatMap((role) =>
      readStatements(role, storage, users[role]),
    );
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement });
    await root.send(new PutBucketPolicyCommand({ Bucket: storage.bucket, Policy }));
    hiding = await startFaultyProxy(storage.endpoint, (_index, { url = '' }) =>
      fault(url.split('?')[0]?.slice(`/${storage.bucket}/`.length) ?? ''),
    );
    fault = () => ({ do: 'hide' });
    keys = await Promise.all(['a', 'b'].map((name) => createKeyFile(join(folder, name))));
  });
  afterAll(async () => {
    await hiding?.close();
    await storage?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const running: TestServer[] = [];
  afterEach(async () => {
    fault = () => ({ do: 'hide' });
    await Promise.all(running.splice(0).map((server) => server.stop('SIGKILL')));
  });

  async function start(user: S3Credentials, env: Record<string, string> = {}) {
    const server = await startServer({
      env: {
        MODELS: `s3://${storage.bucket}`,
        AWS_ENDPOINT_URL_S3: hiding.endpoint,
        AWS_ACCESS_KEY_ID: user.accessKeyId,
        AWS_SECRET_ACCESS_KEY: user.secretAccessKey,
        ...env,
      },
    });
    running.push(server);
    return server;
  }
  const askHealth = async (server: TestServer) => (await server.fetch('/healthz')).json();

  test('a publisher publishes, signs and prunes', async () => {
    const store = createS3Store({ ...storage, credentials: users.publisher });
    for (const fixture of [oldest, older, present]) {
      await publishFixture(store, fixture);
    }
    const { name, version } = present.manifest;
    const signer = await readSigner(join(folder, 'b'));
    const now = () => new Date();
    expect(await signVersion({ store, now, id: { name, version }, signer })).toBe(true);
    const later = () => new Date(Date.now() + 1e9);
    const { deleted } = await pruneStore({ store, now: later, olderThanMs: 0, keep: 1 });
    expect(deleted.map((each) => each.version)).toEqual([oldest.manifest.version]);
    expect((await store.list('')).map(({ key }) => key)).toContain(POINTER_KEY);
  });

  test('a reader serves a model that only the second of two keys signed', async () => {
    const server = await start(users.reader, {
      MODEL_PUBLIC_KEYS: keys.map((key) => encodePublicKey(key)).join(','),
    });
    expect(await askHealth(server)).toMatchObject({
      status: 'ok',
      model: { version: present.manifest.version, source: 'r2' },
    });
    expect(hiding.seen.some((line) => line.includes(`manifest.${keys[0]?.id}.sig`))).toBe(true);
  });

  test('a reader says of a version that is not there that it is not there', async () => {
    const server = await start(users.reader);
    await askHealth(server);
    const { name } = present.manifest;
    for (const path of [
      `/models/${name}/${oldest.manifest.version}`,
      `/digit.png?model=${name}@0123456789abcdef`,
      `/models/nothing/0123456789abcdef/model.json`,
    ]) {
      expect([path, (await server.fetch(path)).status]).toEqual([path, 404]);
    }
  });

  test('credentials that may read nothing are told as such', async () => {
    const server = await start(users.nobody);
    expect(await askHealth(server)).toMatchObject({
      status: 'degraded',
      model: { source: 'bundled' },
      lastError: { reason: 'storage' },
    });
    expect(server.readLogs().join('\n')).toContain('HTTP 403 AccessDenied');
    const version = await server.fetch(`/models/fixture/${present.manifest.version}`);
    expect(version.status).toBe(503);
  });

  test('credentials that stop to work do not make what is there look missing', async () => {
    const store = createS3Store({ ...storage, ...hiding, credentials: users.reader, attempts: 1 });
    const reader = createObjectReader(store);
    const manifest = `models/fixture/${present.manifest.version}/manifest.json`;
    const read = (key: string) => reader.read(key, 1_000_000);
    // Nothing was read yet, so that nothing shows that the credentials work.
    await expect(read('models/none.json')).rejects.toThrow('HTTP 403 AccessDenied');
    // Nor does the pointer, since there may be rights to read it alone.
    expect(await read(POINTER_KEY)).toHaveProperty('etag');
    await expect(read('models/none.json')).rejects.toThrow('HTTP 403 AccessDenied');
    expect(await read(manifest)).toHaveProperty('etag');
    expect(await read('models/none.json')).toBe('missing');
    for (const code of ['AccessDenied', 'InvalidAccessKeyId', 'ExpiredToken']) {
      fault = () => ({ do: 'answer', status: 403, body: `<Error><Code>${code}</Code></Error>` });
      for (const key of [POINTER_KEY, manifest, 'models/none.json']) {
        await expect(read(key)).rejects.toThrow(`HTTP 403 ${code}`);
      }
    }
  });
});
