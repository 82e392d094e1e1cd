/**
 * The table of parameters is the only place that lists them: a made-up one, added to it, is
 * everywhere.
 */
import { expect, test, vi } from 'vitest';
import type * as Table from '../../../shared/contract/parameters.ts';

const SPIN = {
  kind: 'whole',
  min: 0,
  max: 359,
  default: '0',
  formats: ['png', 'svg'],
  about: 'Degrees by which each digit is turned',
  example: '90',
  control: { title: 'Turn', group: 'Layout' },
} as const;

vi.mock('../../../shared/contract/parameters.ts', async (importOriginal) => {
  const original = await importOriginal<typeof Table>();
  const { digit, number, ...others } = original.ROUTES;
  const ROUTES = {
    digit: { ...digit, spin_by: SPIN },
    number: { ...number, spin_by: SPIN },
    ...others,
  };
  return { ...original, ROUTES };
});

const { OPERATIONS } = await import('../../../worker/app.ts');
const { buildOpenapiDocument } = await import('../../../worker/openapi/document.ts');
const { renderControls } = await import('../../../worker/pages/home/controls.ts');
const { createApp } = await import('../../../worker/app.ts');
const { digitUrl, numberUrl, morphUrl } = await import('../../../client/url.ts');
const { DigitMintElement } = await import('../../../client/element.ts');
const { buildOptions, writeQuery } = await import('../../../client/cli/flags.ts');
const { writeOptionTypes } = await import('../../../dev/build/option-types.ts');
const { ROUTES } = await import('../../../shared/contract/parameters.ts');
const { buildDigitUrl, parseDigitQuery, pinQuery, settleQuery } =
  await import('../../../shared/contract/query.ts');

const app = createApp({
  log: () => undefined,
  drawRequestId: () => '',
  clock: () => 0,
  modelSource: { acquire: () => ({ code: 'model_not_found', model: 'digits' }) },
} as unknown as Parameters<typeof createApp>[0]);

test('in the OpenAPI document', () => {
  const document = JSON.stringify(buildOpenapiDocument(OPERATIONS));
  expect(document).toContain(
    JSON.stringify({
      name: 'spin_by',
      in: 'query',
      required: false,
      description: 'Degrees by which each digit is turned. Without it: 0.',
      schema: {
        type: 'integer',
        description: 'a whole number from 0 to 359',
        format: 'int32',
        minimum: 0,
        maximum: 359,
      },
      example: 90,
    }),
  );
});

test.each(['/docs/reference', '/llms.txt'])('in %s', async (path) => {
  const text = await (await app.request(path)).text();
  expect(text).toContain('spin_by');
  expect(text).toContain('Degrees by which each digit is turned');
});

test('in the query: parsed, warned about without effect, and part of the canonical URL', () => {
  expect(() => parseDigitQuery(new URLSearchParams('spin_by=360'))).toThrow(
    expect.objectContaining({
      error: expect.objectContaining({
        parameter: 'spin_by',
        expected: 'a whole number from 0 to 359',
      }),
    }),
  );
  const query = parseDigitQuery(new URLSearchParams('spin_by=90&seed=a'), '2026');
  expect(query).toMatchObject({ spin_by: 90 });
  expect(settleQuery('number', query, 'txt')).toMatchObject({ withoutEffect: ['spin_by'] });
  const model = { name: 'm', version: '0'.repeat(16) };
  const pinned = pinQuery('digit', query, 'png', model, 'a');
  expect(buildDigitUrl({ ...pinned, number: '2026' })).toMatch(
    /^\/number\/2026\.png\?seed=a&.*spin_by=90$/,
  );
});

test('in the client: its URLs, its option types and the element’s attributes', () => {
  expect(digitUrl({ spinBy: 90 } as object)).toBe('/digit.png?spin_by=90');
  expect(digitUrl({ spinBy: 0 } as object)).toBe('/digit.png');
  expect(numberUrl({ number: 1, spinBy: 90, format: 'txt' } as never)).toBe('/number/1.txt');
  expect(() => digitUrl({ spinBy: 360 } as object)).toThrow('a whole number from 0 to 359');
  expect(() => morphUrl({ spinBy: 90 } as object)).toThrow('spinBy is not an option here');
  expect(DigitMintElement.observedAttributes).toContain('spin-by');
  expect(writeOptionTypes()).toContain(
    '/** Degrees by which each digit is turned (a whole number from 0 to 359). Default: 0. */\n    readonly spinBy?: number | undefined;',
  );
});

test('on the command line and as a control of the playground', async () => {
  const option = buildOptions(ROUTES.digit).find(({ long }) => long === '--spin-by');
  expect([option?.flags, option?.description]).toEqual([
    '--spin-by <number>',
    'Degrees by which each digit is turned (default: 0)',
  ]);
  expect(writeQuery(ROUTES.digit, { spinBy: '90' }).toString()).toBe('spin_by=90');
  const context = { classes: [], models: [], values: {}, route: 'digit', image: { channels: 1 } };
  const controls = String(await renderControls(context));
  const layout = controls.slice(controls.indexOf('Layout'), controls.indexOf('Colours'));
  expect(layout).toContain('data-parameter="spin_by" data-modes="digit number"');
  expect(layout).toMatch(/id="control-spin_by"[^>]* min="0"\s+max="359"/);
});

test('each option that is published has a comment', () => {
  const lines = writeOptionTypes().split('\n');
  const options = lines.filter((line) => line.startsWith('    readonly '));
  expect(options.length).toBeGreaterThan(50);
  for (const [i, line] of lines.entries()) {
    expect(line.startsWith('    readonly ') && !lines[i - 1]?.startsWith('    /** ')).toBe(false);
  }
});
