/**
 * `<digit-mint>` out of the installed package, in a real browser, on a page of another origin with
 * COEP and a Content-Security-Policy that allows its module and the service's pictures, nothing
 * else.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { collectComplaints, startBrowser } from '../support/hosts/browser.ts';
import { installClient, type InstalledClient } from '../support/hosts/installed-client.ts';
import { startOtherOrigin, type OtherOrigin } from '../support/hosts/other-origin.ts';
import { startWorker, waitUntil, type TestWorker } from '../support/hosts/workerd.ts';

let worker: TestWorker;
let browser: Browser;
let client: InstalledClient;
let other: OtherOrigin;
let base: string;
beforeAll(async () => {
  [worker, browser, client] = await Promise.all([startWorker(), startBrowser(), installClient()]);
  base = worker.url.origin;
  const policy = `default-src 'none'; script-src 'self'; img-src ${base}; require-trusted-types-for 'script'`;
  other = await startOtherOrigin({ 'Content-Security-Policy': policy });
  other.put('/element.js', await readFile(join(client.path, 'element.js')));
  // Keeps what elements tell of from the first moment on: their events do not bubble, but can be
  // caught on the way down.
  other.put(
    '/watch.js',
    `globalThis.told = [];
    for (const type of ['load', 'error']) {
      document.addEventListener(type, ({ target, detail }) => target.localName === 'digit-mint' && told.push({ id: target.id, type, ...detail }), true);
    }`,
  );
});
afterAll(async () => {
  other.close();
  await browser.close();
  await worker.close();
  await client.remove();
});

interface Told {
  readonly id: string;
  readonly type: 'load' | 'error';
  readonly message?: string;
  readonly status?: number;
}

async function openPage(
  body: string,
  options: BrowserContextOptions = {},
): Promise<{ page: Page; complaints: string[] }> {
  const page = await browser.newPage({ viewport: { width: 800, height: 600 }, ...options });
  const complaints = collectComplaints(page);
  const scripts =
    '<script src="/watch.js"></script><script type="module" src="/element.js"></script>';
  other.put(
    '/',
    `<!doctype html><html lang="en"><title>Other</title>${scripts}${body.replaceAll('BASE', base)}`,
  );
  await page.goto(`${other.origin}/`);
  return { page, complaints };
}

/**
 * Waits until so many events were told. Asks again and again: playwright's own wait evaluates text,
 * which the policy forbids.
 */
function waitForEvents(page: Page, count: number): Promise<Told[]> {
  const ask = () => page.evaluate(() => (globalThis as unknown as { told: Told[] }).told);
  return waitUntil(ask, (told) => told.length >= count);
}

const getBytes = async (url: string) => Buffer.from(await (await fetch(url)).arrayBuffer());

/** The state of the picture in an element. */
async function look(page: Page, selector = 'digit-mint') {
  return page.locator(`${selector} img`).evaluate((node) => {
    const image = node as HTMLImageElement;
    const { width, height } = image.getBoundingClientRect();
    return {
      url: image.currentSrc,
      natural: image.naturalWidth,
      width,
      height,
      alt: image.alt,
      loading: image.loading,
    };
  });
}

test.each([1, 2, 3])(
  'shows the digit that its attributes say, with as many pixels as a screen of %ix has',
  async (deviceScaleFactor) => {
    const body =
      '<digit-mint base="BASE" label="7" seed="Ada" scale="4" margin="2" fg="1d2430" bg="transparent"></digit-mint>';
    const { page, complaints } = await openPage(body, { deviceScaleFactor });
    expect(await waitForEvents(page, 1)).toEqual([{ id: '', type: 'load' }]);
    const query = `seed=Ada&label=7&scale=${4 * deviceScaleFactor}&margin=${2 * deviceScaleFactor}&fg=1d2430&bg=transparent`;
    expect(await look(page)).toEqual({
      url: `${base}/digit.png?${query}`,
      natural: 116,
      width: 116,
      height: 116,
      alt: 'A handwritten 7',
      loading: 'lazy',
    });
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
    expect(complaints).toEqual([]);
    await page.close();
  },
);

test('is drawn for the screens that dpr says, in the same size', async () => {
  const { page } = await openPage(
    '<digit-mint base="BASE" seed="Ada" scale="2" dpr="4"></digit-mint>',
  );
  await waitForEvents(page, 1);
  expect(await look(page)).toMatchObject({
    url: `${base}/digit.png?seed=Ada&scale=8`,
    natural: 224,
    width: 56,
    height: 56,
  });
  await page.close();
});

