/**
 * `npm run hunt -- tools LIST`: opens sets of the shipped model with data tools that are too large
 * for the gate: `datasets` (0.7 GB on disk), `torch` (5 GB) or `tensorflow` (2 GB), and prints what
 * each found. Exit status 1 when a tool fails or finds other digits than `/digit.json` gives.
 */
import { createHash } from 'node:crypto';
import { Argument, Command } from 'commander';
import { parseFlags } from '../../trainer/cli/arguments.ts';
import { startWorker } from '../support/hosts/workerd.ts';
import {
  CASES,
  installTools,
  listVersions,
  openSets,
  type ToolList,
} from '../support/data-tools/data-tools.ts';

/** As many as one answer of `/digit.json` has. */
const QUERY = 'seed=Ada&n=256';

const LISTS = Object.keys(CASES) as ToolList[];

const program = new Command('npm run hunt -- tools')
  .description('Opens sets of the shipped model with large data tools, which it installs.')
  .addArgument(new Argument('[lists...]', 'which tools (default: all)').choices(LISTS));
parseFlags(program);
const given = program.args as ToolList[];
await main(given.length > 0 ? given : LISTS);

async function main(chosen: readonly ToolList[]): Promise<void> {
  for (const list of chosen) {
    await installTools(list);
  }
  const worker = await startWorker();
  try {
    const { digits } = await worker.getDigits(`/digit.json?${QUERY}`);
    const pixels = createHash('sha256');
    digits.forEach((digit) => pixels.update(Uint8Array.from(digit.pixels)));
    const expected = JSON.stringify({
      pixels: pixels.digest('hex'),
      labels: digits.map(({ label }) => label),
    });
    for (const list of chosen) {
      const names = CASES[list].map((name) => name.split('_')[0]);
      const versions = (await listVersions(list))
        .split('\n')
        .filter((line) => names.some((name) => line.startsWith(`${name}==`)));
      console.log(`${list}: ${versions.join(', ')}`);
      for (const [name, found] of Object.entries(await openSets(list, worker.url, QUERY))) {
        const isRight = JSON.stringify(found) === expected;
        console.log(`  ${name.padEnd(20)} ${isRight ? 'as /digit.json' : JSON.stringify(found)}`);
        process.exitCode = isRight ? process.exitCode : 1;
      }
    }
  } finally {
    await worker.close();
  }
}
