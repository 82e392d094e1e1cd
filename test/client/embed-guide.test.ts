/**
 * Every snippet of docs/embed.md and docs/quick-start.md, as it stands: on a page of another origin
 * with COEP, in a real browser.
 */
import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as v from 'valibot';
import { oembedSchema } from '../../shared/contract/answers.ts';
import { collectComplaints, startBrowser } from '../support/hosts/browser.ts';
import {
  installClient,
  putModules,
  type InstalledClient,
} from '../support/hosts/installed-client.ts';
import { startOtherOrigin, type OtherOrigin } from '../support/hosts/other-origin.ts';
import { startWorker, waitUntil, type TestWorker } from '../support/hosts/workerd.ts';

const readGuide = (name: string) =>
  readFile(new URL(`../../docs/${name}.md`, import.meta.url), 'utf8');
const GUIDE = await readGuide('embed');
const QUICK_START = await readGuide('quick-start');

interface Snippet {
  /** Its heading and its place under it. */
  readonly name: string;
  readonly language: string;
  readonly code: string;
}

/** The guide's fenced blocks. */
const SNIPPETS: readonly Snippet[] = [GUIDE, QUICK_START]
  .flatMap((guide) => guide.split(/^## /m).slice(1))
  .flatMap((section) =>
    [...section.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language = '', code = ''], i) => ({
      name: `${section.split('\n')[0]}, ${i + 1}`,
      language,
      code,
    })),
  );
const pick = (language: string) =>
  SNIPPETS.filter((snippet) => snippet.language === language).map(
    ({ name, code }) => [name, code] as const,
  );

let worker: TestWorker;
let browser: Browser;
let client: InstalledClient;
let other: OtherOrigin;
beforeAll(async () => {
  [worker, browser, client] = await Promise.all([startWorker(), startBrowser(), installClient()]);
  other = await startOtherOrigin();
  await putModules(other, client);
});
afterAll(async () => {
  other.close();
  await browser.close();
  await worker.close();
  await client.remove();
});

const ADDRESS = 'https://YOUR-WORKER';
const fill = (code: string) =>
  code
    .replaceAll(ADDRESS, worker.url.origin)
    .replaceAll(encodeURIComponent(ADDRESS), encodeURIComponent(worker.url.origin));

async function openPage(
  content: string,
  colorScheme: 'light' | 'dark' = 'light',
  reducedMotion: 'no-preference' | 'reduce' = 'no-preference',
): Promise<{ page: Page; complaints: string[]; asked: string[] }> {
  const page = await browser.newPage({ colorScheme, reducedMotion });
  const complaints = collectComplaints(page);
  const asked: string[] = [];
  page.on('response', (answer) => {
    if (answer.url().startsWith(worker.url.origin)) {
      asked.push(`${answer.status()} ${answer.headers()['content-type']}`);
    }
  });
  other.put('/', `<!doctype html><html lang="en"><title>Other</title>${content}`);
  await page.goto(`${other.origin}/`);
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  return { page, complaints, asked };
}

/** All pictures of a page once they are there, also those within elements. */
function lookAtImages(
  page: Page,
): Promise<{ url: string; natural: number; width: number; height: number; alt: string }[]> {
  const look = () =>
    page.evaluate(() => {
      const roots = [
        document,
        ...[...document.querySelectorAll('digit-mint')].map(
          ({ shadowRoot }) => shadowRoot ?? document,
        ),
      ];
      return roots
        .flatMap((root) => [...root.querySelectorAll('img')])
        .map(({ currentSrc, complete, naturalWidth, width, height, alt }) => ({
          url: currentSrc,
          natural: complete ? naturalWidth : 0,
          width,
          height,
          alt,
        }));
    });
  return waitUntil(
    look,
    (images) => images.length > 0 && images.every(({ natural }) => natural > 0),
  );
}

test('the guides have the snippets that are looked for', () => {
  // test/page/samples.test.ts checks commands, test/api/models/recipe.test.ts runs the Python.
  const languages = ['html', 'js', 'css', 'markdown', '', 'py', 'sh'];
  const counts = languages.map((language) => pick(language).length);
  expect(counts.reduce((sum, count) => sum + count)).toBe(SNIPPETS.length);
  expect(counts.every((count) => count > 0)).toBe(true);
});

