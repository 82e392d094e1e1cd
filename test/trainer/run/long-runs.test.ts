/**
 * Tests the failures of long runs: kills at any moment, a full disk, damaged checkpoints, missing
 * or changed data, a lost GPU. Nothing is lost, the failure is named, and the run resumes to the
 * same bytes.
 */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadNewestCheckpoint } from '../../../trainer/run/checkpoint.ts';
import { hashDataset } from '../../../trainer/data/dataset.ts';
import { hashRun, loadMetrics, locate, reopenRunFolder } from '../../../trainer/run/run-folder.ts';
import { selectBackend } from '../../../trainer/tensorflow/backend.ts';
import { runTraining } from '../../../trainer/run/training-loop.ts';
import { hasCommands } from '../../support/clients/installed.ts';
import { listTrainingBackends, runOnBackend } from '../../support/training/backends.ts';
import { createFolderKiller } from '../../support/crash/kill-publisher.ts';
import { createTrainerKiller } from '../../support/crash/kill-trainer.ts';
import { readRunFacts } from '../../support/crash/run-facts.ts';
import { createDice } from '../../support/dice.ts';
import { LOSSY_CONFIG, type Faults } from '../../support/training/lose-device.ts';
import { writeSmallMnist } from '../../support/training/small-mnist.ts';
import { makeTinyDataset } from '../../support/training/tensors.ts';
import { TRAINER } from '../../support/trainer-program.ts';

const STEPS = 8;

let parent: string;
let data: string;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'digitmint-long-'));
  data = join(parent, 'data');
  await writeSmallMnist(data, 600);
});
afterAll(() => rm(parent, { recursive: true, force: true }));

const planSchedule = (steps = STEPS): string[] => [
  '--steps',
  String(steps),
  '--checkpoint-every',
  '2',
  '--image-every',
  '4',
];
const start = (out: string, steps?: number): string[] => [
  'train',
  '--preset',
  'seed',
  '--backend',
  'wasm',
  '--batch',
  '32',
  ...planSchedule(steps),
  '--out',
  out,
];

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** @param command  A prefix of the command line, such as `taskset`. */
function run(args: readonly string[], command: readonly string[] = []): Promise<Ended> {
  const [program = process.execPath, ...rest] = [...command, process.execPath, TRAINER, ...args];
  return new Promise((resolve) => {
    execFile(program, rest, { env: { ...process.env, NO_COLOR: '1' } }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr });
    });
  });
}

const train = (...args: string[]): Promise<Ended> => run([...args, '--no-publish']);

describe('kill -9 at random moments', () => {
  it.each([
    ['a trainer', () => createTrainerKiller({ backend: 'wasm', killsARun: 3 })],
    ['a publisher', createFolderKiller],
  ])('of %s loses nothing', async (_, make) => {
    const killer = await make();
    try {
      let kills = 0;
      for (let runs = 0; kills < 3; runs++) {
        const report = await killer.kill(createDice('gate', runs));
        expect(report.faults).toEqual([]);
        kills += report.kills;
      }
    } finally {
      await killer.close();
    }
  });
});

