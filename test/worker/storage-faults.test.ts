/**
 * Tests every fault at every read of the real bucket in the real runtime: answers have the right
 * bytes, /healthz names the reason, and the next refresh heals. Tests of broken objects are in
 * models.test.ts.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as v from 'valibot';
import small from '../../models/digits-small/manifest.json' with { type: 'json' };
import { healthSchema, problemSchema } from '../../shared/contract/answers.ts';
import {
  buildKey,
  MANIFEST_FILE,
  POINTER_KEY,
  WEIGHTS_FILE,
  type Manifest,
} from '../../shared/model/artifact.ts';
import { ENCODER_FILE, ENCODER_WEIGHTS_FILE } from '../../shared/model/encoder.ts';
import {
  BUCKET_FAULTS,
  type BucketFault,
  type FaultyRead,
} from '../support/storage/bucket-fault.ts';
import {
  buildEncoderFixture,
  buildFixture,
  buildPointer,
  type Fixture,
} from '../support/models/fixture-artifact.ts';
import { putArtifact, startWorker, waitUntil, type TestWorker } from '../support/hosts/workerd.ts';
import { CACHE_CONTROL } from '../../worker/http/headers.ts';

const [first, second] = [
  buildFixture({ weightsSeed: 'first' }),
  buildFixture({ weightsSeed: 'second' }),
];

let worker: TestWorker;
/** The bytes of a seed, by the model that draws. */
let golden: Record<'first' | 'second' | 'bundled', string>;
beforeAll(async () => {
  worker = await startWorker(
    async (bucket) => {
      await putArtifact(bucket, first);
      await putArtifact(bucket, second);
    },
    {},
    new URL('../edge/faulty-bucket-worker.ts', import.meta.url),
  );
  golden = {
    first: await draw(`model=fixture@${first.manifest.version}`),
    second: await draw(`model=fixture@${second.manifest.version}`),
    bundled: await draw('model=digits'),
  };
  expect(new Set(Object.values(golden)).size).toBe(3);
});
afterAll(() => worker.close());

const tell = (path: string, body?: unknown) =>
  worker.fetch(path, { method: 'POST', body: JSON.stringify(body ?? null) });
const askHealth = async () => v.parse(healthSchema, await (await worker.fetch('/healthz')).json());
const point = (fixture: Fixture) => worker.bucket.put(POINTER_KEY, buildPointer(fixture));

/** @returns  The picture's bytes. */
async function draw(query = ''): Promise<string> {
  const answer = await worker.fetch(`/digit.png?seed=a&n=3&${query}`);
  expect(answer.status).toBe(200);
  return Buffer.from(await answer.arrayBuffer()).toString('base64');
}

/**
 * Polls until health reports the fault, and compares every answer with the expected bytes. An
 * answer that waited for a hanging object would never come.
 */
async function expectServed(bytes: string, reason: string): Promise<void> {
  await waitUntil(
    async () => {
      expect(await draw()).toBe(bytes);
      return (await askHealth()).lastError?.reason;
    },
    (told) => told === reason,
  );
}

async function expectHealed(fixture: Fixture, bytes: string): Promise<void> {
  await waitUntil(
    askHealth,
    ({ status, model }) => status === 'ok' && model?.version === fixture.manifest.version,
  );
  expect(await draw()).toBe(bytes);
}

const READS = {
  pointer: POINTER_KEY,
  manifest: MANIFEST_FILE,
  'file of weights': WEIGHTS_FILE,
} as const;
type Read = keyof typeof READS;

/** The reason in /healthz by read; undefined when a fault has no effect. */
function nameReason(fault: BucketFault, read: Read): string | undefined {
  switch (fault) {
    case 'throws':
    case 'never answers':
    case 'answers too late':
    case 'breaks off':
    case 'never ends':
      return 'storage';
    case 'is missing':
      return 'missing';
    case 'is far too large':
      return 'too_large';
    case 'is of a schema of the future':
      return { pointer: 'schema_unknown', manifest: 'hash_mismatch', 'file of weights': undefined }[
        read
      ];
    case 'is altered':
      return read === 'file of weights' ? 'hash_mismatch' : 'not_json';
    default:
      return read === 'file of weights' ? 'size_mismatch' : 'not_json';
  }
}

interface Case {
  readonly read: Read;
  readonly fault: BucketFault;
  readonly reason: string;
}

const CASES = (Object.keys(READS) as Read[]).flatMap((read) =>
  BUCKET_FAULTS.map((fault) => ({ read, fault, reason: nameReason(fault, read) })).filter(
    (each): each is Case => each.reason !== undefined,
  ),
);

test.each(CASES)(
  'a $read that $fault leaves the bundled model serving at the start, and later the last good one',
  async (each) => {
    const faulty: FaultyRead = { key: READS[each.read], fault: each.fault };
    await tell('/test/reset');
    await point(first);
    await tell('/test/fault', faulty);
    await expectServed(golden.bundled, each.reason);
    await tell('/test/fault');
    await expectHealed(first, golden.first);

    await tell('/test/fault', faulty);
    await point(second);
    await expectServed(golden.first, each.reason);
    await tell('/test/fault');
    await expectHealed(second, golden.second);
  },
);