test('is a picture with a name to who cannot see it, or nothing where it says so', async () => {
  const { page } = await openPage(`<digit-mint base="BASE" number="2026" scale="2"></digit-mint>
    <digit-mint base="BASE" alt="Our lucky number"></digit-mint><digit-mint base="BASE" alt="" id="nothing"></digit-mint>`);
  await waitForEvents(page, 3);
  expect(
    await page.getByRole('img', { name: 'The handwritten number 2026', exact: true }).count(),
  ).toBe(1);
  expect(await page.getByRole('img', { name: 'Our lucky number', exact: true }).count()).toBe(1);
  expect(await page.getByRole('img').count()).toBe(2);
  expect(await page.locator('body').ariaSnapshot()).toBe(
    '- img "The handwritten number 2026"\n- img "Our lucky number"',
  );
  await page.close();
});

test('without a seed is one of its own, that can be had again and replaced', async () => {
  const { page, complaints } = await openPage(
    '<digit-mint base="BASE" id="a"></digit-mint><digit-mint base="BASE" id="b"></digit-mint>',
  );
  await waitForEvents(page, 2);
  const readSource = (id: string) =>
    page.locator(`#${id}`).evaluate((element) => (element as unknown as { src: string }).src);
  const [a, b] = [await readSource('a'), await readSource('b')];
  expect(a).toMatch(/\?seed=[\w-]{16}$/);
  expect(a).not.toBe(b);
  expect((await getBytes(a)).equals(await getBytes(b))).toBe(false);
  await page
    .locator('#a')
    .evaluate((element) => (element as unknown as { mint: () => void }).mint());
  await waitForEvents(page, 3);
  expect(await readSource('a')).not.toBe(a);
  expect(await readSource('b')).toBe(b);
  expect(complaints).toEqual([]);
  await page.close();
});

test('with a hand has the URL of the hand at every view, until it shall vary', async () => {
  const hand = `1.digits.3423e331368875c9.${'A'.repeat(86)}`;
  const { page } = await openPage(
    `<digit-mint base="BASE" number="42" hand="${hand}" vary="0.5"></digit-mint>`,
  );
  await waitForEvents(page, 1);
  const first = await look(page);
  expect(first.url).toBe(`${base}/number/42.png?hand=${hand}&vary=0.5`);
  await page
    .locator('digit-mint')
    .evaluate((element) => (element as unknown as { mint: () => void }).mint());
  await waitForEvents(page, 2);
  expect((await look(page)).url).toMatch(/42\.png\?seed=[\w-]{16}&hand=1\.digits\./);
  await page.close();
});

test('a description of several lines can be read in place of a picture that does not load', async () => {
  const { page } = await openPage(
    '<digit-mint base="https://nowhere.invalid" scale="3"></digit-mint>',
  );
  await waitForEvents(page, 1);
  const read = (node: Element) => getComputedStyle(node).lineHeight;
  expect(await page.locator('digit-mint img').evaluate(read)).toBe('normal');
  await page.close();
});

test('follows its attributes, several at once as one picture', async () => {
  const { page, complaints } = await openPage(
    '<digit-mint base="BASE" seed="a" label="1"></digit-mint>',
  );
  const asked: string[] = [];
  await waitForEvents(page, 1);
  page.on('request', (request) => asked.push(request.url()));
  await page.locator('digit-mint').evaluate((element) => {
    element.setAttribute('label', '8');
    element.setAttribute('n', '4');
    element.setAttribute('smooth', '');
    element.setAttribute('scale', '2');
  });
  await waitForEvents(page, 2);
  expect(asked).toEqual([`${base}/digit.png?seed=a&n=4&label=8&scale=2&smooth=1`]);
  expect(await look(page)).toMatchObject({
    width: 112,
    height: 112,
    alt: '4 handwritten digits: 8',
  });
  await page.locator('digit-mint').evaluate((element) => {
    for (const name of ['label', 'n', 'smooth']) {
      element.removeAttribute(name);
    }
    element.setAttribute('number', '42');
  });
  await waitForEvents(page, 3);
  const shown = await look(page);
  expect(shown.url).toBe(`${base}/number/42.png?seed=a&scale=2`);
  expect([shown.width, shown.height]).toEqual([shown.natural, 56]);
  // A request that its page does not allow would be in the complaints.
  expect(complaints).toEqual([]);
  await page.close();
});

