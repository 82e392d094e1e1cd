import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ExpectedError } from '../../../shared/expected-error.ts';
import {
  ARTIFACT_LIMITS,
  buildKey,
  encodeManifest,
  encodePointer,
  hashBytes,
  MANIFEST_FILE,
  POINTER_KEY,
  sealManifest,
  TOPOLOGY_FILE,
  WEIGHTS_FILE,
  type Pointer,
} from '../../../shared/model/artifact.ts';
import {
  publishArtifact,
  rollBack,
  type PublishOptions,
} from '../../../trainer/publish/publish.ts';
import { LEDGER_KEY } from '../../../trainer/publish/ledger.ts';
import { readArtifactFolder } from '../../../trainer/publish/artifact-folder.ts';
import { createFolderStore } from '../../../storage/folder-store.ts';
import { StorageError, type ObjectStore } from '../../../storage/object-store.ts';
import { createS3Store } from '../../../storage/s3-store.ts';
import { buildFixture, type Fixture } from '../../support/models/fixture-artifact.ts';
import { listKeys } from '../../support/storage/object-store-contract.ts';
import {
  buildTiny,
  catchPublishFailure,
  publishFixture,
  readPointer,
  readServed,
  writeArtifact,
} from '../../support/models/published.ts';
import {
  hasVersitygw,
  startVersitygw,
  startWrangler,
  type S3Server,
} from '../../support/storage/s3-server.ts';
import { findProgram } from '../../support/trainer-program.ts';

const utf8 = new TextEncoder();
const now = (): Date => new Date('2026-02-03T04:05:06Z');
const CHILD = findProgram('publish-child');

let base: string;
let store: ObjectStore;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'digitmint-publish-'));
  store = createFolderStore(join(base, 'store'));
});
afterEach(() => rm(base, { recursive: true, force: true }));

const publish = (fixture: Fixture, options: Partial<PublishOptions> = {}) =>
  publishFixture(store, fixture, { now, ...options });

/** A store that counts puts and may change them. */
function wrapPuts(
  inner: ObjectStore,
  put: (index: number, ...call: Parameters<ObjectStore['put']>) => ReturnType<ObjectStore['put']>,
): ObjectStore {
  let index = -1;
  return { ...inner, put: (...call) => put((index += 1), ...call) };
}

/** A server that accepts conditions and ignores them. */
function ignoreConditions(inner: ObjectStore): ObjectStore {
  return wrapPuts(inner, async (_index, key, bytes, _condition, options) => {
    const there = await inner.get(key);
    return inner.put(key, bytes, there === null ? null : there.etag, options);
  });
}

const first = buildTiny('mlp', 'first');
const second = buildTiny('mlp', 'second');
const other = buildTiny('conv', 'other');

