/**
 * The page at `/` in a real browser: what it costs, that everybody can use it, that its playground
 * says what the interface says, and that what it draws itself is what the interface draws.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';
import type { AxeResults } from 'axe-core';
import { PNG } from 'pngjs';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROUTES, type Parameter } from '../../shared/contract/parameters.ts';
import { findLayoutFaults } from '../support/layout.ts';
import { resolveReferences } from '../support/references.ts';
import { collectComplaints, startBrowser } from '../support/hosts/browser.ts';
import { startWorker, type TestWorker } from '../support/hosts/workerd.ts';

let worker: TestWorker;
let browser: Browser;
beforeAll(async () => {
  [worker, browser] = await Promise.all([startWorker(), startBrowser()]);
});
afterAll(async () => {
  await browser.close();
  await worker.close();
});

/** Waits until the playground shows its first picture. */
async function waitForPlayground(page: Page, { javaScriptEnabled = true } = {}): Promise<void> {
  if (javaScriptEnabled) {
    await page.waitForSelector('#play-picture[src^="blob:"]');
  }
}

/** Opens a path, hands the page over, and expects that it did not complain. */
async function visit(
  path: string,
  options: BrowserContextOptions,
  use: (page: Page) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints = collectComplaints(page);
  await page.goto(new URL(path, worker.url).href);
  if (path.startsWith('/?') || path === '/') {
    await waitForPlayground(page, options);
  }
  await use(page);
  expect(complaints).toEqual([]);
  await context.close();
}

async function loadExplorer(page: Page): Promise<void> {
  await page.locator('#explore').scrollIntoViewIfNeeded();
  await page.waitForSelector('#explore[data-drawn]');
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** The reference has one form for all operations: some of them tell of the others. */
const CONTEXT = { exclude: ['.operation ~ .operation ~ .operation ~ .operation'] };

/** Problems that axe-core finds, with their rules. The page evaluates {@link AXE} before. */
async function runAxe(page: Page, rules?: string[]): Promise<string[]> {
  const options = rules === undefined ? {} : { runOnly: rules };
  const { violations } = (await page.evaluate(
    `axe.run(${JSON.stringify(CONTEXT)}, ${JSON.stringify(options)})`,
  )) as AxeResults;
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target }) => `${id}: ${target.join(' ')}`),
  );
}

/** One of each kind. */
const PAGES = [
  '/',
  '/docs',
  '/docs/reference',
  '/docs/api',
  '/docs/search?q=dark+mode',
  '/hand',
  '/learn',
  '/models',
  '/models/digits',
  '/errors/invalid_parameter',
];

/** A phone with text at 200%, a desktop at 400%, a phone, a tablet, a desktop. */
const WIDTHS = [190, 320, 390, 768, 1440];

test('code is not for translators', async () => {
  await visit('/docs/reference', {}, async (page) => {
    const codes = page.locator('pre, code');
    expect(
      await codes.evaluateAll((all) => all.filter((each) => (each as HTMLElement).translate)),
    ).toEqual([]);
  });
});

test('a phone asks for the digits that it shows, and no more', async () => {
  const options = { viewport: { width: 390, height: 800 }, reducedMotion: 'reduce' } as const;
  await visit('/', options, async (page) => {
    const asked = new Set<string>();
    page.on('request', (request) => asked.add(request.url()));
    const first = page.locator('.digits img').first();
    const before = (await first.getAttribute('src')) as string;
    await page.getByRole('link', { name: 'Draw new ones' }).click();
    await expect.poll(() => first.getAttribute('src')).not.toBe(before);
    expect([...asked].filter((url) => url.includes('digit.svg'))).toHaveLength(4);
  });
});

test('digits that do not come leave the old ones', async () => {
  const page = await (await browser.newContext({ reducedMotion: 'reduce' })).newPage();
  await page.goto(worker.url.href);
  const readSources = () =>
    page.locator('.digits img').evaluateAll((all) => all.map((each) => each.getAttribute('src')));
  const before = await readSources();
  let refused = 0;
  page.on('response', (answer) => (refused += answer.status() === 429 ? 1 : 0));
  await page.route('**/digit.svg?**', (route) =>
    route.fulfill({ status: 429, contentType: 'image/svg+xml', body: '<svg/>' }),
  );
  await page.getByRole('link', { name: 'Draw new ones' }).click();
  await expect.poll(() => refused).toBe(before.length);
  expect(await readSources()).toEqual(before);
  await page.unroute('**/digit.svg?**');
  await page.getByRole('link', { name: 'Draw new ones' }).click();
  await expect
    .poll(async () => (await readSources()).some((url) => before.includes(url)))
    .toBe(false);
  await page.context().close();
});