test.each(CASES.filter(({ read }) => read !== 'pointer'))(
  'a $read that $fault is a 503 or 404 for a named version or its file, and for a short time only',
  async ({ read, fault }) => {
    const { version } = first.manifest;
    await tell('/test/reset');
    await tell('/test/fault', { key: READS[read], fault });
    for (const path of [
      `/digit.json?model=fixture@${version}`,
      `/models/fixture/${version}/${WEIGHTS_FILE}`,
    ]) {
      const answer = await worker.fetch(path, { headers: { accept: 'application/problem+json' } });
      const { code } = v.parse(problemSchema, await answer.json());
      const isMissing = fault === 'is missing';
      expect([path, answer.status, code]).toEqual([
        path,
        isMissing ? 404 : 503,
        isMissing ? 'model_not_found' : 'model_unavailable',
      ]);
      expect(answer.headers.has('retry-after')).toBe(!isMissing);
    }
    await tell('/test/fault');
    if (fault === 'is altered') {
      await waitUntil(
        async () => (await worker.fetch(`/digit.json?model=fixture@${version}`)).status,
        (status) => status === 200,
      );
      expect(await draw(`model=fixture@${version}`)).toBe(golden.first);
    }
    const file = await worker.fetch(`/models/fixture/${version}/${WEIGHTS_FILE}`);
    expect(
      Buffer.from(await file.arrayBuffer()).equals(
        Buffer.from(first.files.get(WEIGHTS_FILE) as Uint8Array),
      ),
    ).toBe(true);
  },
);

test('only the log has a fault’s internal details', async () => {
  await tell('/test/reset');
  await tell('/test/fault', { key: POINTER_KEY, fault: 'throws' });
  const { lastError } = await askHealth();
  expect(lastError).toMatchObject({ reason: 'storage', message: 'reading current.json failed' });
  expect(worker.readLogs().some((line) => line.includes('secret-host'))).toBe(true);
  await tell('/test/fault');
});

test('many first requests at once read each object once', async () => {
  await point(first);
  await tell('/test/reset');
  expect(new Set(await Promise.all(Array.from({ length: 24 }, () => draw())))).toEqual(
    new Set([golden.first]),
  );
  expect(await listReads(first)).toEqual([MANIFEST_FILE, WEIGHTS_FILE]);
});

/** Lists the files of a version that were read since the reset, in order. */
async function listReads({ manifest }: Fixture): Promise<string[]> {
  const reads = (await (await worker.fetch('/test/reads')).json()) as string[];
  const folder = buildKey(manifest.name, manifest.version, '');
  return reads.filter((key) => key.startsWith(folder)).map((key) => key.slice(folder.length));
}

async function putEncoder(manifest: Manifest): Promise<void> {
  for (const [path, bytes] of buildEncoderFixture({ manifest, files: new Map() })) {
    await worker.bucket.put(buildKey(manifest.name, manifest.version, path), bytes);
  }
}

test('a hand, a file and a card read each object once, also for two requests at once', async () => {
  const { name, version } = first.manifest;
  const [model, card] = [`model=${name}@${version}`, `/models/${name}/${version}`];
  await putEncoder(first.manifest);
  const body = JSON.stringify(Array.from({ length: 784 }, (_, i) => (i % 28 === 14 ? 255 : 0)));
  const write = () => worker.fetch(`/hand?label=1&${model}`, { method: 'POST', body });
  const asks: (readonly [ask: () => Promise<Response>, read: string[]])[] = [
    [write, [MANIFEST_FILE, WEIGHTS_FILE, ENCODER_FILE, ENCODER_WEIGHTS_FILE]],
    [() => worker.fetch(card), [MANIFEST_FILE, ENCODER_FILE]],
    [() => worker.fetch(`${card}/${WEIGHTS_FILE}`), [MANIFEST_FILE, WEIGHTS_FILE]],
  ];
  for (const [ask, read] of asks) {
    await tell('/test/reset');
    const answers = await Promise.all(ask === write ? [ask(), ask()] : [ask()]);
    await Promise.all(answers.map((answer) => answer.text()));
    expect(await listReads(first)).toEqual(read);
  }
});

test.each([ENCODER_FILE, ENCODER_WEIGHTS_FILE])(
  'a model whose %s cannot be read is not told to have no encoder, and the next request reads it',
  async (key) => {
    const { name, version } = first.manifest;
    await putEncoder(first.manifest);
    await tell('/test/reset');
    await point(first);
    await expectHealed(first, golden.first);
    const card = `/models/${name}/${version}`;
    const ask = async () =>
      Promise.all(
        ['/hand', `${card}/${key}`].map(async (path) => (await worker.fetch(path)).status),
      );
    const readCard = async () => {
      const answer = await worker.fetch(card);
      const { files } = (await answer.json()) as { files: { path: string }[] };
      const hasEncoder = files.some(({ path }) => path === ENCODER_FILE);
      return [answer.status, hasEncoder, answer.headers.get('cache-control')];
    };
    await tell('/test/fault', { key, fault: 'throws' });
    expect(await ask()).toEqual([503, 503]);
    const isWhole = key === ENCODER_WEIGHTS_FILE;
    expect(await readCard()).toEqual([
      200,
      isWhole,
      isWhole ? CACHE_CONTROL.seeded : CACHE_CONTROL.fresh,
    ]);
    await tell('/test/fault');
    expect(await ask()).toEqual([200, 200]);
    expect(await readCard()).toEqual([200, true, CACHE_CONTROL.seeded]);
  },
);

test('an encoder is published for a model that the worker has itself', async () => {
  const manifest = small as unknown as Manifest;
  const ask = async (path: string) =>
    (await worker.fetch(`/models/${manifest.name}/${manifest.version}/${path}`)).status;
  await tell('/test/reset');
  expect(await ask(ENCODER_FILE)).toBe(404);
  await putEncoder(manifest);
  expect([await ask(ENCODER_FILE), await ask(ENCODER_WEIGHTS_FILE)]).toEqual([200, 200]);
});