describe('publishing', () => {
  it('uploads the files, then the manifest, then moves the pointer', async () => {
    const keys: string[] = [];
    const watched = wrapPuts(store, (_index, ...call) => {
      keys.push(call[0]);
      return store.put(...call);
    });
    const result = await publish(first, { store: watched });
    const { name, version } = first.manifest;
    expect(keys.filter((key) => !key.startsWith('publish-probe-') && key !== LEDGER_KEY)).toEqual([
      buildKey(name, version, TOPOLOGY_FILE),
      buildKey(name, version, WEIGHTS_FILE),
      buildKey(name, version, MANIFEST_FILE),
      POINTER_KEY,
    ]);
    expect(result).toMatchObject({
      name,
      version,
      alreadyThere: [],
      pointerMoved: true,
      previousVersion: null,
      defaultName: 'mlp',
      previousDefaultName: null,
    });
    expect(result.uploaded.map(({ key }) => key)).toEqual(
      keys.filter((key) => key.startsWith('models/')),
    );
    expect(await readPointer(store)).toMatchObject({
      schema: 1,
      default: 'mlp',
      models: { mlp: { version, publishedAt: '2026-02-03T04:05:06.000Z' } },
    });
    expect(await readServed(store)).toEqual({ mlp: version });
    expect(await store.list('publish-probe-')).toEqual([]);
  });

  it('changes nothing the second time and reports this', async () => {
    await publish(first);
    const before = await store.get(POINTER_KEY);
    const result = await publish(first, {
      store: wrapPuts(store, () => Promise.reject(new Error('nothing may be written'))),
      now: () => new Date(),
    });
    expect(result).toMatchObject({
      uploaded: [],
      pointerMoved: false,
      previousVersion: first.manifest.version,
    });
    expect(result.alreadyThere).toHaveLength(3);
    expect(await store.get(POINTER_KEY)).toEqual(before);
  });

  it('moves the pointer to a new version and keeps the old files', async () => {
    await publish(first);
    expect(await publish(second)).toMatchObject({
      pointerMoved: true,
      previousVersion: first.manifest.version,
    });
    expect(await readServed(store)).toEqual({ mlp: second.manifest.version });
    expect(await store.list(`models/mlp/${first.manifest.version}/`)).toHaveLength(3);
  });

  it('returns to an old version', async () => {
    await publish(first);
    await publish(second);
    expect(await publish(first)).toMatchObject({
      uploaded: [],
      pointerMoved: true,
      previousVersion: second.manifest.version,
    });
    expect(await readServed(store)).toEqual({ mlp: first.manifest.version });
  });

  it('keeps the first model beside a second one', async () => {
    await publish(first);
    expect(await publish(other)).toMatchObject({ defaultName: 'conv', previousDefaultName: 'mlp' });
    expect(await readServed(store)).toEqual({
      mlp: first.manifest.version,
      conv: other.manifest.version,
    });
  });

  it('keeps the default on request, and can make it the default later', async () => {
    expect(await publish(first, { makeDefault: false })).toMatchObject({ defaultName: 'mlp' });
    expect(await publish(other, { makeDefault: false })).toMatchObject({
      defaultName: 'mlp',
      pointerMoved: true,
    });
    const entry = (await readPointer(store)).models['conv'];
    expect(await publish(other, { now: () => new Date() })).toMatchObject({
      uploaded: [],
      pointerMoved: true,
      defaultName: 'conv',
      previousDefaultName: 'mlp',
    });
    expect((await readPointer(store)).models['conv']).toEqual(entry);
  });

  it('restores a lost file without moving the pointer', async () => {
    await publish(first);
    await store.delete(buildKey('mlp', first.manifest.version, WEIGHTS_FILE));
    const result = await publish(first);
    expect(result.uploaded.map(({ key }) => key)).toEqual([
      buildKey('mlp', first.manifest.version, WEIGHTS_FILE),
    ]);
    expect(result.pointerMoved).toBe(false);
    expect(await readServed(store)).toEqual({ mlp: first.manifest.version });
  });

  it('writes one form of the manifest, however the file was formatted', async () => {
    const folder = await writeArtifact(base, first);
    await writeFile(join(folder, MANIFEST_FILE), JSON.stringify(first.manifest, null, 2));
    await publishArtifact({ store, folder, makeDefault: true, now });
    expect(
      (await store.get(buildKey('mlp', first.manifest.version, MANIFEST_FILE)))?.bytes,
    ).toEqual(first.files.get(MANIFEST_FILE));
  });

  it('reports its plan in a dry run and writes nothing', async () => {
    await publish(first);
    const before = await store.list('');
    const result = await publish(second, { dryRun: true });
    expect(result).toMatchObject({ pointerMoved: true, previousVersion: first.manifest.version });
    expect(result.uploaded).toHaveLength(3);
    expect(await store.list('')).toEqual(before);
    expect(await readServed(store)).toEqual({ mlp: first.manifest.version });
  });
});

