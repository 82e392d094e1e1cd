/**
 * Tests jobs in the real runtime with its queue and its bucket: authorisation, results, limits, and
 * that repeated, late or lost messages change no byte.
 */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import * as v from 'valibot';
import { POINTER_KEY } from '../../shared/model/artifact.ts';
import { jobManifestSchema, jobSchema, problemSchema } from '../../shared/contract/answers.ts';
import { LIMITS } from '../../shared/contract/limits.ts';
import { formatHand } from '../../shared/hand/hand-text.ts';
import { parseJobs } from '../../worker/env.ts';
import { chooseShardDigits } from '../../worker/jobs/job.ts';
import type { JobBucket, JobQueue } from '../../worker/jobs/job-store.ts';
import { buildFixture, buildPointer, COLOUR_LAYERS } from '../support/models/fixture-artifact.ts';
import type { JobEvents, JobFault } from '../support/storage/job-fault.ts';
import {
  putArtifact,
  startWorker,
  waitUntil,
  type TestBucket,
  type TestWorker,
} from '../support/hosts/workerd.ts';

type Job = v.InferOutput<typeof jobSchema>;

const SECRET = 'a secret of enough characters'.replaceAll(' ', '-');

const labelled = buildFixture({ name: 'labelled' });
const plain = buildFixture({ name: 'plain', classes: 0 });
const colour = buildFixture({ name: 'colour', layers: COLOUR_LAYERS });
/** 12,288 bytes per picture, so a shard has only 651 of them. */
const LARGE_LAYERS: NonNullable<Parameters<typeof buildFixture>[0]>['layers'] = [
  { type: 'dense', units: 64 * 64 * 3, activation: 'sigmoid' },
  { type: 'reshape', shape: [64, 64, 3] },
];
const large = buildFixture({ name: 'large', layers: LARGE_LAYERS });
/** It has fewer numbers than the model takes. */
const HAND = formatHand({ model: labelled.manifest, latents: new Float32Array(15) });
const leaving = buildFixture({ name: 'leaving', layers: LARGE_LAYERS });

let worker: TestWorker;
let jobs: TestBucket;
beforeAll(async () => {
  worker = await startWorker(
    async (bucket) => {
      for (const fixture of [labelled, plain, colour, large]) {
        await putArtifact(bucket, fixture);
      }
      await bucket.put(POINTER_KEY, buildPointer(labelled, plain, colour, large));
    },
    { JOBS_SECRET: SECRET },
    new URL('../edge/faulty-jobs-worker.ts', import.meta.url),
  );
  jobs = worker.jobs as TestBucket;
});
afterAll(() => worker.close());
beforeEach(() => tellFault({}));

const OWNER = { authorization: `Bearer ${SECRET}` };
const ask = (path: string, method = 'GET', headers: Record<string, string> = OWNER) =>
  worker.fetch(path, { method, headers: { ...headers, accept: 'application/problem+json' } });
const tell = (path: string, body: unknown) =>
  worker.fetch(path, { method: 'POST', body: JSON.stringify(body) });
const tellFault = (fault: JobFault) => tell('/test/fault', fault);
const readEvents = async () => (await (await worker.fetch('/test/events')).json()) as JobEvents;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function start(query: string): Promise<Job> {
  const answer = await ask(`/jobs?${query}`, 'POST');
  expect([query, answer.status, answer.headers.get('content-type')]).toEqual([
    query,
    202,
    'application/json',
  ]);
  const job = v.parse(jobSchema, await answer.json());
  expect(answer.headers.get('location')).toBe(job.url);
  return job;
}

const look = async ({ id }: Pick<Job, 'id'>) =>
  v.parse(jobSchema, await (await ask(`/jobs/${id}`)).json());
const waitFor = (job: Pick<Job, 'id'>, state: Job['state']) =>
  waitUntil(
    () => look(job),
    (seen) => seen.state === state,
  );

async function readCode(answer: Response): Promise<[number, string]> {
  return [answer.status, v.parse(problemSchema, await answer.json()).code];
}

