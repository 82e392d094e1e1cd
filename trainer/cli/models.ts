/**
 * `models`: the command line of what is published: list, show, verify, rollback, pin, unpin, sign, prune and keygen.
 */
import { resolve } from 'node:path';
import { Command } from 'commander';
import { encodePublicKey } from '../../shared/model/signature.ts';
import { listCatalogue } from '../publish/catalogue.ts';
import type { VersionId } from '../publish/writes.ts';
import { pinVersion, unpinVersion, type PinOptions } from '../publish/prune.ts';
import { pruneStore } from '../publish/prune.ts';
import { rollBack } from '../publish/rollback.ts';
import { createKeyFile, readSigner } from '../publish/signing.ts';
import { signVersion } from '../publish/signing.ts';
import { verifyStore } from '../publish/verify.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { parseDuration, parseWhole } from './arguments.ts';
import {
  ModelsError,
  parseModel,
  parseName,
  parseVersion,
  parseVersionId,
  readPublicKeys,
} from './model-arguments.ts';
import {
  CONDITIONS_IGNORED,
  describeChecked,
  describeEntry,
  describePrune,
  describeVerification,
  listEntries,
  toJson,
} from './models-view.ts';
import {
  addStorageOptions,
  createStorageContext,
  STORAGE_HELP,
  withStore,
  type StorageContext,
  type StorageFlags,
} from './storage-options.ts';

interface ModelsFlags extends StorageFlags {
  readonly json?: true;
}

interface WriteFlags extends ModelsFlags {
  readonly dryRun?: true;
  readonly allowUnsafePointer?: true;
}

interface VerifyFlags extends ModelsFlags {
  readonly publicKeys?: string;
}

interface PruneFlags extends WriteFlags {
  /** Milliseconds. */
  readonly olderThan: number;
  readonly keep: number;
  readonly name?: string;
}

const HELP = `${STORAGE_HELP}

Examples:
  npm run models -- list
  npm run models -- rollback digits --to r2://digitmint-models --dry-run
  npm run models -- prune --older-than 30d --keep 3 --dry-run`;

const DAY_MS = 24 * 60 * 60 * 1000;

/** Builds the command with its sub-commands. What it throws for a user to mend is an ExpectedError. */
export function buildModelsCommand(context: StorageContext = createStorageContext()): Command {
  const models = new Command('models').description(
    'Shows and changes what is published. docs/publication.md has the protocol.',
  );
  const add = (command: Command): Command => {
    models.addCommand(command);
    return addStorageOptions(command)
      .option('--json', 'prints the result as JSON')
      .addHelpText('after', HELP);
  };
  const addWriting = (command: Command): Command =>
    add(command)
      .option('--dry-run', 'checks everything, prints what would be done, and stops')
      .option(
        '--allow-unsafe-pointer',
        'goes on with storage that ignores conditional writes; where nobody else publishes only',
      );

  add(
    new Command('list')
      .argument('[name]', 'a model')
      .description('Lists the versions of all models, or of one.'),
  ).action((name: string | undefined, flags: ModelsFlags) => list(name, flags, context));
  add(
    new Command('show')
      .argument('<model>', 'NAME or NAME@VERSION')
      .description('Shows all that is known about a model or a version.'),
  ).action((model: string, flags: ModelsFlags) => show(model, flags, context));
  add(
    new Command('verify')
      .argument('[model]', 'NAME or NAME@VERSION; everything when not given')
      .description(
        'Reads every object and checks its size and SHA-256; ends with 1 when anything is wrong.',
      ),
  )
    .option(
      '--public-keys <keys>',
      'every version must be signed by one of them; else those of MODEL_PUBLIC_KEYS',
    )
    .action((model: string | undefined, flags: VerifyFlags) => verify(model, flags, context));
  addWriting(
    new Command('rollback')
      .argument('<name>', 'a model')
      .description('Serves an earlier version again.'),
  )
    .option(
      '--version <version>',
      'which; the one that was served before the present one when not given',
    )
    .action((name: string, flags: WriteFlags & { readonly version?: string }) =>
      rollback(name, flags, context),
    );
  addWriting(
    new Command('pin')
      .argument('<version>', 'NAME@VERSION')
      .description('Keeps a version from being pruned.'),
  )
    .option('--note <text>', 'why', '')
    .action((version: string, flags: WriteFlags & { readonly note: string }) =>
      pin(version, flags, context),
    );
  addWriting(
    new Command('unpin').argument('<version>', 'NAME@VERSION').description('Takes a pin away.'),
  ).action((version: string, flags: WriteFlags) => unpin(version, flags, context));
  addWriting(
    new Command('sign')
      .argument('<version>', 'NAME@VERSION')
      .description(
        'Adds a signature to a version that is published, after checking it whole; moves nothing.',
      ),
  )
    .requiredOption('--key <file>', 'the private key; `models keygen` makes one')
    .action((version: string, flags: WriteFlags & { readonly key: string }) =>
      sign(version, flags, context),
    );
  addWriting(
    new Command('prune').description(
      'Deletes versions that are neither served, pinned, the one to roll back to, among the last used, nor young.',
    ),
  )
    .option(
      '--older-than <age>',
      'written and served no later than so long ago: 90m, 12h, 30d',
      parseDuration,
      30 * DAY_MS,
    )
    .option(
      '--keep <n>',
      "so many of each model's last used versions stay, beside the served one",
      parseWhole(0, 1000),
      3,
    )
    .option('--name <name>', 'of this model only')
    .action((flags: PruneFlags) => prune(flags, context));
  models.addCommand(
    new Command('keygen')
      .description(
        'Makes a key pair for signatures: the private key goes to a file, the public one is printed.',
      )
      .requiredOption('--out <file>', 'a file that is not there yet')
      .action((flags: { readonly out: string }) => generateKey(flags.out, context)),
  );
  return models;
}