describe('the shipped models', () => {
  it.each(['digits', 'seed'])('%s is whole and ready to be published', async (name) => {
    const { manifest, files } = await readArtifactFolder(join('models', name));
    expect(manifest.name).toBe(name);
    expect([...files.keys()].sort()).toEqual(['model.json', WEIGHTS_FILE]);
  });

  it('digits has a card about the shipped version', async () => {
    const { manifest } = await readArtifactFolder(join('models', 'digits'));
    expect(await readFile(join('models', 'digits', 'README.md'), 'utf8')).toContain(
      `digits@${manifest.version}`,
    );
    expect(await readFile('README.md', 'utf8')).toContain(`digits@${manifest.version}`);
  });
});

describe('a model that draws nothing', () => {
  it('is not published, and no rollback goes to it', async () => {
    await publish(first);
    const before = await listKeys(store);
    const weights = new Uint8Array(first.files.get(WEIGHTS_FILE)?.length ?? 0);
    const { version: _, ...content } = first.manifest;
    const manifest = sealManifest({
      ...content,
      files: content.files.map((file) =>
        file.path === WEIGHTS_FILE ? { ...file, sha256: hashBytes(weights) } : file,
      ),
    });
    const files = new Map(first.files)
      .set(WEIGHTS_FILE, weights)
      .set(MANIFEST_FILE, encodeManifest(manifest));
    await expect(publish({ manifest, files })).rejects.toThrow('is blank');
    expect(await listKeys(store)).toEqual(before);

    const { name, version } = manifest;
    for (const [path, bytes] of files) {
      await store.put(buildKey(name, version, path), bytes, null);
    }
    await expect(rollBack({ store, now, name, version })).rejects.toThrow('is blank');
    expect((await readPointer(store)).models[name]?.version).toBe(first.manifest.version);
  });
});

describe('an incomplete artifact folder', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await writeArtifact(base, first);
  });

  const flaws: [what: string, message: string, spoil: () => Promise<unknown>][] = [
    ['is not there', 'nothing there', () => rm(folder, { recursive: true })],
    ['has no manifest', 'manifest.json is missing', () => rm(join(folder, MANIFEST_FILE))],
    [
      'is that of a run without a model yet',
      'the run has no model yet, which its end writes: npm run train -- --resume',
      async () => {
        await rm(join(folder, MANIFEST_FILE));
        await mkdir(join(folder, 'checkpoints'));
      },
    ],
    [
      'has a manifest that is no JSON',
      'manifest.json is not JSON',
      () => writeFile(join(folder, MANIFEST_FILE), '{'),
    ],
    [
      'has an endless manifest',
      'manifest.json has',
      () => writeFile(join(folder, MANIFEST_FILE), ' '.repeat(70_000)),
    ],
    [
      'has an altered manifest',
      'content is version',
      () =>
        writeFile(join(folder, MANIFEST_FILE), JSON.stringify({ ...first.manifest, name: 'mlq' })),
    ],
    ['lacks a listed file', 'weights.bin is missing', () => rm(join(folder, WEIGHTS_FILE))],
    ['has a truncated file', 'weights.bin has', () => truncate(join(folder, WEIGHTS_FILE), 10)],
    [
      'has an altered file',
      'weights.bin has SHA-256',
      async () =>
        writeFile(
          join(folder, WEIGHTS_FILE),
          (await readFile(join(folder, WEIGHTS_FILE))).fill(1, 0, 4),
        ),
    ],
    [
      'has a file that the manifest does not list',
      'does not list notes.txt',
      () => writeFile(join(folder, 'notes.txt'), ''),
    ],
    ['has a folder', 'does not list old', () => mkdir(join(folder, 'old'))],
    [
      'has a link where a file should be',
      'weights.bin: expected a plain file',
      async () => {
        await rm(join(folder, WEIGHTS_FILE));
        await symlink('/dev/zero', join(folder, WEIGHTS_FILE));
      },
    ],
  ];

  it.each(flaws)(
    'that %s is refused by name before anything is written',
    async (_what, message, spoil) => {
      await spoil();
      const call = publishArtifact({ store, folder, makeDefault: true, now });
      await expect(call).rejects.toThrow(ExpectedError);
      await expect(call).rejects.toThrow(message);
      await expect(readdir(join(base, 'store'))).rejects.toThrow('ENOENT');
    },
  );

  it('with weights that are not finite is refused', async () => {
    const weights = new Uint8Array(new Float32Array(80).fill(Number.NaN).buffer);
    const spoiled = buildFixture({
      latentSize: 4,
      classes: 0,
      layers: [
        { type: 'dense', units: 16, activation: 'sigmoid' },
        { type: 'reshape', shape: [4, 4, 1] },
      ],
      alter: (content) => ({
        ...content,
        files: content.files.map((file) =>
          file.path === WEIGHTS_FILE
            ? {
                ...file,
                bytes: weights.length,
                sha256: createHash('sha256').update(weights).digest('hex'),
              }
            : file,
        ),
      }),
    });
    const files = new Map([...spoiled.files, [WEIGHTS_FILE, weights]]);
    await expect(publish({ ...spoiled, files })).rejects.toThrow('NaN or infinite');
  });
});