/** Joins a job's files as a client does and checks each by its hash. */
async function readBack(
  { id }: Pick<Job, 'id'>,
  page = '',
): Promise<{ images: Buffer; labels: Buffer; names: string[] }> {
  const manifest = v.parse(
    jobManifestSchema,
    await (await ask(`/jobs/${id}/manifest${page}`)).json(),
  );
  expect(manifest.complete).toBe(true);
  const parts = { images: [] as Buffer[], labels: [] as Buffer[] };
  for (const shard of manifest.shards) {
    for (const part of ['images', 'labels'] as const) {
      const file = shard[part];
      if (file !== null) {
        const answer = await fetch(file.url, { headers: OWNER });
        const bytes = Buffer.from(await answer.arrayBuffer());
        expect([answer.headers.get('etag'), sha256(bytes), bytes.length]).toEqual([
          `"${file.sha256}"`,
          file.sha256,
          file.bytes,
        ]);
        expect(answer.headers.get('content-length')).toBe(String(file.bytes));
        parts[part].push(bytes.subarray(10 + bytes.readUInt16LE(8)));
      }
    }
  }
  return {
    images: Buffer.concat(parts.images),
    labels: Buffer.concat(parts.labels),
    names: manifest.shards.map(({ images }) => images.url),
  };
}

async function readSet(query: string, part: string): Promise<Buffer> {
  const bytes = await worker.getBytes(`/dataset.npy?${query}&part=${part}`);
  return bytes.subarray(10 + bytes.readUInt16LE(8));
}

async function listKeys(): Promise<string[]> {
  const { objects } = await jobs.list();
  return objects.map(({ key }) => key).toSorted();
}

