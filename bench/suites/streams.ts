/**
 * Sets of digits as they are streamed: speed and memory, in the local edge runtime and in the
 * server on Node. The limit is the engine alone.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildServer, SERVER_FILE } from '../../dev/build/server.ts';
import { createEngine, ENGINE_BATCH } from '../../shared/model/engine/engine.ts';
import { createSampler } from '../../shared/model/sampler.ts';
import { startNodeServer } from '../../test/support/hosts/node-server.ts';
import { instantiateKernels } from '../../trainer/node-kernels.ts';
import { formatItems } from '../../worker/formats/digits.ts';
import { withEdge } from '../edge-runtime.ts';
import { findDescendant, readUsage } from '../process-usage.ts';
import type { BenchTable } from '../record.ts';
import {
  defineSuite,
  makeRow,
  makeTable,
  readShippedModel,
  takeTurns,
  timeRepeated,
  type ShippedModel,
} from '../suite.ts';

const MIB = 2 ** 20;
/** How often memory is looked at while an answer is read. */
const LOOK_EVERY_BYTES = 512 * 1024;

const TEXTS = [
  { name: 'JSON, 256 digits', path: '/digit.json?n=256&seed=a' },
  { name: 'NDJSON, 1,000 digits', path: '/dataset.ndjson?n=1000&seed=a' },
  { name: 'CSV, 1,000 digits', path: '/dataset.csv?n=1000&seed=a' },
] as const;

interface Host {
  readonly subject: string;
  readonly url: URL;
  readonly pid: number;
}

interface Size {
  readonly rounds: number;
  readonly setRounds: number;
  readonly setDigits: number;
}

