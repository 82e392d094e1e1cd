/**
 * What is set up inside tfjs-node's folder: reading it, putting a built tree there, and taking it away again.
 */
import { existsSync } from 'node:fs';
import {
  copyFile,
  link,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { quoteLastLines, runCommand } from './command.ts';
import { NAPI_VERSION } from './compile.ts';
import type { ProbeReport } from './probe.ts';

/** Which libtensorflow a folder holds. Written last, so a folder with a stamp is complete. */
export interface Stamp {
  /** Names the cached tree; changes with any version or hash. */
  readonly key: string;
  readonly tensorflow: string;
  readonly wheels: readonly { readonly file: string; readonly sha256: string }[];
  /** Bytes of each file, by its path in the tree. */
  readonly files: Readonly<Record<string, number>>;
}

const STAMP_FILE = 'digitmint.json';

/** The tree's two halves and where each goes in tfjs-node's folder: the libraries, then the binding that needs them. */
const HALVES = ['deps', 'lib'] as const;

/** Where a tree, or tfjs-node's folder, keeps the binding. */
export const BINDING = join('lib', `napi-v${NAPI_VERSION}`, 'tfjs_binding.node');

/** Reads a tree's stamp. @returns Undefined when there is none, or a file that it names is missing or cut short. */
export async function readStamp(tree: string): Promise<Stamp | undefined> {
  const path = join(tree, 'deps', STAMP_FILE);
  if (!existsSync(path)) {
    return undefined;
  }
  const stamp = parseStamp(await readFile(path, 'utf8'));
  if (stamp === undefined) {
    return undefined;
  }
  for (const [file, bytes] of Object.entries(stamp.files)) {
    const info = await stat(join(tree, file)).catch(() => undefined); // Missing: then the tree is not whole.
    if (info?.size !== bytes) {
      return undefined;
    }
  }
  return stamp;
}

function parseStamp(text: string): Stamp | undefined {
  try {
    const stamp = JSON.parse(text) as Partial<Stamp> | null;
    return typeof stamp?.key === 'string' && typeof stamp.files === 'object'
      ? (stamp as Stamp)
      : undefined;
  } catch {
    return undefined; // A damaged stamp counts as none: everything is then put there anew.
  }
}

/** Finishes a tree by writing its stamp. */
export async function writeStamp(tree: string, stamp: Omit<Stamp, 'files'>): Promise<void> {
  const files: Record<string, number> = {};
  for (const file of await listFiles(tree)) {
    files[file] = (await stat(join(tree, file))).size;
  }
  await writeFile(
    join(tree, 'deps', STAMP_FILE),
    `${JSON.stringify({ ...stamp, files }, null, 2)}\n`,
  );
}

/** Says whether tfjs-node has libraries there that this command did not put there. */
export function hasForeignInstallation(packageFolder: string): boolean {
  return (
    HALVES.some((half) => existsSync(join(packageFolder, half))) &&
    !existsSync(join(packageFolder, 'deps', STAMP_FILE))
  );
}

/** Takes away what is set up in tfjs-node's folder. */
export async function clearInstallation(packageFolder: string): Promise<void> {
  for (const half of HALVES) {
    await rm(join(packageFolder, half), { recursive: true, force: true });
    await rm(join(packageFolder, `${half}.partial`), { recursive: true, force: true });
  }
}

/** Puts a finished tree into tfjs-node's folder, by hard links where the file system can: no time, no room. */
export async function placeTree(tree: string, packageFolder: string): Promise<void> {
  await clearInstallation(packageFolder);
  for (const half of HALVES) {
    for (const file of await listFiles(join(tree, half))) {
      const target = join(packageFolder, `${half}.partial`, file);
      await mkdir(join(target, '..'), { recursive: true });
      // Links cannot cross file systems, and some have none: then it is a copy.
      await link(join(tree, half, file), target).catch(() =>
        copyFile(join(tree, half, file), target),
      );
    }
  }
  for (const half of HALVES) {
    await rename(join(packageFolder, `${half}.partial`), join(packageFolder, half));
  }
}

/**
 * Loads what is set up, in another process, and multiplies two matrices with it.
 *
 * @returns  The probe's report, or in `failure` what went wrong.
 */
export async function probeInstallation(
  packageFolder: string,
  env: NodeJS.ProcessEnv,
): Promise<ProbeReport | { readonly failure: string }> {
  const program = fileURLToPath(new URL('probe.ts', import.meta.url));
  const quiet = { TF_CPP_MIN_LOG_LEVEL: '1', NODE_NO_WARNINGS: '1', ...env };
  const result = await runCommand(process.execPath, [program, packageFolder], { env: quiet });
  if (result?.status === 0) {
    return JSON.parse(result.stdout) as ProbeReport;
  }
  if (result === undefined || result.signal !== null) {
    return {
      failure: `    it ended with ${result?.signal ?? 'no process'} (libtensorflow needs a CPU with AVX)`,
    };
  }
  const error = result.stderr.split('\n').find((line) => /^\w*Error\b/.test(line));
  return { failure: error === undefined ? quoteLastLines(result) : `    ${error}` };
}

async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name !== STAMP_FILE)
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .concat(existsSync(join(folder, STAMP_FILE)) ? [STAMP_FILE] : []);
}

/** tfjs-node's folder, or undefined when it is not installed. */
export function locateTfjsNode(): string | undefined {
  const paths = createRequire(import.meta.url).resolve.paths('@tensorflow/tfjs-node') ?? [];
  return paths
    .map((path) => join(path, '@tensorflow', 'tfjs-node'))
    .find((path) => existsSync(join(path, 'package.json')));
}
