/**
 * `npm run bench -- [SUITES...] [--quick] [--json FILE]`: runs benchmarks and writes their pages.
 * Without a name it runs all suites of docs/speed.md, which takes half an hour on an idle machine.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { Command } from 'commander';
import * as v from 'valibot';
import { parseAs } from '../shared/schema.ts';
import { ExpectedError } from '../shared/expected-error.ts';
import { prepareFile, requireFree, writeJson } from '../storage/files.ts';
import { parseFlags, runProgram } from '../trainer/cli/arguments.ts';
import { ROOT, type Suite } from './harness.ts';
import { printTable, renderPage, renderPlot } from './page.ts';
import { run } from './peers.ts';
import { recordSchema, type BenchRecord } from './record.ts';

interface SuiteEntry {
  readonly about: string;
  /** In docs. Pages show their suites in this order. */
  readonly page?: string;
  /** Whether words after the suite's name are its own. */
  readonly hasOperands?: true;
}

const SUITES: Readonly<Record<string, SuiteEntry>> = {
  engine: { page: 'speed.md', about: 'the generator alone, beside other runtimes' },
  edge: {
    page: 'speed.md',
    about: 'a request to the worker, beside one to a worker that says “ok”',
  },
  start: { page: 'speed.md', about: 'a fresh isolate: start-up, the first picture, the upload' },
  png: { page: 'speed.md', about: 'sheets as PNG, beside other packers: bytes and time' },
  streams: { page: 'speed.md', about: 'sets as they are streamed: speed and memory' },
  load: { page: 'speed.md', about: 'requests a second, and latency under load' },
  training: { page: 'speed.md', about: 'a training step, beside the same one in Keras' },
  evaluation: { page: 'speed.md', about: 'figures of an evaluation, beside other libraries’ code' },
  quality: {
    page: 'quality.md',
    hasOperands: true,
    about: 'quality against cost, of the models of evaluate’s JSON',
  },
  worth: {
    page: 'dataset.md',
    hasOperands: true,
    about: 'what n generated digits teach, beside n real ones (folder of MNIST, model)',
  },
  scale: { page: 'scale.md', about: 'costs at a thousand, a million and a billion requests a day' },
  limits: { about: 'the most expensive requests that each route allows' },
  cost: { about: 'the cost model of the limits, fitted to measurements' },
  memory: { about: 'whether memory grows while a GAN is trained' },
  outlines: { about: 'whether outlines have the pieces, the loops and the ink of the pixels' },
  jobs: { about: 'a job of a million digits, killed half-way and read back with NumPy' },
};

/** The page that ends with what `gpu-check` found on people's GPUs, and the folder of that. */
const GPU_PAGE = 'speed.md';
const GPU_CHECKS = join(import.meta.dirname, 'results', 'gpu');

/** Other programs' load above which figures are called busy. */
const QUIET_LOAD = 0.5;

type Flags = Readonly<{ quick: boolean; page: boolean; json?: string }>;

const program = new Command('npm run bench --')
  .description('Runs benchmarks. Those of a page write it; see bench/results for the figures.')
  .argument('[suites...]', 'all of docs/speed.md; words after quality or worth are its operands')
  .option('--quick', 'does as little as possible and keeps no figures', false)
  .option('--page', 'only writes the pages, from the recorded figures', false)
  .option('--json <file>', 'writes the figures of one suite to this file')
  .addHelpText(
    'after',
    Object.entries(SUITES)
      .map(([name, { about }]) => `\n  ${name.padEnd(12)}${about}`)
      .join(''),
  );

const given = parseFlags<Flags>(program);
await runProgram(() => main(program.args, given));

