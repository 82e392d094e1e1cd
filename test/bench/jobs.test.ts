/**
 * A job whose whole service is killed in the middle, on the disk and in the runtime that `npm run
 * bench -- jobs` measures.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as v from 'valibot';
import { runJob, type JobService } from '../support/jobs/killed-job.ts';
import { jobManifestSchema } from '../../shared/contract/answers.ts';

const SECRET = 'of-the-test-of-jobs-alone';

let folder: string;
let service: JobService | undefined;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'digitmint-jobs-'));
});
afterAll(async () => {
  await service?.kill();
  await rm(folder, { recursive: true, force: true });
});

test('30,000 digits outlive SIGKILL: each shard is written once, and together they are the set of /dataset', async () => {
  const ran = await runJob(folder, SECRET, { start: '/jobs?seed=Ada&n=30000', killAt: 0.2 });
  ({ service } = ran);
  const { report } = ran;
  expect(report.job).toMatchObject({
    state: 'done',
    digits: 30_000,
    shards: { total: 3, done: 3, failed: 0 },
  });
  expect(report.doneAtKill).toBeGreaterThan(0);
  expect(report.doneAtKill).toBeLessThan(3);
  expect(report.doneAfterKill).toBeGreaterThanOrEqual(report.doneAtKill);
  expect(report.writtenAfterKill).toBe(3 - report.doneAfterKill);
  expect(report.deliveredTwice).toBeGreaterThan(0);
  expect(report.withoutEffect).toBe(report.deliveredTwice);

  const read = async (path: string) => {
    const answer = await fetch(new URL(path, ran.service.url), {
      headers: { authorization: `Bearer ${SECRET}` },
    });
    return Buffer.from(await answer.arrayBuffer());
  };
  const manifest = JSON.parse(
    (await read(`/jobs/${report.job.id}/manifest`)).toString(),
  ) as v.InferOutput<typeof jobManifestSchema>;
  const [images, set] = [createHash('sha256'), createHash('sha256')];
  for (const shard of v.parse(jobManifestSchema, manifest).shards) {
    const bytes = await read(shard.images.url);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(shard.images.sha256);
    images.update(bytes.subarray(128));
  }
  set.update(
    (
      await read(
        `/dataset.npy?seed=Ada&n=30000&model=${report.job.model.name}@${report.job.model.version}`,
      )
    ).subarray(128),
  );
  expect(images.digest('hex')).toBe(set.digest('hex'));
});
