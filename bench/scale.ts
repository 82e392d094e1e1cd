/**
 * What the service costs, and how it behaves, at a thousand, a million and a billion pictures a day: `npm run bench:scale` writes
 * docs/scale.md. Processor time is measured in the local edge runtime; the rest is simulated (`scale/simulation.ts`) and reckoned with
 * Cloudflare's prices. The machine should do nothing else meanwhile.
 */
import { cpus } from 'node:os';
import { join } from 'node:path';
import { writeAtomically } from '../storage/files.ts';
import { startEdge } from './edge-runtime.ts';
import { readUsage } from './process-usage.ts';
import { renderScale, type MeasuredCost } from './scale/page.ts';
import { simulate } from './scale/simulation.ts';

const DAY_SECONDS = 86_400;
const TRAFFIC = [
  { requestsPerDay: 1e3, seconds: 30 * DAY_SECONDS, mostRequests: 1e6 },
  { requestsPerDay: 1e6, seconds: DAY_SECONDS / 2, mostRequests: 1e6 },
  { requestsPerDay: 1e9, seconds: 300, mostRequests: 3e6 },
];

/** Requests that processor time is the mean of; it is counted in hundredths of a second. */
const REPEATS = 1000;
const SET_SIZE = 20_000;

const edge = await startEdge();

/** Milliseconds of processor time of the whole runtime. */
async function measure(path: string, repeats: number, init: RequestInit = {}): Promise<number> {
  const ask = async () => (await fetch(new URL(path, edge.url), init)).arrayBuffer();
  for (let i = 0; i < Math.min(repeats, 50); i++) {
    await ask();
  }
  const before = readUsage(edge.pid).cpuMs;
  for (let i = 0; i < repeats; i++) {
    await ask();
  }
  return (readUsage(edge.pid).cpuMs - before) / repeats;
}

const etag = (await fetch(new URL('/digit.png?seed=a', edge.url))).headers.get('etag') ?? '';
const cost: MeasuredCost = {
  digitMs: await measure('/digit.png', REPEATS),
  sheetMs: await measure('/digit.png?n=16', REPEATS),
  unchangedMs: await measure('/digit.png?seed=a', REPEATS, { headers: { 'If-None-Match': etag } }),
  setMsPerDigit: (await measure(`/dataset.idx?n=${SET_SIZE}`, 2)) / SET_SIZE,
  machine: `${cpus().length} cores of ${cpus()[0]?.model.trim()}, Node ${process.versions.node}`,
};
await edge.close();
const file = join(import.meta.dirname, '../docs/scale.md');
await writeAtomically(
  file,
  new TextEncoder().encode(
    renderScale(
      cost,
      TRAFFIC.map((traffic) => ({
        requestsPerDay: traffic.requestsPerDay,
        outcome: simulate(traffic),
      })),
    ),
  ),
);
console.log('docs/scale.md is written.');
