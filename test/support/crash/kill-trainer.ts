/** Kills trainers at random points and checks that nothing is lost. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Dice } from '../dice.ts';
import { writeSmallMnist } from '../training/small-mnist.ts';
import { runDeadly, type Ended, type Killer, type KillReport } from './deadly-process.ts';
import { findBroken, findLeftovers, readRunFacts, type RunFacts } from './run-facts.ts';

const IMAGES = 600;
const STEPS = 12;

export interface TrainerKillerOptions {
  /** The value of `--backend`; every machine has `wasm`. */
  readonly backend: string;
  /** After this many kills a run may finish. */
  readonly killsARun: number;
}

/** Trains once without a kill, for comparison. */
export async function createTrainerKiller({
  backend,
  killsARun,
}: TrainerKillerOptions): Promise<Killer> {
  const folder = await mkdtemp(join(tmpdir(), 'digitmint-crash-'));
  const data = join(folder, 'data');
  await writeSmallMnist(data, IMAGES);
  const start = (out: string) => {
    const schedule = ['--steps', String(STEPS), '--checkpoint-every', '2', '--image-every', '3'];
    const preset = ['--preset', 'seed', '--batch', '32'];
    return ['train', ...preset, '--backend', backend, ...schedule, '--out', out];
  };
  const run = (args: string[], killAfterMs?: number): Promise<Ended> =>
    runDeadly({
      args: [...args, '--data', data, '--no-publish'],
      begins: /^backend /m,
      killAfterMs,
    });

  const whole = join(folder, 'whole');
  let reference = await run(start(whole));
  if (reference.code !== 0) {
    throw new Error(`the run that nobody kills ended with ${reference.code}: ${reference.output}`);
  }
  const expected = await readRunFacts(whole);

  async function kill(dice: Dice): Promise<KillReport> {
    const out = join(folder, 'run');
    await rm(out, { recursive: true, force: true });
    const faults: string[] = [];
    const restarts: string[] = [];
    let args = start(out);
    for (let kills = 0; ; kills++) {
      const isLast = kills === killsARun;
      const ended = await run(args, isLast ? undefined : dice.below(Math.ceil(reference.workMs)));
      const isStarted = await exists(join(out, 'options.json'));
      if (isStarted) {
        faults.push(...(await findBroken(out)));
      }
      if (!ended.killed) {
        if (kills === 0) {
          reference = ended; // The machine's speed may have changed meanwhile.
        }
        faults.push(...(await judgeEnd(ended, out, expected)));
        return { kills, faults, where: restarts };
      }
      restarts.push(await describePlace(out));
      // A run cannot be resumed before its options are written.
      args = isStarted ? ['train', '--resume', out, '--backend', backend] : start(out);
    }
  }
  return {
    name: `trainer (${backend})`,
    kill,
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

async function judgeEnd(
  { code, output }: Ended,
  out: string,
  expected: RunFacts,
): Promise<string[]> {
  if (code !== 0) {
    return [`ended with ${code}: ${output.slice(-500)}`];
  }
  const facts = await readRunFacts(out);
  const differing = (Object.keys(expected) as (keyof RunFacts)[]).filter(
    (key) => !isDeepStrictEqual(facts[key], expected[key]),
  );
  const leftovers = await findLeftovers(out);
  return [
    ...differing.map(
      (key) =>
        `${key} differ: ${JSON.stringify(facts[key])}, expected ${JSON.stringify(expected[key])}`,
    ),
    ...leftovers.map((name) => `left behind: ${name}`),
    ...(output.includes('Passed over a checkpoint') ? ['a checkpoint was not whole'] : []),
  ];
}

/** Describes the point of a kill in words that can be counted. */
async function describePlace(out: string): Promise<string> {
  if (!(await exists(join(out, 'options.json')))) {
    return 'before its options were written';
  }
  const names = await readdir(out);
  if (names.some((name) => name.startsWith('.model.'))) {
    return 'while the model was written';
  }
  if ((await findLeftovers(out)).length > 0) {
    return 'while a file was written';
  }
  if (await exists(join(out, 'model'))) {
    return 'after the model was written';
  }
  return (await exists(join(out, 'metrics.jsonl')))
    ? 'between two writes'
    : 'before its first step';
}

async function exists(path: string): Promise<boolean> {
  return readFile(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code === 'EISDIR',
  );
}