test('has its attributes as properties, also those that were set before the module came', async () => {
  const { page } = await openPage('');
  const read = await page.evaluate(async (address) => {
    await customElements.whenDefined('digit-mint');
    // An element without a definition until it comes into this document.
    const early = document.implementation.createHTMLDocument().createElement('digit-mint');
    Object.assign(early, { base: address, label: 7, seed: 'Ada', smooth: true, darkFg: 'fff' });
    const hadAttributes = early.attributes.length;
    document.body.append(early);
    const element = early as unknown as { label: string; smooth: boolean; scale: null; fg: string };
    const first = [hadAttributes, element.label, element.smooth, element.scale];
    Object.assign(early, { smooth: '', darkFg: undefined, label: null, seed: 0, n: '', alt: '' });
    return [...first, element.smooth, early.outerHTML];
  }, base);
  expect(read).toEqual([
    0,
    '7',
    true,
    null,
    false,
    `<digit-mint base="${base}" seed="0" alt=""></digit-mint>`,
  ]);
  await page.close();
});

test('shows its picture in browsers without style sheets of scripts', async () => {
  const { page, complaints } = await openPage('');
  await page.evaluate((address) => {
    Reflect.deleteProperty(ShadowRoot.prototype, 'adoptedStyleSheets');
    const element = Object.assign(document.createElement('digit-mint'), { id: 'plain', seed: 'a' });
    element.setAttribute('base', address);
    document.body.append(element);
  }, base);
  expect(await waitForEvents(page, 1)).toEqual([{ id: 'plain', type: 'load' }]);
  expect(complaints).toEqual([]);
  await page.close();
});

test('keeps its style and tells its status in another document of the page', async () => {
  const { page, complaints } = await openPage(
    '<digit-mint base="BASE" seed="a" id="old"></digit-mint><iframe></iframe>',
  );
  await waitForEvents(page, 1);
  await page.evaluate((address) => {
    const { told } = globalThis as unknown as { told: Told[] };
    const body = document.querySelector('iframe')?.contentDocument?.body as HTMLElement;
    const [old, fresh] = [document.querySelector('#old'), document.createElement('digit-mint')];
    for (const element of [old as Element, fresh]) {
      for (const type of ['load', 'error'] as const) {
        element.addEventListener(type, (event) => {
          const { status } = (event as CustomEvent<Partial<Told> | null>).detail ?? {};
          told.push({ id: element.id, type, ...(status !== undefined && { status }) });
        });
      }
      element.setAttribute('base', address);
      element.setAttribute('label', element === old ? '3' : 'cat');
      body.append(element);
    }
  }, base);
  const told = await waitForEvents(page, 3);
  const moved = told.slice(1).map(({ id, type, status }) => `${id} ${type} ${status}`);
  expect(moved.toSorted()).toEqual([' error 400', 'old load undefined']);
  const displays = await page
    .frameLocator('iframe')
    .locator('digit-mint img')
    .evaluateAll((all) => all.map((each) => getComputedStyle(each).display));
  expect(displays).toEqual(['block', 'block']);
  expect(complaints.filter((each) => !each.includes('400'))).toEqual([]);
  await page.close();
});

test('tells an error after more requests than the page lists', async () => {
  const { page, complaints } = await openPage('<digit-mint base="BASE" seed="a"></digit-mint>');
  await waitForEvents(page, 1);
  await page.evaluate(() => {
    performance.setResourceTimingBufferSize(0);
    document.querySelector('digit-mint')?.setAttribute('label', 'cat');
  });
  expect((await waitForEvents(page, 2))[1]).toMatchObject({ type: 'error', status: 400 });
  await page.evaluate(() => document.querySelector('digit-mint')?.setAttribute('label', '3'));
  expect((await waitForEvents(page, 3))[2]).toMatchObject({ type: 'load' });
  expect(complaints.filter((each) => !each.includes('400'))).toEqual([]);
  await page.close();
});

test('loads when it comes near', async () => {
  const { page } = await openPage(
    `<p id="far"></p><digit-mint base="BASE" seed="far" id="low"></digit-mint>
    <digit-mint base="BASE" seed="now" loading="eager" id="eager"></digit-mint>`.replace(
      '<p',
      '<svg width="10" height="20000"></svg><p',
    ),
  );
  expect((await waitForEvents(page, 1)).map(({ id }) => id)).toEqual(['eager']);
  // Two frames: the first tells which elements are near, the second follows it.
  await page.evaluate(
    () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
  );
  expect((await waitForEvents(page, 1)).map(({ id }) => id)).toEqual(['eager']);
  await page.locator('#low').scrollIntoViewIfNeeded();
  expect((await waitForEvents(page, 2)).map(({ id }) => id)).toEqual(['eager', 'low']);
  await page.close();
});

