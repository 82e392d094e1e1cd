/**
 * Compiles the programs of shared/kernels/ to .wasm files beside them. The .wasm files are in the
 * repository, so that only those who change a kernel need the compiler.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
/** The source and the additional flags of each .wasm. */
const PROGRAMS = {
  engine: ['engine'],
  'engine-relaxed': ['engine', '--enable', 'relaxed-simd'],
  png: ['png'],
} as const;

/** The compiler takes 100 MB with its optimizer: it is installed apart, on first use. */
const VERSION = '0.28.20';
const FOLDER = join(ROOT, '.digitmint', `assemblyscript-${VERSION}`);
const COMPILER = join(FOLDER, 'node_modules', 'assemblyscript', 'bin', 'asc.js');

/**
 * No runtime, no imports, and no bounds checks but WebAssembly's own. With a page of memory from
 * the start, V8 checks an offset within that page once for each access; without it, twice.
 */
const OPTIONS =
  '-O3 --converge --runtime stub --initialMemory 1 --enable simd --noAssert --use abort=';
const FLAGS = OPTIONS.split(' ');

/**
 * Compiles all kernels. @returns  A report, a line for each.
 * @param isCheck  Writes nothing, and throws when a .wasm is not what its source gives.
 */
export async function buildKernels(isCheck: boolean): Promise<string> {
  if (!existsSync(COMPILER)) {
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(join(FOLDER, 'package.json'), '{ "private": true }\n');
    const flags = ['--silent', '--ignore-scripts', '--save-exact'];
    const command = ['install', ...flags, `assemblyscript@${VERSION}`];
    execFileSync('npm', command, { cwd: FOLDER, stdio: 'inherit' });
  }
  const report = Object.entries(PROGRAMS).map(([name, [from, ...more]]) => {
    const [source, program] = [`shared/kernels/${from}.ts`, `shared/kernels/${name}.wasm`];
    const compiled = join(FOLDER, `${name}.wasm`);
    const command = [COMPILER, join(ROOT, source), ...FLAGS, ...more, '--outFile', compiled];
    execFileSync(process.execPath, command, { cwd: ROOT, stdio: 'inherit' });
    const bytes = readFileSync(compiled);
    if (!isCheck) {
      writeFileSync(join(ROOT, program), bytes);
      return `${program}: ${bytes.length.toLocaleString('en')} bytes`;
    }
    if (!bytes.equals(readFileSync(join(ROOT, program)))) {
      throw new Error(`${program} is not what ${source} compiles to: npm run build -- kernels`);
    }
    return `${program} is what ${source} compiles to.`;
  });
  return report.join('\n');
}