async function main(words: readonly string[], flags: Flags): Promise<void> {
  const isSuite = (word: string): boolean => Object.hasOwn(SUITES, word);
  const [first = '', ...others] = words;
  const operands =
    isSuite(first) && SUITES[first]?.hasOperands && !others.some(isSuite) ? others : [];
  const names = operands.length > 0 ? [first] : words;
  const unknown = names.find((word) => !isSuite(word));
  if (unknown !== undefined) {
    throw new ExpectedError(
      `there is no suite ${unknown}; expected one of ${Object.keys(SUITES).join(', ')}`,
    );
  }
  if (flags.json !== undefined) {
    if (names.length !== 1 || flags.page) {
      throw new ExpectedError('--json: holds the figures of one suite; name that suite alone');
    }
    requireFree(flags.json, '--json');
    await prepareFile(flags.json, '--json');
  }
  if (flags.page) {
    await writePages();
  } else if (names.length === 1) {
    await runSuite(first, operands, flags);
  } else {
    const speed = Object.keys(SUITES).filter((name) => SUITES[name]?.page === 'speed.md');
    await runSuites(names.length > 0 ? names : speed, flags.quick);
  }
}

async function runSuite(name: string, operands: readonly string[], flags: Flags): Promise<void> {
  const folder = SUITES[name]?.page === undefined ? 'checks' : 'suites';
  const { measure } = (await import(`./${folder}/${name}.ts`)) as { measure: Suite };
  const [loadBefore = 0] = loadavg();
  if (loadBefore > QUIET_LOAD) {
    console.log(`The machine is busy (load ${loadBefore.toFixed(2)}): do not publish the figures.`);
  }
  const { describeMachine } = await import('../trainer/run/run-folder.ts');
  const machine = { ...describeMachine(), loadBefore };
  const measuredAt = new Date().toISOString();
  const measured = await measure(flags.quick, operands);
  measured.tables.forEach((table) => console.log(printTable(table)));
  const record: BenchRecord = { schema: 1, suite: name, measuredAt, machine, ...measured };
  const hasPage = SUITES[name]?.page !== undefined && !flags.quick;
  const file = flags.json ?? (hasPage ? locateRecord(name) : undefined);
  if (file !== undefined) {
    await writeJson(file, parseAs(recordSchema, record));
    if (flags.json === undefined) {
      await writePages();
    }
  }
}

/** Runs each suite in a process of its own, since a process can choose one backend. */
async function runSuites(names: readonly string[], quick: boolean): Promise<void> {
  const failed: string[] = [];
  for (const name of names) {
    console.log(`\n— ${name}`);
    const command = [process.execPath, import.meta.filename, name, ...(quick ? ['--quick'] : [])];
    try {
      console.log(await run(command, { cwd: ROOT }));
    } catch (error) {
      console.error((error as Error).message);
      failed.push(name);
    }
  }
  if (failed.length > 0) {
    throw new ExpectedError(
      `failed: ${failed.join(', ')}; their pages keep what was found before.`,
    );
  }
}

/** Writes each page: what people wrote, up to the mark, then the records. */
async function writePages(): Promise<void> {
  const { renderGpuChecks } = await import('./gpu-checks.ts');
  const pages = Map.groupBy(Object.keys(SUITES), (name) => SUITES[name]?.page);
  for (const [page, names] of pages) {
    const records: BenchRecord[] = [];
    for (const name of names.filter((each) => existsSync(locateRecord(each)))) {
      const record: unknown = JSON.parse(await readFile(locateRecord(name), 'utf8'));
      if (!v.is(recordSchema, record)) {
        throw new ExpectedError(
          `bench/results/${name}.json has another schema: measure again by npm run bench -- ${name}`,
        );
      }
      records.push(record);
    }
    if (page === undefined || records.length === 0) {
      continue;
    }
    const folder = page.replace('.md', '');
    for (const table of records.flatMap(({ tables }) => tables)) {
      if (table.better !== 'none') {
        const plot = join(ROOT, 'docs', folder, `${table.id}.svg`);
        await mkdir(dirname(plot), { recursive: true });
        await writeFile(plot, await renderPlot(table));
      }
    }
    const file = join(ROOT, 'docs', page);
    const last = page === GPU_PAGE ? await renderGpuChecks(GPU_CHECKS) : [];
    await writeFile(file, renderPage(await readFile(file, 'utf8'), records, folder, last));
    console.log(`docs/${page} is written.`);
  }
}

function locateRecord(suite: string): string {
  return join(import.meta.dirname, 'results', `${suite}.json`);
}
