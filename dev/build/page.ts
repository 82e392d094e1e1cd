/**
 * The files of the pages, made from page/: those that the platform serves under /assets/, and the
 * list of their names that the worker's HTML needs (`page-files` in wrangler.toml's `[alias]`).
 * Must run before the worker is bundled.
 */
import * as fs from 'node:fs';
import { basename, extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { Metafile, Plugin } from 'esbuild';
import { writeTokens } from '../../shared/design/tokens.ts';
import { writeAtomically, writeJson } from '../../storage/files.ts';
import { ASSET_HEADERS, ASSET_PATH } from '../../worker/http/asset-headers.ts';
import { bundle, ROOT } from './bundle.ts';
import { BUNDLED_MODELS, renderGuides } from './guides.ts';

const OUT_FOLDER = join(ROOT, '.digitmint');
/** The platform serves it: see `[assets]` in wrangler.toml. */
const PUBLIC_FOLDER = join(OUT_FOLDER, 'public');
/** Absolute path of the folder behind ASSET_PATH. */
export const ASSET_FOLDER = join(PUBLIC_FOLDER, ASSET_PATH);
const LIST_FILE = join(OUT_FOLDER, 'page-files.json');
/** The guides and the OpenAPI document, which the worker and the Node server hold. */
const GUIDES_FILE = join(OUT_FOLDER, 'guides.bin');
const OPENAPI_FILE = join(OUT_FOLDER, 'openapi.bin');

/** Built files, by their names in the list. */
const SOURCES = {
  page: 'page/page.ts',
  painter: 'page/explorer/painter.ts',
  reading: 'page/reading/reading.ts',
  hand: 'page/hand/hand.ts',
  scribe: 'page/hand/scribe.ts',
  style: 'page/style/page.css',
  readingStyle: 'page/style/reading.css',
};

/** Charts of the shipped model, by their names in the list. */
const CHARTS = {
  distance: 'docs/figures/distance.svg',
  truncation: 'docs/figures/truncation.svg',
};

/** The style sheets import the tokens under this name. */
const tokens: Plugin = {
  name: 'tokens',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^tokens\.css$/ }, () => ({ path: 'tokens.css', namespace: 'tokens' }));
    onLoad({ filter: /./, namespace: 'tokens' }, () => ({
      contents: writeTokens(),
      loader: 'css',
    }));
  },
};

/** How long files stay that no page names any more: an open page may still ask for them. */
const STALE_AFTER_MS = 3_600_000;

