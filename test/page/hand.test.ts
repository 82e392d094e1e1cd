/** The page `/hand` in a real browser: what a visitor draws is read and written offline. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import { PNG } from 'pngjs';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
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

const TWO = [
  [0.3, 0.35],
  [0.36, 0.22],
  [0.5, 0.17],
  [0.64, 0.22],
  [0.67, 0.36],
  [0.6, 0.5],
  [0.3, 0.8],
  [0.74, 0.78],
] as const;

const SEVEN = [
  [0.3, 0.2],
  [0.75, 0.2],
  [0.4, 0.85],
] as const;

/** Opens the page, cuts the network off once it has loaded, and hands it over. */
async function visitOffline(options: BrowserContextOptions, use: (page: Page) => Promise<void>) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints = collectComplaints(page);
  await page.goto(new URL('/hand', worker.url).href);
  await page.waitForSelector('#hand-status:text("Draw one digit")');
  const asked: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith('blob:')) {
      asked.push(request.url());
    }
  });
  await context.setOffline(true);
  await use(page);
  expect([complaints, asked]).toEqual([[], []]);
  await context.close();
}

async function draw(page: Page, points: readonly (readonly [number, number])[]): Promise<void> {
  const box = await page.locator('#hand-pad').boundingBox();
  const { x = 0, y = 0, width = 0, height = 0 } = box ?? {};
  for (const [i, [left, top]] of points.entries()) {
    await page.mouse.move(x + left * width, y + top * height, { steps: 4 });
    if (i === 0) {
      await page.mouse.down();
    }
  }
  await page.mouse.up();
}

const readUrl = async (page: Page) => new URL((await page.textContent('#hand-url')) ?? '');

test('a digit drawn with the mouse is read and written offline, as the URL then writes it', async () => {
  let url: URL | undefined;
  let shown: number[] = [];
  await visitOffline({}, async (page) => {
    await draw(page, TWO.slice(0, 1));
    await draw(page, TWO);
    await page.waitForSelector('#hand[data-read]');
    expect(await page.textContent('#hand-status')).toMatch(/^Read as 2, \d+% sure/);
    // A reading as another digit is overtaken by that of a dot, which is none: the 2 stays.
    await page.evaluate(() => {
      const label = document.querySelector<HTMLSelectElement>('#hand-label');
      Object.assign(label ?? {}, { value: '7' });
      label?.dispatchEvent(new Event('change'));
      document.querySelector<HTMLElement>('#hand-undo')?.click();
    });
    await page.waitForSelector('#hand-fault:not([hidden])');
    await page.locator('#hand-number').fill('-3.14');
    await page.waitForSelector('#hand-written[aria-label^="-3.14"]');
    url = await readUrl(page);
    shown = await page.evaluate(() => {
      const canvas = document.querySelector<HTMLCanvasElement>('#hand-written');
      const { width = 0, height = 0 } = canvas ?? {};
      const { data } = canvas?.getContext('2d')?.getImageData(0, 0, width, height) ?? { data: [] };
      return Array.from(data).filter((_, i) => i % 4 === 3);
    });
  });
  expect(url?.pathname).toBe('/number/-3.14.png');
  const drawn = url?.searchParams;
  drawn?.delete('fg');
  drawn?.delete('bg');
  const answer = await worker.fetch(`/number/-3.14.png?${drawn}`);
  expect(answer.headers.get('cache-control')).toContain('immutable');
  const png = PNG.sync.read(Buffer.from(await answer.arrayBuffer()));
  expect(shown).toEqual(Array.from(png.data).filter((_, i) => i % 4 === 0));
});

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

test('on a phone the example, undo and clear work, and everybody can use the page', async () => {
  const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
  await visitOffline(phone, async (page) => {
    await page.locator('#hand-example').tap();
    await page.waitForSelector('#hand[data-read]');
    expect(await page.textContent('#hand-status')).toContain('Read as 7');
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(wide).toBe(390);
    await page.evaluate(AXE);
    const found = (await page.evaluate('axe.run()')) as AxeResults;
    expect(found.violations.map(({ id }) => id)).toEqual([]);
    await page.locator('#hand-undo').tap();
    await page.locator('#hand-clear').tap();
    await page.waitForSelector('#hand-results', { state: 'hidden' });
  });
});

