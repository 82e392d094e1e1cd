/**
 * `npm run build:client`: the npm package `digitmint` in client/dist, ready for `npm pack`. Modules
 * and command line are bundles without dependencies; the declarations are what the compiler writes,
 * less those that no entry leads to.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Plugin } from 'esbuild';
import { LIMITS } from '../shared/contract/limits.ts';
import { CLASS_LIMITS } from '../shared/model/classes.ts';
import { buildPage } from './build-page.ts';
import { bundle } from './bundle.ts';
import { describeLicences } from './licences.ts';
import { writeOptionTypes } from './option-types.ts';

const ROOT = join(import.meta.dirname, '..');
const CLIENT = join(ROOT, 'client');

/** @param outFolder  Absolute path; replaced. */
export async function buildClient(outFolder: string): Promise<void> {
  rmSync(outFolder, { recursive: true, force: true });
  mkdirSync(outFolder, { recursive: true });
  // Each module whole in one file: whoever links to it on a server needs no second one.
  for (const name of ['index', 'element']) {
    await bundle({
      entries: { [name]: join(CLIENT, `${name}.ts`) },
      outFolder,
      platform: 'browser',
      plugins: [reduceTables],
    });
  }
  await buildPage(); // The app's bundle holds the names of the pages' files.
  const { metafile } = await bundle({
    entries: { cli: join(CLIENT, 'cli', 'main.ts') },
    outFolder,
    platform: 'node',
  });
  writeFileSync(join(outFolder, 'THIRD-PARTY.txt'), describeLicences(metafile));
  writeDeclarations(join(outFolder, 'types'), ['index.d.ts', 'element.d.ts']);
  writeFileSync(join(outFolder, 'types', 'options.d.ts'), writeOptionTypes());
  cpSync(join(CLIENT, 'README.md'), join(outFolder, 'README.md'));
  cpSync(join(ROOT, 'LICENSE'), join(outFolder, 'LICENSE'));
  writeFileSync(join(outFolder, 'package.json'), `${JSON.stringify(describePackage(), null, 2)}\n`);
}

/**
 * Reduces the API's tables to what browsers need: removes the words of the documentation, and
 * writes limits as numbers.
 */
const limits: Readonly<Record<string, number>> = { ...LIMITS, ...CLASS_LIMITS };
const reduceTables: Plugin = {
  name: 'reduce-tables',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/](?:contract|client)[\\/][\w-]+\.ts$/ }, ({ path }) => {
      const contents = readFileSync(path, 'utf8')
        .replaceAll(WORDS, '')
        .replaceAll(EMPTY, '')
        .replaceAll(EMPTY, '')
        .replaceAll(/\b(?:CLASS_)?LIMITS\.(\w+)/g, (_, name: string) => String(limits[name]));
      return {
        contents: basename(path) === 'limits.ts' ? 'export const LIMITS = {};' : contents,
        loader: 'ts',
      };
    });
  },
};
const WORDS = /\b(?:about|without|example|control):\s*(?:'[^']*'|`[^`]*`|\{[^}]*\}),?/g;
/** What differs in a route, where only words differ; then `in` itself. */
const EMPTY = /\b(?:digit|dataset|morph|jobs|in): \{\s*\},?/g;

/** The package's own description; the version is the project's. */
function describePackage(): Record<string, unknown> {
  const read = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  const { name, ...others } = read(join(CLIENT, 'package.json'));
  return { name, version: read(join(ROOT, 'package.json'))['version'], ...others };
}

function writeDeclarations(outFolder: string, entries: readonly string[]): void {
  const folder = mkdtempSync(join(tmpdir(), 'digitmint-types-'));
  try {
    const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    const flags = [
      '--noEmit',
      'false',
      '--declaration',
      '--emitDeclarationOnly',
      '--rootDir',
      ROOT,
      '--outDir',
      folder,
    ];
    execFileSync(process.execPath, [compiler, '-p', CLIENT, ...flags], { stdio: 'inherit' });
    mkdirSync(outFolder);
    const wanted = [...entries];
    for (const name of wanted) {
      // Node's own resolution knows no .ts in a package.
      const text = readFileSync(join(folder, 'client', name), 'utf8').replaceAll(
        /(from '\.\/[\w-]+)\.ts'/g,
        "$1.js'",
      );
      writeFileSync(join(outFolder, name), text);
      const imported = [...text.matchAll(/from '\.\/([\w-]+)\.js'/g)].map(
        ([, module]) => `${module}.d.ts`,
      );
      wanted.push(...imported.filter((module) => !wanted.includes(module)));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (basename(process.argv[1] ?? '') === 'build-client.ts') {
  await buildClient(join(CLIENT, 'dist'));
}