async function generateKey(out: string, { cwd, print }: StorageContext): Promise<void> {
  const publicKey = await createKeyFile(resolve(cwd, out));
  print(
    `The private key is in ${out}: keep it where only publishers can read it, and out of the repository.`,
  );
  print(`Key ${publicKey.id}; for MODEL_PUBLIC_KEYS:`);
  print(encodePublicKey(publicKey));
}

async function list(
  name: string | undefined,
  flags: ModelsFlags,
  context: StorageContext,
): Promise<void> {
  const only = name === undefined ? undefined : parseName(name);
  await withStore(flags, context, async (store) => {
    const entries = await listCatalogue(store, context.now(), only);
    report(flags, context, store, { versions: entries.map(toJson) }, () => [
      store.description,
      ...listEntries(entries, context.now()),
    ]);
  });
}

async function show(model: string, flags: ModelsFlags, context: StorageContext): Promise<void> {
  const { name, version } = parseModel(model);
  await withStore(flags, context, async (store) => {
    const entries = (await listCatalogue(store, context.now(), name)).filter(
      (entry) => version === undefined || entry.version === version,
    );
    if (entries.length === 0) {
      throw new ModelsError(
        `${store.description}: there is no ${model}; \`models list\` shows what there is`,
      );
    }
    report(flags, context, store, { versions: entries.map(toJson) }, () =>
      entries.flatMap((entry) => describeEntry(entry, context.now())),
    );
  });
}

async function verify(
  model: string | undefined,
  flags: VerifyFlags,
  context: StorageContext,
): Promise<void> {
  const only = model === undefined ? undefined : parseModel(model);
  const publicKeys = readPublicKeys(flags.publicKeys, context);
  const say = flags.json === true ? (): void => {} : context.print;
  await withStore(flags, context, async (store) => {
    say(`Verifying ${store.description}`);
    const result = await verifyStore(store, {
      only,
      publicKeys,
      onChecked: (checked) => say(describeChecked(checked)),
    });
    if (
      only !== undefined &&
      result.versions.length + result.leftovers.length + result.faults.length === 0
    ) {
      throw new ModelsError(
        `${store.description}: there is no ${model}; \`models list\` shows what there is`,
      );
    }
    const versions = result.versions.map((version) => ({ ...version, manifest: undefined }));
    report(flags, context, store, { ...result, versions }, () => describeVerification(result));
    if (result.faults.length > 0) {
      throw new ModelsError(
        `${store.description}: ${result.faults.length} fault(s) found; publish again what is damaged or not signed`,
      );
    }
  });
}

