/**
 * Sets of digits as they are streamed: how fast, and what memory they take, in the local edge runtime and in the server on Node:
 * `npm run bench:streams [-- --json FILE]`. The limit is the engine alone.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildServer, SERVER_FILE } from '../dev/build-server.ts';
import { decodeWeights, WEIGHTS_FILE } from '../shared/model/artifact.ts';
import { createEngine, ENGINE_BATCH } from '../shared/model/engine/engine.ts';
import { createSampler } from '../shared/model/sampler.ts';
import { startNodeServer } from '../test/support/hosts/node-server.ts';
import { instantiateKernels } from '../trainer/node-kernels.ts';
import { readArtifactFolder } from '../trainer/publish/artifact-folder.ts';
import { formatItems } from '../worker/formats/digits.ts';
import { startEdge } from './edge-runtime.ts';
import { findDescendant, readUsage } from './process-usage.ts';
import { takeSpread, type BenchRecord, type BenchTable, type Spread } from './record.ts';
import { createSuiteCommand, runSuite } from './suite.ts';

const ROUNDS = 7;
const SET_ROUNDS = 3;
const SET_DIGITS = 60_000;
const MIB = 2 ** 20;

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

interface Read {
  readonly ms: number;
  readonly bytes: number;
  /** Most resident memory, looked at a hundred times. */
  readonly peakMiB: number;
}

const artifact = await readArtifactFolder(join(import.meta.dirname, '../models/digits'));
const weights = artifact.files.get(WEIGHTS_FILE) as Uint8Array;
await runSuite(
  'streams',
  createSuiteCommand('streams', 'Times sets of digits, and measures the memory that they take.'),
  measure,
);

async function measure(): Promise<Pick<BenchRecord, 'tables' | 'versions'>> {
  const folder = await mkdtemp(join(tmpdir(), 'digitmint-streams-'));
  const edge = await startEdge();
  await buildServer(folder);
  const server = await startNodeServer(
    undefined,
    { RATE_LIMIT: '0', HEAVY_RATE_LIMIT: '0' },
    join(folder, SERVER_FILE),
  );
  try {
    const serverPid = findDescendant('node');
    if (serverPid === undefined) {
      throw new Error('expected a process node under /proc; this benchmark runs on Linux only');
    }
    const hosts: Host[] = [
      { subject: 'digitmint in workerd', url: edge.url, pid: edge.pid },
      { subject: 'digitmint on Node', url: server.url, pid: serverPid },
    ];
    const tables = [await measureTexts(hosts), ...(await measureSets(hosts))];
    return { versions: { node: process.versions.node, ...edge.versions }, tables };
  } finally {
    await server.close();
    await edge.close();
    await rm(folder, { recursive: true });
  }
}

async function measureTexts(hosts: readonly Host[]): Promise<BenchTable> {
  const values: Spread[][] = hosts.map(() => []);
  for (const { path } of TEXTS) {
    const speeds: number[][] = hosts.map(() => []);
    for (let round = -2; round < ROUNDS; round++) {
      for (const [i, host] of hosts.entries()) {
        const { ms, bytes } = await readWhole(host, path);
        if (round >= 0) {
          speeds[i]?.push(bytes / 1000 / ms);
        }
      }
    }
    speeds.forEach((each, i) => values[i]?.push(takeSpread(each)));
  }
  const engineMs = timeEngine();
  const written = await readWhole(hosts[0] as Host, TEXTS[1].path);
  const { own, stringified } = timeWriting();
  return {
    id: 'text-streams',
    title: 'Digits as text, whole answers',
    unit: 'MB/s',
    better: 'higher',
    notes: [
      `Drawing included, which decides: limit, the engine alone in Node, ${engineMs.toFixed(3)} ms a digit.`,
      `Writing alone, of digits that are drawn, in Node: NDJSON by this code, and by JSON.stringify of the same objects with their pixels as arrays.`,
    ],
    cases: TEXTS.map(({ name }) => name),
    rows: [
      ...hosts.map(({ subject }, i) => ({ subject, isOurs: true, values: values[i] ?? [] })),
      { subject: 'writing alone', isOurs: true, values: [null, takeSpread(own), null] },
      { subject: 'JSON.stringify', isOurs: false, values: [null, takeSpread(stringified), null] },
    ],
    limit: {
      what: 'the engine alone',
      values: [null, written.bytes / 1000 / (1000 * engineMs), null],
    },
    goals: [50, 50, null],
  };
}