describe.each(['light', 'dark'] as const)('a page that loads in %s', (colorScheme) => {
  const options = { colorScheme, viewport: { width: 360, height: 800 } };
  // The others are seen in the dark after their load.
  const paths = colorScheme === 'dark' ? ['/'] : PAGES;

  test.each(paths)('axe finds nothing at %s, nothing overlaps or leaves the page', async (path) => {
    await visit(path, options, async (page) => {
      if (path === '/') {
        await loadExplorer(page);
      }
      if (path === '/hand') {
        await page.locator('#hand-example').click();
        await page.waitForSelector('#hand[data-read]');
      }
      await page.evaluate(AXE);
      expect(await runAxe(page)).toEqual([]);
      // Less motion, so that no colour is on its way.
      const other = colorScheme === 'dark' ? 'light' : 'dark';
      await page.emulateMedia({ colorScheme: other, reducedMotion: 'reduce' });
      expect(await runAxe(page, ['color-contrast'])).toEqual([]);
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 800 });
        expect([width, await page.evaluate(findLayoutFaults)]).toEqual([width, []]);
      }
      // Text at 200%, which media queries do not follow.
      await page.evaluate(() => (document.documentElement.style.fontSize = '200%'));
      for (const width of [320, 1000, 1280]) {
        await page.setViewportSize({ width, height: 800 });
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
      }
    });
  });
});

test('the first view transfers less than 75 kB, all from here, and the generator comes when it is near', async () => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  const transferred = new Map<string, number>();
  const urls: string[] = [];
  page.on('requestfinished', async (request) => {
    // A request may end with its page.
    const answer = await request.response().catch(() => null);
    const none = Buffer.alloc(0);
    const body = (await answer?.body().catch(() => none)) ?? none;
    // As the edge sends it: text is compressed there, which the local runtime leaves out.
    const isText = /text|javascript|json|svg/.test(answer?.headers()['content-type'] ?? '');
    urls.push(request.url());
    transferred.set(request.url(), isText ? gzipSync(body).length : body.length);
  });
  await page.goto(worker.url.href, { waitUntil: 'networkidle' });
  const bytes = [...transferred]
    .filter(([url]) => !url.startsWith('blob:')) // Was transferred under its own URL.
    .reduce((sum, [, size]) => sum + size, 0);
  expect(bytes).toBeGreaterThan(20_000);
  expect(bytes).toBeLessThan(75_000);
  expect(
    urls.filter(
      (url) => !url.startsWith(worker.url.origin) && !url.startsWith(`blob:${worker.url.origin}`),
    ),
  ).toEqual([]);
  const listGenerator = () => urls.filter((url) => /painter|wasm|weights/.test(url));
  expect(listGenerator()).toEqual([]);
  const listLoops = () => urls.filter((url) => url.includes('/morph.png'));
  expect(listLoops()).toEqual([]);
  await loadExplorer(page);
  expect(listGenerator().length).toBeGreaterThan(2);
  await page.locator('#loops').scrollIntoViewIfNeeded();
  await expect.poll(() => listLoops().length).toBe(2);
  await context.close();
});

test('without JavaScript the pages show their digits, a URL to copy and the frames of the training', async () => {
  await visit('/', { javaScriptEnabled: false }, async (page) => {
    expect(await page.locator('.digits img').count()).toBe(16);
    expect(await page.locator('#play-picture').isVisible()).toBe(true);
    expect(await page.locator('#play-form').isVisible()).toBe(false);
    expect(await page.locator('#snippet-url').textContent()).toContain('/digit.png?');
    expect(await page.getByText('its script has not loaded').first().isVisible()).toBe(true);
    await page.goto(new URL('/learn', worker.url).href);
    expect(await page.locator('.strip').first().locator('img').count()).toBe(25);
    await page.goto(new URL('/hand', worker.url).href);
    expect(await page.getByText('script has not loaded').isVisible()).toBe(true);
    expect(await page.locator('#hand-pad').isVisible()).toBe(false);
    await page.goto(new URL('/docs', worker.url).href);
    await page.getByRole('searchbox').fill('dark mode');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByRole('link', { name: 'Embed digits: Dark mode' }).click();
    expect(new URL(page.url()).pathname).toBe('/docs/embed');
  });
});

