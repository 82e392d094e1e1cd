/**
 * Tests the report in a real browser, from a file, without a network.
 */
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { PNG } from 'pngjs';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MetricsLine } from '../../../../trainer/run/log/metrics.ts';
import { buildComparison } from '../../../../trainer/run/report/comparison.ts';
import { buildReport, type RunRecord } from '../../../../trainer/run/report/page.ts';
import { saveComparison } from '../../../../trainer/run/report/record.ts';
import { createRunFolder } from '../../../../trainer/run/run-folder.ts';
import { collectComplaints, startBrowser } from '../../../support/hosts/browser.ts';
import { TINY_CONFIG } from '../../../support/training/tensors.ts';

const STEPS = [0, 100, 200, 300, 400];

const METRICS: MetricsLine[] = STEPS.map((step, i) => ({
  step,
  imagesSeen: (step + 1) * 8,
  discriminatorLoss: 1 / (i + 1),
  generatorLoss: i + 0.5,
  discriminatorGradientNorm: 0.1 * (i + 1),
  generatorGradientNorm: 2 + i,
  r1: 0.2,
  r2: 0.3 + i,
  learningRateFactor: 1 - i / 5,
  diversity: 0.4 + i / 10,
  imagesPerSecond: 4000,
  seconds: i,
  ...(step === 300
    ? {
        warnings: [
          {
            code: 'diversity-low',
            message: 'the <b>samples</b> are alike.',
            advice: 'Look & see.',
          },
        ],
      }
    : {}),
}));

const RECORD: RunRecord = {
  name: '00001-"tiny" <run>',
  options: {
    config: {
      ...TINY_CONFIG,
      steps: 401,
      finalFactor: 0.2,
      objective: { type: 'relativistic', gamma: 1 },
    },
    dataset: { name: 'tiny digits', images: 70, sha256: 'ab'.repeat(32) },
  },
  sessions: [
    {
      startedAt: '2026-01-02T03:04:05.678Z',
      step: 0,
      backend: { name: 'cpu', description: 'plain JavaScript', threads: null },
      versions: { digitmint: '0.1.0', node: '22.0.0', tfjs: '4.22.0' },
      machine: { system: 'Linux', processor: 'a processor', cores: 2, memoryGiB: 8 },
    },
  ],
  metrics: METRICS,
  grids: [0, 400].map((step) => ({ step, png: makePng(step / 2) })),
  writtenAt: '2026-01-02T04:05:06.789Z',
};

function makePng(grey: number, height = 16): Uint8Array {
  const png = new PNG({ width: 16, height, colorType: 0 });
  png.data.fill(grey);
  return PNG.sync.write(png);
}

let browser: Browser;
beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(() => browser.close());

async function open(
  record: RunRecord,
  options: BrowserContextOptions = {},
): Promise<{ page: Page; complaints: string[] }> {
  const path = join(await mkdtemp(join(tmpdir(), 'digitmint-report-')), 'report.html');
  await writeFile(path, await buildReport(record));
  const page = await (await browser.newContext({ offline: true, ...options })).newPage();
  const complaints = collectComplaints(page);
  await page.goto(pathToFileURL(path).href);
  return { page, complaints };
}

async function boxOf(
  locator: Locator,
): Promise<{ x: number; y: number; width: number; height: number }> {
  return (await locator.boundingBox()) ?? { x: NaN, y: NaN, width: NaN, height: NaN };
}

