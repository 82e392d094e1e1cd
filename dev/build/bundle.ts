/**
 * Bundles a program with the app, or with the part of it that draws, for Node and for browsers. The
 * module aliases of wrangler.toml hold here too, so that all runtimes draw with the same code. Only
 * .wasm and .bin files, which wrangler's module rules know, are read in the runtime's own way.
 */
import { createHash } from 'node:crypto';
import { basename, extname, join, relative, resolve } from 'node:path';
import { build, type BuildOptions, type BuildResult, type Plugin } from 'esbuild';

export const ROOT = join(import.meta.dirname, '../..');

/** As in wrangler.toml. Wrangler itself would read them, but takes a second to load, and memory. */
export const ALIAS = { 'page-files': './.digitmint/page-files.json' };

/**
 * Bundles scripts. For browsers they are split, and fetch wasm from beside them before they run.
 *
 * @param entries    Paths, absolute or from the root, by the name of the output.
 * @param outFolder  Absolute path. Files of the same names are replaced.
 * @param options    Options of esbuild, in place of those below. Its plugins run first.
 * @throws Error     With esbuild's messages.
 */
export function bundle(
  entries: Record<string, string>,
  outFolder: string,
  platform: keyof typeof READERS,
  { plugins = [], splitting = platform === 'browser', ...options }: BuildOptions = {},
): Promise<BuildResult<{ metafile: true }>> {
  return build({
    absWorkingDir: ROOT,
    entryPoints: entries,
    outdir: outFolder,
    bundle: true,
    format: 'esm',
    splitting,
    // CommonJS packages in a chunk, like the AWS SDK, load Node's own modules with `require`.
    ...(splitting && platform === 'node' && { banner: { js: REQUIRE } }),
    platform,
    target: platform === 'node' ? 'node20' : 'es2022',
    minify: true,
    legalComments: 'linked',
    logLevel: 'silent',
    // Hashes depend on paths: a linked node_modules must give the same bytes as a real one.
    preserveSymlinks: true,
    entryNames: '[name]',
    chunkNames: '[name]-[hash]',
    assetNames: '[name]-[hash]',
    loader: { '.bin': 'file', '.wasm': 'file', '.svg': 'copy' },
    alias: ALIAS,
    ...options,
    metafile: true,
    plugins: [...plugins, dropColourNames, loadBinaries(READERS[platform])],
  });
}

const REQUIRE =
  "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

/** Leaves the names of colours out where none is looked up: the package freezes its table. */
const dropColourNames: Plugin = {
  name: 'drop-colour-names',
  setup({ onResolve }) {
    onResolve({ filter: /^color-name$/ }, () => ({
      path: join(ROOT, 'node_modules', 'color-name', 'index.js'),
      sideEffects: false,
    }));
  },
};

/** Expressions that turn `url`, of a file beside the bundle, into a wrangler module's value. */
const READERS = {
  node: {
    imports: `import { readFileSync } from 'node:fs';`,
    wasm: 'new WebAssembly.Module(readFileSync(url))',
    bin: 'new Uint8Array(readFileSync(url)).buffer',
  },
  browser: {
    imports: '',
    // Not compileStreaming, which fails on hosts that serve wasm under another media type.
    wasm: 'await WebAssembly.compile(await (await fetch(url)).arrayBuffer())',
    bin: 'await (await fetch(url)).arrayBuffer()',
  },
};

/** Modules of compiled wasm and of bytes, typed by worker/modules.d.ts. */
function loadBinaries(reader: (typeof READERS)[keyof typeof READERS]): Plugin {
  return {
    name: 'load-binaries',
    setup(setup) {
      setup.onResolve(
        { filter: /\.(wasm|bin)$/ },
        async ({ path, importer, resolveDir, kind, namespace, pluginData }) => {
          if (pluginData === FOUND) {
            return undefined; // The call of `resolve` below.
          }
          if (namespace === BINARY) {
            // For the loader that copies files.
            return { path: resolve(ROOT, path), namespace: 'file' };
          }
          const options = { importer, resolveDir, kind, pluginData: FOUND };
          const found = await setup.resolve(path, options);
          return found.errors.length > 0
            ? found
            : { path: relative(ROOT, found.path), namespace: BINARY };
        },
      );
      setup.onLoad({ filter: /./, namespace: BINARY }, ({ path }) => ({
        resolveDir: ROOT,
        contents: [
          reader.imports,
          ...importFile(path),
          'const url = new URL(file, import.meta.url);',
          `export default ${path.endsWith('.wasm') ? reader.wasm : reader.bin};`,
        ].join('\n'),
      }));
    },
  };
}

/** A program of one instruction of Relaxed SIMD, which a runtime without it does not validate. */
const PROBE = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15,
  65, 2, 253, 15, 253, 128, 2, 11,
];

/** Imports a file's URL. Where Relaxed SIMD is missing, it is that of the program without it. */
function importFile(path: string): string[] {
  const plain = path.replace('-relaxed.wasm', '.wasm');
  return plain === path
    ? [`import file from ${JSON.stringify(path)};`]
    : [
        `import relaxed from ${JSON.stringify(path)};`,
        `import plain from ${JSON.stringify(plain)};`,
        `const file = WebAssembly.validate(new Uint8Array(${JSON.stringify(PROBE)})) ? relaxed : plain;`,
      ];
}

const BINARY = 'binary';
const FOUND = 'found';

/** Puts a hash of the content into a file's name, since browsers keep it for good. */
export function nameAsset(file: string, content: Uint8Array): string {
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 8).toUpperCase();
  const extension = extname(file);
  return `${basename(file, extension)}-${hash}${extension}`;
}
