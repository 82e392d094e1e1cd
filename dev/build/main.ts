/**
 * `npm run build -- client|server|page|kernels`: builds one of the things that are made from the
 * sources. Prints where it lies.
 *
 *   server [FOLDER]     the server on Node, by default in dist/server
 *   kernels [--check]   --check writes nothing and fails when a .wasm is not what its source gives
 *
 * Each builder is imported only when it is asked for: the image's build has the server's files
 * alone.
 */
import { join, resolve } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

const BUILDERS: Readonly<Record<string, (argument?: string) => Promise<string>>> = {
  client: async () => {
    const folder = join(ROOT, 'client', 'dist');
    await (await import('./client.ts')).buildClient(folder);
    return folder;
  },
  server: async (folder = join(ROOT, 'dist', 'server')) => {
    const { buildServer, SERVER_FILE } = await import('./server.ts');
    await buildServer(resolve(folder));
    return join(resolve(folder), SERVER_FILE);
  },
  page: async () => {
    const { ASSET_FOLDER, buildPage } = await import('./page.ts');
    await buildPage();
    return ASSET_FOLDER;
  },
  kernels: async (flag) => (await import('./kernels.ts')).buildKernels(flag === '--check'),
};

const [name = '', argument] = process.argv.slice(2);
const builder = BUILDERS[name];
if (builder === undefined) {
  console.error(`expected one of ${Object.keys(BUILDERS).join(', ')}: npm run build -- NAME`);
  process.exit(1);
}
console.log(await builder(argument));