describe('a report', () => {
  it('opens from a file, sends no request, and fits a phone', async () => {
    const { page, complaints } = await open(RECORD, { viewport: { width: 360, height: 720 } });
    expect(await page.title()).toBe('00001-"tiny" <run>: training report');
    expect(
      await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth),
    ).toBeLessThanOrEqual(0);
    expect(
      await page.evaluate(() =>
        performance.getEntriesByType('resource').filter(({ name }) => !name.startsWith('data:')),
      ),
    ).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it('shows real pictures beside the samples, when the run has them', async () => {
    const { page } = await open({ ...RECORD, contactSheet: makePng(90, 580) });
    const sheet = page.getByRole('img', { name: 'Real pictures' });
    expect(await sheet.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(
      0,
    );
    // All rows are seen, and the keyboard scrolls a sheet of more classes.
    const box = sheet.locator('..');
    expect(await box.evaluate((node) => node.scrollHeight - node.clientHeight)).toBe(0);
    expect(await box.getAttribute('tabindex')).toBe('0');
  });

  it('shows each curve with a name, a description and its values as a table', async () => {
    const { page } = await open(RECORD);
    const titles = [
      'Losses',
      'Diversity',
      'Gradient norms',
      'Penalties',
      'Images a second',
      'Schedule',
    ];
    expect(await page.locator('.chart h3').allTextContents()).toEqual(titles);
    for (const [i, title] of titles.entries()) {
      const chart = page.getByRole('img', { name: `${title} over steps`, exact: true });
      expect(await chart.count()).toBe(1);
      const table = page.locator('.chart table').nth(i);
      expect(await table.locator('tbody tr').count()).toBe(STEPS.length);
    }
    expect(await page.locator('.chart').nth(3).locator('tbody tr').last().textContent()).toBe(
      '4000.24.3',
    );
    // Lines go through their points. The last diversity is 0.8, on a scale from 0 to 1.
    const diversity = page.locator('.chart').nth(1);
    const line = await boxOf(diversity.locator('.line_marks path'));
    const [top, bottom] = await Promise.all(
      ['1', '0'].map(async (label) => {
        const ticks = diversity.locator('.role-axis-label text[text-anchor=end]');
        const tick = await boxOf(ticks.filter({ hasText: new RegExp(`^${label}$`) }));
        return tick.y + tick.height / 2;
      }),
    );
    const expected = (bottom as number) + 0.8 * ((top as number) - (bottom as number));
    expect(Math.abs(line.y - expected)).toBeLessThan(2);
    const picture = await boxOf(diversity.locator('svg'));
    expect((line.x + line.width - picture.x) / picture.width).toBeCloseTo((480 - 74) / 480, 1);
  });

  it('shows values under the pointer, without a script', async () => {
    const { page } = await open(RECORD, { javaScriptEnabled: false });
    const titles = page.locator('.chart').nth(3).locator('.tooltip_marks title');
    expect(await titles.count()).toBe(STEPS.length);
    expect(await titles.last().textContent()).toBe('step 400: R1 0.2, R2 4.3');
  });

  it('shows the warnings, the machine and the options as text', async () => {
    const { page } = await open(RECORD);
    const text = await page.locator('body').innerText();
    expect(text).toContain('The <b>samples</b> are alike.');
    expect(text).toContain('Look & see.');
    expect(text).toContain('cpu: plain JavaScript');
    expect(text).toContain('ab'.repeat(32));
    expect(text).toMatch(/discriminatorAdam\.learningRate\s+0\.0005/);
    expect(await page.locator('.status').textContent()).toBe('finished');
    expect(await page.locator('.mark_marks line').count()).toBeGreaterThan(0);
  });

  it('enlarges the pictures by slider and by click', async () => {
    const { page } = await open(RECORD);
    const large = page.locator('#viewer img');
    expect(await large.getAttribute('alt')).toBe('Samples at step 400');
    await page.getByRole('slider').focus();
    await page.keyboard.press('ArrowLeft');
    expect(await large.getAttribute('alt')).toBe('Samples at step 0');
    expect(await page.locator('output').textContent()).toBe('step 0 · diversity 0.40');
    await page.locator('.strip li').last().click();
    expect(await large.getAttribute('alt')).toBe('Samples at step 400');
  });

  it('shows all pictures without a script', async () => {
    const { page } = await open(RECORD, { javaScriptEnabled: false });
    expect(await page.locator('.strip img').count()).toBe(2);
    expect(await page.locator('.strip img').first().isVisible()).toBe(true);
    expect(await page.locator('#viewer').isVisible()).toBe(false);
  });
});

describe('a report of a run', () => {
  const { r1: _r1, ...rest } = METRICS[0] as MetricsLine;

  it('of an experiment, which has no sessions and no grids, copes with missing data', async () => {
    const metrics = METRICS.map(({ step, imagesSeen, discriminatorLoss, generatorLoss }) => ({
      step,
      imagesSeen,
      discriminatorLoss,
      generatorLoss,
    }));
    const { page, complaints } = await open({
      name: 'r1-3',
      writtenAt: RECORD.writtenAt,
      options: RECORD.options,
      sessions: [],
      metrics,
      grids: [],
    });
    expect(await page.locator('.chart h3').allTextContents()).toEqual(['Losses']);
    expect(complaints).toEqual([]);
  });

  it('without logged steps says so', async () => {
    const html = await buildReport({ ...RECORD, metrics: [], grids: [] });
    expect(html).toContain('nothing logged yet');
    expect(html).not.toContain('<svg');
  });

  it('that is under way, or failed, says so', async () => {
    const half = await buildReport({ ...RECORD, metrics: METRICS.slice(0, 3) });
    expect(half).toMatch(/50% done[^]* · written 2026-01-02 04:05:06 UTC/);
    // A curve of one point is a dot.
    expect(half).not.toContain('stroke-linecap');
    const first = await buildReport({ ...RECORD, metrics: METRICS.slice(0, 1) });
    expect(first).toMatch(/<path[^>]* d="M[\d.,]+Z" stroke-linecap="round"/);
    const diverged = {
      ...rest,
      step: 500,
      discriminatorLoss: NaN,
      warnings: [{ code: 'diverged', message: 'the training diverged.', advice: 'Lower it.' }],
    };
    const html = await buildReport({ ...RECORD, metrics: [...METRICS, diverged] });
    expect(html).toContain('diverged at step 500');
    expect(html).not.toMatch(/d="[^"]*NaN/);
  });
});

describe('a comparison of runs', () => {
  it('has a column, a curve and the last samples of each run, and the settings that differ', async () => {
    const other: RunRecord = {
      ...RECORD,
      name: '00002-other',
      model: 'digits@0123456789abcdef',
      options: { ...RECORD.options, config: { ...RECORD.options.config, batchSize: 16 } },
      metrics: METRICS.map((line) => ({ ...line, diversity: 0.9 })),
      quality: {
        schema: 1,
        model: 'digits@0123456789abcdef',
        n: 200,
        against: 'real ones',
        features: '72 features',
        rows: [
          { title: 'Fréchet distance', value: '1.19', real: '0.77', explanation: 'of Gaussians' },
        ],
      },
    };
    const path = join(await mkdtemp(join(tmpdir(), 'digitmint-comparison-')), 'comparison.html');
    await writeFile(path, await buildComparison([RECORD, other]));
    const page = await (await browser.newContext({ offline: true })).newPage();
    const complaints = collectComplaints(page);
    await page.goto(pathToFileURL(path).href);
    expect(complaints).toEqual([]);
    expect(await page.title()).toBe('2 runs compared: 00001-"tiny" <run>, 00002-other');
    const read = (section: string) =>
      page.locator(`section[aria-labelledby=${section}-title] tr`).allInnerTexts();
    const figures = (await read('figures')).map((row) => row.split('\t'));
    expect(figures[0]).toEqual(['', RECORD.name, '00002-other']);
    expect(figures).toContainEqual(['model', '–', 'digits@0123456789abcdef']);
    expect(figures).toContainEqual(['diversity', '0.8', '0.9']);
    expect(figures).toContainEqual(['Fréchet distance', '–', '1.19 (real: 0.77)']);
    expect((await read('config')).slice(1)).toEqual([`batchSize\t${TINY_CONFIG.batchSize}\t16`]);
    expect(await page.locator('.chart h3').allInnerTexts()).toEqual([
      'Losses: D',
      'Losses: G',
      'Diversity',
      'Images a second',
    ]);
    expect(await page.locator('.chart').nth(2).locator('svg').textContent()).toContain(
      '00002-other',
    );
    expect(await page.locator('.side img').count()).toBe(2);
    expect(await page.locator('.side figcaption').first().innerText()).toContain('step 400');
  });

  it('is of different runs, and written where --out says or beside the first one', async () => {
    const parent = await mkdtemp(join(tmpdir(), 'digitmint-runs-'));
    const folders = ['a', 'b'].map((name) => join(parent, name));
    for (const folder of folders) {
      await createRunFolder(folder, RECORD.options);
    }
    expect(await saveComparison(folders)).toBe(join(parent, 'comparison.html'));
    const html = await readFile(join(parent, 'comparison.html'), 'utf8');
    expect(html).toContain('nothing logged yet');
    await expect(saveComparison([folders[0]!, `${folders[0]!}/`])).rejects.toThrow(
      'is given twice',
    );
    await expect(saveComparison([folders[0]!, parent])).rejects.toThrow(
      'expected the folder of a run',
    );
  });
});
