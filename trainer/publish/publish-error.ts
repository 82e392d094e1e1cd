/**
 * Why publishing stopped, beside the storage's own errors.
 */
import { ARTIFACT_LIMITS, POINTER_KEY, type ArtifactError } from '../../shared/model/artifact.ts';
import { ExpectedError } from '../../shared/expected-error.ts';

export type PublishFailure =
  | { readonly reason: 'object_differs' | 'read_back_differs'; readonly key: string }
  | { readonly reason: 'pointer_refused'; readonly cause: ArtifactError }
  | { readonly reason: 'pointer_too_large' | 'ledger_full'; readonly bytes: number }
  | {
      readonly reason: 'conditions_ignored';
      readonly createOnly: boolean;
      readonly compareAndSwap: boolean;
    }
  | { readonly reason: 'contended'; readonly key: string; readonly attempts: number }
  | { readonly reason: 'ledger_refused'; readonly detail: string; readonly isNewer: boolean }
  | { readonly reason: 'lease_lost'; readonly versions: readonly string[] }
  | { readonly reason: 'not_served'; readonly name: string; readonly names: readonly string[] }
  | { readonly reason: 'no_previous'; readonly name: string }
  | {
      readonly reason: 'not_whole';
      readonly version: string;
      readonly faults: readonly { readonly key: string; readonly problem: string }[];
    }
  | {
      readonly reason: 'served_changed';
      readonly name: string;
      readonly expected: string;
      readonly found: string;
    }
  | { readonly reason: 'too_many_pins'; readonly pins: number }
  | { readonly reason: 'nothing_served' };

/** Publishing stopped; the old version is still served. */
export class PublishError extends ExpectedError {
  override name = 'PublishError' as const;
  readonly failure: PublishFailure;

  /** @param where  The store's description. */
  constructor(where: string, failure: PublishFailure) {
    super(
      `${where}: ${describeFailure(failure)}`,
      failure.reason === 'pointer_refused' ? { cause: failure.cause } : undefined,
    );
    this.failure = failure;
  }
}

function describeFailure(failure: PublishFailure): string {
  switch (failure.reason) {
    case 'object_differs':
      return (
        `expected ${failure.key} to be free or to hold the same bytes, got other bytes there; ` +
        'published objects never change: delete it if it is damaged, then repeat'
      );
    case 'read_back_differs':
      return (
        `${failure.key} reads back other than it was written; delete it and repeat the command, ` +
        'and if that does not help do not trust this storage'
      );
    case 'pointer_refused':
      return failure.cause.failure.reason === 'schema_unknown'
        ? `${failure.cause.message}; nothing was changed`
        : `${failure.cause.message}; nothing was changed: put a good ${POINTER_KEY} back, ` +
            'or delete it and publish every model again';
    case 'pointer_too_large':
      return (
        `${POINTER_KEY} would have ${failure.bytes} bytes, ` +
        `at most ${ARTIFACT_LIMITS.pointerBytes} allowed; take models out of it first`
      );
    case 'conditions_ignored': {
      const ignored = [
        ...(failure.createOnly ? [] : ['If-None-Match']),
        ...(failure.compareAndSwap ? [] : ['If-Match']),
      ];
      return (
        `this storage ignores ${ignored.join(' and ')} on a put, so that two publishers at once ` +
        'can undo each other; if you are the only one, repeat with --allow-unsafe-pointer'
      );
    }
    case 'contended':
      return (
        `others changed ${failure.key} in each of ${failure.attempts} attempts; ` +
        'uploads stay there, repeat the command'
      );
    case 'ledger_refused':
      return failure.isNewer
        ? `ledger.json ${failure.detail}, which this software does not know: ` +
            'update it; nothing was changed'
        : `ledger.json ${failure.detail}; nothing was changed: put a good one back, ` +
            'or delete it, which forgets pins and history';
    case 'ledger_full':
      return `ledger.json would have ${failure.bytes} bytes; unpin what need not be pinned`;
    case 'lease_lost':
      return (
        `the time to change ${failure.versions.join(', ')} ran out before it was done; ` +
        'what is served is whole, repeat the command'
      );
    case 'not_served': {
      const { names } = failure;
      const others = names.length === 0 ? 'none is' : `there are ${names.join(', ')}`;
      return `no model ${JSON.stringify(failure.name)} is served; ${others}`;
    }
    case 'no_previous':
      return (
        `no version of ${failure.name} is known to have been served before; ` +
        '`models list` shows which there are, --version takes one'
      );
    case 'not_whole': {
      const faults = failure.faults.map(({ key, problem }) => `${key} ${problem}`);
      const list = faults.join('; ');
      return `${failure.version} is not whole: ${list}; publish it again from its folder`;
    }
    case 'served_changed':
      return (
        `${failure.name} was served as ${failure.expected} when this began ` +
        `and is now ${failure.found}; nothing was moved: look again, then repeat`
      );
    case 'too_many_pins':
      return `${failure.pins} versions are pinned, no more are allowed; unpin some of them`;
    case 'nothing_served':
      return (
        `expected ${POINTER_KEY} to tell what is served, got none; ` +
        'without it nothing is deleted: publish a model first'
      );
  }
}
