/** `publish`: puts a model into object storage and prints what was done. */
import { resolve } from 'node:path';
import { Command } from 'commander';
import { POINTER_KEY } from '../../shared/model/artifact.ts';
import { describeCommand } from '../packed.ts';
import { publishArtifact, type PublishResult } from '../publish/publish.ts';
import { readS3Credentials } from '../../storage/s3-location.ts';
import type { PublishedObject } from '../publish/writes.ts';
import { readSigner } from '../publish/signing.ts';
import { parseTarget, type Target } from '../../storage/target.ts';
import {
  addStorageOptions,
  addWriteOptions,
  createStorageContext,
  formatBytes,
  nameCommand,
  STORAGE_HELP,
  withCall,
  type StorageContext,
  type StorageFlags,
} from './storage-options.ts';

interface PublishFlags extends StorageFlags {
  readonly model: string;
  readonly sign?: string;
  readonly default?: true;
}

const HELP = `${STORAGE_HELP}

Examples:
  ${describeCommand('publish', '--model runs/00001-seed/model')}
  ${describeCommand('publish', '--model runs/00001-seed/model --to r2://digitmint-models')}`;

/** Builds the command. It throws ExpectedError for failures that its user can mend. */
export function buildPublishCommand(context: StorageContext = createStorageContext()): Command {
  const command = new Command('publish')
    .description('Puts a trained model into object storage and serves it.')
    .requiredOption(
      '--model <folder>',
      'a model: the folder of a run, or one with a manifest.json',
    );
  return addWriteOptions(addStorageOptions(command))
    .option('--sign <file>', 'signs the manifest with this private key; `models keygen` makes one')
    .option(
      '--default',
      'serves it to requests that name no model; without this flag only the first model of a ' +
        'store does, and a new version of the default model, unless it is a trial',
    )
    .addHelpText('after', HELP)
    .action((flags: PublishFlags) => publishModel(flags, context));
}

/** Checks `--to` and its credentials without reaching it. @throws ExpectedError */
export function checkPublishTarget(
  { to, endpoint, region }: StorageFlags,
  { env }: Pick<StorageContext, 'env'> = createStorageContext(),
): void {
  if (parseTarget(to, { env, endpoint, region }).kind === 's3') {
    readS3Credentials(env);
  }
}

/** Publishes a model's folder and prints each change. */
export async function publishModel(
  flags: PublishFlags,
  context: StorageContext = createStorageContext(),
): Promise<void> {
  const { cwd } = context;
  const dryRun = flags.dryRun === true;
  const signer = flags.sign === undefined ? undefined : await readSigner(resolve(cwd, flags.sign));
  await withCall(flags, context, async ({ store, target, options, say, report }) => {
    say(`${dryRun ? 'Checking against' : 'Publishing to'} ${store.description}`);
    const result = await publishArtifact({
      ...options,
      folder: resolve(cwd, flags.model),
      signer,
      makeDefault: flags.default === true,
      onObject: (state, object) =>
        say(`  ${state.replace('_', ' ').padEnd(13)}  ${describeObject(object)}`),
    });
    report({ dryRun, ...result }, describeResult(result, flags, target));
  });
}

function describeObject({ key, bytes, sha256 }: PublishedObject): string {
  return `${key}  ${formatBytes(bytes)}  sha256 ${sha256.slice(0, 16)}…`;
}

function describeResult(result: PublishResult, flags: PublishFlags, target: Target): string[] {
  const { name, version, previousVersion, defaultName, previousDefaultName, objection } = result;
  const rollback = nameCommand(`rollback ${name} --version ${version}`, flags);
  const stored =
    `${name} ${version} is stored but not served by default: ${objection}. ` +
    `To serve it all the same: ${rollback}`;
  if (flags.dryRun) {
    return [
      ...result.uploaded.map((object) => `  would upload   ${describeObject(object)}`),
      result.pointerMoved
        ? `  would move     ${describeMove(result)}`
        : `  would leave    ${POINTER_KEY} as it is`,
      ...(objection === null ? [] : [stored.replace(' is stored', ' would be stored')]),
      'Nothing was written: --dry-run. ' +
        'Whether the storage honours conditional writes was not tried.',
    ];
  }
  if (objection !== null) {
    return [stored];
  }
  const isDefault = defaultName === name;
  const advice = isDefault
    ? []
    : [`To make it the default: ${nameCommand(`default ${name}`, flags)}`];
  if (!result.pointerMoved) {
    const repaired =
      result.uploaded.length > 0
        ? `${result.uploaded.length} missing file(s) were put there`
        : 'nothing was changed';
    const place = isDefault ? '' : ` beside the default, ${defaultName}`;
    return [`${name} ${version} is served already${place}: ${repaired}.`, ...advice];
  }
  const place = isDefault ? 'and served by default' : `beside the default, ${defaultName}`;
  const isReplaced = previousVersion !== null && previousVersion !== version;
  const isNewDefault = previousDefaultName !== null && previousDefaultName !== defaultName;
  return [
    `  moved          ${describeMove(result)}`,
    previousVersion === version
      ? `${name} ${version} was served already; ` +
        `it is now the default, before it was ${previousDefaultName}.`
      : `${name} ${version} is published ${place}.`,
    isReplaced && `It replaced ${previousVersion}. Back: ${nameCommand(`rollback ${name}`, flags)}`,
    isNewDefault &&
      `The default was ${previousDefaultName}. ` +
        `Back: ${nameCommand(`default ${previousDefaultName}`, flags)}`,
    ...advice,
    `Look: GET /healthz tells which model serves; model=${name} asks for this one. ` +
      (target.kind === 'local'
        ? 'A running npm start serves it within a minute.'
        : 'A running service looks for new models every MODEL_REFRESH_SECONDS (20 by default).'),
  ].filter((line) => line !== false);
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