describe('a job', () => {
  test('is drawn in shards that join to the set of /dataset', async () => {
    const job = await start('seed=whole&n=10001&start=7');
    expect(job).toMatchObject({
      n: 10_001,
      start: 7,
      label: null,
      format: 'npy',
      model: { name: 'labelled' },
    });
    expect(job.shards).toMatchObject({ total: 2, digits: 10_000 });
    const done = await waitFor(job, 'done');
    expect(done).toMatchObject({
      reason: null,
      digits: 10_001,
      failures: [],
      shards: { total: 2, done: 2, failed: 0 },
    });
    expect(done.bytes).toBe(10_001 * 785 + 2 * 2 * 128);
    expect(done.drawMs).toBeGreaterThan(0);
    expect(done.costUsd.soFar).toBeGreaterThan(0);
    expect(done.costUsd.soFar).toBeCloseTo(done.costUsd.expected as number, 6);
    expect(Date.parse(done.lastShardAt as string)).toBeGreaterThanOrEqual(
      Date.parse(done.createdAt),
    );
    const { images, labels } = await readBack(job);
    expect(images.equals(await readSet('seed=whole&n=10001&start=7', 'images'))).toBe(true);
    expect(labels.equals(await readSet('seed=whole&n=10001&start=7', 'labels'))).toBe(true);
  });

  test('respects a label, truncation, IDX, and models in colour or without classes', async () => {
    const [sevens, tinted, bare] = [
      await start('seed=s&n=70&label=7&truncation=0.5'),
      await start('seed=s&n=5&model=colour&format=idx'),
      await start('seed=s&n=5&model=plain'),
    ];
    expect([sevens.label, sevens.truncation, bare.truncation]).toEqual(['7', 0.5, 1]);
    await Promise.all([sevens, tinted, bare].map((job) => waitFor(job, 'done')));
    const { images, labels } = await readBack(sevens);
    const set = await readSet('seed=s&n=70&label=7&truncation=0.5', 'images');
    expect(images.equals(set)).toBe(true);
    expect(new Set(labels)).toEqual(new Set([7]));
    const [shard] = v.parse(
      jobManifestSchema,
      await (await ask(`/jobs/${tinted.id}/manifest`)).json(),
    ).shards;
    const idx = Buffer.from(
      await (await ask(new URL(shard?.images.url ?? '').pathname)).arrayBuffer(),
    );
    expect(idx.equals(await worker.getBytes('/dataset.idx?seed=s&n=5&model=colour'))).toBe(true);
    const named = Buffer.from(
      await (await ask(new URL(shard?.labels?.url ?? '').pathname)).arrayBuffer(),
    );
    expect(
      named.equals(await worker.getBytes('/dataset.idx?seed=s&n=5&model=colour&part=labels')),
    ).toBe(true);
    const unlabelled = await readBack(bare);
    expect([unlabelled.images.length, unlabelled.labels.length]).toEqual([5 * 784, 0]);
  });

  test('is in one hand, with variations, as the set of /dataset is', async () => {
    const { name, version } = labelled.manifest;
    const latents = Float32Array.from({ length: 16 }, (_, i) => Math.sin(i));
    const hand = formatHand({ model: { name, version }, latents });
    const [usual, still] = [
      await start(`seed=s&n=70&hand=${hand}`),
      await start(`seed=s&n=70&hand=${hand}&vary=0`),
    ];
    expect([usual.hand, usual.vary, still.vary]).toEqual([hand, 0.2, 0]);
    await Promise.all([usual, still].map((job) => waitFor(job, 'done')));
    for (const [job, vary] of [
      [usual, ''],
      [still, '&vary=0'],
    ] as const) {
      const { images } = await readBack(job);
      expect(images.equals(await readSet(`seed=s&n=70&hand=${hand}${vary}`, 'images'))).toBe(true);
    }
  });

  test('has smaller shards for larger pictures or networks', async () => {
    const job = await start('seed=s&n=652&model=large');
    expect(job.shards).toMatchObject({ total: 2, digits: 651 });
    await waitFor(job, 'done');
    expect(
      (await readBack(job)).images.equals(await readSet('seed=s&n=652&model=large', 'images')),
    ).toBe(true);
    // The shipped model; 64 x 64 in colour; the largest network that is served; a single picture
    // over every limit.
    expect(
      [
        [784, 2e6],
        [12_288, 2e6],
        [784, 4e8],
        [9e6, 1],
      ].map(([bytes, effort]) => chooseShardDigits(bytes as number, effort as number)),
    ).toEqual([10_000, 651, 625, 1]);
  });

  test('is the same when it is started again, and draws nothing twice', async () => {
    const version = labelled.manifest.version;
    const first = await start('seed=again&n=100');
    await waitFor(first, 'done');
    const before = await listKeys();
    await tellFault({});
    for (const query of [
      'seed=again&n=100',
      'n=100&seed=again&start=0',
      `n=100&seed=again&format=npy&model=labelled`,
      `model=labelled@${version}&seed=again&n=100`,
    ]) {
      const answer = await ask(`/jobs?${query}`, 'POST');
      const job = v.parse(jobSchema, await answer.json());
      expect([answer.status, job.id, job.state]).toEqual([200, first.id, 'done']);
    }
    expect([await readEvents(), await listKeys()]).toEqual([
      { writes: [], delivered: 0, delaysSeconds: [] },
      before,
    ]);
    const others = await Promise.all(
      [
        'seed=again&n=101',
        'seed=other&n=100',
        'seed=again&n=100&start=1',
        'seed=again&n=100&label=1',
        'seed=again&n=100&format=idx',
      ].map(start),
    );
    expect(new Set([first, ...others].map(({ id }) => id)).size).toBe(6);
    await Promise.all(others.map((job) => waitFor(job, 'done')));
  });
});