test('a scribble gets words, a given label is taken, and a wrong number is named', async () => {
  await visitOffline({}, async (page) => {
    const zigzag = Array.from({ length: 9 }, (_, i) => [0.1 + 0.1 * i, i % 2 ? 0.2 : 0.8] as const);
    await draw(page, zigzag);
    await page.waitForSelector('#hand-fault:not([hidden])');
    expect(await page.textContent('#hand-fault')).toContain('No digit recognised; nearest is');
    await page.locator('#hand-clear').click();
    await draw(page, TWO);
    await page.waitForSelector('#hand-results:not([hidden])');
    await page.locator('#hand-number').fill('12a');
    expect(await page.textContent('#hand-number-fault')).toContain('Expected 1 to 32 characters');
    await page.locator('#hand-label').selectOption('2');
    await page.waitForSelector('#hand-status:text("Taken as 2")');
    await page.locator('#hand-clear').click();
    expect(await page.locator('#hand-label').inputValue()).toBe('');
  });
});

test('a reload keeps the drawing', async () => {
  const page = await browser.newPage();
  await page.goto(new URL('/hand', worker.url).href);
  await draw(page, TWO);
  await page.waitForSelector('#hand-status:text("Read as 2")');
  await page.reload();
  await page.waitForSelector('#hand-status:text("Read as 2")');
  await page.locator('#hand-clear').click();
  await page.reload();
  await page.waitForSelector('#hand-status:text("Draw one digit")');
  await page.close();
});

/** The darkest and the lightest grey of an element on the screen. */
async function readContrast(page: Page, id: string): Promise<[dark: number, light: number]> {
  const { data } = PNG.sync.read(await page.locator(id).screenshot());
  const greys = [...data].filter((_, i) => i % 4 === 0);
  return greys.reduce(
    ([dark, light], grey) => [Math.min(dark, grey), Math.max(light, grey)],
    [255, 0],
  );
}

test('what was drawn and written stays readable in the other colour scheme and on paper', async () => {
  await visitOffline({ colorScheme: 'light' }, async (page) => {
    await draw(page, TWO);
    await page.waitForSelector('#hand[data-read]');
    await page.mouse.move(0, 0);
    for (const media of [{ colorScheme: 'dark' }, { media: 'print' }] as const) {
      await page.emulateMedia(media);
      for (const id of ['#hand-pad', '#hand-digits']) {
        const [dark, light] = await readContrast(page, id);
        expect([media, id, light - dark > 180]).toEqual([media, id, true]);
      }
    }
  });
});

/** Drops a file on the page, as a visitor drags one from a folder. */
const drop = (page: Page, name: string, type: string, bytes: readonly number[]) =>
  page.evaluate(
    ([file, kind, content]) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([Uint8Array.from(content)], file, { type: kind }));
      const options = { dataTransfer, bubbles: true, cancelable: true };
      return document.body.dispatchEvent(new DragEvent('drop', options));
    },
    [name, type, bytes] as const,
  );

test('a dropped picture is read, any other file is named, and neither leaves the page', async () => {
  await visitOffline({}, async (page) => {
    expect(await drop(page, 'letter.txt', 'text/plain', [104, 105])).toBe(false);
    await page.waitForSelector('#hand-fault:text("letter.txt is no picture that this browser")');
    const picture = new PNG({ width: 60, height: 60 });
    picture.data.fill(255);
    for (let y = 10; y < 50; y++) {
      picture.data.fill(0, 4 * (60 * y + 28), 4 * (60 * y + 32));
      for (let x = 28; x < 32; x++) {
        picture.data[4 * (60 * y + x) + 3] = 255;
      }
    }
    expect(await drop(page, 'one.png', 'image/png', [...PNG.sync.write(picture)])).toBe(false);
    await page.waitForSelector('#hand-status:text("Read as 1")');
    expect(await page.locator('#hand-fault').isHidden()).toBe(true);
    await page.locator('#hand-clear').click();
    const writeSvg = (more: string) => [
      ...Buffer.from(
        `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 28 28"><path d="M13 5h2v18h-2z"/>${more}</svg>`,
      ),
    ];
    await drop(page, 'mixed.svg', 'image/svg+xml', writeSvg('<foreignObject/>'));
    await page.waitForSelector('#hand-fault:text("mixed.svg is no picture that this browser")');
    await drop(page, 'one.svg', 'image/svg+xml', writeSvg(''));
    await page.waitForSelector('#hand-status:text("Read as 1")');
    // Nearly white ink on transparent paper.
    for (let at = 0; at < picture.data.length; at += 4) {
      picture.data.fill(picture.data[at] === 0 ? 240 : 0, at, at + 3);
      picture.data[at + 3] = picture.data[at] === 0 ? 0 : 255;
    }
    await page.locator('#hand-clear').click();
    await drop(page, 'one.png', 'image/png', [...PNG.sync.write(picture)]);
    await page.waitForSelector('#hand-status:text("Read as 1")');
  });
});