test('the playground says that no answer came, and goes on when the network is back', async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(worker.url.href);
  await waitForPlayground(page);
  await context.setOffline(true);
  await page.locator('.example').nth(1).click();
  await page.getByText('No answer came').waitFor();
  expect(await page.locator('#play-paper.stale').count()).toBe(1);
  await context.setOffline(false);
  await page.locator('.example').nth(0).click();
  await page.locator('#play-paper:not(.stale)').waitFor();
  expect(await page.locator('#play-fault').isVisible()).toBe(false);
  await context.close();
});

test('a missing style sheet is told, and a script that has started is not said to be missing', async () => {
  const page = await browser.newPage();
  await page.route('**/*.css', (route) => route.fulfill({ status: 404, body: '' }));
  for (const path of ['/', '/learn', '/docs/reference', '/hand']) {
    await page.goto(new URL(path, worker.url).href);
    await page.waitForSelector('[data-ready]');
    expect(await page.getByText('The page’s style sheet has not loaded').isVisible()).toBe(true);
    expect(await page.getByText('script has not loaded').filter({ visible: true }).count()).toBe(0);
  }
  await page.close();
});

test('the policy of the page allows no inline script and no eval, and its files may be kept for good', async () => {
  const home = await worker.fetch('/');
  const policy = home.headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toContain('unsafe');
  const files = [...(await home.text()).matchAll(/"(\/assets\/[^"]+)"/g)].map(
    ([, file]) => file as string,
  );
  expect(files.length).toBeGreaterThanOrEqual(3);
  for (const file of files) {
    const answer = await worker.fetch(file);
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([
      200,
      'public, max-age=31536000, immutable',
    ]);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(file).toMatch(/-[0-9A-Z]{8}\.[a-z]+$/);
  }
  const painter = await worker.fetch(files.find((file) => file.includes('painter')) as string);
  expect(painter.headers.get('content-security-policy')).toContain(
    "script-src 'self' 'wasm-unsafe-eval'",
  );
});

