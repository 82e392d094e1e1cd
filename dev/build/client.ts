/**
 * The npm package `digitmint` in client/dist, ready for `npm pack`. Modules and command line are
 * bundles without dependencies. The declarations are the compiler's, those that an entry leads to.
 */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Metafile, Plugin } from 'esbuild';
import { LIMITS } from '../../shared/contract/limits.ts';
import { CLASS_LIMITS } from '../../shared/model/classes.ts';
import { bundle, ROOT } from './bundle.ts';
import { writeJsxTypes } from './jsx-types.ts';
import { writeOptionTypes } from './option-types.ts';
import { replaceBuild } from './output-folder.ts';
import { buildPage } from './page.ts';

const CLIENT = join(ROOT, 'client');

/** @param outFolder  Absolute path; see `replaceBuild`. */
export function buildClient(outFolder: string): Promise<void> {
  return replaceBuild(outFolder, writeClient);
}

async function writeClient(outFolder: string): Promise<void> {
  // One bundle each: a page that links to a module needs no second file.
  for (const name of ['index', 'element']) {
    const entries = { [name]: join(CLIENT, `${name}.ts`) };
    const options = { plugins: [reduceTables] };
    await bundle(entries, outFolder, 'browser', options);
    // For Jest, and for CommonJS on Node 20: these cannot load modules from a package.
    await bundle(entries, outFolder, 'browser', {
      ...options,
      format: 'cjs',
      splitting: false,
      outExtension: { '.js': '.cjs' },
    });
  }
  await buildPage(); // The app's bundle holds the names of the pages' files.
  const entries = { cli: join(CLIENT, 'cli', 'main.ts') };
  const { metafile } = await bundle(entries, outFolder, 'node', {
    banner: { js: REFUSE_OLD_NODE },
  });
  fs.writeFileSync(join(outFolder, 'THIRD-PARTY.txt'), listLicences(metafile));
  writeDeclarations(join(outFolder, 'types'));
  fs.cpSync(join(CLIENT, 'README.md'), join(outFolder, 'README.md'));
  fs.cpSync(join(ROOT, 'LICENSE'), join(outFolder, 'LICENSE'));
  // The version is the project's.
  const { name, ...others } = readJson(join(CLIENT, 'package.json'));
  const { version } = readJson(join(ROOT, 'package.json'));
  const description = { name, version, ...others };
  fs.writeFileSync(join(outFolder, 'package.json'), `${JSON.stringify(description, null, 2)}\n`);
}

const REFUSE_OLD_NODE = `if (parseInt(process.versions.node) < 20) {
  console.error('digitmint: expected Node 20 or newer, this is ' + process.version);
  process.exit(1);
}`;

const limits: Readonly<Record<string, number>> = { ...LIMITS, ...CLASS_LIMITS };
/** Reduces the API's tables to what browsers need: no words of the docs, limits as numbers. */
const reduceTables: Plugin = {
  name: 'reduce-tables',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/](?:contract|client)[\\/][\w-]+\.ts$/ }, ({ path }) => {
      const contents = fs
        .readFileSync(path, 'utf8')
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
/** Objects that are empty when their words are gone. */
const EMPTY = /\b(?:digit|dataset|morph|jobs|in): \{\s*\},?/g;

function readJson(path: string): Record<string, string> {
  return JSON.parse(fs.readFileSync(path, 'utf8')) as Record<string, string>;
}

function writeDeclarations(outFolder: string): void {
  const folder = fs.mkdtempSync(join(tmpdir(), 'digitmint-types-'));
  try {
    const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    const flags = '--noEmit false --declaration --emitDeclarationOnly'.split(' ');
    const folders = ['--rootDir', ROOT, '--outDir', folder];
    const command = [compiler, '-p', CLIENT, ...flags, ...folders];
    execFileSync(process.execPath, command, { stdio: 'inherit' });
    fs.mkdirSync(outFolder);
    const texts = new Map(Object.entries({ ...writeJsxTypes(), options: writeOptionTypes() }));
    const wanted = new Set(['index', ...texts.keys()]);
    for (const name of wanted) {
      const text =
        texts.get(name) ?? fs.readFileSync(join(folder, 'client', `${name}.d.ts`), 'utf8');
      // Node's own resolution knows no .ts in a package, and CommonJS has declarations of its own.
      for (const kind of ['', 'c']) {
        const renamed = text.replaceAll(/(from '\.\/[\w-]+)\.ts'/g, `$1.${kind}js'`);
        fs.writeFileSync(join(outFolder, `${name}.d.${kind}ts`), renamed);
      }
      for (const [, module = ''] of text.matchAll(/from '\.\/([\w-]+)\.ts'/g)) {
        wanted.add(module);
      }
    }
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/**
 * The licences of all packages that some byte of a bundle comes from: they ask to go along.
 * @throws Error  When a package has neither a licence's text nor its name.
 */
function listLicences({ outputs }: Metafile): string {
  const paths = Object.values(outputs).flatMap(({ inputs }) => Object.keys(inputs));
  const folders = paths.flatMap(
    (path) => /node_modules\/(?:.*node_modules\/)?(?:@[^/]+\/)?[^/]+/.exec(path) ?? [],
  );
  return [...new Set(folders)].sort().map(describeLicence).join('\n');
}

function describeLicence(folder: string): string {
  const path = join(ROOT, folder);
  const { name, version, license } = readJson(join(path, 'package.json'));
  const file = fs.readdirSync(path).find((each) => /^licen[cs]e/i.test(each));
  if (license === undefined && file === undefined) {
    throw new Error(`${folder} names no licence: do not bundle it before that is known`);
  }
  const title = `${name} ${version} (${license ?? 'see below'})`;
  const text = file === undefined ? '' : `\n${fs.readFileSync(join(path, file), 'utf8').trim()}\n`;
  return `${title}\n${'='.repeat(title.length)}\n${text}`;
}
