/**
 * `npm run hunt -- properties`: the properties of the suite with other cases than the gate's, and
 * more of them: `--factor 100 --seed 7`. A failure tells its seed, and fast-check the smallest case
 * that it found.
 */
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { parseFlags, parseWhole } from '../../trainer/cli/arguments.ts';

const ROOT = join(import.meta.dirname, '../..');

interface Flags {
  readonly factor: number;
  readonly seed?: number;
}

const { factor, seed = randomInt(2 ** 31) } = parseFlags<Flags>(
  new Command('npm run hunt -- properties')
    .description(
      'Tries the properties of the suite in more cases; exit status 1 when one does not hold.',
    )
    .option('--factor <times>', 'as many cases as the gate has', parseWhole(1, 1_000_000), 20)
    .option(
      '--seed <number>',
      'decides all of them (default: another each time)',
      parseWhole(0, 2 ** 31 - 1),
    ),
);

console.log(`Hunting with --factor ${factor} --seed ${seed}`);
process.exitCode = await run(await listFiles());

/** The test files that state properties. */
async function listFiles(): Promise<string[]> {
  const names = (await readdir(join(ROOT, 'test'), { recursive: true })).filter((name) =>
    name.endsWith('.test.ts'),
  );
  const texts = await Promise.all(
    names.map(async (name) => [name, await readFile(join(ROOT, 'test', name), 'utf8')] as const),
  );
  return texts
    .filter(([, text]) => text.includes("'fast-check'"))
    .map(([name]) => join('test', name));
}

function run(files: readonly string[]): Promise<number> {
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  // A property that takes a second in the gate may take as long as it needs here.
  const args = [vitest, 'run', '--project', 'main', '--testTimeout', '0', ...files];
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    stdio: 'inherit',
    env: {
      ...process.env,
      DIGITMINT_HUNT_SEED: String(seed),
      DIGITMINT_HUNT_FACTOR: String(factor),
    },
  });
  return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
}
