/** Flags and dependencies that all commands on published models share. */
import { join } from 'node:path';
import type { Command } from 'commander';
import { quoteArgument } from '../../shared/npm-flags.ts';
import { nameVersion } from '../../shared/model/artifact.ts';
import { hideControls } from '../../shared/schema.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { describeCommand } from '../packed.ts';
import type { WriteOptions } from '../publish/writes.ts';
import { openTarget, parseTarget, TARGET_FORMS, type Target } from '../../storage/target.ts';

export interface StorageContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The project's folder, where wrangler.toml lies. */
  readonly root: string;
  /** Relative paths start here. */
  readonly cwd: string;
  readonly now: () => Date;
  /** Prints a line. */
  readonly print: (line: string) => void;
}

export interface StorageFlags {
  readonly to: string;
  readonly endpoint?: string;
  readonly region?: string;
  readonly json?: true;
  /** For commands that write. */
  readonly dryRun?: true;
  readonly allowUnsafePointer?: true;
}

export const STORAGE_HELP = `
Targets of --to:
${TARGET_FORMS.map((form) => `  ${form}`).join('\n')}

Credentials for s3:// and r2:// come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
AWS_SESSION_TOKEN, or from AWS_PROFILE. AWS_S3_ADDRESSING_STYLE=virtual puts the bucket into the
host name. HTTPS_PROXY and NO_PROXY are honoured.`;

/** This process's environment, clock and standard output. */
export function createStorageContext(): StorageContext {
  return {
    env: process.env,
    root: join(import.meta.dirname, '../..'),
    cwd: process.cwd(),
    now: () => new Date(),
    print: console.log,
  };
}

export function addStorageOptions(command: Command): Command {
  return command
    .option('--to <target>', 'where the published models are; see below', 'local')
    .option('--endpoint <url>', 'address of the S3 service')
    .option('--region <name>', 'region of the S3 service')
    .option('--json', 'prints the result as JSON');
}

export function addWriteOptions(command: Command): Command {
  return command
    .option('--dry-run', 'checks everything, prints what would be done, and stops')
    .option(
      '--allow-unsafe-pointer',
      'goes on with storage that ignores or refuses conditional writes; for a single publisher only',
    );
}

/** One call of a command, with its store open. */
export interface Call<Flags extends StorageFlags = StorageFlags> {
  readonly store: ObjectStore;
  readonly target: Target;
  readonly flags: Flags;
  readonly context: StorageContext;
  /** For commands that write. */
  readonly options: WriteOptions;
  /** Prints a line for people; nothing with `--json`. */
  readonly say: (line: string) => void;
  /** Prints one JSON object, or lines for people. */
  readonly report: (value: object, lines: readonly string[]) => void;
}

/** Runs a command with its store open. @throws ExpectedError, StorageError */
export function withCall<Flags extends StorageFlags>(
  flags: Flags,
  context: StorageContext,
  run: (call: Call<Flags>) => Promise<void>,
): Promise<void> {
  // Texts of a bucket, such as the notes of pins, may be anybody's.
  const print = (line: string): void => context.print(hideControls(line));
  const isJson = flags.json === true;
  const say = isJson ? (): void => {} : print;
  return withStore(flags, context, (store, target) => {
    const report: Call['report'] = (value, lines) => {
      const json = JSON.stringify({ target: store.description, ...value });
      (isJson ? [json] : lines).forEach((line) => print(line));
    };
    const options: WriteOptions = {
      store,
      now: context.now,
      dryRun: flags.dryRun === true,
      allowUnsafePointer: flags.allowUnsafePointer === true,
      onConditionsIgnored: () =>
        say(
          '  warning: this storage ignores or refuses conditional writes; ' +
            'nobody else may publish to it at the same time',
        ),
      onWait: (id, until) =>
        say(
          `  waiting        ${nameVersion(id)} is being deleted; ` +
            `that ends at ${until.toISOString()} at the latest`,
        ),
    };
    return run({ store, target, flags, context, options, say, report });
  });
}

/** Opens the store for an action. @throws ExpectedError, StorageError */
export async function withStore<T>(
  flags: StorageFlags,
  { env, root, cwd }: StorageContext,
  action: (store: ObjectStore, target: Target) => Promise<T>,
): Promise<T> {
  const target = parseTarget(flags.to, { env, endpoint: flags.endpoint, region: flags.region });
  const allowUnsafeConditions = flags.allowUnsafePointer === true;
  const store = await openTarget(target, { env, root, cwd, allowUnsafeConditions });
  try {
    return await action(store, target);
  } finally {
    await store.close();
  }
}

/** Names a command of `models` on the same place, for people to copy. */
export function nameCommand(words: string, flags: StorageFlags): string {
  const { to, endpoint, region, allowUnsafePointer } = flags;
  const values = Object.entries({ to: to === 'local' ? undefined : to, endpoint, region });
  const given = values.flatMap(([flag, value]) =>
    value === undefined ? [] : [` --${flag} ${quoteArgument(value)}`],
  );
  const unsafe = allowUnsafePointer ? ' --allow-unsafe-pointer' : '';
  return describeCommand('models', `${words}${given.join('')}${unsafe}`);
}

export function formatBytes(bytes: number): string {
  if (bytes < 1024) {
    return `${bytes} B`;
  }
  const kibibytes = bytes / 1024;
  return kibibytes < 1024 ? `${kibibytes.toFixed(1)} KiB` : `${(kibibytes / 1024).toFixed(1)} MiB`;
}