describe('a job has the same bytes', () => {
  test('when every message is delivered twice, at once and later', async () => {
    await tellFault({ deliveries: 2 });
    const job = await start('seed=twice&n=652&model=large');
    await waitFor(job, 'done');
    // The page's message comes twice, so each of two shards is requested twice.
    await waitUntil(readEvents, ({ delivered }) => delivered === 5);
    const before = await listKeys();
    const { images } = await readBack(job);
    await tellFault({});
    for (const shard of [0, 1]) {
      await tell('/test/message', { job: job.id, shard });
    }
    await tell('/test/message', { job: job.id, page: 0 });
    expect((await waitUntil(readEvents, ({ delivered }) => delivered === 3)).writes).toEqual([]);
    expect(await listKeys()).toEqual(before);
    expect(before.filter((key) => key.includes(`${job.id}/images/`))).toHaveLength(2);
    expect(images.equals(await readSet('seed=twice&n=652&model=large', 'images'))).toBe(true);
  });

  test('when writes fail, and when they succeed but the answer is lost', async () => {
    await tellFault({ failingWrites: 2, lostAnswers: 1 });
    const job = await start('seed=faults&n=652&model=large');
    await waitFor(job, 'done');
    const { images } = await readBack(job);
    expect(images.equals(await readSet('seed=faults&n=652&model=large', 'images'))).toBe(true);
    const { writes } = await readEvents();
    expect([writes.length, new Set(writes).size]).toEqual([4, 2]);
    expect(worker.readLogs().some((line) => line.includes('"event":"job_failed"'))).toBe(true);
  });

  test('when a write never ends', async () => {
    await tellFault({ hangingWrites: 1 });
    await tell('/test/reset', {}); // The next isolate has a short time limit.
    const job = await start('seed=hanging&n=652&model=large');
    await waitFor(job, 'done');
    const { images } = await readBack(job);
    expect(images.equals(await readSet('seed=hanging&n=652&model=large', 'images'))).toBe(true);
    await tellFault({});
    await tell('/test/reset', {});
  });

  test('when the queue loses messages and the job is started again', async () => {
    await tellFault({ lostMessages: 1 });
    const job = await start('seed=lost&n=1303&model=large'); // The lost message is the page's.
    expect(await look(job)).toMatchObject({
      state: 'running',
      shards: { done: 0 },
      lastShardAt: null,
      costUsd: { expected: null },
    });
    expect((await readEvents()).delivered).toBe(0);
    await tellFault({});
    await tell('/test/message', { job: job.id, shard: 1 });
    await waitUntil(
      () => look(job),
      ({ shards }) => shards.done === 1,
    );
    const middle = v.parse(jobManifestSchema, await (await ask(`/jobs/${job.id}/manifest`)).json());
    expect([
      middle.complete,
      middle.next,
      middle.shards.map((each) => [each.shard, each.start, each.n]),
    ]).toEqual([false, null, [[1, 651, 651]]]);
    await tell('/test/reset', {}); // A new isolate without any state.
    await tellFault({});
    expect((await start('seed=lost&n=1303&model=large')).id).toBe(job.id);
    await waitFor(job, 'done');
    expect((await readEvents()).writes).toHaveLength(2);
    expect(
      (await readBack(job)).images.equals(await readSet('seed=lost&n=1303&model=large', 'images')),
    ).toBe(true);
  });

  test('after messages of no job or of another version', async () => {
    const before = await listKeys();
    const bodies = [
      null,
      'x',
      {},
      { job: '../x', shard: 0 },
      { job: 'f'.repeat(32), shard: -1 },
      { job: 'f'.repeat(32), shard: 0 },
    ];
    for (const body of bodies) {
      await tell('/test/message', body);
    }
    await waitUntil(readEvents, ({ delivered }) => delivered === bodies.length);
    // A repeated message would come before a later one.
    await tell('/test/message', null);
    await waitUntil(readEvents, ({ delivered }) => delivered > bodies.length);
    expect([(await readEvents()).delivered, await listKeys()]).toEqual([bodies.length + 1, before]);
  });
});

