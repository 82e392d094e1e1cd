/**
 * A job of a million digits in the local runtime: killed in the middle with SIGKILL, begun again
 * and read back whole with NumPy, by the script of docs/jobs.md. Fails when anything was lost,
 * written twice or drawn wrong.
 */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildPage } from '../../dev/build/page.ts';
import { ExpectedError } from '../../shared/expected-error.ts';
import { parseSeed, parseWhole } from '../../trainer/cli/arguments.ts';
import { preparePython } from '../peers.ts';
import { defineSuite, ROOT, type CommonFlags } from '../suite.ts';
import { runJob, type JobReport, type JobService } from './run.ts';

/** The service listens on this machine only and ends with this program. */
const SECRET = 'of-the-benchmark-of-jobs-alone';
/** Of a class from a tenth of all, in standard deviations of a fair draw. */
const MAX_DEVIATIONS = 5;

interface Flags extends CommonFlags {
  readonly n: number;
  readonly seed: string;
}

/** What check.py prints. */
interface Reading {
  readonly numpy: string;
  readonly images: readonly number[];
  readonly labels: readonly number[];
  readonly dtype: string;
  readonly counts: readonly number[];
  readonly blank: number;
  readonly distinct: number;
  readonly sampled: number;
  readonly compared: number;
  readonly differing: number;
  readonly ink: number;
  readonly readSeconds: number;
}

export const suite = defineSuite<Flags>({
  about: 'a job of a million digits that is killed in the middle, read back with NumPy',
  addFlags: (command) =>
    command
      .option('--n <count>', 'digits', parseWhole(10_000, 1_000_000_000), 1_000_000)
      .option('--seed <text>', 'of the digits', parseSeed, 'Ada'),
  measure: async ({ quick, seed, n: requested }) => {
    const n = quick ? 50_000 : requested;
    const python = await preparePython('jobs');
    await buildPage();
    const folder = await mkdtemp(join(tmpdir(), 'digitmint-jobs-'));
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
        process.exit(1); // The service ends with this program.
      });
    }
    let service: JobService | undefined;
    try {
      const ran = await runJob(folder, SECRET, {
        start: `/jobs?seed=${encodeURIComponent(seed)}&n=${n}`,
        killAt: quick ? 0.2 : 0.5, // Of few shards, few messages come twice.
        log: (line) => console.log(line),
      });
      ({ service } = ran);
      const reading = await readBack(python, ran.service, ran.report);
      printReport(ran.report, reading);
      const wrong = judge(ran.report, reading, n);
      if (wrong.length > 0) {
        throw new ExpectedError(wrong.map((each) => `WRONG: ${each}`).join('\n'));
      }
    } finally {
      await service?.kill();
      await rm(folder, { recursive: true, force: true });
    }
    return { tables: [], versions: {} };
  },
});

/** Runs the reader of docs/jobs.md and check.py behind it. */
async function readBack(python: string, service: JobService, { job }: JobReport): Promise<Reading> {
  const guide = await readFile(join(ROOT, 'docs', 'jobs.md'), 'utf8');
  const [, reader] = /```python\n([\s\S]*?)```/.exec(guide) ?? [];
  if (reader === undefined) {
    throw new Error('docs/jobs.md has no script in Python');
  }
  const checks = await readFile(join(import.meta.dirname, 'check.py'), 'utf8');
  const { status, stdout, stderr } = spawnSync(python, ['-'], {
    input: `${reader}\n${checks}`,
    env: {
      PATH: process.env['PATH'],
      JOBS_SECRET: service.secret,
      JOB_URL: new URL(`/jobs/${job.id}`, service.url).href,
      ORIGIN: new URL(service.url).origin,
      CHECK_SEED: String(Date.now()),
    },
    encoding: 'utf8',
  });
  if (status !== 0) {
    throw new Error(`the reader failed:\n${stderr}`);
  }
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Reading;
}

function printReport({ job, ...report }: JobReport, reading: Reading): void {
  const { digits, bytes, drawMs, costUsd, shards } = job;
  const { doneAtKill, doneAfterKill, deliveredTwice, withoutEffect, seconds, cpuMs } = report;
  const drawn = digits + report.drawnTwice * shards.digits;
  const rows: [string, string][] = [
    ['digits, shards, bytes', `${digits}, ${shards.done}, ${bytes}`],
    ['shards at the kill, after it', `${doneAtKill}, ${doneAfterKill} of ${shards.total}`],
    ['written after that', `${report.writtenAfterKill}`],
    ['delivered twice, without effect', `${deliveredTwice}, ${withoutEffect}`],
    ['seconds, digits a second', `${seconds.toFixed(1)}, ${Math.round(digits / seconds)}`],
    [
      'drawing, by the job',
      `${(drawMs / 1000).toFixed(1)} s, ${(drawMs / digits).toFixed(3)} ms a digit`,
    ],
    [
      'processor time of the runtime',
      cpuMs === undefined
        ? 'unknown without /proc'
        : `${(cpuMs / 1000).toFixed(1)} s, ${(cpuMs / drawn).toFixed(3)} ms of ${drawn} digits drawn`,
    ],
    ['cost at Cloudflare', `$${costUsd.soFar}, and $${costUsd.storageMonth} a month`],
    [
      'read back with NumPy',
      `${reading.numpy}: ${reading.images.join('x')} ${reading.dtype} in ` +
        `${reading.readSeconds.toFixed(1)} s`,
    ],
    ['digits of each class', reading.counts.join(', ')],
    ['compared with /dataset', `${reading.compared} digits, ${reading.differing} bytes differ`],
    [
      'different digits of a sample',
      `${reading.distinct} of ${reading.sampled}; mean ink ${reading.ink.toFixed(4)}`,
    ],
  ];
  console.log(`\n${rows.map(([name, value]) => `${name.padEnd(36)}${value}`).join('\n')}`);
}

/** @returns  The checks that fail. */
function judge(report: JobReport, reading: Reading, n: number): string[] {
  const { job, doneAtKill, doneAfterKill, writtenAfterKill, deliveredTwice } = report;
  const deviation = Math.sqrt(n * 0.1 * 0.9);
  const isBalanced = reading.counts.every(
    (count) => Math.abs(count - n / 10) < MAX_DEVIATIONS * deviation,
  );
  const hasImages = reading.images.join() === [n, 28, 28].join() && reading.dtype === 'uint8';
  const hadNoEffect = deliveredTwice > 0 && report.withoutEffect === deliveredTwice;
  const checks: [string, boolean][] = [
    ['the job is done', job.state === 'done' && job.digits === n],
    ['it was killed in the middle', doneAtKill > 0 && doneAfterKill < job.shards.total],
    ['nothing that was stored was lost', doneAfterKill >= doneAtKill],
    ['what was missing was written once', writtenAfterKill === job.shards.total - doneAfterKill],
    ['second deliveries changed nothing', hadNoEffect],
    ['NumPy has all images', hasImages],
    ['NumPy has all labels', reading.labels.join() === String(n)],
    ['labels are in balance', isBalanced],
    ['no digit is blank', reading.blank === 0],
    ['digits differ', reading.distinct > 0.99 * reading.sampled],
    ['they are those of /dataset', reading.differing === 0],
  ];
  return checks.filter(([, holds]) => !holds).map(([name]) => name);
}
