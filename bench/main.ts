/**
 * All that docs/speed.md shows, measured one after the other, and the page itself: `npm run bench [-- SUITE... | --page]`. Takes half an
 * hour; the machine should do nothing else. What a suite found before stays where it fails.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Argument, Command } from 'commander';
import { ExpectedError } from '../shared/expected-error.ts';
import { writeAtomically } from '../storage/files.ts';
import { recordSchema, type BenchRecord, type BenchTable } from './record.ts';
import { runProgram } from './suite.ts';
import { renderSpeedPage } from './speed/page.ts';
import { renderSpeedPlot } from './speed/plot.ts';

interface Suite {
  readonly about: string;
  /** Takes `--json FILE`. */
  readonly program: string;
}

/** In the order of the page. */
const SUITES: Readonly<Record<string, Suite>> = {
  engine: { about: 'the generator alone, beside other runtimes', program: 'engine.ts' },
  edge: {
    about: 'a request to the worker, beside one to a worker that does nothing',
    program: 'edge.ts',
  },
  start: {
    about: 'a fresh isolate: start-up and the first picture; what is uploaded',
    program: 'start.ts',
  },
  png: { about: 'sheets as PNG, beside other packers: bytes and time', program: 'png.ts' },
  streams: { about: 'sets as they are streamed: speed and memory', program: 'streams.ts' },
  load: { about: 'requests a second, and latency under load', program: 'load.ts' },
  training: { about: 'a training step, beside the same one in Keras', program: 'training.ts' },
  evaluation: {
    about: 'the figures of an evaluation, beside other people’s code for them',
    program: 'evaluation.ts',
  },
};

const DOCS = join(import.meta.dirname, '../docs');
const RESULTS = join(import.meta.dirname, 'results');

const program = new Command('npm run bench --')
  .description(
    `Measures, and writes docs/speed.md:\n${Object.entries(SUITES)
      .map(([name, { about }]) => `  ${name.padEnd(12)}${about}`)
      .join('\n')}`,
  )
  .addArgument(new Argument('[suites...]', 'all when none is named').choices(Object.keys(SUITES)))
  .option('--page', 'writes the page of what was found before')
  .parse();

await runProgram(async () => {
  const isPageOnly = program.opts<{ page?: true }>().page === true;
  const failed: string[] = [];
  for (const name of isPageOnly
    ? []
    : program.args.length > 0
      ? program.args
      : Object.keys(SUITES)) {
    console.log(`\n— ${name}: ${SUITES[name]?.about}`);
    if (!(await spawnSuite(name))) {
      failed.push(name);
    }
  }
  await writePage();
  if (failed.length > 0) {
    throw new ExpectedError(
      `failed: ${failed.join(', ')}; docs/speed.md shows what they found before.`,
    );
  }
});

/** In a process of its own: a backend can be chosen once. */
function spawnSuite(name: string): Promise<boolean> {
  const args = [
    join(import.meta.dirname, (SUITES[name] as Suite).program),
    '--json',
    join(RESULTS, `${name}.json`),
  ];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: 'inherit' });
    child.on('error', reject);
    child.on('close', (status) => resolve(status === 0));
  });
}

async function writePage(): Promise<void> {
  const records: BenchRecord[] = [];
  for (const name of Object.keys(SUITES)) {
    const file = join(RESULTS, `${name}.json`);
    if (!existsSync(file)) {
      console.log(`${name}: never measured, so docs/speed.md lacks it`);
      continue;
    }
    const parsed = recordSchema.safeParse(JSON.parse(await readFile(file, 'utf8')));
    if (!parsed.success) {
      throw new ExpectedError(
        `bench/results/${name}.json is none of this version's: measure again with \`npm run bench -- ${name}\`.`,
      );
    }
    records.push(parsed.data);
  }
  if (records.length === 0) {
    throw new ExpectedError('nothing was measured yet.');
  }
  const plotOf = ({ id }: BenchTable): string => `speed/${id}.svg`;
  for (const table of records.flatMap(({ tables }) => tables)) {
    await save(plotOf(table), await renderSpeedPlot(table));
  }
  await save('speed.md', renderSpeedPage(records, plotOf));
  console.log('\ndocs/speed.md is written.');
}

async function save(path: string, text: string): Promise<void> {
  await writeAtomically(join(DOCS, path), new TextEncoder().encode(text));
}