describe('a job ends', () => {
  test('as failed when a shard fails after every retry, and resumes there when started again', async () => {
    await tellFault({ failingShards: [1] });
    const job = await start('seed=dead&n=1303&model=large');
    const failed = await waitFor(job, 'failed');
    expect(failed).toMatchObject({
      shards: { total: 3, done: 2, failed: 1 },
      failures: [{ shard: 1 }],
    });
    expect(failed.reason).toContain('given up');
    expect((await readEvents()).writes.filter((key) => key.includes('/000001-'))).toHaveLength(6);
    await tellFault({});
    expect(await start('seed=dead&n=1303&model=large')).toMatchObject({
      id: job.id,
      state: 'running',
      shards: { failed: 0 },
    });
    expect(await waitFor(job, 'done')).toMatchObject({
      shards: { done: 3, failed: 0 },
      failures: [],
    });
    expect((await readEvents()).writes).toHaveLength(1);
  });

  test('as failed when the queue accepts none of its shards', async () => {
    const job = await start('seed=full&n=100');
    await waitFor(job, 'done');
    await tellFault({ isQueueDown: true });
    const refused = await ask('/jobs?seed=full&n=200', 'POST');
    expect(await readCode(refused)).toEqual([500, 'internal']);
    await tellFault({ lostMessages: 1 });
    const other = await start('seed=full&n=200');
    await tellFault({ isQueueDown: true });
    await tell('/test/message', { job: other.id, page: 0 });
    expect((await waitFor(other, 'failed')).reason).toContain('queue');
    await tellFault({});
    await start('seed=full&n=200');
    await waitFor(other, 'done');
  });

  test('as failed at once when its model was pruned, and resumes when the model is published again', async () => {
    const { name, version } = leaving.manifest;
    await putArtifact(worker.bucket, leaving);
    await tellFault({ lostMessages: 1 });
    const query = `seed=gone&n=652&model=${name}@${version}`;
    const job = await start(query);
    await worker.bucket.delete(
      [...leaving.files.keys()].map((path) => `models/${name}/${version}/${path}`),
    );
    await tell('/test/reset', {}); // An isolate without the model in memory.
    await tellFault({});
    await tell('/test/message', { job: job.id, page: 0 });
    const failed = await waitFor(job, 'failed');
    expect(failed).toMatchObject({ shards: { done: 0 }, failures: [] });
    expect(failed.reason).toContain('published no more');
    expect(await readCode(await ask(`/jobs?${query}`, 'POST'))).toEqual([404, 'model_not_found']);
    await putArtifact(worker.bucket, leaving);
    expect((await start(query)).id).toBe(job.id);
    await waitFor(job, 'done');
  });

  test('as cancelled when its owner cancels it: files stay, and it can be started again', async () => {
    await tellFault({ lostMessages: 1 });
    const job = await start('seed=cancel&n=652&model=large');
    await tell('/test/message', { job: job.id, shard: 0 });
    await waitUntil(
      () => look(job),
      ({ shards }) => shards.done === 1,
    );
    const unmatched = { ...OWNER, 'if-match': '"x"' };
    expect(await readCode(await ask(`/jobs/${job.id}`, 'DELETE', unmatched))).toEqual([
      412,
      'precondition_failed',
    ]);
    expect((await look(job)).state).toBe('running');
    for (const headers of [{ ...OWNER, 'if-match': '*' }, OWNER]) {
      const answer = await ask(`/jobs/${job.id}`, 'DELETE', headers);
      expect([answer.status, v.parse(jobSchema, await answer.json()).state]).toEqual([
        200,
        'cancelled',
      ]);
    }
    await tellFault({});
    await tell('/test/message', { job: job.id, shard: 1 });
    await tell('/test/message', { job: job.id, page: 0 });
    expect((await waitUntil(readEvents, ({ delivered }) => delivered === 2)).writes).toEqual([]);
    expect(await look(job)).toMatchObject({ state: 'cancelled', shards: { done: 1 } });
    await start('seed=cancel&n=652&model=large');
    expect(await waitFor(job, 'done')).toMatchObject({ shards: { done: 2 } });
    expect((await readEvents()).writes).toHaveLength(1);
    const late = await ask(`/jobs/${job.id}`, 'DELETE');
    expect(v.parse(jobSchema, await late.json()).state).toBe('done');
  });
});

describe('a worker whose settings do not allow jobs', () => {
  const bindings = { JOBS: {} as JobBucket, JOBS_QUEUE: {} as JobQueue };

  test.each([
    [{}, 'not bound'],
    [{ JOBS: bindings.JOBS, JOBS_SECRET: SECRET }, 'not bound'],
    [bindings, 'no JOBS_SECRET'],
    [{ ...bindings, JOBS_SECRET: '' }, 'no JOBS_SECRET'],
    [{ ...bindings, JOBS_SECRET: 'x'.repeat(23) }, '24'],
    [{ ...bindings, JOBS_SECRET: 'a b'.repeat(10) }, 'spaces'],
  ])('names the reason: %j', (env, reason) => {
    const jobsOfEnv = parseJobs(env);
    expect('reason' in jobsOfEnv ? jobsOfEnv.reason : '').toContain(reason);
  });
});