describe('a store that must not be overwritten', () => {
  it('is left unchanged when another object has an immutable key', async () => {
    await publish(first);
    const key = buildKey('mlp', second.manifest.version, WEIGHTS_FILE);
    for (const bytes of [utf8.encode('another'), new Uint8Array(1_000_000)]) {
      await store.delete(key);
      await store.put(key, bytes, null);
      const before = await store.list('');
      expect(await catchPublishFailure(publish(second))).toEqual({ reason: 'object_differs', key });
      expect(await store.list('')).toEqual(before);
    }
    expect(await readServed(store)).toEqual({ mlp: first.manifest.version });
  });

  it.each([
    ['is no JSON', '{', 'put a good current.json back'],
    ['is malformed', '{"schema":1,"default":"mlp"}', 'put a good current.json back'],
    ['is a list', '[]', 'put a good current.json back'],
    ['is null', 'null', 'put a good current.json back'],
    ['is a number', '3', 'put a good current.json back'],
    ['is of a newer schema', '{"schema":2,"models":[]}', 'update it'],
    ['is endless', ' '.repeat(70_000), 'more than the 65536 bytes allowed'],
  ])('is left unchanged when its pointer %s', async (_what, text, message) => {
    await store.put(POINTER_KEY, utf8.encode(text), null);
    await expect(publish(first)).rejects.toThrow(message);
    expect(await listKeys(store)).toEqual([POINTER_KEY]);
    expect((await store.get(POINTER_KEY))?.bytes).toEqual(utf8.encode(text));
  });

  it('is left unchanged when its pointer has no room for another model', async () => {
    const entry = {
      version: '0'.repeat(16),
      manifestSha256: '0'.repeat(64),
      publishedAt: '2026-01-01T00:00:00Z',
    };
    const models: Pointer['models'] = { m0: entry };
    const encode = (): Uint8Array => encodePointer({ schema: 1, default: 'm0', models });
    for (let i = 1; encode().length < ARTIFACT_LIMITS.pointerBytes - 200; i += 1) {
      models[`m${i}`] = entry;
    }
    await store.put(POINTER_KEY, encode(), null);
    expect((await catchPublishFailure(publish(first))).reason).toBe('pointer_too_large');
  });
});