export const suite = defineSuite({
  about: 'sets as they are streamed: speed and memory',
  measure: async ({ quick }) => {
    const size: Size = quick
      ? { rounds: 1, setRounds: 1, setDigits: 1000 }
      : { rounds: 7, setRounds: 3, setDigits: 60_000 };
    const folder = await mkdtemp(join(tmpdir(), 'digitmint-streams-'));
    try {
      return await withEdge(async ({ url, pid, versions }) => {
        await buildServer(folder);
        const limits = { RATE_LIMIT: '0', HEAVY_RATE_LIMIT: '0' };
        const server = await startNodeServer(undefined, limits, join(folder, SERVER_FILE));
        try {
          const hosts: Host[] = [
            { subject: 'digitmint in workerd', url, pid },
            { subject: 'digitmint on Node', url: server.url, pid: findServer() },
          ];
          const model = await readShippedModel();
          const engineMs = await timeEngine(model);
          const texts = await measureTexts(hosts, model, engineMs, size);
          return { versions, tables: [texts, ...(await measureSets(hosts, engineMs, size))] };
        } finally {
          await server.close();
        }
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  },
});

function findServer(): number {
  const pid = findDescendant('node');
  if (pid === undefined) {
    throw new Error('expected a process node under /proc; this benchmark runs on Linux only');
  }
  return pid;
}

async function measureTexts(
  hosts: readonly Host[],
  model: ShippedModel,
  engineMs: number,
  { rounds }: Size,
): Promise<BenchTable> {
  const speeds: number[][][] = hosts.map(() => []);
  for (const { path } of TEXTS) {
    const readers = hosts.map((host) => async () => {
      const { ms, bytes } = await readWhole(host, path);
      return bytes / 1000 / ms;
    });
    (await takeTurns(rounds, readers, 2)).forEach((each, i) => speeds[i]?.push(each));
  }
  const { bytes } = await readWhole(hosts[0] as Host, TEXTS[1].path);
  const { own, stringified } = await timeWriting(model, rounds);
  return makeTable({
    id: 'text-streams',
    title: 'Digits as text, whole answers',
    unit: 'MB/s',
    better: 'higher',
    notes: [
      'Drawing is included and takes most of the time: the engine alone, the limit, takes ' +
        `${engineMs.toFixed(3)} ms a digit in Node.`,
      'Writing alone, in Node, of digits that are drawn already: NDJSON by this code, and by ' +
        'JSON.stringify of the same objects with their pixels as arrays.',
    ],
    cases: TEXTS.map(({ name }) => name),
    rows: [
      ...hosts.map(({ subject }, i) => makeRow(subject, speeds[i] ?? [])),
      makeRow('writing alone', [null, own, null]),
      makeRow('JSON.stringify', [null, stringified, null], false),
    ],
    limit: { what: 'the engine alone', values: [null, bytes / 1000 / (1000 * engineMs), null] },
    goals: [50, 50, null],
  });
}

async function measureSets(
  hosts: readonly Host[],
  engineMs: number,
  { setRounds, setDigits }: Size,
): Promise<BenchTable[]> {
  const speeds: BenchTable['rows'] = [];
  const memory: BenchTable['rows'] = [];
  for (const host of hosts) {
    const before = readUsage(host.pid).residentBytes / MIB;
    const [ms, peaks]: [number[], number[]] = [[], []];
    for (let round = 0; round < setRounds; round++) {
      const read = await readWhole(host, `/dataset.idx?n=${setDigits}&seed=a`);
      ms.push(read.ms / setDigits);
      peaks.push(read.peakMiB);
    }
    speeds.push(makeRow(host.subject, [ms]));
    memory.push(makeRow(host.subject, [[before], peaks]));
  }
  const digits = setDigits.toLocaleString('en');
  return [
    makeTable({
      id: 'set-stream',
      title: 'A digit of a set of 60,000 in IDX',
      unit: 'ms',
      notes: [`The whole answer divided by ${digits}; ${setRounds} runs.`],
      cases: ['a digit'],
      rows: speeds,
      limit: { what: 'the engine alone in Node', values: [engineMs] },
    }),
    makeTable({
      id: 'set-memory',
      title: 'Resident memory of the host while it streams 60,000 digits, 47 MB',
      unit: 'MiB',
      notes: [`The most of ${setRounds} such answers, one after the other.`],
      cases: ['before', 'at most'],
      rows: memory,
    }),
  ];
}

/** Reads an answer to its end. @throws Error  When the answer is no success. */
async function readWhole({ url, pid }: Host, path: string) {
  const began = performance.now();
  const answer = await fetch(new URL(path, url));
  if (!answer.ok || answer.body === null) {
    throw new Error(`${path} answers ${answer.status}`);
  }
  let [bytes, peak, nextLook] = [0, 0, 0];
  for await (const part of answer.body) {
    bytes += part.length;
    if (bytes >= nextLook) {
      peak = Math.max(peak, readUsage(pid).residentBytes);
      nextLook += LOOK_EVERY_BYTES;
    }
  }
  return { ms: performance.now() - began, bytes, peakMiB: peak / MIB };
}

/** @returns  Milliseconds a digit, warmed up. */
async function timeEngine({ plan, weights }: ShippedModel): Promise<number> {
  const engine = createEngine(instantiateKernels(), plan, weights);
  const length = ENGINE_BATCH * plan.inputSize;
  const inputs = Float32Array.from({ length }, (_, i) => Math.sin(i));
  const run = (): void => void engine.run(inputs);
  run();
  return (await timeRepeated(run, 500)) / ENGINE_BATCH;
}

/** Times writing 64 digits as NDJSON. @returns  MB/s of each round. */
async function timeWriting(
  model: ShippedModel,
  rounds: number,
): Promise<{ own: number[]; stringified: number[] }> {
  const sampler = createSampler(model, model.bytes, instantiateKernels);
  const samples = sampler.draw({ seed: 'a', start: 0, count: 64 });
  const origin = 'http://localhost:8787';
  const context = {
    classes: sampler.manifest.classes,
    pixels: 'array' as const,
    writeUrl: (index: number) =>
      `${origin}/digit.png?seed=a&start=${index}&model=digits@0123456789abcdef`,
  };
  const write = (): string =>
    formatItems(context, samples, 0)
      .map((item) => `${item}\n`)
      .join('');
  const size = samples.pixels.length / samples.count;
  const objects = write()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as object);
  const stringify = (): string =>
    objects
      .map((object, i) => {
        const pixels = Array.from(samples.pixels.subarray(i * size, (i + 1) * size));
        return `${JSON.stringify({ ...object, pixels })}\n`;
      })
      .join('');
  const encoder = new TextEncoder();
  const bytes = encoder.encode(write()).length;
  const contenders = [write, stringify].map(
    (lines) => async () => bytes / 1000 / (await timeRepeated(() => encoder.encode(lines()), 200)),
  );
  const [own = [], stringified = []] = await takeTurns(rounds, contenders, 1);
  return { own, stringified };
}
