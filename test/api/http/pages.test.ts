/** Tests the pages, and pictures embedded in other pages, in a real browser. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { collectComplaints, startBrowser } from '../../support/hosts/browser.ts';
import { startWorker, type TestWorker } from '../../support/hosts/runtime.ts';

let worker: TestWorker;
let browser: Browser;
beforeAll(async () => {
  [worker, browser] = await Promise.all([startWorker(), startBrowser()]);
});
afterAll(async () => {
  await browser.close();
  await worker.close();
});

test.each([
  ['a phone', 'light', { width: 320, height: 640 }, 4],
  ['a desktop', 'dark', { width: 1280, height: 900 }, 16],
] as const)(
  'on %s in %s the page shows digits beside its URL, without console errors or horizontal scrolling',
  async (_, colorScheme, viewport, count) => {
    // Else the page changes a digit every 1.5 s, and the new picture may not be there yet.
    const still = { reducedMotion: 'reduce' } as const;
    const context = await browser.newContext({ viewport, colorScheme, ...still });
    const page = await context.newPage();
    const complaints = collectComplaints(page);
    await page.goto(worker.url.href, { waitUntil: 'load' });
    const digits = page.locator('.digits img:visible');
    expect(await digits.count()).toBe(count);
    const shown = await digits.evaluateAll((images) =>
      (images as HTMLImageElement[]).map((image) => [
        image.src,
        image.naturalWidth,
        image.getBoundingClientRect().width,
      ]),
    );
    expect(shown.filter(([, natural, width]) => natural !== 28 || Number(width) < 50)).toEqual([]);
    expect(new Set(shown.map(([src]) => src)).size).toBe(count);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(
      true,
    );
    const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    expect(Number(/\d+/.exec(background)?.[0])).toBe(colorScheme === 'dark' ? 20 : 251);
    expect(complaints).toEqual([]);
    await context.close();
  },
);

test('the page’s code samples work unchanged', async () => {
  const page = await browser.newPage();
  await page.goto(worker.url.href);
  const texts = await page.locator('.copy:visible').allTextContents();
  expect(texts).toHaveLength(10);
  for (const text of texts) {
    const url = /https?:\/\/[^\s"')]+/.exec(text)?.[0] as string;
    expect([url, (await fetch(url)).status]).toEqual([url, 200]);
  }
  const list = () =>
    page
      .locator('.digits img')
      .evaluateAll((images) => (images as HTMLImageElement[]).map(({ src }) => src));
  const before = await list();
  await page.getByRole('link', { name: 'Draw new ones' }).click();
  await expect.poll(async () => new Set([...before, ...(await list())]).size).toBe(32);
  await page.close();
});

test('a person who errs gets a page with the error’s status, a program gets problem details', async () => {
  const paths = [
    '/nothing',
    '/docs/nothing',
    '/learn/xx',
    '/models/none',
    '/models/none/0',
    '/errors/x',
  ];
  for (const path of paths) {
    const ask = async (accept: string) => {
      const answer = await worker.fetch(path, { headers: { accept } });
      const type = answer.headers.get('content-type')?.split(';')[0];
      return [path, answer.status, type, answer.headers.get('vary')];
    };
    expect(await ask('text/html,*/*;q=0.8')).toEqual([path, 404, 'text/html', 'Accept']);
    expect(await ask('*/*')).toEqual([path, 404, 'application/problem+json', 'Accept']);
  }
  const meant = await worker.fetch('/OpenAPI', { headers: { accept: 'text/html' } });
  expect(await meant.text()).toContain('Try <a href="/openapi.json">');
});

test('error pages obey the content security policy', async () => {
  const page = await browser.newPage();
  const complaints = collectComplaints(page);
  await page.goto(new URL('/errors', worker.url).href);
  await page.getByRole('link', { name: 'invalid_parameter' }).click();
  expect(await page.locator('h1').textContent()).toBe('Invalid parameter');
  expect(complaints).toEqual([]);
  await page.close();
});

test('another origin may embed, draw and read the pictures, even isolated by COEP', async () => {
  const other =
    await startOtherOrigin(`<!doctype html><img id="plain" src="${worker.url}digit.png?n=4"><img id="error" src="${worker.url}digit?n=0">
    <img id="cors" crossorigin="anonymous" src="${worker.url}digit.png?n=4">`);
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${(other.address() as AddressInfo).port}/`, {
    waitUntil: 'load',
  });
  const widths = await page.evaluate(() =>
    ['plain', 'cors', 'error'].map(
      (id) => (document.getElementById(id) as HTMLImageElement).naturalWidth,
    ),
  );
  expect(widths.slice(0, 2)).toEqual([56, 56]);
  // The browser shows the drawn error instead of a broken image.
  expect(widths[2]).toBeGreaterThan(300);
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  const read = await page.evaluate(async (url) => {
    const answer = await fetch(url);
    const picture = document.createElement('canvas').getContext('2d') as CanvasRenderingContext2D;
    picture.drawImage(document.getElementById('cors') as HTMLImageElement, 0, 0);
    const { n } = (await answer.json()) as { n: number };
    return {
      n,
      seed: answer.headers.get('Digitmint-Seed'),
      pixels: picture.getImageData(0, 0, 8, 8).data.length,
    };
  }, `${worker.url}digit.json?n=2`);
  expect(read).toMatchObject({
    n: 2,
    seed: expect.stringMatching(/^.{16}$/) as unknown,
    pixels: 256,
  });
  await page.close();
  other.close();
});

async function startOtherOrigin(html: string): Promise<Server> {
  const server = createServer((_, answer) => {
    answer.writeHead(200, {
      'Content-Type': 'text/html',
      'Cross-Origin-Embedder-Policy': 'require-corp',
      'Cross-Origin-Opener-Policy': 'same-origin',
    });
    answer.end(html);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
