/**
 * `npm run build -- client|server|page|kernels|figures`: builds one of the things that are made
 * from the sources. Prints where it lies.
 *
 *   server [FOLDER]     the server on Node, by default in dist/server; replaces only a build
 *   figures [RUN]       draws the charts of pages; a run's folder gives new losses
 *   kernels [--check]   --check writes nothing and fails when a .wasm is not what its source gives
 *
 * Each builder is imported only when it is asked for: the image's build has the server's files
 * alone.
 */
import { join, resolve } from 'node:path';
import { ExpectedError } from '../../shared/expected-error.ts';
import { describeSwallowed } from '../../shared/npm-flags.ts';

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
  figures: async (run) => (await import('./figures.ts')).writeFigures(run),
  kernels: async (flag) => (await import('./kernels.ts')).buildKernels(flag === '--check'),
};

/** The arguments that may follow a name. */
const TAKES: Readonly<Record<string, (word: string) => boolean>> = {
  server: (folder) => !folder.startsWith('-'),
  figures: (folder) => !folder.startsWith('-'),
  kernels: (flag) => flag === '--check',
};

const [name = '', ...words] = process.argv.slice(2);
try {
  const swallowed = describeSwallowed(['--check'], process);
  if (swallowed !== null) {
    throw new ExpectedError(swallowed);
  }
  const builder = Object.hasOwn(BUILDERS, name) ? BUILDERS[name] : undefined;
  if (builder === undefined) {
    const names = Object.keys(BUILDERS).join(', ');
    throw new ExpectedError(`expected one of ${names}: npm run build -- NAME`);
  }
  const unknown = words.find((word, i) => i > 0 || TAKES[name]?.(word) !== true);
  if (unknown !== undefined) {
    throw new ExpectedError(`${name} does not take ${JSON.stringify(unknown)}`);
  }
  console.log(await builder(words[0]));
} catch (error) {
  if (!(error instanceof ExpectedError)) {
    throw error;
  }
  console.error(`digitmint: ${error.message}`);
  process.exitCode = 1;
}
