/**
 * Runs one `models` or `publish` command in its own process and prints the result as JSON. On
 * request it kills itself with SIGKILL before or after one of its storage operations.
 *
 *     node models-child.ts '{"store":{"folder":"…"},"command":"publish","folder":"…"}'
 */
import { pinVersion, unpinVersion } from '../../../trainer/publish/prune.ts';
import { pruneStore } from '../../../trainer/publish/prune.ts';
import { publishArtifact, rollBack } from '../../../trainer/publish/publish.ts';
import { createFolderStore } from '../../../storage/folder-store.ts';
import type { ObjectStore } from '../../../storage/object-store.ts';
import { createS3Store, type S3StoreOptions } from '../../../storage/s3-store.ts';
import { wrapOperations } from '../storage/stepped-store.ts';

export interface ChildTask {
  readonly store: { readonly folder: string } | { readonly s3: Omit<S3StoreOptions, 'waiting'> };
  /** Number of repetitions; 1 by default. */
  readonly times?: number;
  /** `at`: the suffix of the operation's name and key. */
  readonly kill?: { readonly at: string; readonly when: 'before' | 'after' };
  readonly command:
    | { readonly do: 'publish'; readonly folders: readonly string[] }
    | { readonly do: 'rollback'; readonly name: string; readonly version?: string }
    | { readonly do: 'pin' | 'unpin'; readonly name: string; readonly version: string }
    | { readonly do: 'prune' };
}

const task = JSON.parse(process.argv[2] ?? '') as ChildTask;
const now = (): Date => new Date();
/** Shorter than for users, because the test servers run on this machine. */
const waiting = {
  sleep: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms / 20)),
  random: Math.random,
};

function openStore(): ObjectStore {
  const store =
    'folder' in task.store
      ? createFolderStore(task.store.folder)
      : createS3Store({ ...task.store.s3, waiting });
  const { kill } = task;
  return wrapOperations(store, async (name, operate) => {
    const isLast = kill !== undefined && name.endsWith(kill.at);
    if (isLast && kill.when === 'after') {
      await operate();
    }
    if (isLast) {
      process.kill(process.pid, 'SIGKILL');
      await new Promise(() => undefined);
    }
    return operate();
  });
}

async function run(store: ObjectStore, index: number): Promise<unknown> {
  const { command } = task;
  switch (command.do) {
    case 'publish': {
      const folder = command.folders[index % command.folders.length] as string;
      return publishArtifact({ store, folder, makeDefault: false, now, waiting });
    }
    case 'rollback':
      return rollBack({ store, now, waiting, name: command.name, version: command.version });
    case 'pin':
      return pinVersion({ store, now, waiting, id: command });
    case 'unpin':
      return unpinVersion({ store, now, waiting, id: command });
    case 'prune':
      return pruneStore({ store, now, waiting, olderThanMs: 0, keep: 0 });
  }
}

const store = openStore();
const ends: string[] = [];
for (let index = 0; index < (task.times ?? 1); index += 1) {
  ends.push(
    await run(store, index).then(
      () => 'done',
      // The test judges a refusal; any other error is a failure.
      (cause: unknown) => {
        const { failure } = cause as { failure?: { reason: string } };
        if (failure === undefined) {
          throw cause;
        }
        return failure.reason;
      },
    ),
  );
}
console.log(JSON.stringify(ends));
