/**
 * Publishes to a folder in its own process. On request it kills itself with SIGKILL before one of
 * the store's writes.
 *
 *     node publish-child.ts STORE ARTIFACT [KILL_BEFORE_WRITE]
 */
import { publishArtifact } from '../../../trainer/publish/publish.ts';
import { createFolderStore } from '../../../storage/folder-store.ts';
import type { ObjectStore } from '../../../storage/object-store.ts';

const [storePath, folder, killBefore = 'Infinity'] = process.argv.slice(2) as [
  string,
  string,
  string?,
];

function createDeadlyStore(store: ObjectStore, killBeforeWrite: number): ObjectStore {
  let writes = 0;
  const countWrite = (): void => {
    writes += 1;
    if (writes === killBeforeWrite) {
      process.kill(process.pid, 'SIGKILL');
    }
  };
  return {
    ...store,
    put: (...call) => {
      countWrite();
      return store.put(...call);
    },
    delete: (key) => {
      countWrite();
      return store.delete(key);
    },
  };
}

const result = await publishArtifact({
  store: createDeadlyStore(createFolderStore(storePath), Number(killBefore)),
  folder,
  makeDefault: true,
  now: () => new Date(),
});
console.log(JSON.stringify(result));