test.each(['light', 'dark'] as const)('has its colours of a %s scheme', async (colorScheme) => {
  const body =
    '<digit-mint base="BASE" seed="a" scale="4" fg="0000ff" bg="ffff00" dark-bg="008000" dark-fg="fff"></digit-mint>';
  const { page } = await openPage(body, { colorScheme });
  await waitForEvents(page, 1);
  const shot = PNG.sync.read(await page.locator('digit-mint').screenshot());
  expect([...shot.data.subarray(0, 3)]).toEqual(
    colorScheme === 'dark' ? [0, 128, 0] : [255, 255, 0],
  );
  expect((await look(page)).url).toMatch(
    /digit\.svg\?seed=a&scale=4&fg=0000ff&bg=ffff00&dark_fg=ffffff&dark_bg=008000$/,
  );
  await page.close();
});

test('tells of what is wrong: an attribute, an answer, a service that is not there', async () => {
  const { page } = await openPage(`
    <digit-mint base="BASE" scale="99" id="scale"></digit-mint>
    <digit-mint base="BASE" n="many" id="n"></digit-mint>
    <digit-mint base="BASE" number="1" label="1" id="both"></digit-mint>
    <digit-mint base="BASE" dark-fg="fff" format="png" id="dark"></digit-mint>
    <digit-mint base="javascript:alert(1)" id="base"></digit-mint>
    <digit-mint base="BASE" label="cat" id="cat"></digit-mint>
    <digit-mint base="https://nowhere.invalid" id="nowhere"></digit-mint>`);
  const told = await waitForEvents(page, 7);
  const messages = Object.fromEntries(
    told.map(({ id, type, message, status }) => [id, [type, message, status]]),
  );
  expect(messages).toEqual({
    scale: ['error', 'digitmint: scale is "99", expected a whole number from 1 to 16', undefined],
    n: ['error', 'digitmint: n is "many", expected a whole number from 1 to 256', undefined],
    both: [
      'error',
      'digitmint: label beside number, expected one of the two: number is one picture',
      undefined,
    ],
    dark: [
      'error',
      'digitmint: format is "png", expected svg: only SVG follows the dark scheme',
      undefined,
    ],
    base: [
      'error',
      expect.stringContaining('base is "javascript:alert(1)", expected an address') as unknown,
      undefined,
    ],
    cat: ['error', 'the service answered 400; the picture says why', 400],
    nowhere: [
      'error',
      expect.stringContaining('no picture came from https://nowhere.invalid/digit.png') as unknown,
      undefined,
    ],
  });
  // The API has drawn what is wrong.
  expect((await look(page, '#cat')).natural).toBeGreaterThan(300);
  await page.locator('#scale').evaluate((element) => element.setAttribute('scale', '2'));
  expect((await waitForEvents(page, 8)).at(-1)).toEqual({ id: 'scale', type: 'load' });
  await page.close();
});

test('is styled from outside by its part, and read by a canvas', async () => {
  const { page, complaints } = await openPage('<digit-mint base="BASE" seed="a"></digit-mint>');
  await waitForEvents(page, 1);
  const read = await page.evaluate(() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync('digit-mint::part(image) { width: 50px }');
    document.adoptedStyleSheets = [sheet];
    const image = document
      .querySelector('digit-mint')
      ?.shadowRoot?.querySelector('img') as HTMLImageElement;
    const canvas = new OffscreenCanvas(28, 28).getContext(
      '2d',
    ) as OffscreenCanvasRenderingContext2D;
    canvas.drawImage(image, 0, 0, 28, 28);
    const pixels = [...canvas.getImageData(0, 0, 28, 28).data].filter((_, i) => i % 4 === 0);
    return { width: image.getBoundingClientRect().width, pixels };
  });
  const png = PNG.sync.read(await getBytes(`${base}/digit.png?seed=a`));
  expect(read).toEqual({ width: 50, pixels: [...png.data].filter((_, i) => i % 4 === 0) });
  expect(complaints).toEqual([]);
  await page.close();
});