/** Builds the files. They are replaced one by one, so that a running server never misses one. */
export async function buildPage(): Promise<void> {
  fs.mkdirSync(ASSET_FOLDER, { recursive: true });
  const folder = fs.mkdtempSync(join(OUT_FOLDER, 'page-'));
  try {
    // Answers are cached for good, so a hash of the content is in each name.
    const options = { entryNames: '[name]-[hash]', plugins: [tokens] };
    const { metafile } = await bundle({ ...SOURCES, ...CHARTS }, folder, 'browser', options);
    const locate = (source: string) => `${ASSET_PATH}${findOutput(metafile, source)}`;
    const painter = findOutput(metafile, SOURCES.painter);
    const list = {
      ...Object.fromEntries(
        Object.entries(SOURCES).map(([name, source]) => [name, locate(source)]),
      ),
      charts: Object.fromEntries(
        Object.entries(CHARTS).map(([name, source]) => [
          name,
          { url: locate(source), description: readDescription(source) },
        ]),
      ),
      bytes: { painter: measureGzipped(metafile, painter, folder) },
      quality: BUNDLED_MODELS.map((name) =>
        readQualityCard(fs.readFileSync(join(ROOT, 'models', name, 'README.md'), 'utf8')),
      ),
    };
    const { guides, pictures } = renderGuides();
    for (const [name, content] of pictures) {
      fs.writeFileSync(join(folder, name), content);
    }
    publish(folder);
    await writeAtomically(GUIDES_FILE, JSON.stringify(guides));
    await writeAtomically(join(PUBLIC_FOLDER, '_headers'), formatHeaders());
    await writeJson(LIST_FILE, list);
    await writeAtomically(OPENAPI_FILE, await makeOpenapiDocument(folder));
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Makes the OpenAPI document from the routes. The app must be bundled for it: Node cannot import
 * all of its modules. It imports LIST_FILE.
 * @param folder  Takes the bundle.
 */
async function makeOpenapiDocument(folder: string): Promise<string> {
  await bundle({ document: 'worker/openapi/document.ts' }, folder, 'node');
  const script = pathToFileURL(join(folder, 'document.js')).href;
  const { writeOpenapiDocument } = (await import(script)) as {
    writeOpenapiDocument: () => string;
  };
  return writeOpenapiDocument();
}

/** The text of a chart for readers who do not see it, as `npm run build -- figures` wrote it. */
function readDescription(chart: string): string {
  const svg = fs.readFileSync(join(ROOT, chart), 'utf8');
  const description = /<desc[^>]*>([^<]+)</.exec(svg)?.[1];
  if (description === undefined) {
    throw new Error(`${chart} has no <desc>`);
  }
  return description;
}

function findOutput({ outputs }: Metafile, source: string): string {
  const found = Object.entries(outputs).find(([, { entryPoint }]) => entryPoint === source);
  if (found === undefined) {
    throw new Error(`the bundle has no output of ${source}`);
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
    const text = extname(file) === '.js' ? fs.readFileSync(join(folder, file), 'utf8') : '';
    for (const name of byName.keys()) {
      if (name.endsWith('.wasm') && text.includes(name)) {
        files.add(name);
      }
    }
  }
  const sizes = [...files].map((file) => gzipSync(fs.readFileSync(join(folder, file))).length);
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Moves the new files to their place and removes stale ones. */
function publish(folder: string): void {
  const files = fs.readdirSync(folder);
  for (const file of files) {
    fs.renameSync(join(folder, file), join(ASSET_FOLDER, file));
  }
  for (const file of fs.readdirSync(ASSET_FOLDER).filter((each) => !files.includes(each))) {
    const path = join(ASSET_FOLDER, file);
    if (Date.now() - fs.statSync(path).mtimeMs > STALE_AFTER_MS) {
      fs.rmSync(path, { force: true });
    }
  }
}

/** In the platform's format of `_headers`. */
function formatHeaders(): string {
  const headers = Object.entries(ASSET_HEADERS).map(([name, value]) => `  ${name}: ${value}\n`);
  return `${ASSET_PATH}*\n${headers.join('')}`;
}

/**
 * Reads the model's figures, in the card's own words, from its first table with columns "as it
 * ships" and "real digits". No manifest holds them.
 *
 * @param markdown  The README of a bundled model.
 * @throws Error    When it names no version or has no such table.
 */
export function readQualityCard(markdown: string) {
  const model = /`([a-z][a-z0-9-]*@[0-9a-f]{16})`/.exec(markdown)?.[1];
  const rows = markdown.split('\n').map(splitRow);
  const findColumns = (cells: readonly string[]) => ({
    shipped: cells.findIndex((cell) => cell.includes('as it ships')),
    real: cells.indexOf('real digits'),
  });
  const head = rows.findIndex((cells) => Math.min(...Object.values(findColumns(cells))) >= 0);
  if (model === undefined || head < 0) {
    throw new Error(
      'the model card has no `name@version`, or no table with columns "as it ships" and "real digits"',
    );
  }
  const { shipped, real } = findColumns(rows[head] as string[]);
  const body = rows.slice(head + 2);
  const end = body.findIndex((cells) => cells.length === 0);
  const figures = body
    .slice(0, end < 0 ? body.length : end)
    .map((cells) => ({
      name: cells[0] ?? '',
      value: cells[shipped] ?? '',
      real: cells[real] ?? '',
    }))
    .filter(({ value, real: floor }) => value !== '' && floor !== '');
  return { model, figures };
}

/** The cells of a table's line, without emphasis. Other lines have none. */
function splitRow(line: string): string[] {
  return line.startsWith('|')
    ? line
        .replace(/^\||\|\s*$/g, '')
        .split('|')
        .map((cell) => cell.replaceAll('**', '').trim())
    : [];
}