describe('a store that fails', () => {
  // The probe takes 2 puts and 2 refused ones. Then come the lease, 2 files, the manifest, the
  // pointer.
  it.each([0, 4, 5, 6, 7, 8])(
    'at put %i leaves the old model served, and publishing again resumes',
    async (failing) => {
      await publish(first);
      const full = wrapPuts(store, (index, ...call) =>
        index === failing
          ? Promise.reject(new StorageError('disk', { reason: 'full', detail: 'ENOSPC' }))
          : store.put(...call),
      );
      await expect(publish(second, { store: full })).rejects.toThrow('no room left');
      expect(await readServed(store)).toEqual({ mlp: first.manifest.version });
      const repeated = await publish(second);
      expect(repeated.alreadyThere).toHaveLength(Math.max(0, failing - 5));
      expect(await readServed(store)).toEqual({ mlp: second.manifest.version });
    },
  );

  it('by changing bytes is detected before the pointer moves', async () => {
    await publish(first);
    const corrupting = wrapPuts(store, (_index, key, bytes, ...rest) =>
      store.put(key, key.endsWith(WEIGHTS_FILE) ? bytes.with(0, 1) : bytes, ...rest),
    );
    expect((await catchPublishFailure(publish(second, { store: corrupting }))).reason).toBe(
      'read_back_differs',
    );
    expect(await readServed(store)).toEqual({ mlp: first.manifest.version });
  });

  it('by listing what was deleted, as S3Mock does with versions, serves no missing file', async () => {
    await publish(first);
    const listed = await store.list('');
    await Promise.all(
      listed
        .filter(({ key }) => key.endsWith(WEIGHTS_FILE))
        .map(async ({ key }) => store.delete(key)),
    );
    const stale: ObjectStore = {
      ...store,
      list: async (prefix) => listed.filter(({ key }) => key.startsWith(prefix)),
    };
    const repeated = await publish(first, { store: stale });
    expect(repeated.uploaded.map(({ key }) => key)).toEqual([
      expect.stringContaining(WEIGHTS_FILE),
    ]);
    expect((await publish(first)).alreadyThere).toHaveLength(listed.length - 2);
  });

  it('by refusing a free key, as versitygw does with versions, is not told of other bytes', async () => {
    const refusing = wrapPuts(store, (_index, key, ...rest) =>
      key.endsWith(WEIGHTS_FILE) ? Promise.resolve(false) : store.put(key, ...rest),
    );
    expect((await catchPublishFailure(publish(first, { store: refusing }))).reason).toBe(
      'read_back_differs',
    );
  });

  it('by a folder without hard links is told as such, not as a server without conditions', async () => {
    const detail = 'it needs hard links';
    const usb = wrapPuts(store, () =>
      Promise.reject(new StorageError('folder', { reason: 'unsupported', detail })),
    );
    await expect(publish(first, { store: usb })).rejects.toThrow(detail);
  });

  it('by ignoring conditions is detected, and used only when that is allowed', async () => {
    await publish(first);
    const unsafe = ignoreConditions(store);
    expect(await catchPublishFailure(publish(second, { store: unsafe }))).toEqual({
      reason: 'conditions_ignored',
      createOnly: false,
      compareAndSwap: false,
    });
    expect(await readServed(store)).toEqual({ mlp: first.manifest.version });
    expect(await store.list('publish-probe-')).toEqual([]);

    const events: string[] = [];
    await publish(second, {
      store: unsafe,
      allowUnsafePointer: true,
      onConditionsIgnored: () => events.push('conditions_ignored'),
      onObject: (state) => events.push(state),
    });
    expect(events).toEqual(['conditions_ignored', 'uploaded', 'uploaded', 'uploaded']);
    expect(await readServed(store)).toEqual({ mlp: second.manifest.version });
  });

  it('by ignoring conditions and losing an entry to another publisher gets the entry again', async () => {
    await publish(first);
    const unsafe = ignoreConditions(store);
    const stale = (await store.get(POINTER_KEY))?.bytes as Uint8Array;
    let lost = 0;
    const overwritten = wrapPuts(unsafe, async (_index, ...call) => {
      const put = await unsafe.put(...call);
      if (call[0] === POINTER_KEY && lost === 0) {
        lost += 1;
        await unsafe.put(POINTER_KEY, stale, null);
      }
      return put;
    });
    await publish(other, {
      store: overwritten,
      allowUnsafePointer: true,
      waiting: { sleep: () => Promise.resolve(), random: () => 0 },
    });
    expect(lost).toBe(1);
    expect(await readServed(store)).toEqual({
      mlp: first.manifest.version,
      conv: other.manifest.version,
    });
  });

  it('to move the pointer in every attempt ends with an error, not a loop', async () => {
    await publish(first);
    const waits: number[] = [];
    const contended = wrapPuts(store, (_index, ...call) =>
      call[0] === POINTER_KEY ? Promise.resolve(false) : store.put(...call),
    );
    const waiting = {
      sleep: (ms: number) => Promise.resolve(void waits.push(ms)),
      random: () => 1,
    };
    expect(await catchPublishFailure(publish(second, { store: contended, waiting }))).toEqual({
      reason: 'contended',
      key: POINTER_KEY,
      attempts: 12,
    });
    expect(waits).toEqual([250, 500, 1000, 2000, ...Array.from({ length: 7 }, () => 4000)]);
  });
});

