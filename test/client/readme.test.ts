/**
 * Every example of the package's README, taken out of it as it stands: its modules in a page of
 * another origin with COEP, its commands in a shell.
 */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { POINTER_KEY } from '../../shared/model/artifact.ts';
import { collectComplaints, startBrowser } from '../support/hosts/browser.ts';
import { buildFixture, buildPointer, writeModel } from '../support/models/fixture-artifact.ts';
import {
  installClient,
  putModules,
  type InstalledClient,
} from '../support/hosts/installed-client.ts';
import { startOtherOrigin, type OtherOrigin } from '../support/hosts/other-origin.ts';
import { putArtifact, startWorker, waitUntil, type TestWorker } from '../support/hosts/workerd.ts';

const README = await readFile(new URL('../../client/README.md', import.meta.url), 'utf8');
const pick = (language: string) =>
  [...README.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(
    ([, code = '']) => code,
  );
const COMMANDS = pick('sh').flatMap((code) =>
  code.split('\n').filter((line) => line.startsWith('npx digitmint')),
);

/** Quick to draw: what is looked at is the way, not the picture. */
const quick = buildFixture({ name: 'quick' });

let worker: TestWorker;
let browser: Browser;
let client: InstalledClient;
let other: OtherOrigin;
beforeAll(async () => {
  [worker, browser, client, other] = await Promise.all([
    startWorker(async (bucket) => {
      await putArtifact(bucket, quick);
      await bucket.put(POINTER_KEY, buildPointer(quick));
    }),
    startBrowser(),
    installClient(),
    startOtherOrigin(),
  ]);
  await putModules(other, client);
});
afterAll(async () => {
  other.close();
  await browser.close();
  await worker.close();
  await client.remove();
});

const MAP =
  '<script type="importmap">{ "imports": { "digitmint": "/index.js", "digitmint/element": "/element.js" } }</script>';

/** Keeps the lines of the console in the page, since each would be a message to this process. */
const KEEP_LINES =
  '<script>lines = []; console.log = (...words) => lines.push(words.join(" "));</script>';

test('it has the examples that are looked for', () => {
  expect([pick('js').length, pick('html').length, COMMANDS.length]).toEqual([4, 1, 8]);
});

test.each(pick('js').map((code, i) => [i + 1, code] as const))(
  'its example of JavaScript, %i',
  async (_, code) => {
    const page = await browser.newPage();
    const complaints = collectComplaints(page);
    // Fewer digits; still more than one set of the API's.
    const text = code.replace('60_000', '10_100');
    const program = `${code.includes('const base') ? '' : 'const base = "https://YOUR-WORKER";'}\n${text}\nglobalThis.done = true;`;
    other.put(
      '/',
      `<!doctype html>${MAP}${KEEP_LINES}<script type="module">${program.replaceAll('https://YOUR-WORKER', worker.url.origin)}</script>`,
    );
    await page.goto(`${other.origin}/`);
    await waitUntil(
      () => page.evaluate(() => 'done' in globalThis),
      (done) => done,
    );
    expect(complaints).toEqual([]);
    const logged = await page.evaluate(() => (globalThis as unknown as { lines: string[] }).lines);
    if (code.includes('streamDigits')) {
      expect([logged.length, logged.at(-1)]).toEqual([
        10_100,
        expect.stringMatching(/^10099 [0-9] 784$/) as unknown,
      ]);
    } else if (code.includes('fetchDigits')) {
      expect(logged).toEqual([expect.stringMatching(/^[0-9] [0-9]{1,3}$/) as unknown]);
    }
    await page.close();
  },
);

test('the URLs that its comments say', async () => {
  const { digitUrl, numberUrl, morphUrl, datasetUrl } = (await import(
    join(client.path, 'index.js')
  )) as typeof import('../../client/index.ts');
  const base = 'https://YOUR-WORKER';
  const urls = [
    digitUrl({ base, label: 7, seed: 'Ada', scale: 4 }),
    numberUrl({ base, number: 2026, format: 'svg' }),
    numberUrl({ base, number: '-1,234.5' }),
    morphUrl({ base, digits: '9876543210', format: 'gif' }),
    datasetUrl({ base, n: 10_000, format: 'npy' }),
  ];
  for (const url of urls) {
    expect(README).toContain(`// ${url}\n`);
  }
});

test.each(pick('html').map((code, i) => [i + 1, code] as const))(
  'its example of HTML, %i',
  async (_, code) => {
    const page = await browser.newPage();
    const complaints = collectComplaints(page);
    other.put(
      '/',
      `<!doctype html>${MAP}${code.replaceAll('https://YOUR-WORKER', worker.url.origin)}`,
    );
    await page.goto(`${other.origin}/`);
    const look = () =>
      page
        .locator('digit-mint img')
        .evaluateAll((images) =>
          (images as HTMLImageElement[]).map(({ naturalWidth }) => naturalWidth),
        );
    await waitUntil(look, (widths) => widths.length === 2 && widths.every((width) => width > 0));
    expect(complaints).toEqual([]);
    await page.close();
  },
);

const removeComment = (command: string) => command.replace(/#.*/, '').trimEnd();

test.each(COMMANDS.map(removeComment))('%s', async (command) => {
  const cwd = join(
    client.folder,
    `command-${COMMANDS.findIndex((line) => line.startsWith(command))}`,
  );
  await writeModel(join(cwd, 'my-model'), quick);
  const path = [join(client.folder, 'node_modules', '.bin'), process.env['PATH']].join(delimiter);
  // As npx does where the package is installed; and fewer digits, since this is the large model.
  const line = command.replace('npx digitmint', 'digitmint').replace('60000', '600');
  const { stdout } = await promisify(execFile)('/bin/sh', ['-c', line], {
    cwd,
    env: { ...process.env, PATH: path },
  });
  const expected = [...command.matchAll(/(?:--out|--labels|>) (\S+)/g)].map(
    ([, file]) => file as string,
  );
  expect((await readdir(cwd)).sort()).toEqual(['my-model', ...expected].sort());
  expect(stdout.length > 0).toBe(expected.length === 0);
});
