/**
 * Sets of digits as they are streamed: speed and memory, in the local edge runtime and in the
 * server on Node. The limit is the engine alone.
 */
import { join } from 'node:path';
import { buildServer, SERVER_FILE } from '../../dev/build/server.ts';
import { createEngine, ENGINE_BATCH } from '../../shared/model/engine/engine.ts';
import { createSampler } from '../../shared/model/sampler.ts';
import { startNodeServer } from '../../test/support/hosts/node-server.ts';
import { instantiateKernels } from '../../trainer/node-kernels.ts';
import { encodeLines } from '../../worker/formats/digits.ts';
import { withEdge } from '../edge-runtime.ts';
import * as harness from '../harness.ts';
import { findDescendant, readUsage } from '../process-usage.ts';

const MIB = 2 ** 20;
/** How often memory is looked at while an answer is read. */
const LOOK_EVERY_BYTES = 512 * 1024;
const NDJSON = '/dataset.ndjson?n=1000&seed=a';
/** Path and coding of each text. `fetch` would ask for gzip by itself. */
const TEXTS: Readonly<Record<string, readonly [path: string, coding: 'identity' | 'gzip']>> = {
  'JSON, 256 digits': ['/digit.json?n=256&seed=a', 'identity'],
  'NDJSON, 1,000 digits': [NDJSON, 'identity'],
  'CSV, 1,000 digits': ['/dataset.csv?n=1000&seed=a', 'identity'],
  'NDJSON, gzipped': [NDJSON, 'gzip'],
};

export const measure: harness.Suite = (quick) =>
  harness.withFolder((folder) =>
    withEdge(async ({ url, pid, versions }) => {
      await buildServer(folder);
      const limits = { RATE_LIMIT: '0', HEAVY_RATE_LIMIT: '0' };
      const server = await startNodeServer(undefined, limits, join(folder, SERVER_FILE));
      try {
        const serverPid = findDescendant('node') ?? NaN;
        const hosts = [
          { subject: 'digitmint in workerd', url, pid },
          { subject: 'digitmint on Node', url: server.url, pid: serverPid },
        ];
        return { versions, tables: await measureHosts(hosts, quick) };
      } finally {
        await server.close();
      }
    }),
  );

async function measureHosts(
  hosts: readonly { subject: string; url: URL; pid: number }[],
  quick: boolean,
) {
  const [rounds, setRounds, setDigits] = quick ? [1, 1, 1000] : [7, 3, 60_000];
  const model = await harness.readShippedModel();
  const engineMs = await timeEngine(model);
  const texts = await harness.measureRows(
    rounds,
    hosts.map(({ subject, url, pid }) => ({
      subject,
      cells: Object.values(TEXTS).map(([path, coding]) => async () => {
        const { ms, bytes } = await readWhole(new URL(path, url), pid, coding);
        return bytes / 1000 / ms;
      }),
    })),
    2,
  );
  const writing = await harness.measureRows(rounds, listWriters(model), 1);
  const ndjson = await readWhole(new URL(NDJSON, hosts[0]?.url), process.pid);
  const engineMbs = ndjson.bytes / 1e6 / engineMs;
  const speeds: (typeof texts)[number][] = [];
  const memory: typeof speeds = [];
  for (const { subject, url, pid } of hosts) {
    const before = readUsage(pid).residentBytes / MIB;
    const [ms, peaks]: [number[], number[]] = [[], []];
    for (let round = 0; round < setRounds; round++) {
      const set = await readWhole(new URL(`/dataset.idx?n=${setDigits}&seed=a`, url), pid);
      ms.push(set.ms / setDigits);
      peaks.push(set.peakMiB);
    }
    speeds.push(harness.makeRow(subject, [ms]));
    memory.push(harness.makeRow(subject, [before, peaks]));
  }
  return [
    harness.makeTable({
      id: 'text-streams',
      title: 'Digits as text, whole answers',
      unit: 'MB/s',
      better: 'higher',
      notes: [
        'Drawing is included and takes most of the time: the engine alone, the limit, takes ' +
          `${engineMs.toFixed(3)} ms a digit in Node.`,
        'Bytes count before they are gzipped; this process decompresses them on a core of its own.',
        'Writing alone, in Node, of digits that are drawn already: NDJSON by this code, and by ' +
          'JSON.stringify of the same objects with their pixels as arrays.',
      ],
      cases: Object.keys(TEXTS),
      rows: [...texts, ...writing],
      limit: { what: 'the engine alone', values: [null, engineMbs, null, engineMbs] },
      goals: [50, 50, null, null],
    }),
    harness.makeTable({
      id: 'set-stream',
      title: 'A digit of a set of 60,000 in IDX',
      notes: [`The whole answer divided by ${setDigits.toLocaleString('en')}; ${setRounds} runs.`],
      cases: ['a digit'],
      rows: speeds,
      limit: { what: 'the engine alone in Node', values: [engineMs] },
    }),
    harness.makeTable({
      id: 'set-memory',
      title: 'Resident memory of the host while it streams 60,000 digits, 47 MB',
      unit: 'MiB',
      notes: [`The most of ${setRounds} such answers, one after the other.`],
      cases: ['before', 'at most'],
      rows: memory,
    }),
  ];
}

/** Reads an answer to its end, watching the memory of its host. */
async function readWhole(url: URL, pid: number, coding = 'identity') {
  const began = performance.now();
  const answer = await fetch(url, { headers: { 'Accept-Encoding': coding } });
  if (!answer.ok || answer.body === null) {
    throw new Error(`${url.href} answers ${answer.status}`);
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
async function timeEngine({ plan, weights, manifest }: harness.ShippedModel): Promise<number> {
  const engine = createEngine(instantiateKernels(), plan, weights, manifest.bytes);
  const length = ENGINE_BATCH * plan.inputSize;
  const inputs = Float32Array.from({ length }, (_, i) => Math.sin(i));
  engine.run(inputs);
  return (await harness.timeRepeated(() => engine.run(inputs), 500)) / ENGINE_BATCH;
}

/** Writers of 64 digits as NDJSON, in MB/s. */
function listWriters(model: harness.ShippedModel) {
  const sampler = createSampler(model, model.bytes, instantiateKernels);
  const samples = sampler.draw({ seed: 'a', start: 0, count: 64 });
  const { classes } = sampler.manifest;
  const writeUrl = (index: number) => `http://localhost:8787/digit.png?seed=a&start=${index}`;
  const context = { classes, pixels: 'array' as const, writeUrl };
  const write = () => encodeLines(context, samples, 0);
  const lines = new TextDecoder().decode(write()).trimEnd().split('\n');
  const objects = lines.map((line) => JSON.parse(line) as object);
  const size = samples.pixels.length / samples.count;
  const stringify = () => {
    const texts = objects.map((object, i) => {
      const pixels = Array.from(samples.pixels.subarray(i * size, (i + 1) * size));
      return `${JSON.stringify({ ...object, pixels })}\n`;
    });
    return encoder.encode(texts.join(''));
  };
  const encoder = new TextEncoder();
  const bytes = write().length;
  const time = (make: () => Uint8Array) => async () =>
    bytes / 1000 / (await harness.timeRepeated(make, 200));
  return [
    { subject: 'writing alone', cells: [null, time(write), null, null] },
    { subject: 'JSON.stringify', isOurs: false, cells: [null, time(stringify), null, null] },
  ];
}