describe('the playground', () => {
  /** The texts to copy, when they hold `part`. */
  async function readUrl(page: Page, part: string): Promise<string> {
    await page.waitForFunction(
      (text) => document.getElementById('snippet-url')?.textContent?.includes(text),
      part,
    );
    return (await page.locator('#snippet-url').textContent()) as string;
  }

  test('has a control for every parameter, with the limits that the documentation tells', async () => {
    const document = (await (await worker.fetch('/openapi.json')).json()) as {
      paths: Record<
        string,
        {
          get: {
            parameters: {
              name: string;
              schema: { minimum?: number; maximum?: number; enum?: string[] };
            }[];
          };
        }
      >;
    };
    const { paths } = resolveReferences(document);
    await visit('/', {}, async (page) => {
      for (const { name, schema } of paths['/digit']!.get.parameters) {
        const control = page.locator(`#play-form [name=${name}]`).first();
        expect([name, await control.count()]).toEqual([name, 1]);
        if (schema.minimum !== undefined) {
          const limits = [await control.getAttribute('min'), await control.getAttribute('max')];
          expect([name, ...limits]).toEqual([name, `${schema.minimum}`, `${schema.maximum}`]);
        }
        if (name === 'format') {
          expect(await control.locator('option').allTextContents()).toEqual(schema.enum);
        }
      }
      expect(Object.keys(ROUTES.digit).length).toBe(paths['/digit']!.get.parameters.length);
      await page.locator('input[name=route][value=number]').check();
      await readUrl(page, '/number/2026.png');
      await page.getByText('More', { exact: true }).click();
      const shown = await page
        .locator('[data-parameter]:visible')
        .evaluateAll((fields) =>
          fields.map((field) => (field as HTMLElement).dataset['parameter']),
        );
      const effective = Object.entries<Parameter>(ROUTES.number)
        .filter(([, { formats }]) => formats?.includes('png') !== false)
        .map(([name]) => name);
      expect(effective.length).toBeLessThan(Object.keys(ROUTES.number).length);
      expect(new Set(shown)).toEqual(new Set(['digits', ...effective]));
    });
  });

  test('shows what its URL answers, pinned or floating', async () => {
    await visit('/?n=1', {}, async (page) => {
      await page.getByText('More', { exact: true }).click();
      await page.fill('#control-seed', "it's <Ada> & co");
      await page.fill('#control-n', '3');
      await page.fill('#control-scale', '2');
      await page.locator('#play-form input[name=label][value="7"]').check();
      await page.locator('#control-smooth').check();
      const floating = await readUrl(page, 'smooth=1');
      expect(new URL(floating).pathname).toBe('/digit.png');
      expect(Object.fromEntries(new URL(floating).searchParams)).toEqual({
        label: '7',
        seed: "it's <Ada> & co",
        n: '3',
        scale: '2',
        smooth: '1',
      });
      await page.locator('input[name=pin][value=pinned]').check();
      const pinned = await readUrl(page, 'model=');
      const answers = await Promise.all([floating, pinned].map((url) => fetch(url)));
      expect(answers.map(({ status }) => status)).toEqual([200, 200]);
      expect(answers[1]!.headers.get('cache-control')).toContain('immutable');
      const [first, second] = await Promise.all(
        answers.map(async (answer) => Buffer.from(await answer.arrayBuffer())),
      );
      expect(second!.equals(first!)).toBe(true);
      const shown = await page.locator('#play-picture').evaluate((image) => {
        const canvas = Object.assign(document.createElement('canvas'), { width: 112, height: 112 });
        const context = canvas.getContext('2d')!;
        context.drawImage(image as HTMLImageElement, 0, 0);
        return [...context.getImageData(0, 0, 112, 112).data];
      });
      expect(shown).toEqual([...PNG.sync.read(first!).data]);
      const html = await page.locator('#snippet-html').textContent();
      expect(html).toContain('alt="3 handwritten digits, each a 7"');
      // A page that pastes the HTML shows the same picture in the same size.
      const other = await page.context().newPage();
      await other.setContent(html as string, { waitUntil: 'load' });
      expect(
        await other
          .locator('img')
          .evaluate((image) => [
            (image as HTMLImageElement).naturalWidth,
            (image as HTMLImageElement).width,
          ]),
      ).toEqual([112, 112]);
      await other.close();
    });
  });

  test('takes the first choice for an address’s value that no list has', async () => {
    await visit('/?seed=Ada&format=gif&label=17', {}, async (page) => {
      expect(await page.inputValue('#control-format')).toBe('png');
      expect(await page.locator('input[name=label][value=""]').isChecked()).toBe(true);
      await readUrl(page, '/digit.png?seed=Ada');
    });
  });

  test('has room for an example of a class with a long name', async () => {
    await visit('/', { viewport: { width: 320, height: 800 } }, async (page) => {
      await page
        .locator('.example')
        .first()
        .evaluate((button) => (button.textContent = 'x'.repeat(64)));
      expect(await page.evaluate(findLayoutFaults)).toEqual([]);
    });
  });

  test('writes numbers, text and JSON, and throws the dice', async () => {
    await visit('/', {}, async (page) => {
      await page.getByRole('button', { name: 'A number', exact: true }).click();
      const number = await readUrl(page, '/number/31415.png');
      expect((await fetch(number)).headers.get('content-type')).toBe('image/png');
      await page.getByRole('button', { name: 'For a terminal' }).click();
      const text = await readUrl(page, '/digit.txt');
      expect(await page.locator('#play-text').textContent()).toBe(await (await fetch(text)).text());
      await page.getByRole('button', { name: 'As numbers' }).click();
      await readUrl(page, '/digit.json');
      // Without a colour of the visitor's, swatches show the model's own.
      expect(await page.inputValue('#swatch-fg')).toBe('#ffffff');
      expect(await page.inputValue('#swatch-bg')).toBe('#000000');
      await page.fill('#control-bg', 'transparent');
      expect(await page.locator('#swatch-bg').getAttribute('class')).toBe('clear');
      await page.waitForFunction(() =>
        document.getElementById('play-text')?.textContent?.startsWith('{'),
      );
      const before = await page.inputValue('#control-seed');
      await page.getByRole('button', { name: 'Another seed', exact: true }).click();
      expect(await page.inputValue('#control-seed')).not.toBe(before);
    });
  });

  test('shows no picture that has loaded after a newer answer', async () => {
    await visit('/', {}, async (page) => {
      const slow = await page.evaluateHandle(() => {
        const { decode } = HTMLImageElement.prototype;
        const load = Promise.withResolvers<void>();
        const begun = Promise.withResolvers<{ loaded: Promise<void> }>();
        HTMLImageElement.prototype.decode = function decodeSlowly() {
          const loaded = load.promise.then(() => decode.call(this));
          begun.resolve({ loaded });
          return loaded;
        };
        return { load, begun };
      });
      await page.getByRole('button', { name: 'A number', exact: true }).click();
      await slow.evaluate(({ begun }) => begun.promise);
      await page.getByRole('button', { name: 'For a terminal' }).click();
      await readUrl(page, '/digit.txt');
      await slow.evaluate(async ({ load, begun }) => {
        load.resolve();
        await (
          await begun.promise
        ).loaded;
      });
      const isSeen = (id: string) => page.locator(id).isVisible();
      expect([await isSeen('#play-text'), await isSeen('#play-picture')]).toEqual([true, false]);
    });
  });

  test('shows a picture for a dense screen in its size on the page, and writes that down', async () => {
    await visit('/?seed=Ada&scale=3&dpr=2&format=png', {}, async (page) => {
      await readUrl(page, 'dpr=2');
      expect(
        await page.locator('#play-picture').evaluate((node) => node.getBoundingClientRect().width),
      ).toBe(84);
      expect(await page.textContent('#play-caption')).toMatch(/^168 × 168 pixels/);
      expect(await page.textContent('#snippet-html')).toContain(' width="84" height="84" />');
      await page.getByLabel('Never changes').check();
      expect(await page.textContent('#snippet-url')).toContain(
        '/digit.png?seed=Ada&scale=6&model=',
      );
    });
    // 278 pixels are 252.7 CSS pixels.
    await visit('/?seed=Ada&n=9&scale=3&margin=12&dpr=1.1&format=png', {}, async (page) => {
      await readUrl(page, 'dpr=1.1');
      expect(await page.textContent('#play-caption')).toMatch(/^278 × 278 pixels/);
      expect(await page.textContent('#snippet-html')).toContain(' width="253" height="253" />');
    });
  });

  test('says how long the answer of its URL stays', async () => {
    const hand = `1.digits.3423e331368875c9.${'A'.repeat(86)}`;
    await visit(`/?format=png&hand=${hand}`, {}, async (page) => {
      const note = page.locator('#pin-note');
      await note.getByText('Always exactly this answer').waitFor();
      await page.getByText('More', { exact: true }).click();
      await page.fill('#control-hand', '');
      await note.getByText('every view shows new ones').waitFor();
      await page.fill('#control-seed', 'Ada');
      await note.getByText('until there is a newer model').waitFor();
    });
  });

  test('Escape hides the hint of a control, and the next control shows its own', async () => {
    await visit('/', {}, async (page) => {
      await page.locator('#control-seed').focus();
      const seen = () => page.locator('.hint').filter({ visible: true }).count();
      expect(await seen()).toBe(1);
      await page.keyboard.press('Escape');
      expect(await seen()).toBe(0);
      await page.locator('#control-n').focus();
      expect(await seen()).toBe(1);
    });
  });

  test('keeps its state in the page’s address, and ignores what others add to it', async () => {
    await visit('/', {}, async (page) => {
      await page.getByRole('button', { name: 'A number', exact: true }).click();
      await page.locator('#control-fg').fill('0b7a5b');
      const url = await readUrl(page, 'fg=0b7a5b');
      await page.getByRole('link', { name: 'Explore' }).click();
      await page.reload();
      expect(await readUrl(page, '/number/')).toBe(url);
    });
    await visit('/?utm_source=x', {}, async (page) => {
      expect(new URL(await readUrl(page, 'n=9')).search).toBe(
        '?seed=Ada&n=9&scale=3&fg=1d2430&bg=fbfaf6&truncation=0.7&margin=12&smooth=1',
      );
      await page.locator('#control-fg').fill('teal');
      await readUrl(page, 'fg=teal');
      expect(await page.inputValue('#swatch-fg')).toBe('#008080');
    });
  });

  test('tells the interface’s errors in words beside the control', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(worker.url.href);
    await waitForPlayground(page);
    await page.getByText('More', { exact: true }).click();
    for (const [name, value] of [
      ['n', '0'],
      ['scale', '17'],
      ['fg', 'mint'],
      ['model', 'none'],
    ] as const) {
      const before = await page.inputValue(`#control-${name}`);
      await page.fill(`#control-${name}`, value);
      const fault = page.locator(`#fault-${name}`);
      await fault.waitFor({ state: 'visible' });
      const { detail } = (await (await worker.fetch(`/digit.json?${name}=${value}`)).json()) as {
        detail: string;
      };
      expect(await fault.textContent()).toBe(detail);
      expect(await page.getAttribute(`#control-${name}`, 'aria-invalid')).toBe('true');
      await page.fill(`#control-${name}`, before);
      await fault.waitFor({ state: 'hidden' });
    }
    await context.close();
  });
});

