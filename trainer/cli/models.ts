/**
 * `models`: shows and changes what is published. Each sub-command is an entry of
 * {@link buildModelsCommand} and a function below.
 */
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import * as v from 'valibot';
import { ExpectedError } from '../../shared/expected-error.ts';
import { modelNameSchema, modelVersionSchema, nameVersion } from '../../shared/model/artifact.ts';
import { encodePublicKey, parsePublicKeys, type PublicKey } from '../../shared/model/signature.ts';
import { StorageError, type ObjectStore } from '../../storage/object-store.ts';
import { describeCommand } from '../packed.ts';
import { listCatalogue, surveyStore, type ModelId } from '../publish/catalogue.ts';
import { findServed, LEDGER_LIMITS } from '../publish/ledger.ts';
import { removeModel, setDefault } from '../publish/default-model.ts';
import { pinVersion, pruneStore, unpinVersion, type PinOptions } from '../publish/prune.ts';
import { rollBack } from '../publish/publish.ts';
import { createKeyFile, hasUnsignedEncoder, readSigner, signVersion } from '../publish/signing.ts';
import { verifyStore } from '../publish/verify.ts';
import type { VersionId } from '../publish/writes.ts';
import { parseDuration, parseWhole } from './arguments.ts';
import {
  describeChecked,
  describeEntry,
  describePrune,
  describeVerification,
  listEntries,
  toEntryJson,
  toPruneJson,
} from './models-view.ts';
import {
  addStorageOptions,
  addWriteOptions,
  createStorageContext,
  nameCommand,
  STORAGE_HELP,
  withCall,
  type Call as StorageCall,
  type StorageContext,
  type StorageFlags,
} from './storage-options.ts';

/** All flags; each sub-command has some of them. */
interface Flags extends StorageFlags {
  readonly publicKeys?: string;
  readonly version?: string;
  readonly note?: string;
  readonly with: string;
  /** Milliseconds. */
  readonly olderThan: number;
  readonly keep: number;
  readonly name?: string;
  readonly purge?: true;
}

type Call = StorageCall<Flags>;

/** Runs a sub-command. @param argument  The command's own, parsed. */
type Run<Argument> = (call: Call, argument: Argument) => Promise<void>;

const OLD = '30d';

const HELP = `${STORAGE_HELP}

Examples:
  ${describeCommand('models', 'list')}
  ${describeCommand('models', 'rollback digits --to r2://digitmint-models --dry-run')}
  ${describeCommand('models', 'prune --older-than 30d --keep 3 --dry-run')}`;

/** Builds the command. It throws ExpectedError for failures that its user can mend. */
export function buildModelsCommand(context: StorageContext = createStorageContext()): Command {
  const models = new Command('models').description(
    'Shows and changes what is published. docs/publication.md has the protocol.',
  );
  const add = <Argument>(name: string, description: string, run: Run<Argument>): Command => {
    const command = models.command(name).description(description);
    return addStorageOptions(command)
      .addHelpText('after', HELP)
      .action(async () => {
        const flags = command.opts<Flags>();
        const argument = command.processedArgs[0] as Argument;
        await withCall(flags, context, (call) => run(call, argument));
      });
  };
  const addWriting = <Argument>(name: string, description: string, run: Run<Argument>): Command =>
    addWriteOptions(
      add<Argument>(name, description, (call, argument) =>
        retryOnFullDisk(call.store, () => run(call, argument)),
      ),
    );

  add('list', 'Lists the versions of all models, or of one.', list).argument(
    '[name]',
    'a model',
    parseName,
  );
  add('show', 'Shows all that is known about a model or a version.', show).argument(
    '<model>',
    'NAME or NAME@VERSION',
    parseModel,
  );
  add(
    'verify',
    'Reads every object and checks its size and SHA-256; exit status 1 if anything is wrong.',
    verify,
  )
    .argument('[model]', 'NAME or NAME@VERSION (default: all)', parseModel)
    .option(
      '--public-keys <keys>',
      'every version must be signed by one of them (default: MODEL_PUBLIC_KEYS)',
    );
  addWriting('rollback', 'Serves an earlier version again.', rollback)
    .argument('<name>', 'a model', parseName)
    .option(
      '--version <version>',
      'the version to serve (default: the one served before the present one)',
      parseVersion,
    );
  addWriting('default', 'Serves another model to requests that name none.', makeDefault).argument(
    '<name>',
    'a model that is served',
    parseName,
  );
  addWriting(
    'remove',
    'Stops serving a model, which must not be the default. Its versions stay until prune.',
    remove,
  )
    .argument('<name>', 'a model', parseName)
    .option('--purge', 'also deletes all its versions, except pinned ones, without a way back');
  addWriting('pin', 'Keeps a version from being pruned.', (call, id: VersionId) =>
    change(call, id, 'pinned', (options) =>
      pinVersion({ ...options, note: call.flags.note ?? '' }),
    ),
  )
    .argument('<version>', 'NAME@VERSION', parseVersionId)
    .option('--note <text>', 'the reason', parseNote);
  addWriting('unpin', 'Takes a pin away.', (call, id: VersionId) =>
    change(call, id, 'unpinned', unpinVersion),
  ).argument('<version>', 'NAME@VERSION', parseVersionId);
  addWriting(
    'sign',
    'Checks a published version and adds a signature to it; the pointer stays.',
    sign,
  )
    .argument('<version>', 'NAME@VERSION', parseVersionId)
    .requiredOption('--with <file>', 'the private key; `models keygen` makes one');
  addWriting(
    'prune',
    'Deletes versions that are neither served, pinned, the one to roll back to, ' +
      'among the last used, nor young.',
    prune,
  )
    .addOption(
      new Option(
        '--older-than <age>',
        'only versions that were written and served before this time: 90m, 12h, 30d',
      )
        .argParser(parseDuration)
        .default(parseDuration(OLD), OLD),
    )
    .option(
      '--keep <n>',
      "number of each model's last used versions that stay, beside the served one",
      parseWhole(0, 1000),
      3,
    )
    .option('--name <name>', 'prunes this model only', parseName);
  models
    .command('keygen')
    .description(
      'Makes a key pair for signatures: writes the private key to a file, prints the public one.',
    )
    .requiredOption('--out <file>', 'a new file')
    .action((flags: { readonly out: string }) => generateKey(flags.out, context));
  return models;
}