describe('the API of jobs', () => {
  const ID = '0'.repeat(32);
  const PATHS = [
    ['POST', '/jobs?n=1&seed=a'],
    ['POST', '/jobs?n=0&sede=1'],
    ['GET', `/jobs/${ID}`],
    ['GET', '/jobs/nonsense'],
    ['DELETE', `/jobs/${ID}`],
    ['GET', `/jobs/${ID}/manifest`],
    ['GET', `/jobs/${ID}/images/000000-${ID}${ID}.npy`],
  ] as const;

  test.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    `Bearer ${SECRET}x`,
    `Bearer ${SECRET.slice(0, -1)}`,
    `Bearer ${SECRET.toUpperCase()}`,
    `Basic ${btoa(`x:${SECRET}`)}`,
    SECRET,
    `Bearer ${SECRET}, Bearer x`,
  ])('answers authorization %j with a 401 that reveals nothing', async (authorization) => {
    for (const [method, path] of PATHS) {
      const answer = await ask(path, method, authorization === undefined ? {} : { authorization });
      expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="jobs"');
      expect([path, ...(await readCode(answer))]).toEqual([path, 401, 'unauthorized']);
    }
    expect((await listKeys()).some((key) => key.includes(ID))).toBe(false);
  });

  test('counts wrong secrets against the limit of their address, and never its owner', async () => {
    const limited = await startWorker(
      undefined,
      { JOBS_SECRET: SECRET, RATE_LIMIT: '5' },
      new URL('../../worker/index.ts', import.meta.url),
      [{ name: 'RATE_LIMITER', namespace_id: '1', simple: { limit: 5, period: 60 } }],
    );
    try {
      const statuses: number[] = [];
      for (let i = 0; i < 12; i++) {
        const headers = { authorization: `Bearer ${'guess'.repeat(5)}${i}` };
        statuses.push((await limited.fetch(`/jobs/${ID}`, { headers })).status);
      }
      // The limit counts by the minute, and a minute may end here.
      expect([new Set(statuses), statuses.filter((status) => status === 401).length <= 10]).toEqual(
        [new Set([401, 429]), true],
      );
      for (let i = 0; i < 12; i++) {
        const { status } = await limited.fetch(`/jobs/${ID}`, { headers: OWNER });
        expect(status).toBe(404);
      }
    } finally {
      await limited.close();
    }
  });

  test('reports errors before anything is written', async () => {
    const before = await listKeys();
    const cases: [method: string, path: string, status: number, code: string][] = [
      ['POST', '/jobs', 400, 'missing_parameter'],
      ['POST', '/jobs?seed=a', 400, 'missing_parameter'],
      ['POST', '/jobs?n=5', 400, 'missing_parameter'],
      ['POST', '/jobs?n=0&seed=a', 400, 'invalid_parameter'],
      ['POST', `/jobs?n=${LIMITS.maxJobDigits + 1}&seed=a`, 400, 'invalid_parameter'],
      ['POST', '/jobs?n=99999999999&seed=a', 400, 'invalid_parameter'],
      ['POST', '/jobs?n=1e6&seed=a', 400, 'invalid_parameter'],
      ['POST', `/jobs?n=5&seed=${'a'.repeat(129)}`, 400, 'invalid_parameter'],
      ['POST', '/jobs?n=5&seed=a&format=csv', 400, 'invalid_parameter'],
      ['POST', '/jobs?n=5&n=6&seed=a', 400, 'repeated_parameter'],
      ['POST', '/jobs?n=5&seed=a&part=labels', 400, 'unknown_parameter'],
      ['POST', '/jobs?n=5&seed=a&__proto__=1', 400, 'unknown_parameter'],
      ['POST', '/jobs?n=5&seed=a&label=eleven', 400, 'label_not_supported'],
      ['POST', '/jobs?n=5&seed=a&label=1&model=plain', 400, 'label_not_supported'],
      ['POST', `/jobs?n=${LIMITS.maxJobDigits}&seed=a&model=large`, 400, 'job_too_large'],
      ['POST', '/jobs?n=5&seed=a&vary=0.5', 400, 'invalid_parameter'],
      ['POST', `/jobs?n=5&seed=a&hand=${HAND}`, 400, 'invalid_parameter'],
      ['POST', `/jobs?n=5&seed=a&hand=${HAND}&model=plain`, 400, 'hand_of_other_model'],
      ['POST', '/jobs?n=5&seed=a&model=nobody', 404, 'model_not_found'],
      ['POST', '/jobs?n=5&seed=a&model=labelled@0000000000000000', 404, 'model_not_found'],
      ['GET', `/jobs/${ID}`, 404, 'job_not_found'],
      ['DELETE', `/jobs/${ID}`, 404, 'job_not_found'],
      ['GET', '/jobs/..%2Fx', 404, 'job_not_found'],
      ['GET', `/jobs/${ID}/manifest`, 404, 'job_not_found'],
      ['GET', `/jobs/${ID}/images/000000-${ID}${ID}.npy`, 404, 'not_found'],
      ['GET', `/jobs/${ID}/images/..%2Fjob.json`, 404, 'not_found'],
      ['GET', `/jobs/${ID}/images/job.json`, 404, 'not_found'],
      ['GET', `/jobs/${ID}/failed/000000-${ID}${ID}.npy`, 404, 'not_found'],
      ['GET', '/jobs', 405, 'method_not_allowed'],
      ['OPTIONS', '/jobs', 405, 'method_not_allowed'],
      ['PUT', `/jobs/${ID}`, 405, 'method_not_allowed'],
      ['POST', `/jobs/${ID}/manifest`, 405, 'method_not_allowed'],
    ];
    for (const [method, path, status, code] of cases) {
      expect([path, ...(await readCode(await ask(path, method)))]).toEqual([path, status, code]);
    }
    const unmatched = await ask('/jobs?n=5&seed=a', 'POST', { ...OWNER, 'if-match': '"x"' });
    expect(await readCode(unmatched)).toEqual([412, 'precondition_failed']);
    expect((await ask('/jobs', 'PUT')).headers.get('allow')).toBe('POST');
    expect((await ask(`/jobs/${ID}`, 'PUT')).headers.get('allow')).toBe('GET, HEAD, DELETE');
    expect(await listKeys()).toEqual(before);
  });

  test('reads no body', async () => {
    for (const body of ['{"n":5,"seed":"a"}', '[['.repeat(50_000), 'x'.repeat(1_000_000)]) {
      const answer = await worker.fetch('/jobs', {
        method: 'POST',
        headers: { ...OWNER, 'content-type': 'application/json' },
        body,
      });
      expect(await readCode(answer)).toEqual([400, 'missing_parameter']);
    }
  });

  test('starts jobs within the limits and no larger ones', async () => {
    await tellFault({ lostMessages: 100 });
    const most = await start(`seed=most&n=${LIMITS.maxJobDigits}`);
    expect(most.shards).toEqual({ total: LIMITS.maxJobShards, done: 0, failed: 0, digits: 10_000 });
    // A hundred pages of a thousand shards each, two a second.
    const { delaysSeconds } = await readEvents();
    expect(delaysSeconds).toEqual(Array.from({ length: 100 }, (_, page) => page >> 1));
    await ask(`/jobs/${most.id}`, 'DELETE');
    const last = `/jobs/${most.id}/manifest?page=99`;
    expect(v.parse(jobManifestSchema, await (await ask(last)).json())).toMatchObject({
      complete: false,
      shards: [],
      next: null,
    });
    const first = v.parse(jobManifestSchema, await (await ask(`/jobs/${most.id}/manifest`)).json());
    expect(first.next).toBe(`${most.url}/manifest?page=1`);
    expect(await readCode(await ask(`/jobs/${most.id}/manifest?page=100`))).toEqual([
      400,
      'invalid_parameter',
    ]);
  });

  test('counts more shards than one page of the bucket’s list holds', async () => {
    await tellFault({ lostMessages: 2 });
    const [total, digits] = [1005, 10_000];
    const job = await start(`seed=pages&n=${total * digits - 1}`);
    expect(job.shards).toMatchObject({ total, done: 0 });
    const hash = 'ab'.repeat(32);
    const name = (shard: number, each: string) =>
      `jobs/${job.id}/images/${String(shard).padStart(6, '0')}-${each}.npy`;
    // No consumer writes a second file for a shard. The first one counts.
    const names = Array.from({ length: total }, (_, i) => name(i, hash));
    await tell('/test/files', [...names, name(7, 'cd'.repeat(32))]);
    expect(await look(job)).toMatchObject({
      state: 'done',
      shards: { total, done: total },
      digits: total * digits - 1,
    });
    const pages: v.InferOutput<typeof jobManifestSchema>[] = [];
    for (
      let next: string | null = `${job.url}/manifest`;
      next !== null;
      next = pages.at(-1)?.next ?? null
    ) {
      pages.push(
        v.parse(
          jobManifestSchema,
          await (await ask(new URL(next).pathname + new URL(next).search)).json(),
        ),
      );
    }
    expect(pages.map(({ complete, shards }) => [complete, shards.length])).toEqual([
      [true, 1000],
      [true, 5],
    ]);
    const shards = pages.flatMap((page) => page.shards);
    expect(shards.map(({ shard, start: first }) => [shard, first])).toEqual(
      shards.map((_, i) => [i, i * digits]),
    );
    expect(shards.at(-1)?.n).toBe(digits - 1);
  });

  test('serves immutable files, and progress that is not cached', async () => {
    const job = await start('seed=keep&n=3');
    await waitFor(job, 'done');
    const { names } = await readBack(job);
    const path = new URL(names[0] ?? '').pathname;
    const file = await ask(path);
    await file.arrayBuffer();
    expect(file.headers.get('cache-control')).toBe('private, max-age=31536000, immutable');
    const kept = await ask(path, 'GET', {
      ...OWNER,
      'if-none-match': file.headers.get('etag') ?? '',
    });
    expect([kept.status, (await kept.arrayBuffer()).byteLength]).toEqual([304, 0]);
    const head = await ask(path, 'HEAD');
    expect([head.status, (await head.arrayBuffer()).byteLength]).toEqual([200, 0]);
    expect(head.headers.get('content-length')).toBe(file.headers.get('content-length'));
    const progress = await ask(`/jobs/${job.id}`);
    await progress.arrayBuffer();
    expect(progress.headers.get('cache-control')).toBe('no-store');
    expect(
      [file, progress].map(({ headers }) => headers.get('access-control-allow-origin')),
    ).toEqual([null, null]);
    expect(await readCode(await ask(`/jobs/${job.id}/manifest?page=1`))).toEqual([
      400,
      'invalid_parameter',
    ]);
  });

  test('serves ranges of files', async () => {
    const job = await start('seed=range&n=3');
    await waitFor(job, 'done');
    const { names, images } = await readBack(job);
    const path = new URL(names[0] ?? '').pathname;
    const askRange = (range: string) => ask(path, 'GET', { ...OWNER, range });
    const part = await askRange('bytes=-784');
    expect([part.status, part.headers.get('content-range')]).toEqual([
      206,
      `bytes ${128 + 2 * 784}-${128 + 3 * 784 - 1}/${128 + 3 * 784}`,
    ]);
    expect(Buffer.from(await part.arrayBuffer()).equals(images.subarray(-784))).toBe(true);
    expect(await readCode(await askRange('bytes=9999-'))).toEqual([416, 'range_not_satisfiable']);
    const any = await ask(path, 'GET', { ...OWNER, 'if-none-match': '*' });
    expect([any.status, (await any.arrayBuffer()).byteLength]).toEqual([304, 0]);
  });

  test('keeps secrets and parameters out of the log', () => {
    const lines = worker.readLogs().join('\n');
    expect(lines).toContain('"event":"job_started"');
    expect(lines).toContain('"route":"/jobs/:id/manifest"');
    expect(lines).not.toContain(SECRET);
    expect(lines).not.toMatch(/seed=|"seed"|twice/);
  });
});