async function rollback(
  name: string,
  flags: WriteFlags & { readonly version?: string },
  context: StorageContext,
): Promise<void> {
  const version = flags.version === undefined ? undefined : parseVersion(flags.version);
  const options = {
    name: parseName(name),
    version,
    now: context.now,
    ...readWriteFlags(flags, context),
  };
  await withStore(flags, context, async (store) => {
    const result = await rollBack({ store, ...options });
    report(flags, context, store, { dryRun: flags.dryRun === true, ...result }, () => [
      result.pointerMoved
        ? `${name} ${result.previousVersion} -> ${result.version}${flags.dryRun ? ' would be served; nothing was written: --dry-run' : ' is served'}`
        : `${name} ${result.version} is served already; nothing was changed`,
    ]);
  });
}

async function pin(
  text: string,
  flags: WriteFlags & { readonly note: string },
  context: StorageContext,
): Promise<void> {
  if (flags.note.length > 200) {
    throw new ModelsError(`--note: expected at most 200 characters, got ${flags.note.length}`);
  }
  await change(text, flags, context, 'pinned', (options) =>
    pinVersion({ ...options, note: flags.note }),
  );
}

function unpin(text: string, flags: WriteFlags, context: StorageContext): Promise<void> {
  return change(text, flags, context, 'unpinned', unpinVersion);
}

async function sign(
  text: string,
  flags: WriteFlags & { readonly key: string },
  context: StorageContext,
): Promise<void> {
  const signer = await readSigner(resolve(context.cwd, flags.key));
  await change(text, flags, context, `signed by ${signer.publicKey.id}`, (options) =>
    signVersion({ ...options, signer }),
  );
}

/** Changes something of one version and tells whether it was so already. */
async function change(
  text: string,
  flags: WriteFlags,
  context: StorageContext,
  done: string,
  act: (options: PinOptions) => Promise<boolean>,
): Promise<void> {
  const id = parseVersionId(text);
  await withStore(flags, context, async (store) => {
    const isChanged = await act({ store, id, now: context.now, ...readWriteFlags(flags, context) });
    report(
      flags,
      context,
      store,
      { dryRun: flags.dryRun === true, ...id, changed: isChanged },
      () => [
        isChanged
          ? `${text} ${flags.dryRun ? `would be ${done}; nothing was written: --dry-run` : `is ${done}`}`
          : `${text} is ${done} already; nothing was changed`,
      ],
    );
  });
}

async function prune(flags: PruneFlags, context: StorageContext): Promise<void> {
  const { olderThan: olderThanMs, keep } = flags;
  const name = flags.name === undefined ? undefined : parseName(flags.name);
  await withStore(flags, context, async (store) => {
    const result = await pruneStore({
      store,
      now: context.now,
      olderThanMs,
      keep,
      name,
      ...readWriteFlags(flags, context),
    });
    const json = {
      dryRun: flags.dryRun === true,
      deleted: result.deleted.map(({ name: model, version, bytes, objects }) => ({
        name: model,
        version,
        bytes,
        keys: objects.map(({ key }) => key),
      })),
      kept: result.kept.map(({ version, reason }) => ({
        name: version.name,
        version: version.version,
        reason,
      })),
      probes: result.probes.map(({ key }) => key),
    };
    report(flags, context, store, json, () => describePrune(result, flags.dryRun === true));
  });
}

function readWriteFlags(flags: WriteFlags, { print }: StorageContext) {
  const say = flags.json === true ? (): void => {} : print;
  return {
    dryRun: flags.dryRun === true,
    allowUnsafePointer: flags.allowUnsafePointer === true,
    onConditionsIgnored: () => say(CONDITIONS_IGNORED),
    onWait: ({ name, version }: VersionId, until: Date) =>
      say(
        `  waiting        ${name}@${version} is being deleted; that ends at ${until.toISOString()} at the latest`,
      ),
  };
}

/** Prints one JSON object, or lines for people. */
function report(
  { json }: ModelsFlags,
  { print }: StorageContext,
  store: ObjectStore,
  value: object,
  describe: () => readonly string[],
): void {
  if (json === true) {
    print(JSON.stringify({ target: store.description, ...value }));
  } else {
    describe().forEach((line) => print(line));
  }
}