async function list({ store, context, report }: Call, name: string | undefined): Promise<void> {
  const now = context.now();
  const entries = await listCatalogue(store, now, name === undefined ? undefined : { name });
  const lines = [store.description, ...listEntries(entries, now)];
  report({ versions: entries.map(toEntryJson) }, lines);
}

async function show({ store, context, report }: Call, model: ModelId): Promise<void> {
  const now = context.now();
  const entries = await listCatalogue(store, now, model);
  if (entries.length === 0) {
    throw createNotThere(store, model);
  }
  const lines = entries.flatMap((entry) => describeEntry(entry, now));
  report({ versions: entries.map(toEntryJson) }, lines);
}

async function verify(call: Call, only: ModelId | undefined): Promise<void> {
  const { store, flags, context, say, report } = call;
  const publicKeys = readPublicKeys(flags.publicKeys, context);
  say(`Verifying ${store.description}`);
  const result = await verifyStore(store, {
    only,
    publicKeys,
    onChecked: (checked) => say(describeChecked(checked)),
  });
  const { versions, leftovers, faults } = result;
  if (versions.length + leftovers.length + faults.length === 0) {
    throw only === undefined
      ? new ExpectedError(
          `${store.description}: nothing is published here, so nothing was verified`,
        )
      : createNotThere(store, only);
  }
  report(result, describeVerification(result));
  if (faults.length > 0) {
    throw new ExpectedError(
      `${store.description}: ${faults.length} fault(s) found; ` +
        'publish again what is damaged or not signed',
    );
  }
}

function createNotThere({ description }: ObjectStore, id: ModelId): ExpectedError {
  return new ExpectedError(
    `${description}: there is no ${nameVersion(id)}; \`models list\` shows what there is`,
  );
}

async function rollback({ flags, options, report }: Call, name: string): Promise<void> {
  const result = await rollBack({ ...options, name, version: flags.version });
  const { version, previousVersion } = result;
  const done = flags.dryRun ? 'would be served; nothing was written: --dry-run' : 'is served';
  report({ dryRun: options.dryRun, ...result }, [
    result.pointerMoved
      ? `${name} ${previousVersion ?? '(none)'} -> ${version} ${done}`
      : `${name} ${version} is served already; nothing was changed`,
  ]);
}

async function makeDefault({ flags, options, report }: Call, name: string): Promise<void> {
  const result = await setDefault({ ...options, name });
  const { previousDefaultName, pointerMoved } = result;
  const back = `Back: ${nameCommand(`default ${previousDefaultName}`, flags)}`;
  report({ dryRun: options.dryRun, ...result }, [
    !pointerMoved
      ? `${name} is the default already; nothing was changed`
      : options.dryRun
        ? `${name} would be the default; nothing was written: --dry-run`
        : `${name} is the default, before it was ${previousDefaultName}. ${back}`,
  ]);
}

