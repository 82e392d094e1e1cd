/**
 * `npm run hunt -- crash --kills 200`: kills trainers and publishers (to a folder, and to an S3
 * server of its own) with SIGKILL at random points, and looks each time whether anything was lost:
 * that a run ends with the bytes of one that was never killed, that readers of the store find a
 * whole model at all times, and that what was killed can be repeated. Exit status 1 when not.
 *
 * With `--log` it writes down what it did, a line of JSON for each run or publication; started
 * again with the same `--log` it goes on.
 */
import { existsSync } from 'node:fs';
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Command, Option } from 'commander';
import { createTrainerKiller } from '../support/crash/kill-trainer.ts';
import { createFolderKiller, createS3Killer } from '../support/crash/kill-publisher.ts';
import type { Killer, KillReport } from '../support/crash/deadly-process.ts';
import { createDice } from '../support/dice.ts';
import { hasVersitygw } from '../support/storage/s3-server.ts';
import { parseFlags, parseSeed, parseWhole } from '../../trainer/cli/arguments.ts';
import { BACKEND_NAMES } from '../../trainer/tensorflow/open-backend.ts';

interface Flags {
  readonly kills: number;
  readonly seed: string;
  readonly backend: string;
  readonly log?: string;
  readonly kind?: keyof typeof SHARES;
}

/** A line of the log. */
interface Entry extends KillReport {
  readonly killer: string;
}

/** The shares of the kills: runs are longer, and have more places to be hit at. */
const SHARES = { trainer: 0.5, folder: 0.25, s3: 0.25 } as const;

/** Then it is let come to its end, so that its end can be judged. */
const KILLS_A_RUN = 5;

const flags = parseFlags<Flags>(
  new Command('npm run hunt -- crash')
    .description(
      'Kills trainers and publishers at random points; exit status 1 when anything was lost.',
    )
    .option('--kills <count>', 'how many in all', parseWhole(1, 1_000_000), 20)
    .option('--seed <text>', 'decides when', parseSeed, '1')
    .addOption(
      new Option('--backend <name>', "the trainers'").choices(BACKEND_NAMES).default('wasm'),
    )
    .addOption(new Option('--kind <name>', 'all kills for one kind').choices(Object.keys(SHARES)))
    .option('--log <file>', 'where it writes down what it did, and goes on'),
);

process.exitCode = (await crash(flags)) ? 0 : 1;

/** @returns  Whether nothing was lost. */
async function crash({ kills, seed, backend, log, kind: only }: Flags): Promise<boolean> {
  if (log !== undefined) {
    await mkdir(dirname(log), { recursive: true });
  }
  const entries = log !== undefined && existsSync(log) ? await readLog(log) : [];
  const makers = {
    trainer: () => createTrainerKiller({ backend, killsARun: KILLS_A_RUN }),
    folder: createFolderKiller,
    s3: createS3Killer,
  };
  const names = new Set<string>();
  for (const kind of Object.keys(SHARES) as (keyof typeof SHARES)[]) {
    if (only !== undefined && kind !== only) {
      continue;
    }
    if (kind === 's3' && !hasVersitygw()) {
      console.warn(
        'Left out: publishers to S3, since versitygw is not installed: sh dev/install-versitygw.sh',
      );
      continue;
    }
    const killer = await makers[kind]();
    names.add(killer.name);
    try {
      await killShare(
        killer,
        Math.round(kills * (only === undefined ? SHARES[kind] : 1)),
        seed,
        entries,
        log,
      );
    } finally {
      await killer.close();
    }
  }
  return report(entries.filter(({ killer }) => names.has(killer)));
}

async function killShare(
  killer: Killer,
  share: number,
  seed: string,
  entries: Entry[],
  log: string | undefined,
): Promise<void> {
  const done = () => entries.filter((entry) => entry.killer === killer.name);
  while (count(done()) < share) {
    const entry = {
      killer: killer.name,
      ...(await killer.kill(createDice(`${seed} ${killer.name}`, done().length))),
    };
    entries.push(entry);
    if (log !== undefined) {
      await appendFile(log, `${JSON.stringify(entry)}\n`);
    }
    process.stderr.write(`${killer.name}: ${count(done())} of ${share} kills\n`);
    entry.faults.forEach((fault) => process.stderr.write(`  ${fault}\n`));
  }
}

/** The end of a process that was killed may be half a line. */
async function readLog(log: string): Promise<Entry[]> {
  const lines = (await readFile(log, 'utf8')).split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Entry);
}

function count(entries: readonly Entry[]): number {
  return entries.reduce((sum, { kills }) => sum + kills, 0);
}

function report(entries: readonly Entry[]): boolean {
  const faults = entries.flatMap((entry) => entry.faults);
  const places = new Map<string, number>();
  for (const { killer, where } of entries) {
    where.forEach((place) =>
      places.set(`${killer}, ${place}`, (places.get(`${killer}, ${place}`) ?? 0) + 1),
    );
  }
  console.log('kills  hit');
  for (const [place, times] of [...places].sort(([a], [b]) => a.localeCompare(b))) {
    console.log(`${String(times).padStart(5)}  ${place}`);
  }
  console.log(
    `\n${count(entries)} kills on the way of ${entries.length} runs and publications, ${faults.length} faults`,
  );
  faults.forEach((fault) => console.log(fault));
  return faults.length === 0;
}
