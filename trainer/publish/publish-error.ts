/** Why publishing stopped, beside the storage's own errors. */
import { ARTIFACT_LIMITS, POINTER_KEY, type ArtifactError } from '../../shared/model/artifact.ts';
import { ExpectedError, type FailureOf } from '../../shared/expected-error.ts';

/** Each reason's message. Its parameters are the fields of the failure. */
const MESSAGES = {
  object_differs: ({ key }: { key: string }) =>
    `expected ${key} to be free or to hold the same bytes, got other bytes there; ` +
    'published objects never change: if `models verify` calls it damaged, move it elsewhere, ' +
    'then repeat',
  read_back_differs: ({ key }: { key: string }) =>
    `${key} reads back other than it was written, or not at all; repeat the command, and if that ` +
    'does not help do not trust this storage: some never take a deleted key in a bucket with versions',
  pointer_refused: ({ cause }: { cause: ArtifactError }) =>
    cause.failure.reason === 'schema_unknown'
      ? `${cause.message}; nothing was changed`
      : `${cause.message}; nothing was changed: put a good ${POINTER_KEY} back. ` +
        'Without one, move the damaged one elsewhere and publish every model again',
  pointer_too_large: ({ bytes }: { bytes: number }) =>
    `${POINTER_KEY} would have ${bytes} bytes, ` +
    `at most ${ARTIFACT_LIMITS.pointerBytes} allowed; take models out of it first`,
  conditions_ignored: (honoured: { createOnly: boolean; compareAndSwap: boolean }) => {
    const ignored = [
      ...(honoured.createOnly ? [] : ['If-None-Match']),
      ...(honoured.compareAndSwap ? [] : ['If-Match']),
    ];
    return (
      `this storage ignores or refuses ${ignored.join(' and ')} on a put, so that two publishers at once ` +
      'can undo each other; if you are the only one, repeat with --allow-unsafe-pointer'
    );
  },
  contended: ({ key, attempts }: { key: string; attempts: number }) =>
    `others changed ${key} in each of ${attempts} attempts; uploads stay there, repeat the command`,
  ledger_refused: ({ detail, isNewer }: { detail: string; isNewer: boolean }) =>
    isNewer
      ? `ledger.json ${detail}, which this software does not know: update it; nothing was changed`
      : `ledger.json ${detail}; nothing was changed: put a good one back. ` +
        'Without one, move the damaged one elsewhere, and pin again what it pinned before the next ' +
        'prune: without pins and history prune deletes more',
  ledger_full: ({ bytes }: { bytes: number }) =>
    `ledger.json would have ${bytes} bytes; unpin what need not be pinned`,
  lease_lost: ({ versions }: { versions: readonly string[] }) =>
    `the time to change ${versions.join(', ')} ran out before it was done; ` +
    'what is served is whole, repeat the command',
  not_served: ({ name, names }: { name: string; names: readonly string[] }) => {
    const others = names.length === 0 ? 'none is' : `there are ${names.join(', ')}`;
    return `no model ${JSON.stringify(name)} is served; ${others}`;
  },
  no_previous: ({ name }: { name: string }) =>
    `no version of ${name} is known to have been served before; ` +
    '`models list` shows which there are, --version takes one',
  not_whole: ({ version, faults }: { version: string; faults: readonly Fault[] }) => {
    const list = faults.map(({ key, problem }) => `${key} ${problem}`).join('; ');
    return `${version} is not whole: ${list}; publish it again from its folder`;
  },
  served_changed: ({ name, expected, found }: Record<'name' | 'expected' | 'found', string>) =>
    `${name} was served as ${expected} when this began ` +
    `and is now ${found}; nothing was moved: look again, then repeat`,
  is_default: ({ name, names }: { name: string; names: readonly string[] }) =>
    `${name} is the default model, which is not removed; ` +
    (names.length === 0
      ? 'publish another model first'
      : `make another one the default first: \`models default NAME\` with ${names.join(' or ')}`),
  too_many_pins: ({ pins }: { pins: number }) =>
    `${pins} versions are pinned, no more are allowed; unpin some of them`,
  nothing_served: () =>
    `expected ${POINTER_KEY} to tell what is served, got none; ` +
    'without it nothing is deleted: publish a model first',
} as const;

export interface Fault {
  readonly key: string;
  readonly problem: string;
}

export type PublishFailure = FailureOf<typeof MESSAGES>;

/** Publishing stopped; the old version is still served. */
export class PublishError extends ExpectedError {
  override name = 'PublishError' as const;
  readonly failure: PublishFailure;

  constructor(where: string, failure: PublishFailure) {
    const describe = MESSAGES[failure.reason] as (fields: PublishFailure) => string;
    super(
      `${where}: ${describe(failure)}`,
      failure.reason === 'pointer_refused' ? { cause: failure.cause } : undefined,
    );
    this.failure = failure;
  }
}