describe('the explorer', () => {
  /** The grey that each corner's canvas holds. */
  async function readCorners(page: Page): Promise<number[][]> {
    return page.locator('#corners canvas').evaluateAll((canvases) =>
      (canvases as HTMLCanvasElement[]).map((canvas) => {
        const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
        return Array.from({ length: data.length / 4 }, (_, p) => data[p * 4] as number);
      }),
    );
  }

  test('draws the API’s pixels, for any seed and class', async () => {
    await visit('/', {}, async (page) => {
      await loadExplorer(page);
      for (const [seed, label] of [
        ['Ada', ''],
        ['Blaise', ''],
        ['größer & 7', '4'],
        ['x', '0'],
      ] as const) {
        await page.fill('#explore-seed', seed);
        await page.locator(`input[name=explore-class][value="${label}"]`).check();
        const query = new URLSearchParams({ seed, ...(label !== '' && { label }) }).toString();
        await page.waitForSelector(`#explore[data-drawn^="${query}&truncation="]`);
        const path = `/digit.json?n=4&${query}&truncation=0.7`;
        const { digits } = (await (await worker.fetch(path)).json()) as {
          digits: { pixels: number[] }[];
        };
        expect(await readCorners(page)).toEqual(digits.map(({ pixels }) => pixels));
        await page.getByRole('button', { name: 'Compare with the API' }).click();
        await page.getByText('All 3,136 pixels are the same.').waitFor();
      }
      // A link of a corner leads to the very same digit.
      const link = new URL(
        (await page.locator('#corners a').nth(2).getAttribute('href')) as string,
        worker.url,
      );
      expect(link.searchParams.get('start')).toBe('2');
      expect((await fetch(link)).headers.get('cache-control')).toContain('immutable');
    });
  });

  test('moves by pointer and by keyboard, and bends', async () => {
    await visit('/', { viewport: { width: 1280, height: 900 } }, async (page) => {
      await loadExplorer(page);
      const readSeen = () =>
        page.locator('#seen').evaluate((canvas) => (canvas as HTMLCanvasElement).toDataURL());
      const changes = async (act: () => Promise<void>): Promise<void> => {
        const before = await readSeen();
        await act();
        await page.waitForFunction(
          (old) => (document.getElementById('seen') as HTMLCanvasElement).toDataURL() !== old,
          before,
        );
      };
      await page.locator('#pad').focus();
      await changes(() => page.keyboard.press('Home'));
      expect(await page.getAttribute('#pad', 'aria-valuetext')).toBe('0% across, 0% down');
      await page.waitForFunction(() => {
        const pixels = (id: string) =>
          (document.querySelector(id) as HTMLCanvasElement).toDataURL();
        return pixels('#seen') === pixels('#corners canvas');
      });
      // A command of the browser moves nothing.
      await page.keyboard.press('Control+ArrowRight');
      expect(await page.getAttribute('#pad', 'aria-valuetext')).toBe('0% across, 0% down');
      await changes(() => page.keyboard.press('Shift+ArrowRight'));
      await changes(() => page.locator('#pad').hover({ position: { x: 300, y: 200 } }));
      // A press holds the place, so that its link can be reached.
      await page.mouse.down();
      await page.mouse.up();
      const place = await page
        .getByRole('link', { name: 'Link to this place' })
        .getAttribute('href');
      expect(place).toMatch(/^\?walk=Ada&x=0\.\d\d&y=0\.\d\d&class=2#explore$/);
      const map = () =>
        page.locator('#pad-map').evaluate((canvas) => (canvas as HTMLCanvasElement).toDataURL());
      const straight = await map();
      await changes(() => page.locator('#sliders input').first().fill('3'));
      await page.waitForFunction(
        (old) => (document.getElementById('pad-map') as HTMLCanvasElement).toDataURL() !== old,
        straight,
      );
      await page.getByRole('button', { name: 'Straighten' }).click();
      await page.waitForFunction(
        (old) => (document.getElementById('pad-map') as HTMLCanvasElement).toDataURL() === old,
        straight,
      );
    });
  });

  test('gives the URL of the picture at every place of one class, and at the corners', async () => {
    await visit('/?walk=Ada&x=0.31&y=0.6&class=4', {}, async (page) => {
      await loadExplorer(page);
      const compare = async (part: string): Promise<void> => {
        await page.waitForFunction(
          (text) => document.getElementById('place-url')?.textContent?.includes(text),
          part,
        );
        const url = (await page.locator('#place-url').textContent()) as string;
        const answer = await fetch(url.replace('.png', '.json'));
        const { digits } = (await answer.json()) as { digits: [{ pixels: number[] }] };
        const shown = await page.locator('#seen').evaluate((node) => {
          const context = new OffscreenCanvas(28, 28).getContext('2d')!;
          context.drawImage(node as HTMLCanvasElement, 0, 0);
          return [...context.getImageData(0, 0, 28, 28).data].filter((_, i) => i % 4 === 0);
        });
        expect([url, shown]).toEqual([url, digits[0].pixels]);
        expect((await fetch(url)).headers.get('cache-control')).toContain('immutable');
      };
      await compare('label=4&hand=');
      const straight = await page.locator('#place-url').textContent();
      await page.locator('#sliders input').first().fill('2');
      await page.waitForFunction(
        (old) => document.getElementById('place-url')?.textContent !== old,
        straight,
      );
      await compare('label=4&hand=');
      const link = page.getByRole('link', { name: 'Link to this place' });
      expect(await link.count()).toBe(0);
      await page.getByRole('button', { name: 'Straighten' }).click();
      await link.waitFor();
      await page.locator('#pad').focus();
      await page.keyboard.press('End');
      await compare('start=3');
      await page.locator('input[name=explore-class][value=""]').check();
      await page.locator('#pad').focus();
      await page.keyboard.press('ArrowLeft');
      await page.getByText('This place is between classes').waitFor();
      await page.keyboard.press('Home');
      await compare('start=0');
    });
  });

  test('loads after the network was away', async () => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    await page.goto(worker.url.href);
    await waitForPlayground(page);
    await page.context().setOffline(true);
    await page.locator('#explore').scrollIntoViewIfNeeded();
    await page.getByText('It did not load: ').waitFor();
    await page.context().setOffline(false);
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.waitForSelector('#explore[data-drawn]');
    await page.close();
  });

  test('says why it did not load, and can be asked again', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.route('**/weights.bin', (route) => route.fulfill({ status: 503, body: '' }));
    await page.goto(new URL('/?walk=Emmy&x=0&y=1&class=4#explore', worker.url).href);
    await page.getByText(/It did not load: .*weights\.bin answers 503/).waitFor();
    await page.unroute('**/weights.bin');
    await page.getByRole('button', { name: 'Try again' }).press('Enter');
    await page.waitForSelector('#explore[data-drawn^="seed=Emmy&label=4"]');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('pad');
    expect(await page.getAttribute('#pad', 'aria-valuetext')).toBe('0% across, 100% down');
    await expect.poll(() => page.workers().length).toBe(1);
    // Without a seed nothing is drawn.
    const drawn = await page.evaluateHandle(() => {
      const explore = document.getElementById('explore') as HTMLElement;
      const seen: (string | undefined)[] = [];
      const observer = new MutationObserver(() => seen.push(explore.dataset['drawn']));
      observer.observe(explore, { attributeFilter: ['data-drawn'] });
      return seen;
    });
    await page.fill('#explore-seed', '');
    await page.fill('#explore-seed', 'Ada');
    await page.waitForSelector('#explore[data-drawn^="seed=Ada&"]');
    expect(await drawn.jsonValue()).toEqual([expect.stringMatching(/^seed=Ada&/)]);
    await context.setOffline(true);
    await page.getByRole('button', { name: 'Compare with the API' }).click();
    await page.waitForSelector('#compare-result:text("No answer came")');
    await context.close();
  });
});