async function remove({ store, flags, options, report }: Call, name: string) {
  const { dryRun = false } = options;
  const { purge = false } = flags;
  const { pointer, versions } = await surveyStore(store);
  const stored = versions.filter((each) => each.name === name).length;
  // Removed before, without --purge or by a command that was killed.
  const isRemoved = purge && stored > 0 && findServed(pointer?.pointer, name) === undefined;
  const version = isRemoved ? null : (await removeModel({ ...options, name })).version;
  if (dryRun) {
    const deleted = purge ? `, and up to ${stored} version(s) be deleted` : '';
    const done = `${name} would not be served any more${deleted}; nothing was written: --dry-run`;
    return report({ dryRun, name, version }, [done]);
  }
  const purged = purge ? await pruneStore({ ...options, name, olderThanMs: 0, keep: 0 }) : null;
  const kept =
    `${stored} version(s) of it stay stored until prune, or until --purge; ` +
    `back: ${nameCommand(`rollback ${name}`, flags)}`;
  report({ dryRun, name, version, ...(purged && toPruneJson(purged)) }, [
    `${name} is not served any more${version === null ? '' : `, before it was ${version}`}`,
    ...(purged === null ? [kept] : describePrune(purged, false)),
  ]);
}

/** A full disk has no room for the lease under which space is freed: the store keeps some. */
async function retryOnFullDisk(store: ObjectStore, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (cause) {
    const isFull = cause instanceof StorageError && cause.failure.reason === 'full';
    if (!isFull || !(await store.spendReserve?.())) {
      throw cause;
    }
    await run();
  }
}

async function sign(call: Call, id: VersionId): Promise<void> {
  const signer = await readSigner(resolve(call.context.cwd, call.flags.with));
  const done = `signed by ${signer.publicKey.id}`;
  await change(call, id, done, (options) => signVersion({ ...options, signer }));
  if (await hasUnsignedEncoder(call.store, id, signer)) {
    call.say(
      `Its encoder is not signed by ${signer.publicKey.id}. Only publishing signs an encoder: ` +
        describeCommand('publish', '--model FOLDER --sign FILE'),
    );
  }
}

/** Runs an action on one version and says whether it changed anything. */
async function change(
  { options, report }: Call,
  id: VersionId,
  done: string,
  act: (options: PinOptions) => Promise<boolean>,
): Promise<void> {
  const changed = await act({ ...options, id });
  const isDone = options.dryRun ? `would be ${done}; nothing was written: --dry-run` : `is ${done}`;
  report({ dryRun: options.dryRun, ...id, changed }, [
    `${nameVersion(id)} ${changed ? isDone : `is ${done} already; nothing was changed`}`,
  ]);
}

async function prune({ flags, options, report }: Call): Promise<void> {
  const { olderThan: olderThanMs, keep, name } = flags;
  const result = await pruneStore({ ...options, olderThanMs, keep, name });
  const isDryRun = options.dryRun === true;
  report({ dryRun: isDryRun, ...toPruneJson(result) }, describePrune(result, isDryRun));
}

async function generateKey(out: string, { cwd, print }: StorageContext): Promise<void> {
  const publicKey = await createKeyFile(resolve(cwd, out));
  print(
    `The private key is in ${out}: keep it where only publishers can read it, ` +
      'and out of the repository.',
  );
  print(`Key ${publicKey.id}; for MODEL_PUBLIC_KEYS:`);
  print(encodePublicKey(publicKey));
}

/** Reads the flag's keys, or else the environment's. */
function readPublicKeys(flag: string | undefined, { env }: StorageContext): PublicKey[] {
  try {
    return parsePublicKeys(flag ?? env['MODEL_PUBLIC_KEYS'] ?? '');
  } catch (cause) {
    const name = flag === undefined ? 'MODEL_PUBLIC_KEYS' : '--public-keys';
    throw new ExpectedError(`${name}: ${(cause as Error).message}`, { cause });
  }
}

const parseName = createParser(
  modelNameSchema,
  "a model's name, 1 to 32 of a-z, 0-9 and -, a letter first",
);
const parseVersion = createParser(modelVersionSchema, 'a version of 16 lower-case hex digits');

function createParser(schema: typeof modelNameSchema, expected: string): (text: string) => string {
  return (text) => {
    if (!v.is(schema, text)) {
      throw new ExpectedError(`expected ${expected}, got ${JSON.stringify(text)}`);
    }
    return text;
  };
}

/** Parses `NAME` or `NAME@VERSION`. */
function parseModel(text: string): ModelId {
  const at = text.indexOf('@');
  return at === -1
    ? { name: parseName(text) }
    : { name: parseName(text.slice(0, at)), version: parseVersion(text.slice(at + 1)) };
}

function parseVersionId(text: string): VersionId {
  const { name, version } = parseModel(text);
  if (version === undefined) {
    throw new ExpectedError(
      `expected NAME@VERSION, got ${JSON.stringify(text)}; ` +
        `\`models list ${name}\` shows the versions`,
    );
  }
  return { name, version };
}

function parseNote(text: string): string {
  const max = LEDGER_LIMITS.noteLength;
  if (text.length > max) {
    throw new ExpectedError(`--note: expected at most ${max} characters, got ${text.length}`);
  }
  return text;
}
