/**
 * Limits how many files of this repository run for one warm request, so that a newcomer can follow
 * a request.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundle } from '../../dev/build/bundle.ts';
import type { createService } from '../../worker/service.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const MAX_FILES = 18;

let folder: string;
let script: string;
let app: ReturnType<typeof createService>;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'digitmint-path-'));
  const entries = { service: join(ROOT, 'worker', 'service.ts') };
  await bundle(entries, folder, 'node', { minify: false });
  script = join(folder, 'service.js');
  const service = (await import(pathToFileURL(script).href)) as {
    createService: typeof createService;
  };
  app = service.createService({
    models: undefined,
    modelRefreshMs: 600_000,
    log: () => undefined,
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Lists the modules of a bundle with their offsets. esbuild names each in a comment. */
function listModules(code: string): { readonly path: string; readonly start: number }[] {
  return [...code.matchAll(/^\/\/ (\S+\.\w+)$/gm)].map(({ 1: path = '', index }) => ({
    path,
    start: index,
  }));
}

/** Lists the repository's files of which a function runs during `work`. */
async function listFilesOf(work: () => Promise<unknown>): Promise<string[]> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  await session.post('Profiler.takePreciseCoverage'); // Resets the counts.
  await work();
  const { result } = await session.post('Profiler.takePreciseCoverage');
  await session.post('Profiler.stopPreciseCoverage');
  const coverage = result.find(({ url }) => url.endsWith(script));
  // The loaded source, which the test runner may have changed.
  await session.post('Debugger.enable');
  const { scriptSource } = await session.post('Debugger.getScriptSource', {
    scriptId: coverage?.scriptId ?? '',
  });
  session.disconnect();
  const modules = listModules(scriptSource);
  const starts = (coverage?.functions ?? [])
    .map(({ ranges }) => ranges[0])
    .filter((range) => range !== undefined && range.count > 0)
    .map((range) => range?.startOffset ?? 0);
  const paths = starts.map((at) => modules.findLast(({ start }) => start <= at)?.path ?? '');
  return [...new Set(paths)].filter((path) => !path.startsWith('node_modules/')).toSorted();
}

test(`a warm request for a seed's digit passes at most ${MAX_FILES} files`, async () => {
  const ask = async () => {
    const answer = await app.request('http://localhost/digit.png?seed=Ada');
    expect(answer.status).toBe(200);
    await answer.arrayBuffer();
  };
  await ask();
  const files = await listFilesOf(ask);
  expect(files).toContain('worker/app.ts');
  expect(files.length, files.join('\n')).toBeLessThanOrEqual(MAX_FILES);
});
