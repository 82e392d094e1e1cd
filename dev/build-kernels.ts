/**
 * `npm run build:kernels`: compiles each shared/kernels/*.ts to a .wasm beside it, which is in the repository: whoever does not change
 * the kernels needs no compiler. `-- --check` writes nothing and fails when two do not belong together, as the gate asks.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const ROOT = join(import.meta.dirname, '..');
const PROGRAMS = ['engine', 'png'];

/** AssemblyScript's compiler, with the optimizer that it names, takes 100 MB: it goes to a folder of its own, on first use. */
const VERSION = '0.28.20';
const FOLDER = join(ROOT, '.digitmint', `assemblyscript-${VERSION}`);
const COMPILER = join(FOLDER, 'node_modules', 'assemblyscript', 'bin', 'asc.js');

/** No runtime, no checks of bounds that the engine's layout keeps, and nothing to import. */
const FLAGS = [
  '-O3',
  '--converge',
  '--runtime',
  'stub',
  '--enable',
  'simd',
  '--noAssert',
  '--use',
  'abort=',
];

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
install();
for (const name of PROGRAMS) {
  build(name);
}

function build(name: string): void {
  const [source, program] = ['ts', 'wasm'].map(
    (extension) => `shared/kernels/${name}.${extension}`,
  ) as [string, string];
  const compiled = join(FOLDER, `${name}.wasm`);
  call(process.execPath, [COMPILER, join(ROOT, source), ...FLAGS, '--outFile', compiled]);
  const bytes = readFileSync(compiled);
  if (!values.check) {
    writeFileSync(join(ROOT, program), bytes);
    console.log(`${program}: ${bytes.length.toLocaleString('en')} bytes`);
  } else if (bytes.equals(readFileSync(join(ROOT, program)))) {
    console.log(`${program} is what ${source} compiles to.`);
  } else {
    console.error(`${program} is not what ${source} compiles to: npm run build:kernels`);
    process.exitCode = 1;
  }
}

function install(): void {
  if (existsSync(COMPILER)) {
    return;
  }
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(join(FOLDER, 'package.json'), '{ "private": true }\n');
  call(
    'npm',
    ['install', '--silent', '--ignore-scripts', '--save-exact', `assemblyscript@${VERSION}`],
    FOLDER,
  );
}

function call(program: string, args: string[], cwd = ROOT): void {
  const { status, error } = spawnSync(program, args, { cwd, stdio: 'inherit' });
  if (status !== 0) {
    throw new Error(`${program} ${args.join(' ')} failed`, { cause: error });
  }
}
