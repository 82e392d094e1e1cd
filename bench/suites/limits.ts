/**
 * The cost of the most expensive requests that each route allows, in the local edge runtime, of the
 * model that ships. The limits in shared/contract/limits.ts rest on these figures.
 */
import { withEdge, type RequestCost } from '../edge-runtime.ts';
import type { BenchTable } from '../record.ts';
import { defineSuite, makeRow, makeTable } from '../suite.ts';

/** A cheap request to compare with, then the most expensive ones of each kind. */
const REQUESTS: readonly (readonly [what: string, path: string])[] = [
  ['one digit', '/digit.png'],
  ['sixteen digits', '/digit.png?n=16'],
  ['256 digits', '/digit.png?n=256'],
  ['the largest sheet', '/digit.png?n=256&scale=4&margin=72'],
  ['the largest sheet, smooth', '/digit.png?n=256&scale=4&margin=72&smooth=1'],
  [
    'the largest sheet, smooth, half transparent',
    '/digit.png?n=256&scale=4&smooth=1&margin=72&fg=12345678&bg=fedcba98',
  ],
  ['one digit on much paper', '/digit.png?n=1&scale=16&margin=256&smooth=1'],
  ['paper with 256 gaps', '/digit.png?n=256&scale=2&gap=69'],
  ['outlines', '/digit.svg?n=256&smooth=1'],
  ['JSON', '/digit.json?n=256'],
  ['lines of JSON', '/digit.ndjson?n=256'],
  ['text', '/digit.txt?n=256'],
  ['the longest number', `/number/${'8'.repeat(32)}.png?scale=10&smooth=1`],
  ['outlines of the longest number', `/number/${'8'.repeat(32)}.svg?smooth=1`],
  ['the longest loop, PNG', '/morph.png?n=16&frames=32'],
  ['the largest loop, PNG', '/morph.png?n=16&frames=32&scale=3&smooth=1&margin=12'],
  ['the largest loop, GIF', '/morph.gif?n=16&frames=32&scale=3&smooth=1&margin=12'],
  ['a loop of few large frames, GIF', '/morph.gif?n=2&frames=4&scale=16&smooth=1&margin=200'],
  ['a set of 1,000, NPY', '/dataset.npy?n=1000'],
  ['a set of 1,000, CSV', '/dataset.csv?n=1000'],
  ['a set of 1,000, NDJSON', '/dataset.ndjson?n=1000'],
  ['labels of 60,000', '/dataset.npy?n=60000&part=labels&seed=a'],
  ['labels far out', '/dataset.npy?n=60000&part=labels&seed=a&start=999000000'],
  ['an embedding of a number', '/oembed?url=URL'],
  ['an error as PNG', `/digit.png?n=${'x'.repeat(200)}`],
  ['an error as GIF', `/morph.gif?n=${'x'.repeat(200)}`],
  ['an error as SVG', `/digit.svg?n=${'x'.repeat(200)}`],
  ['an error as JSON', '/digit.json?n=0'],
  ['the page', '/'],
  ['the documentation', '/docs'],
  ['the OpenAPI document', '/openapi.json'],
  ['the weights', '/models/digits/VERSION/weights.bin'],
  ['a card', '/models/digits'],
];

export const suite = defineSuite({
  about: 'the most expensive requests that each route allows',
  measure: ({ quick }) =>
    withEdge(async ({ url, measure, versions }) => {
      const answer = await fetch(new URL('/healthz', url));
      const { model } = (await answer.json()) as { model: { version: string } };
      const embedded = new URL(`/number/${'8'.repeat(32)}.png`, url).href;
      const costs: RequestCost[] = [];
      for (const [what, template] of REQUESTS) {
        const path = template
          .replace('VERSION', model.version)
          .replace('=URL', `=${encodeURIComponent(embedded)}`);
        const request = { url: path, isWrong: what.startsWith('an error') };
        await measure({ ...request, requests: 1 });
        costs.push(await measure({ ...request, requests: quick ? 1 : 5 }));
      }
      const list = (pick: (cost: RequestCost) => number[]): BenchTable['rows'] =>
        REQUESTS.map(([what], i) =>
          makeRow(
            what,
            pick(costs[i] as RequestCost).map((value) => [value]),
          ),
        );
      return {
        versions,
        tables: [
          makeTable({
            id: 'limits',
            title: 'The most expensive requests',
            unit: 'ms',
            cases: ['processor time', 'elapsed'],
            rows: list(({ cpuMs, elapsedMs }) => [cpuMs, elapsedMs]),
          }),
          makeTable({
            id: 'limits-size',
            title: 'Their answers',
            unit: 'KiB',
            cases: ['body'],
            rows: list(({ bytes }) => [bytes / 1024]),
          }),
        ],
      };
    }),
});