/** Runs publish-child.ts. */
function runChild(
  into: string,
  folder: string,
  killBefore?: number,
): Promise<{ signal: string | null; stdout: string }> {
  const args = [CHILD, into, folder, ...(killBefore === undefined ? [] : [String(killBefore)])];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, (error, stdout, stderr) => {
      if (error !== null && error.signal !== 'SIGKILL') {
        reject(new Error(stderr, { cause: error }));
      } else {
        resolve({ signal: error?.signal ?? null, stdout });
      }
    });
  });
}

describe('a publisher in its own process', () => {
  // The probe takes 4 puts and a delete. Then come the lease, 2 files, the manifest, the history,
  // the pointer, the end of the lease. There is no thirteenth write.
  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13])(
    'killed before its write %i leaves a whole model served, and can be repeated',
    async (write) => {
      await publish(first);
      const folder = await writeArtifact(base, second);
      const child = await runChild(join(base, 'store'), folder, write);
      expect(child.signal).toBe(write === 13 ? null : 'SIGKILL');
      expect(await readServed(store)).toEqual({
        mlp: (write >= 12 ? second : first).manifest.version,
      });
      expect(await publish(second)).toMatchObject({
        pointerMoved: write < 12,
        alreadyThere: { length: Math.min(3, Math.max(0, write - 7)) },
      });
      expect(await readServed(store)).toEqual({ mlp: second.manifest.version });
    },
  );

  it('and another at the same time both get their entry in the pointer', async () => {
    await publish(first);
    const names = ['a', 'b', 'c', 'd'];
    const fixtures = names.map((name) => buildTiny(name, name));
    const folders = await Promise.all(fixtures.map((fixture) => writeArtifact(base, fixture)));
    const results = await Promise.all(
      folders.map((folder) => runChild(join(base, 'store'), folder)),
    );
    expect(results.map(({ stdout }) => JSON.parse(stdout).pointerMoved)).toEqual(
      names.map(() => true),
    );
    expect(Object.keys(await readServed(store)).toSorted()).toEqual([...names, 'mlp']);
  });
});

describe.each([
  ["wrangler's local S3 endpoint", true, startWrangler],
  ['versitygw (installed by dev/install-versitygw.sh)', hasVersitygw(), startVersitygw],
] satisfies [string, boolean, () => Promise<S3Server>][])(
  'publishing to %s',
  (_name, isThere, start) => {
    describe.skipIf(!isThere)('that is up', () => {
      let server: S3Server;
      beforeAll(async () => {
        server = await start();
      });
      afterAll(async () => {
        await server?.stop();
      });

      it('serves the published models of many publishers at once', async () => {
        const fixtures = ['a', 'b', 'c', 'd', 'e'].map((name) => buildTiny(name, name));
        const waiting = {
          sleep: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms / 20)),
          random: Math.random,
        };
        await Promise.all(
          fixtures.map((fixture) => publish(fixture, { store: createS3Store(server), waiting })),
        );
        const reader = createS3Store(server);
        expect(await readServed(reader)).toEqual(
          Object.fromEntries(fixtures.map(({ manifest }) => [manifest.name, manifest.version])),
        );
        expect(await reader.list('publish-probe-')).toEqual([]);
        expect(
          await publish(fixtures[0] as Fixture, { store: reader, makeDefault: false }),
        ).toMatchObject({
          uploaded: [],
          pointerMoved: false,
        });
      });
    });
  },
);
