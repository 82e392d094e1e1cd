/**
 * What the dearest allowed requests of each route cost: `npm run bench:limits`. Processor time of the whole runtime in the
 * local edge runtime, of the shipped model, warmed up. The limits in shared/contract/limits.ts rest on it.
 */
import { startEdge, type Edge } from './edge-runtime.ts';
import { readUsage } from './process-usage.ts';

const REPEATS = 5;

/** By what they are: one that takes little to compare with, and the worst of each kind. */
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

await main();

async function main(): Promise<void> {
  const edge = await startEdge();
  try {
    const { model } = (await (await fetch(new URL('/healthz', edge.url))).json()) as {
      model: { version: string };
    };
    console.log('request                                          CPU, ms   elapsed, ms       KiB');
    for (const [what, template] of REQUESTS) {
      const path = template
        .replace('VERSION', model.version)
        .replace(
          '=URL',
          `=${encodeURIComponent(new URL('/number/88888888888888888888888888888888.png', edge.url).href)}`,
        );
      const { cpuMs, elapsedMs, bytes } = await measure(edge, path);
      const cells = [
        cpuMs.toFixed(0).padStart(10),
        elapsedMs.toFixed(0).padStart(13),
        (bytes / 1024).toFixed(1).padStart(12),
      ];
      console.log(`${what.padEnd(46)}${cells.join('')}`);
    }
  } finally {
    await edge.close();
  }
}

/** Means of requests one after the other. @throws Error  When an answer is no success where one is expected. */
async function measure({ url, pid }: Edge, path: string) {
  const ask = async (): Promise<number> => {
    const answer = await fetch(new URL(path, url));
    const { byteLength } = await answer.arrayBuffer();
    if (!answer.ok && !/n=(x|0)/.test(path)) {
      throw new Error(`${path} answers ${answer.status}`);
    }
    return byteLength;
  };
  const bytes = await ask();
  const [before, began] = [readUsage(pid).cpuMs, performance.now()];
  for (let i = 0; i < REPEATS; i++) {
    await ask();
  }
  return {
    bytes,
    cpuMs: (readUsage(pid).cpuMs - before) / REPEATS,
    elapsedMs: (performance.now() - began) / REPEATS,
  };
}
