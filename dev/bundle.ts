/**
 * Bundles a program that holds the app, or the part of it that draws, for runtimes other than Cloudflare's: Node and
 * browsers. What wrangler.toml says about replaced modules holds here too, so that all of them draw with the same code;
 * only the two kinds of files that wrangler's module rules know are read as the runtime can.
 */
import { join, relative, resolve } from 'node:path';
import { build, type BuildResult, type Plugin } from 'esbuild';
import { unstable_readConfig as readConfig } from 'wrangler';

const ROOT = join(import.meta.dirname, '..');

export interface BundleOptions {
  /** Absolute paths of the entry modules, by the name of what is made of each. */
  readonly entries: Readonly<Record<string, string>>;
  /** Absolute path of the folder that the bundle is written to; files of the same names are replaced. */
  readonly outFolder: string;
  /** `node`: Node 20 or newer. `browser`: modules; wasm is fetched from beside the script, before its entry runs. */
  readonly platform: 'node' | 'browser';
  /** Modules that are left to the runtime to find. */
  readonly external?: readonly string[];
  /** What is imported dynamically becomes a script of its own; always so for browsers. */
  readonly splitting?: boolean;
  /** Run before the bundler's own. */
  readonly plugins?: readonly Plugin[];
  /** File names with a hash of their content, for answers that may be kept for good. */
  readonly hashed?: boolean;
  /** False keeps names, and a comment with its path before each module; true without it. */
  readonly minify?: boolean;
}

/** Bundles; rejects with esbuild's own messages. @returns  esbuild's result with its metafile. */
export function bundle({
  entries,
  outFolder,
  platform,
  external = [],
  splitting = platform === 'browser',
  plugins = [],
  hashed = false,
  minify = true,
}: BundleOptions): Promise<BuildResult<{ metafile: true }>> {
  const { alias, define } = readConfig(
    { config: join(ROOT, 'wrangler.toml') },
    { hideWarnings: true },
  );
  return build({
    absWorkingDir: ROOT,
    entryPoints: { ...entries },
    outdir: outFolder,
    bundle: true,
    format: 'esm',
    splitting,
    // CommonJS packages in a chunk, like the AWS SDK, load Node's own modules with `require`.
    ...(splitting && platform === 'node' && { banner: { js: REQUIRE } }),
    platform,
    target: platform === 'node' ? 'node20' : 'es2022',
    minify,
    legalComments: 'linked',
    metafile: true,
    logLevel: 'silent',
    // Hashes and short names follow from paths, so none may be of this machine: a linked node_modules gives the same bytes.
    preserveSymlinks: true,
    external: [...external],
    define: { ...define },
    entryNames: hashed ? '[name]-[hash]' : '[name]',
    chunkNames: '[name]-[hash]',
    assetNames: '[name]-[hash]',
    loader: { '.bin': 'file', '.wasm': 'file' },
    plugins: [...plugins, replaceModules(alias ?? {}), loadBinaries(READERS[platform])],
  });
}

const REQUIRE =
  "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

/** wrangler's `[alias]`, which also knows paths relative to the importer, as esbuild's own does not. */
function replaceModules(alias: Readonly<Record<string, string>>): Plugin {
  return {
    name: 'replace-modules',
    setup({ onResolve }) {
      onResolve({ filter: /./ }, ({ path }) => {
        const replacement = alias[path];
        return replacement === undefined ? undefined : { path: resolve(ROOT, replacement) };
      });
    },
  };
}

/** Expressions that turn `url`, of a file beside the bundle, into what wrangler's module rules give for it. */
interface Reader {
  readonly imports: string;
  readonly wasm: string;
  readonly bin: string;
}

const READERS: Readonly<Record<BundleOptions['platform'], Reader>> = {
  node: {
    imports: `import { readFileSync } from 'node:fs';`,
    wasm: 'new WebAssembly.Module(readFileSync(url))',
    bin: 'new Uint8Array(readFileSync(url)).buffer',
  },
  browser: {
    imports: '',
    // Not compileStreaming: a host that serves wasm under another media type must not break it.
    wasm: 'await WebAssembly.compile(await (await fetch(url)).arrayBuffer())',
    bin: 'await (await fetch(url)).arrayBuffer()',
  },
};

/** Modules for compiled wasm and for bytes: `worker/modules.d.ts` says what an importer gets. */
function loadBinaries(reader: Reader): Plugin {
  return {
    name: 'load-binaries',
    setup(setup) {
      setup.onResolve(
        { filter: /\.(wasm|bin)$/ },
        async ({ path, importer, resolveDir, kind, namespace, pluginData }) => {
          if (pluginData === FOUND) {
            return undefined; // Asked below.
          }
          if (namespace === BINARY) {
            return { path: resolve(ROOT, path), namespace: 'file' }; // The file itself, for the loader that copies it.
          }
          const found = await setup.resolve(path, {
            importer,
            resolveDir,
            kind,
            pluginData: FOUND,
          });
          return found.errors.length > 0
            ? found
            : { path: relative(ROOT, found.path), namespace: BINARY };
        },
      );
      setup.onLoad({ filter: /./, namespace: BINARY }, ({ path }) => ({
        resolveDir: ROOT,
        contents: [
          reader.imports,
          `import file from ${JSON.stringify(path)};`,
          'const url = new URL(file, import.meta.url);',
          `export default ${path.endsWith('.wasm') ? reader.wasm : reader.bin};`,
        ].join('\n'),
      }));
    },
  };
}

const BINARY = 'binary';
const FOUND = 'found';
