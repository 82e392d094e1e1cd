/**
 * A benchmark as a program: its flags, its figures in the terminal and, with `--json FILE`, as a record.
 */
import { Command } from 'commander';
import { ExpectedError } from '../shared/expected-error.ts';
import { beginRecord, printTable, saveRecord, type BenchRecord } from './record.ts';

/** Runs a program. What a user can mend is told in its own words, with exit status 1. */
export async function runProgram(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof ExpectedError)) {
      throw error;
    }
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}

/** A suite's command, without flags of its own. @param name  Of the suite: `npm run bench:NAME`. */
export function createSuiteCommand(name: string, description: string): Command {
  return new Command(`npm run bench:${name} --`)
    .description(description)
    .option('--json <file>', 'writes the figures there too')
    .allowExcessArguments(false);
}

/**
 * Runs a suite.
 *
 * @param name     As the record and docs/speed.md call it.
 * @param command  From {@link createSuiteCommand}.
 * @param measure  Given the flags.
 */
export function runSuite<Flags extends object>(
  name: string,
  command: Command,
  measure: (flags: Flags) => Promise<Pick<BenchRecord, 'tables' | 'versions'>>,
): Promise<void> {
  return runProgram(async () => {
    const flags = command.parse().opts<Flags & { json?: string }>();
    const started = beginRecord(name);
    const measured = await measure(flags);
    for (const table of measured.tables) {
      printTable(table);
      console.log(table.notes.join('\n'));
    }
    if (flags.json !== undefined) {
      await saveRecord(flags.json, { ...started, ...measured });
    }
  });
}
