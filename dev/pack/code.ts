/** Bundles the trainer's code for a machine without npm, with the files that it reads. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { build, type Plugin } from 'esbuild';

export const ROOT = join(import.meta.dirname, '../..');

/** Loaded only where they are installed. A bundle has webgpu alone. */
const NOT_BUNDLED = ['webgpu', '@tensorflow/tfjs-node', 'mnist', 'miniflare', 'canvas', 'sharp'];

/** Read beside the source that names them. */
const FILES = [
  'trainer/run/report/page.css',
  'trainer/run/report/page.js',
  'shared/kernels/engine.wasm',
  'shared/kernels/engine-relaxed.wasm',
  'shared/kernels/png.wasm',
  'models/classifier',
  'data/mnist',
  'LICENSE',
];

/** The WebAssembly backend on one thread. Machines without SIMD have no GPU for WebGPU either. */
const WASM_BACKEND = 'node_modules/@tensorflow/tfjs-backend-wasm';
const WASM_FILE = 'tfjs-backend-wasm-simd.wasm';

/**
 * @param folder    Exists and is empty. The program is its `main.js`.
 * @param isPacked  Whether it is for a machine without npm: see `trainer/packed.ts`.
 * @param others    More programs, which share its code: their sources by their names.
 */
export async function packCode(
  folder: string,
  isPacked = true,
  others: Readonly<Record<string, string>> = {},
): Promise<void> {
  await build({
    absWorkingDir: ROOT,
    entryPoints: { main: 'trainer/main.ts', ...others },
    outdir: folder,
    bundle: true,
    format: 'esm',
    splitting: true, // A command loads its own code only.
    platform: 'node',
    mainFields: ['module', 'main'], // tfjs as CommonJS would lose its names.
    target: 'node22',
    minify: true,
    keepNames: true, // tfjs and commander read the names of classes.
    legalComments: 'linked',
    logLevel: 'silent',
    external: NOT_BUNDLED,
    define: isPacked ? { DIGITMINT_PACKED: 'true' } : {},
    banner: { js: COMMONJS },
    plugins: [keepPlaces],
  });
  for (const file of FILES) {
    copy(file, join(folder, file));
  }
  copy(join(WASM_BACKEND, 'package.json'), join(folder, WASM_BACKEND, 'package.json'));
  copy(join(WASM_BACKEND, 'dist', WASM_FILE), join(folder, WASM_BACKEND, 'dist', WASM_FILE));
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    version: string;
  };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify({ type: 'module', version })}\n`);
}

/** The names that CommonJS packages expect. */
const COMMONJS =
  "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url); " +
  'const __dirname = import.meta.dirname; const __filename = import.meta.filename;';

/** Gives each source its place in the repository, though all chunks lie in one folder. */
const keepPlaces: Plugin = {
  name: 'keep-places',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const place = relative(ROOT, path).replaceAll('\\', '/');
      const contents = readFileSync(path, 'utf8')
        .replaceAll('import.meta.url', `new URL(${JSON.stringify(place)}, import.meta.url).href`)
        .replaceAll('import.meta.dirname', `(import.meta.dirname + '/${dirname(place)}')`);
      return { contents, loader: 'ts' };
    });
  },
};

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(join(ROOT, from), to, { recursive: true });
}
