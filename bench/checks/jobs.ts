/**
 * A job of a million digits in the local runtime: killed in the middle with SIGKILL, begun again
 * and read back whole with NumPy, by the script of docs/jobs.md. Fails when anything was lost,
 * written twice or drawn wrong.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildPage } from '../../dev/build/page.ts';
import { ExpectedError } from '../../shared/expected-error.ts';
import { runJob } from '../../test/support/jobs/killed-job.ts';
import { ROOT, withFolder, type Suite } from '../harness.ts';
import { preparePython, run } from '../peers.ts';

const SECRET = 'of-the-benchmark-of-jobs-alone';

export const measure: Suite = async (quick) => {
  const n = quick ? 50_000 : 1_000_000;
  const [python] = [await preparePython('jobs'), await buildPage()];
  await withFolder(async (folder) => {
    const { service, report } = await runJob(folder, SECRET, {
      start: `/jobs?seed=Ada&n=${n}`,
      killAt: quick ? 0.2 : 0.5, // With few shards, few messages come twice.
      log: (line) => console.log(line),
    });
    try {
      const { job, doneAtKill, doneAfterKill, deliveredTwice } = report;
      // The guide's reader, then the checks.
      const guide = await readFile(join(ROOT, 'docs/jobs.md'), 'utf8');
      const [, reader = ''] = /```python\n([\s\S]*?)```/.exec(guide) ?? [];
      const checks = await readFile(join(ROOT, 'bench/peers/jobs.py'), 'utf8');
      const env = {
        ...process.env,
        JOBS_SECRET: SECRET,
        JOB_URL: new URL(`/jobs/${job.id}`, service.url).href,
        ORIGIN: new URL(service.url).origin,
        CHECK_SEED: String(Date.now()),
      };
      console.log(report, await run([python, '-c', `${reader}\n${checks}`, String(n)], { env }));
      const wasWrittenOnce = report.writtenAfterKill === job.shards.total - doneAfterKill;
      const checksOfJob: Readonly<Record<string, boolean>> = {
        'the job is done': job.state === 'done' && job.digits === n,
        'it was killed in the middle': doneAtKill > 0 && doneAfterKill < job.shards.total,
        'nothing that was stored was lost': doneAfterKill >= doneAtKill,
        'what was missing was written once': wasWrittenOnce,
        'second deliveries changed nothing':
          deliveredTwice > 0 && report.withoutEffect === deliveredTwice,
      };
      const wrong = Object.entries(checksOfJob).filter(([, holds]) => !holds);
      if (wrong.length > 0) {
        throw new ExpectedError(wrong.map(([name]) => `WRONG: ${name}`).join('\n'));
      }
    } finally {
      await service.kill();
    }
  });
  return { tables: [], versions: {} };
};