async function measureSets(hosts: readonly Host[]): Promise<BenchTable[]> {
  const path = `/dataset.idx?n=${SET_DIGITS}&seed=a`;
  const speeds: Spread[] = [];
  const memory: Spread[][] = [];
  for (const host of hosts) {
    const before = readUsage(host.pid).residentBytes / MIB;
    const runs: Read[] = [];
    for (let round = 0; round < SET_ROUNDS; round++) {
      runs.push(await readWhole(host, path));
    }
    speeds.push(takeSpread(runs.map(({ ms }) => ms / SET_DIGITS)));
    memory.push([takeSpread([before]), takeSpread(runs.map(({ peakMiB }) => peakMiB))]);
  }
  return [
    {
      id: 'set-stream',
      title: 'A digit of a set of 60,000 in IDX',
      unit: 'ms',
      better: 'lower',
      notes: [`The whole answer over 60,000, ${SET_ROUNDS} runs. Limit: the engine alone in Node.`],
      cases: ['a digit'],
      rows: hosts.map(({ subject }, i) => ({ subject, isOurs: true, values: [speeds[i] ?? null] })),
      limit: { what: 'the engine alone', values: [timeEngine()] },
      goals: null,
    },
    {
      id: 'set-memory',
      title: 'Resident memory of the host while it streams 60,000 digits, 47 MB',
      unit: 'MiB',
      better: 'lower',
      notes: [`The most of ${SET_ROUNDS} such answers, one after the other.`],
      cases: ['before', 'at most'],
      rows: hosts.map(({ subject }, i) => ({ subject, isOurs: true, values: memory[i] ?? [] })),
      limit: null,
      goals: null,
    },
  ];
}

/** @throws Error  When the answer is no success. */
async function readWhole({ url, pid }: Host, path: string): Promise<Read> {
  const began = performance.now();
  const answer = await fetch(new URL(path, url));
  if (!answer.ok || answer.body === null) {
    throw new Error(`${path} answers ${answer.status}`);
  }
  let bytes = 0;
  let peak = 0;
  let nextLook = 0;
  for await (const part of answer.body) {
    bytes += part.length;
    if (bytes >= nextLook) {
      peak = Math.max(peak, readUsage(pid).residentBytes);
      nextLook += 512 * 1024;
    }
  }
  return { ms: performance.now() - began, bytes, peakMiB: peak / MIB };
}

/** @returns  Milliseconds a digit, warmed up. */
function timeEngine(): number {
  const { plan } = artifact;
  const engine = createEngine(instantiateKernels(), plan, decodeWeights(artifact, weights));
  const inputs = Float32Array.from({ length: ENGINE_BATCH * plan.inputSize }, (_, i) =>
    Math.sin(i),
  );
  const run = (): void => void engine.run(inputs);
  return time(run, 500) / ENGINE_BATCH;
}

/** @returns  MB/s of NDJSON. */
function timeWriting(): { own: number[]; stringified: number[] } {
  const sampler = createSampler(artifact, weights, instantiateKernels);
  const samples = sampler.draw({ seed: 'a', start: 0, count: 64 });
  const context = {
    classes: sampler.manifest.classes,
    pixels: 'array' as const,
    writeUrl: (index: number) =>
      `http://localhost:8787/digit.png?seed=a&start=${index}&model=digits@0123456789abcdef`,
  };
  const encoder = new TextEncoder();
  const write = (): string[] => formatItems(context, samples, 0).map((item) => `${item}\n`);
  const size = samples.pixels.length / samples.count;
  const heads = write().map((line) => JSON.parse(line) as object);
  const stringify = (): string[] =>
    heads.map((head, i) => {
      const pixels = Array.from(samples.pixels.subarray(i * size, (i + 1) * size));
      return `${JSON.stringify({ ...head, pixels })}\n`;
    });
  const bytes = encoder.encode(write().join('')).length;
  const repeat = (lines: () => string[]): number[] =>
    Array.from(
      { length: ROUNDS },
      () => bytes / 1000 / time(() => void encoder.encode(lines().join('')), 200),
    );
  return { own: repeat(write), stringified: repeat(stringify) };
}

/** @returns  Milliseconds of one. */
function time(work: () => void, forMs: number): number {
  work();
  const began = performance.now();
  let times = 0;
  do {
    work();
    times++;
  } while (performance.now() - began < forMs);
  return (performance.now() - began) / times;
}
