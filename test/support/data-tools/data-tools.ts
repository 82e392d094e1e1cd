/** Runs data tools in Python, which open sets of a running service. */
import { execFile, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isInstalled } from '../clients/installed.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../../..');
const SCRIPT = join(import.meta.dirname, 'open-sets.py');

/** The tools of each list of dev/data-tools, and the sets that each opens. */
export const CASES = {
  tables: [
    'numpy_npz',
    'numpy_npy',
    'pandas_csv',
    'pandas_ndjson',
    'pandas_parquet',
    'pyarrow_parquet',
    'polars_csv',
    'polars_ndjson',
    'polars_parquet',
    'duckdb_csv',
    'duckdb_ndjson',
    'duckdb_parquet',
    'gzip_idx',
  ],
  datasets: ['datasets_parquet'],
  torch: ['torch_npz', 'torchvision_mnist'],
  tensorflow: ['tensorflow_npz', 'keras_npz'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type ToolList = keyof typeof CASES;

/** A tool's findings in a set, or its failure. */
export type Found =
  | { readonly pixels: string; readonly labels: readonly number[] }
  | { readonly failure: string };

/** Tells whether the tools of a list are installed. */
export const hasTools = (list: ToolList) =>
  isInstalled(join(findFolder(list), 'installed.txt'), `dev/data-tools/install.sh ${list}`);

/** Installs the tools of a list, once. */
export async function installTools(list: ToolList): Promise<void> {
  await run('sh', [join(ROOT, 'dev/data-tools/install.sh'), list]);
}

/** Opens a set with each tool of a list. @param query  The query of `/dataset`. */
export async function openSets(
  list: ToolList,
  url: URL,
  query: string,
): Promise<Readonly<Record<string, Found>>> {
  const args = [SCRIPT, url.origin, query, ...CASES[list]];
  const { stdout } = await run(join(findFolder(list), 'bin/python'), args, {
    maxBuffer: 16 * 1024 * 1024,
    env: { ...process.env, KERAS_BACKEND: 'tensorflow' },
  });
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Record<string, Found>;
}

/** Runs a Python program beside the tools of a list. @returns  Its standard output. */
export function runPython(list: ToolList, program: string, ...args: readonly string[]): string {
  return execFileSync(join(findFolder(list), 'bin/python'), ['-', ...args], {
    cwd: ROOT,
    input: program,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
}

/** Lists the versions of a list's tools, for a report. */
export async function listVersions(list: ToolList): Promise<string> {
  const args = ['-m', 'pip', 'list', '--format', 'freeze', '--disable-pip-version-check'];
  return (await run(join(findFolder(list), 'bin/python'), args)).stdout;
}

function findFolder(list: ToolList): string {
  return join(ROOT, '.digitmint/data-tools', list);
}
