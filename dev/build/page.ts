/**
 * The files of the pages, made from page/: those that the platform serves under /assets/, and the
 * list of their names that the worker's HTML needs (`page-files` in wrangler.toml's `[alias]`).
 * Must run before the worker is bundled.
 */
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Metafile } from 'esbuild';
import { ASSET_HEADERS, ASSET_PATH } from '../../worker/http/asset-headers.ts';
import { bundle } from './bundle.ts';
import { readQualityCard } from './model-card.ts';

const ROOT = join(import.meta.dirname, '../..');
const OUT_FOLDER = join(ROOT, '.digitmint');
/** The platform serves this folder: see `[assets]` in wrangler.toml. */
const PUBLIC_FOLDER = join(OUT_FOLDER, 'public');
/** Absolute path of the folder behind ASSET_PATH. */
export const ASSET_FOLDER = join(PUBLIC_FOLDER, ASSET_PATH);
const LIST_FILE = join(OUT_FOLDER, 'page-files.json');

const ENTRIES = {
  page: join(ROOT, 'page', 'page.ts'),
  painter: join(ROOT, 'page', 'explorer', 'painter.ts'),
  style: join(ROOT, 'page', 'style', 'page.css'),
};

const PICTURES = { progress: 'docs/digits-progress.gif', samples: 'docs/digits-samples.png' };

/** How long files stay that no page names any more: an open page may still ask for them. */
const STALE_AFTER_MS = 3_600_000;

/** Builds the files. They are replaced one by one, so that a running server never misses one. */
export async function buildPage(): Promise<void> {
  mkdirSync(ASSET_FOLDER, { recursive: true });
  const folder = mkdtempSync(join(OUT_FOLDER, 'page-'));
  try {
    const { metafile } = await bundle({
      entries: ENTRIES,
      outFolder: folder,
      platform: 'browser',
      hashed: true,
    });
    const pictures = Object.entries(PICTURES).map(
      ([name, path]) => [name, copyHashed(join(ROOT, path), folder)] as const,
    );
    const [page, painter, style] = ['page.ts', 'painter.ts', 'page.css'].map((entry) =>
      findOutput(metafile, entry),
    );
    const list = {
      page: nameUrl(page as string),
      painter: nameUrl(painter as string),
      style: nameUrl(style as string),
      ...Object.fromEntries(pictures.map(([name, { file }]) => [name, nameUrl(file)])),
      bytes: {
        painter: measureGzipped(metafile, painter as string, folder),
        ...Object.fromEntries(pictures.map(([name, { bytes }]) => [name, bytes])),
      },
      quality: readQualityCard(readFileSync(join(ROOT, 'models', 'digits', 'README.md'), 'utf8')),
    };
    publish(folder);
    replaceFile(join(PUBLIC_FOLDER, '_headers'), formatHeaders());
    replaceFile(LIST_FILE, `${JSON.stringify(list, null, 2)}\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function nameUrl(file: string): string {
  return `${ASSET_PATH}${file}`;
}

function findOutput({ outputs }: Metafile, entry: string): string {
  const found = Object.entries(outputs).find(
    ([, { entryPoint }]) => entryPoint !== undefined && basename(entryPoint) === entry,
  );
  if (found === undefined) {
    throw new Error(`the bundle has no output of ${entry}`);
  }
  return basename(found[0]);
}

/** Gzipped bytes that a browser fetches for a script, with its imports and the wasm they read. */
function measureGzipped({ outputs }: Metafile, script: string, folder: string): number {
  const files = new Set([script]);
  const byName = new Map(Object.entries(outputs).map(([path, output]) => [basename(path), output]));
  for (const file of files) {
    for (const { path } of byName.get(file)?.imports ?? []) {
      files.add(basename(path));
    }
    const text = extname(file) === '.js' ? readFileSync(join(folder, file), 'utf8') : '';
    for (const name of byName.keys()) {
      if (name.endsWith('.wasm') && text.includes(name)) {
        files.add(name);
      }
    }
  }
  return [...files].reduce(
    (sum, file) => sum + gzipSync(readFileSync(join(folder, file))).length,
    0,
  );
}

function copyHashed(path: string, folder: string): { file: string; bytes: number } {
  const content = readFileSync(path);
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 8).toUpperCase();
  const file = `${basename(path, extname(path))}-${hash}${extname(path)}`;
  writeFileSync(join(folder, file), content);
  return { file, bytes: content.length };
}

/** Moves the new files to their place and removes stale ones. */
function publish(folder: string): void {
  const files = readdirSync(folder);
  for (const file of files) {
    renameSync(join(folder, file), join(ASSET_FOLDER, file));
  }
  for (const file of readdirSync(ASSET_FOLDER).filter((each) => !files.includes(each))) {
    const path = join(ASSET_FOLDER, file);
    if (Date.now() - statSync(path).mtimeMs > STALE_AFTER_MS) {
      rmSync(path, { force: true });
    }
  }
}

/** In the platform's format of `_headers`. */
function formatHeaders(): string {
  const headers = Object.entries(ASSET_HEADERS).map(([name, value]) => `  ${name}: ${value}\n`);
  return `${ASSET_PATH}*\n${headers.join('')}`;
}

function replaceFile(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, text);
  renameSync(draft, path);
}