describe('a run', () => {
  let whole: string;
  beforeAll(async () => {
    whole = join(parent, 'whole');
    const { code, output } = await train(...start(whole), '--data', data);
    expect(output).toMatch(/Trained in/);
    expect(code).toBe(0);
  });

  /** Makes a run that was stopped with checkpoints after steps 4 and 6. */
  let stopped: string;
  beforeAll(async () => {
    stopped = join(parent, 'stopped');
    expect((await train(...start(stopped, 6), '--data', data)).code).toBe(0);
    await rm(locate(stopped).model, { recursive: true });
  });

  async function copyStopped(name: string): Promise<string> {
    await cp(stopped, join(parent, name), { recursive: true });
    return join(parent, name);
  }

  it('resumes from the checkpoint before a truncated one, reports this, and deletes the bad one', async () => {
    const out = await copyStopped('truncated');
    await truncate(join(locate(out).checkpoints, 'step-0000006.safetensors'), 5000);
    const { code, output } = await run([
      'train',
      '--resume',
      out,
      '--steps',
      String(STEPS),
      '--data',
      data,
      '--no-publish',
    ]);
    expect(output).toMatch(/note +Passed over a checkpoint: step-0000006\.safetensors: truncated/);
    expect(output).toMatch(/steps +4 done, to 8/);
    expect(code).toBe(0);
    expect((await readdir(locate(out).checkpoints)).toSorted()).toEqual([
      'step-0000006.safetensors',
      'step-0000008.safetensors',
    ]);
    expect((await readRunFacts(out)).hashes['model/weights.bin']).toBe(
      (await readRunFacts(whole)).hashes['model/weights.bin'],
    );
  });

  it('without a whole checkpoint is not restarted silently: each file is named', async () => {
    const out = await copyStopped('ruined');
    for (const name of await readdir(locate(out).checkpoints)) {
      await writeFile(join(locate(out).checkpoints, name), 'nothing');
    }
    const { code, output } = await run(['train', '--resume', out, '--data', data, '--no-publish']);
    expect(code).toBe(1);
    expect(output).toMatch(
      /no checkpoint in .* is whole: step-0000006\.safetensors: .*step-0000004\.safetensors: /,
    );
    expect(output).not.toMatch(/\n {4}at /);
  });

  it('reports data that is missing, truncated or changed by one pixel, and resumes when the data is back', async () => {
    const out = await copyStopped('data');
    const resume = (from: string) =>
      run(['train', '--resume', out, '--steps', String(STEPS), '--data', from, '--no-publish']);
    expect(await resume(join(parent, 'gone'))).toEqual({
      code: 1,
      output: expect.stringMatching(/--data .*gone: no such folder/),
    });
    const spoilt = join(parent, 'spoilt');
    await writeSmallMnist(spoilt, 600);
    const images = join(spoilt, 'train-images-idx3-ubyte');
    const bytes = await readFile(images);
    bytes[5000] = (bytes[5000] as number) ^ 1;
    await writeFile(images, bytes);
    expect(await resume(spoilt)).toEqual({
      code: 1,
      output: expect.stringMatching(
        /the run was trained on \S+ \(IDX files\) \(600 images, SHA-256 .*give the same --data/,
      ),
    });
    await truncate(images, 10_000);
    expect(await resume(spoilt)).toEqual({
      code: 1,
      output: expect.stringMatching(
        /train-images-idx3-ubyte says 600 x 28 x 28, .*: it is truncated/,
      ),
    });
    expect((await resume(data)).code).toBe(0);
    expect((await readRunFacts(out)).hashes['model/weights.bin']).toBe(
      (await readRunFacts(whole)).hashes['model/weights.bin'],
    );
  });

  it('names the command to resume after an unexpected failure', async () => {
    const out = await copyStopped('unforeseen');
    await rm(locate(out).events, { recursive: true });
    await writeFile(locate(out).events, 'a file where a folder should be');
    const { code, output } = await run([
      'train',
      '--resume',
      out,
      '--steps',
      String(STEPS),
      '--data',
      data,
      '--no-publish',
    ]);
    expect(code).toBe(1);
    expect(output).toMatch(
      /The checkpoints so far are kept: go on with npm run train -- --resume .*unforeseen\n/,
    );
  });

  const isRoot = process.getuid?.() === 0 && process.platform === 'linux';
  if (!isRoot) {
    console.warn('Skipped: filling the disk of a training: only root can mount a small one');
  }
  it.skipIf(!isRoot)(
    'names a full disk without a stack, whatever write fails, and resumes to the same result',
    async () => {
      const disk = join(parent, 'disk');
      await mkdir(disk);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', disk]);
      try {
        const out = join(disk, 'run');
        const checkpoint = join(locate(out).checkpoints, 'step-0000002.safetensors');
        let output = '';
        let code: number | null;
        do {
          await rm(out, { recursive: true, force: true });
          await rm(join(disk, 'filler'), { force: true });
          const child = spawn(process.execPath, [
            TRAINER,
            ...start(out),
            '--data',
            data,
            '--no-publish',
          ]);
          child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
          child.stdout.resume();
          const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
          while (!existsSync(checkpoint) && child.exitCode === null) {
            await sleep(5);
          }
          child.kill('SIGSTOP');
          // To the last byte: not even a line of the log fits.
          await writeFile(join(disk, 'filler'), Buffer.alloc(24 * 2 ** 20)).catch(
            (error: NodeJS.ErrnoException) => {
              expect(error.code).toBe('ENOSPC');
            },
          );
          child.kill('SIGCONT');
          code = await exit;
        } while (code === 0); // On a busy machine the run may end before the disk is full.
        expect(code).toBe(1);
        expect(output).toMatch(
          /digitmint: .*: the disk is full\. What was there before is kept\. Free some space/,
        );
        expect(output).not.toMatch(/\n {4}at /);
        await rm(join(disk, 'filler'));
        const resumed = await run(['train', '--resume', out, '--data', data, '--no-publish']);
        expect(resumed.output).toMatch(/steps +[2468] done, to 8/);
        expect(resumed.code).toBe(0);
        expect(await readRunFacts(out)).toEqual(await readRunFacts(whole));
      } finally {
        execFileSync('umount', [disk]);
      }
    },
  );
});

describe('a GPU that fails during a run', () => {
  const { skip } = listTrainingBackends({ convolutions: false }).find(
    ({ name }) => name === 'webgpu',
  ) ?? { skip: true };

  it.skipIf(skip)('is named, and the run goes on from its last checkpoint elsewhere', async () => {
    const { memory, lost } = await runOnBackend<Faults>('lose-device', 'webgpu', parent);
    expect(lost.isExpected && memory.isExpected).toBe(true);
    expect(lost.message).toMatch(
      /the device was lost \(WebGPU on .*\): .*destroyed.* Go on with --resume/,
    );
    expect(memory.message).toMatch(/memory is too small for batches of 8 images .*smaller --batch/);
    // Nothing is written after the fault.
    expect((await loadMetrics(join(parent, 'memory'))).at(-1)?.step).toBe(3);
    const folder = join(parent, 'lost');
    const { checkpoint, skipped } = (await loadNewestCheckpoint(locate(folder).checkpoints)) ?? {};
    expect([checkpoint?.step, skipped]).toEqual([4, []]);
    expect(
      checkpoint?.generator.weights.every((weight) => Number.isFinite(weight) && weight !== 0),
    ).toBe(true);
    await selectBackend('cpu');
    await reopenRunFolder(folder, 4);
    const dataset = makeTinyDataset();
    const record = {
      config: LOSSY_CONFIG,
      dataset: { name: 'tiny', images: dataset.count, sha256: hashDataset(dataset) },
    };
    const reporter = { log: () => {}, show: () => {}, say: () => {}, end: () => {} };
    const { finished } = await runTraining({
      config: LOSSY_CONFIG,
      dataset,
      runSha256: hashRun(record),
      folder,
      checkpoint: checkpoint ?? null,
      reporter,
      signal: new AbortController().signal,
    });
    expect(finished).toBe(true);
  });
});

describe('the same seed twice', () => {
  const { skip } = listTrainingBackends({ convolutions: true }).find(
    ({ name }) => name === 'tensorflow',
  ) ?? { skip: true };
  const hasTaskset = process.platform === 'linux' && hasCommands('taskset');

  it.skipIf(skip || !hasTaskset)(
    'in two processes of one thread makes the same version of preset digits',
    async () => {
      const [first, second] = await Promise.all(
        ['twice-1', 'twice-2'].map(async (name) => {
          const out = join(parent, name);
          const args = [
            'train',
            '--size',
            'tiny',
            '--steps',
            '3',
            '--batch',
            '32',
            '--backend',
            'tensorflow',
            '--data',
            data,
            '--out',
            out,
            '--no-publish',
          ];
          const { code, output } = await run(args, ['taskset', '-c', '0']);
          expect(output).toMatch(/1 thread\b/);
          expect(code).toBe(0);
          return readFile(join(locate(out).model, 'manifest.json'), 'utf8');
        }),
      );
      expect(second).toBe(first);
    },
  );
});
