/**
 * `npm run bench -- SUITE [FLAGS]` runs one benchmark; `SUITE --help` tells its flags. Without a
 * name it runs all suites of docs/speed.md, which takes half an hour on an idle machine.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ExpectedError } from '../shared/expected-error.ts';
import { writeAtomically } from '../storage/files.ts';
import { runCommand } from '../trainer/tensorflow/setup/command.ts';
import { recordSchema, type BenchRecord, type BenchTable } from './record.ts';
import { renderSpeedPage } from './speed/page.ts';
import { renderSpeedPlot } from './speed/plot.ts';
import { ROOT, runProgram, runSuite, type Suite } from './suite.ts';

/** The suites of docs/speed.md, in its order. A record of each lies in bench/results. */
const PAGE_SUITES: Readonly<Record<string, () => Promise<{ suite: Suite }>>> = {
  engine: () => import('./suites/engine.ts'),
  edge: () => import('./suites/edge.ts'),
  start: () => import('./suites/start.ts'),
  png: () => import('./suites/png.ts'),
  streams: () => import('./suites/streams.ts'),
  load: () => import('./suites/load.ts'),
  training: () => import('./training/suite.ts'),
  evaluation: () => import('./suites/evaluation.ts'),
};

const SUITES: typeof PAGE_SUITES = {
  ...PAGE_SUITES,
  limits: () => import('./suites/limits.ts'),
  memory: () => import('./training/memory.ts'),
  jobs: () => import('./jobs/suite.ts'),
  scale: () => import('./scale/suite.ts'),
  quality: () => import('./quality/suite.ts'),
};

await runProgram(async () => {
  const args = process.argv.slice(2);
  const firstFlag = args.findIndex((arg) => arg.startsWith('-'));
  const names = firstFlag < 0 ? args : args.slice(0, firstFlag);
  const flags = args.slice(names.length);
  const unknown = names.find((name) => !(name in SUITES));
  const isOwnFlag = flags.every((flag) => flag === '--page' || flag === '--quick');
  if (unknown !== undefined || (names.length !== 1 && !isOwnFlag)) {
    throw new ExpectedError(await describeUsage());
  }
  const [name = ''] = names;
  if (names.length === 1) {
    const { suite } = await (SUITES[name] as (typeof SUITES)[string])();
    const file = name in PAGE_SUITES ? locateRecord(name) : null;
    if (await runSuite(name, suite, flags, file)) {
      await writeSpeedPage();
    }
  } else if (flags.includes('--page')) {
    await writeSpeedPage();
  } else {
    await runSuites(names.length > 0 ? names : Object.keys(PAGE_SUITES), flags);
  }
});

async function describeUsage(): Promise<string> {
  const lines = await Promise.all(
    Object.entries(SUITES).map(async ([name, load]) => {
      const { about } = (await load()).suite;
      return `  ${name.padEnd(12)}${about}`;
    }),
  );
  return [
    'expected suites: npm run bench -- SUITE [FLAGS], npm run bench -- [SUITES...] [--quick],',
    'or npm run bench -- --page, which writes docs/speed.md from the recorded figures.',
    ...lines,
  ].join('\n');
}

/** Runs each suite in a process of its own, since a process can choose one backend. */
async function runSuites(names: readonly string[], flags: readonly string[]): Promise<void> {
  const failed: string[] = [];
  for (const name of names) {
    console.log(`\n— ${name}`);
    const args = [import.meta.filename, name, ...flags];
    const ended = await runCommand(process.execPath, args, { env: process.env, showOutput: true });
    if (ended?.status !== 0) {
      process.stderr.write(ended?.stderr ?? '');
      failed.push(name);
    }
  }
  if (failed.length > 0) {
    throw new ExpectedError(
      `failed: ${failed.join(', ')}; docs/speed.md keeps what they found before.`,
    );
  }
}

async function writeSpeedPage(): Promise<void> {
  const records: BenchRecord[] = [];
  for (const name of Object.keys(PAGE_SUITES)) {
    const file = locateRecord(name);
    if (!existsSync(file)) {
      console.log(`${name}: never measured, so docs/speed.md lacks it`);
      continue;
    }
    const parsed = recordSchema.safeParse(JSON.parse(await readFile(file, 'utf8')));
    if (!parsed.success) {
      throw new ExpectedError(
        `bench/results/${name}.json has another schema: measure again with ` +
          `\`npm run bench -- ${name}\`.`,
      );
    }
    records.push(parsed.data);
  }
  if (records.length === 0) {
    throw new ExpectedError('nothing was measured yet.');
  }
  const plotOf = ({ id }: BenchTable): string => `speed/${id}.svg`;
  for (const table of records.flatMap(({ tables }) => tables)) {
    await writeDocument(plotOf(table), await renderSpeedPlot(table));
  }
  await writeDocument('speed.md', renderSpeedPage(records, plotOf));
  console.log('\ndocs/speed.md is written.');
}

function locateRecord(suite: string): string {
  return join(import.meta.dirname, 'results', `${suite}.json`);
}

async function writeDocument(path: string, text: string): Promise<void> {
  await writeAtomically(join(ROOT, 'docs', path), new TextEncoder().encode(text));
}
