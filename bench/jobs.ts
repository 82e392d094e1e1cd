/**
 * `npm run bench:jobs`: a job of a million digits in the local runtime, killed in the middle with SIGKILL, begun again and read back
 * whole with NumPy, by the script that docs/jobs.md has. `-- --n 100000` for fewer. Exit status 1 when anything is not as it must be.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildPage } from '../dev/build-page.ts';
import { runJob, type JobReport, type JobService } from './jobs/run.ts';

const ROOT = join(import.meta.dirname, '..');
const VENV = join(ROOT, '.digitmint', 'numpy-2.2.6');
const PACKAGE = 'numpy==2.2.6';

/** Local only: the service listens on this machine, and ends with this program. */
const SECRET = 'of-the-benchmark-of-jobs-alone';

/** How far a class may be from a tenth of all, in standard deviations of a fair draw. */
const MAX_DEVIATIONS = 5;

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

await main();

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      n: { type: 'string', default: '1000000' },
      seed: { type: 'string', default: 'Ada' },
    },
  });
  const n = Number(values.n);
  const python = installNumpy();
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
      start: `/jobs?seed=${encodeURIComponent(values.seed)}&n=${n}`,
      killAt: 0.5,
      log: (line) => console.log(line),
    });
    ({ service } = ran);
    const reading = await readBack(python, ran.service, ran.report);
    tell(ran.report, reading);
    const wrong = judge(ran.report, reading, n);
    for (const each of wrong) {
      console.error(`WRONG: ${each}`);
    }
    process.exitCode = wrong.length > 0 ? 1 : 0;
  } finally {
    await service?.kill();
    await rm(folder, { recursive: true, force: true });
  }
}

/** A Python that has NumPy: the one of `npm run bench:keras` where it is there, else one of its own, made once. */
function installNumpy(): string {
  const places = [
    join(ROOT, '.digitmint', 'keras-venv', 'bin', 'python'),
    join(VENV, 'bin', 'python'),
  ];
  const found = places.find(
    (python) => existsSync(python) && spawnSync(python, ['-c', 'import numpy']).status === 0,
  );
  if (found !== undefined) {
    return found;
  }
  const python = join(VENV, 'bin', 'python');
  for (const [program, args] of [
    ['python3', ['-m', 'venv', VENV]],
    [python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', PACKAGE]],
  ] as const) {
    if (spawnSync(program, args, { stdio: 'inherit' }).status !== 0) {
      throw new Error(
        `${program} ${args.join(' ')} failed; it needs Python 3.10 or newer with venv, and PyPI`,
      );
    }
  }
  return python;
}

/** Runs the documentation's own reader, and the checks behind it. */
async function readBack(python: string, service: JobService, { job }: JobReport): Promise<Reading> {
  const guide = await readFile(join(ROOT, 'docs', 'jobs.md'), 'utf8');
  const [, reader] = /```python\n([\s\S]*?)```/.exec(guide) ?? [];
  if (reader === undefined) {
    throw new Error('docs/jobs.md has no script in Python');
  }
  const checks = await readFile(join(import.meta.dirname, 'jobs', 'check.py'), 'utf8');
  const env = {
    PATH: process.env['PATH'],
    JOBS_SECRET: service.secret,
    JOB_URL: new URL(`/jobs/${job.id}`, service.url).href,
    ORIGIN: new URL(service.url).origin,
    CHECK_SEED: String(Date.now()),
  };
  const { status, stdout, stderr } = spawnSync(python, ['-'], {
    input: `${reader}\n${checks}`,
    env,
    encoding: 'utf8',
  });
  if (status !== 0) {
    throw new Error(`the reader failed:\n${stderr}`);
  }
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Reading;
}

function tell({ job, ...report }: JobReport, reading: Reading): void {
  const { digits, bytes, drawMs, costUsd, shards } = job;
  const drawn = digits + report.drawnTwice * shards.digits;
  const rows: [string, string][] = [
    [
      'machine',
      `${cpus().length} cores of ${cpus()[0]?.model ?? 'an unknown processor'}, Node ${process.versions.node}`,
    ],
    ['digits, shards, bytes', `${digits}, ${shards.done}, ${bytes}`],
    [
      'there when it was killed, and after',
      `${report.doneAtKill}, ${report.doneAfterKill} of ${shards.total}`,
    ],
    ['written after that', `${report.writtenAfterKill}`],
    [
      'delivered twice after that, without effect',
      `${report.deliveredTwice}, ${report.withoutEffect}`,
    ],
    [
      'seconds, digits a second',
      `${report.seconds.toFixed(1)}, ${Math.round(digits / report.seconds)}`,
    ],
    [
      'drawing, by the job',
      `${(drawMs / 1000).toFixed(1)} s, ${(drawMs / digits).toFixed(3)} ms a digit`,
    ],
    [
      'processor time of the runtime',
      report.cpuMs === undefined
        ? 'not on this system'
        : `${(report.cpuMs / 1000).toFixed(1)} s, ${(report.cpuMs / drawn).toFixed(3)} ms for each of ${drawn} digits drawn`,
    ],
    ['cost at Cloudflare, by the job', `$${costUsd.soFar}, and $${costUsd.storageMonth} a month`],
    [
      'read back with NumPy',
      `${reading.numpy}: ${reading.images.join('x')} ${reading.dtype} in ${reading.readSeconds.toFixed(1)} s`,
    ],
    ['digits of each class', reading.counts.join(', ')],
    ['held against /dataset', `${reading.compared} digits, ${reading.differing} bytes differ`],
    [
      'different digits of a sample',
      `${reading.distinct} of ${reading.sampled}; mean ink ${reading.ink.toFixed(4)}`,
    ],
  ];
  console.log(`\n${rows.map(([name, value]) => `${name.padEnd(44)}${value}`).join('\n')}`);
}

/** @returns  What is not as it must be. */
function judge(report: JobReport, reading: Reading, n: number): string[] {
  const { job, doneAtKill, doneAfterKill, writtenAfterKill, deliveredTwice, withoutEffect } =
    report;
  const deviation = Math.sqrt(n * 0.1 * 0.9);
  const checks: [string, boolean][] = [
    ['the job is done', job.state === 'done' && job.digits === n],
    ['it was killed in the middle', doneAtKill > 0 && doneAfterKill < job.shards.total],
    ['nothing that was there was lost', doneAfterKill >= doneAtKill],
    ['what was missing was written once', writtenAfterKill === job.shards.total - doneAfterKill],
    ['second deliveries changed nothing', deliveredTwice > 0 && withoutEffect === deliveredTwice],
    [
      'NumPy has all images',
      reading.images.join() === [n, 28, 28].join() && reading.dtype === 'uint8',
    ],
    ['NumPy has all labels', reading.labels.join() === String(n)],
    [
      'labels are in balance',
      reading.counts.every((count) => Math.abs(count - n / 10) < MAX_DEVIATIONS * deviation),
    ],
    ['no digit is blank', reading.blank === 0],
    ['digits differ', reading.distinct > 0.99 * reading.sampled],
    ['they are those of /dataset', reading.differing === 0],
  ];
  return checks.filter(([, holds]) => !holds).map(([name]) => name);
}