test('text that is pasted or dropped goes where it is meant to go', async () => {
  await visitOffline({}, async (page) => {
    await draw(page, TWO);
    await page.waitForSelector('#hand[data-read]');
    const act = (type: 'paste' | 'drop', id: string, isFile: boolean) =>
      page.evaluate(
        ([kind, target, hasFile]) => {
          const data = new DataTransfer();
          data.setData('text/plain', '42');
          if (hasFile) {
            data.items.add(new File(['?'], 'cell.txt'));
          }
          const options = { bubbles: true, cancelable: true };
          const event =
            kind === 'paste'
              ? new ClipboardEvent(kind, { ...options, clipboardData: data })
              : new DragEvent(kind, { ...options, dataTransfer: data });
          return document.getElementById(target)?.dispatchEvent(event);
        },
        [type, id, isFile] as const,
      );
    const isRefused = () => page.locator('#hand-fault').isVisible();
    expect([await act('paste', 'hand-number', true), await isRefused()]).toEqual([true, false]);
    expect([await act('drop', 'hand-number', false), await isRefused()]).toEqual([true, false]);
    await act('paste', 'hand', true);
    await page.waitForSelector('#hand-fault:text("cell.txt is no picture")');
  });
});

test('undo while a stroke is drawn ends that stroke, and the strokes before it stay as they are', async () => {
  await visitOffline({}, async (page) => {
    const readCanvas = () =>
      page.evaluate(() => document.querySelector<HTMLCanvasElement>('#hand-pad')?.toDataURL());
    await draw(page, TWO);
    const before = await readCanvas();
    const { x = 0, y = 0 } = (await page.locator('#hand-pad').boundingBox()) ?? {};
    await page.mouse.move(x + 20, y + 20);
    await page.mouse.down();
    await page.mouse.move(x + 90, y + 30, { steps: 3 });
    expect(await readCanvas()).not.toBe(before);
    await page.evaluate(() => document.querySelector<HTMLElement>('#hand-undo')?.click());
    await page.mouse.move(x + 90, y + 90, { steps: 3 });
    await page.mouse.up();
    expect(await readCanvas()).toBe(before);
    // On macOS Ctrl+click opens a menu.
    await page.keyboard.down('Control');
    await draw(page, SEVEN);
    await page.keyboard.up('Control');
    expect(await readCanvas()).toBe(before);
    // The browser did not tell of the release.
    await page.mouse.down();
    const lost = { pointerId: 1, buttons: 0 };
    await page.locator('#hand-pad').dispatchEvent('pointermove', lost);
    const dot = await readCanvas();
    await page.mouse.move(x + 40, y + 40, { steps: 3 });
    expect(await readCanvas()).toBe(dot);
    await page.mouse.up();
    // The system takes the hand that rests on the screen for no finger any more.
    await page.mouse.down();
    await page.mouse.move(x + 90, y + 90, { steps: 3 });
    await page.locator('#hand-pad').dispatchEvent('pointercancel', { pointerId: 1 });
    expect(await readCanvas()).toBe(dot);
    await page.mouse.up();
  });
});

test('a second digit is added, the hand fits both, and the first can be removed', async () => {
  await visitOffline({}, async (page) => {
    const more = page.locator('#hand-more');
    expect(await more.isDisabled()).toBe(true);
    await draw(page, TWO);
    await page.waitForSelector('#hand[data-read]');
    const first = (await readUrl(page)).searchParams.get('hand');
    const readFocus = () => page.evaluate(() => document.activeElement?.id);
    await more.press('Enter');
    await page.waitForSelector('#hand-status:text("Draw the next digit")');
    expect([await more.isDisabled(), await readFocus()]).toEqual([true, 'hand-more']);
    await draw(page, SEVEN);
    await page.waitForSelector('#hand-status:text("The hand of 2, 7. Redrawn, they differ by")');
    expect((await readUrl(page)).searchParams.get('hand')).not.toBe(first);
    await page.getByRole('button', { name: 'Remove the 2 that you drew' }).press('Enter');
    await page.waitForSelector('#hand-status:text("Read as 7")');
    expect(await readFocus()).toBe('hand-more');
    expect(await page.locator('#hand-kept button').count()).toBe(0);
  });
});