describe('HTML', () => {
  test.each(pick('html'))('%s', async (_, code) => {
    const { page, complaints } = await openPage(fill(code));
    const images = await lookAtImages(page);
    for (const { url, natural, width, height, alt } of images) {
      expect(url.startsWith(worker.url.origin)).toBe(true);
      // As large as the page was told before it came, one pixel for one.
      expect([natural, alt.length > 0]).toEqual([width, true]);
      expect(height).toBeGreaterThanOrEqual(56);
      expect((await fetch(url)).status).toBe(200);
    }
    const fresh = images.filter(({ url }) => !url.includes('seed='));
    expect(new Set(fresh.map(({ url }) => url)).size).toBe(fresh.length);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test.each(pick('html').filter(([, code]) => /dark/.test(code)))(
    '%s, in the dark',
    async (_, code) => {
      const shots: number[][] = [];
      for (const scheme of ['light', 'dark'] as const) {
        const { page, complaints } = await openPage(
          `<style>body { background: #808080 }</style>${fill(code)}`,
          scheme,
        );
        await lookAtImages(page);
        const shot = PNG.sync.read(await page.screenshot());
        const reds = new Set<number>();
        for (let i = 0; i < shot.data.length; i += 4) {
          reds.add(shot.data[i] as number);
        }
        shots.push([Math.min(...reds), Math.max(...reds)]);
        expect(complaints).toEqual([]);
        await page.close();
      }
      const [[darkestInk] = [], [, brightestInk] = []] = shots;
      expect(darkestInk).toBeLessThan(0x30); // Dark ink on the grey of the page.
      expect(brightestInk).toBeGreaterThan(0xe0);
    },
  );
});

describe('loops', () => {
  const loops = pick('html').filter(([, code]) => code.includes('/morph'));

  test.each(loops)(
    '%s: at rest for who asked for less motion, on the first digit',
    async (_, code) => {
      const shots: Buffer[] = [];
      for (const motion of ['no-preference', 'reduce'] as const) {
        const { page, complaints } = await openPage(fill(code), 'light', motion);
        const [{ url } = { url: '' }] = await lookAtImages(page);
        expect(new URL(url).pathname).toBe(motion === 'reduce' ? '/digit.png' : '/morph.png');
        shots.push(Buffer.from(await (await fetch(url)).arrayBuffer()));
        expect(complaints).toEqual([]);
        await page.close();
      }
      const [loop, still] = shots.map((png) => png.includes('acTL'));
      expect([loop, still]).toEqual([true, false]);
      // A reader that knows no animation sees the first frame.
      const [first, rest] = shots.map((png) => PNG.sync.read(png).data);
      expect(first?.equals(rest as Buffer)).toBe(true);
    },
  );

  test('the guide shows one', () => expect(loops.length).toBe(1));
});

test.each(pick('css'))('CSS: %s', async (_, code) => {
  const { page, complaints, asked } = await openPage(
    `<style>${fill(code)}</style><div class="paper badge" style="height: 300px"></div>`,
  );
  await waitUntil(
    async () => asked.length,
    (count) => count === 2,
  );
  expect(new Set(asked)).toEqual(new Set(['200 image/png', '200 image/svg+xml']));
  const shot = PNG.sync.read(await page.screenshot());
  const colours = new Set<number>();
  for (let i = 0; i < shot.data.length; i += 4) {
    colours.add(shot.data.readUIntBE(i, 3));
  }
  expect([0xfbfaf7, 0xe4e0d8, 0x1d2430].filter((colour) => !colours.has(colour))).toEqual([]);
  expect(complaints).toEqual([]);
  await page.close();
});

test.each(pick('js'))('JavaScript: %s', async (_, code) => {
  const map = '<script type="importmap">{ "imports": { "digitmint": "/index.js" } }</script>';
  const { page, complaints } = await openPage(
    `${map}<body><script type="module">${fill(code)}</script>`,
  );
  expect(await lookAtImages(page)).toEqual([
    {
      url: expect.stringContaining('/digit.png?seed=Ada&n=16&scale=2&gap=2') as unknown,
      natural: 230,
      width: 230,
      height: 230,
      alt: '16 handwritten digits',
    },
  ]);
  expect(complaints).toEqual([]);
  await page.close();
});

test.each(pick('markdown'))('Markdown: %s', async (_, code) => {
  const [, url = ''] = /^!\[.+\]\((\S+)\)$/m.exec(fill(code)) ?? [];
  const answer = await fetch(url);
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'image/png']);
  // As the text promises for a README.
  expect(answer.headers.get('cache-control')).toContain('immutable');
});

test.each(pick(''))('oEmbed: %s', async (_, code) => {
  const answer = v.parse(oembedSchema, await (await fetch(fill(code).trim())).json());
  expect([answer.type, answer.width, answer.height]).toEqual(['photo', 112, 112]);
  expect(PNG.sync.read(Buffer.from(await (await fetch(answer.url)).arrayBuffer())).width).toBe(112);
});

test('what is said of caches holds', async () => {
  const model = /digits@[0-9a-f]{16}/.exec(GUIDE)?.[0];
  const queries = ['', 'seed=a', `seed=a&model=${model}`];
  const said = await Promise.all(
    queries.map(async (query) => (await worker.fetch(`/digit.png?${query}`)).headers),
  );
  expect(said.map((headers) => headers.get('cache-control'))).toEqual([
    'no-store',
    'public, max-age=60, must-revalidate',
    'public, max-age=31536000, immutable',
  ]);
  expect(said[1]?.get('link')).toContain(model);
  const head = await (await worker.fetch('/')).text();
  expect(head).toContain('application/json+oembed');
});