describe('pages to read', () => {
  test('play a training, stop, and show any of its steps', async () => {
    await visit('/learn', {}, async (page) => {
      const film = page.locator('.film').first();
      const screen = film.locator('.screen');
      expect(await screen.getAttribute('alt')).toBe('Samples after 24,000 steps');
      await film.getByRole('button', { name: 'Play' }).click();
      await film.getByText('step 2,000', { exact: true }).waitFor();
      await film.getByRole('button', { name: 'Pause' }).click();
      await film.getByRole('slider').fill('3');
      expect(await screen.getAttribute('alt')).toBe('Samples after 3,000 steps');
      await screen.evaluate((image) => (image as HTMLImageElement).decode());
      // As a translation into Arabic.
      await page.locator('h1').evaluate((title) => (title.textContent = 'تعلم'));
      const read = (selector: string) =>
        page.locator(selector).evaluate((each) => getComputedStyle(each).direction);
      expect([await read('main'), await read('main pre')]).toEqual(['rtl', 'ltr']);
      // Paper shows all frames.
      await page.emulateMedia({ media: 'print' });
      const strip = page.locator('.strip').first();
      expect(await strip.evaluate((each) => each.scrollWidth - each.clientWidth)).toBe(0);
    });
  });

  test('send a request from the reference, and show all samples in one language', async () => {
    await visit('/docs/reference', {}, async (page) => {
      const operation = page.locator('#getLimits');
      await operation.getByRole('button', { name: 'Send' }).press('Enter');
      await operation.getByText(/^200 · application\/json · [\d,]+ bytes · \d+ ms$/).waitFor();
      expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Send');
      await operation.getByRole('button', { name: /^Copy curl/ }).press('Enter');
      await page.getByRole('status').getByText('Copied').waitFor();
      await operation.getByLabel('Try it').fill('https://example.org/');
      await operation.getByRole('button', { name: 'Send' }).click();
      await operation.getByText('expected a path of this service').waitFor();
      await operation.getByText('Python', { exact: true }).click();
      const all = page.locator('[data-language="Python"]');
      expect(
        await all.evaluateAll((radios) =>
          radios.every((radio) => (radio as HTMLInputElement).checked),
        ),
      ).toBe(true);
    });
  });

  test('models have pages for people and JSON for programs', async () => {
    await visit('/models/digits', {}, async (page) => {
      expect(await page.locator('h1').textContent()).toBe('The model digits');
      expect(await page.locator('.figures tbody tr').count()).toBe(5);
    });
    await visit('/models', {}, async (page) => {
      await page.getByRole('main').getByRole('link', { name: 'digits', exact: true }).click();
      await page.waitForURL('**/models/digits');
    });
    for (const path of ['/models', '/models/digits']) {
      const { headers } = await worker.fetch(path);
      expect([path, headers.get('content-type'), headers.get('vary')]).toEqual([
        path,
        'application/json',
        'Accept',
      ]);
    }
  });
});

test('what moves on the front page can be paused, and does not move for whoever wants no motion', async () => {
  await visit('/', { reducedMotion: 'reduce' }, async (page) => {
    const loop = page.locator('.loop').first();
    const readSource = () =>
      loop
        .locator('img')
        .evaluate((image) => new URL((image as HTMLImageElement).currentSrc).pathname);
    await loop.scrollIntoViewIfNeeded();
    await page.waitForFunction(
      () => (document.querySelector('.loop img') as HTMLImageElement).complete,
    );
    expect(await readSource()).toBe('/digit.png');
    await loop.getByRole('button', { name: 'Play' }).click();
    await expect.poll(readSource).toBe('/morph.png');
    await loop.getByRole('button', { name: 'Pause' }).click();
    await expect.poll(readSource).toBe('/digit.png');
    expect(await page.locator('[data-pauses=digits]').textContent()).toBe('Play');
    // Paper may have the light ink of a dark screen.
    await page.emulateMedia({ media: 'print' });
    expect(await loop.isVisible()).toBe(false);
  });
});
