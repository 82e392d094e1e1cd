/** `publish`: puts a model into object storage and prints what was done. */
import { resolve } from 'node:path';
import { Command } from 'commander';
import { POINTER_KEY } from '../../shared/model/artifact.ts';
import { publishArtifact, type PublishResult } from '../publish/publish.ts';
import { readS3Credentials } from '../../storage/s3-location.ts';
import type { PublishedObject } from '../publish/writes.ts';
import { readSigner } from '../publish/signing.ts';
import { parseTarget, type Target } from '../../storage/target.ts';
import {
  addStorageOptions,
  addWriteOptions,
  createStorageContext,
  createWriteOptions,
  formatBytes,
  STORAGE_HELP,
  withStore,
  type StorageContext,
  type StorageFlags,
} from './storage-options.ts';

interface PublishFlags extends StorageFlags {
  readonly model: string;
  readonly sign?: string;
  readonly keepDefault?: true;
}

const HELP = `${STORAGE_HELP}

Examples:
  npm run publish -- --model runs/00001-seed/model
  npm run publish -- --model runs/00001-seed/model --to r2://digitmint-models`;

/** Builds the command. It throws ExpectedError for failures that its user can mend. */
export function buildPublishCommand(context: StorageContext = createStorageContext()): Command {
  const command = new Command('publish')
    .description('Puts a trained model into object storage and serves it.')
    .requiredOption('--model <folder>', 'a model: the folder with its manifest.json');
  return addWriteOptions(addStorageOptions(command))
    .option('--sign <file>', 'signs the manifest with this private key; `models keygen` makes one')
    .option('--keep-default', 'leaves the default model as it is')
    .addHelpText('after', HELP)
    .action((flags: PublishFlags) => publishModel(flags, context));
}

/** Checks `--to` and its credentials without reaching it. @throws ExpectedError */
export function checkPublishTarget(
  to: string,
  { env }: Pick<StorageContext, 'env'> = createStorageContext(),
): void {
  if (parseTarget(to, { env }).kind === 's3') {
    readS3Credentials(env);
  }
}

/** Publishes a model's folder and prints what was done. */
export async function publishModel(
  flags: PublishFlags,
  context: StorageContext = createStorageContext(),
): Promise<void> {
  const { cwd, print } = context;
  const dryRun = flags.dryRun === true;
  const say = flags.json === true ? (): void => {} : print;
  const signer = flags.sign === undefined ? undefined : await readSigner(resolve(cwd, flags.sign));
  await withStore(flags, context, async (store, target) => {
    say(`${dryRun ? 'Checking against' : 'Publishing to'} ${store.description}`);
    const result = await publishArtifact({
      ...createWriteOptions(store, flags, context, say),
      folder: resolve(cwd, flags.model),
      signer,
      makeDefault: flags.keepDefault !== true,
      onObject: (state, object) =>
        say(`  ${state.replace('_', ' ').padEnd(13)}  ${describeObject(object)}`),
    });
    if (flags.json === true) {
      print(JSON.stringify({ target: store.description, dryRun, ...result }));
    } else {
      describeResult(result, dryRun, target).forEach((line) => print(line));
    }
  });
}

function describeObject({ key, bytes, sha256 }: PublishedObject): string {
  return `${key}  ${formatBytes(bytes)}  sha256 ${sha256.slice(0, 16)}…`;
}

function describeResult(result: PublishResult, isDryRun: boolean, target: Target): string[] {
  const { name, version, previousVersion, defaultName, previousDefaultName } = result;
  if (isDryRun) {
    return [
      ...result.uploaded.map((object) => `  would upload   ${describeObject(object)}`),
      result.pointerMoved
        ? `  would move     ${describeMove(result)}`
        : `  would leave    ${POINTER_KEY} as it is`,
      'Nothing was written: --dry-run. ' +
        'Whether the storage honours conditional writes was not tried.',
    ];
  }
  if (!result.pointerMoved) {
    const repaired =
      result.uploaded.length > 0
        ? `${result.uploaded.length} missing file(s) were put there`
        : 'nothing was changed';
    return [`${name} ${version} is served already: ${repaired}.`];
  }
  const place =
    defaultName === name ? 'and served by default' : `beside the default, ${defaultName}`;
  return [
    `  moved          ${describeMove(result)}`,
    previousVersion === version
      ? `${name} ${version} was served already; ` +
        `it is now the default, before it was ${previousDefaultName}.`
      : `${name} ${version} is published ${place}.`,
    `Look: ${target.kind === 'local' ? 'npm start (or leave it running), then ' : ''}` +
      `GET /healthz tells which model serves; model=${name} asks for this one. ` +
      'A running worker looks for a new model every MODEL_REFRESH_SECONDS.',
  ];
}

function describeMove(result: PublishResult): string {
  const { name, version, previousVersion, defaultName, previousDefaultName } = result;
  const model =
    previousVersion === version
      ? `${name} ${version}`
      : `${name} ${previousVersion ?? '(none)'} -> ${version}`;
  const byDefault =
    previousDefaultName === defaultName
      ? defaultName
      : `${previousDefaultName ?? '(none)'} -> ${defaultName}`;
  return `${POINTER_KEY}  ${model}, default ${byDefault}`;
}
