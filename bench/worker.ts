/**
 * How fast the worker answers in the local edge runtime, warmed up: `npm run bench:worker`. `conv` has random weights,
 * which cost what trained ones cost to run; but its PNGs of noise are larger and slower to make than those of digits.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { POINTER_KEY } from '../shared/artifact.ts';
import type { LayerConfig } from '../shared/generator.ts';
import { buildFixture, buildPointer } from '../test/support/fixture-artifact.ts';
import { putArtifact, startWorker, type TestWorker } from '../test/support/workerd.ts';

const COUNTS = [1, 16, 256];
const WARM_UP = 15;
const REPEATS = 40;

/** The bundled model, trained: 1.1 M multiply-accumulates. */
const BUNDLED = 'digits';

/** A convolutional generator of 2.1 M multiply-accumulates. */
const CONVOLUTIONAL: LayerConfig[] = [
  { type: 'dense', units: 7 * 7 * 48, activation: 'leakyRelu' },
  { type: 'reshape', shape: [7, 7, 48] },
  { type: 'conv2d', filters: 64, kernelSize: 3, activation: 'leakyRelu' },
  { type: 'depthToSpace', blockSize: 2 },
  { type: 'conv2d', filters: 32, kernelSize: 3, activation: 'leakyRelu' },
  { type: 'conv2d', filters: 4, kernelSize: 3, activation: 'sigmoid' },
  { type: 'depthToSpace', blockSize: 2 },
];

await main();

async function main(): Promise<void> {
  const bundle = measureBundle();
  console.log(
    `bundle, gzipped KiB: ${bundle.all} in all; ${bundle.code} code, ${bundle.wasm} wasm, ${bundle.model} bundled model\n`,
  );
  const model = buildFixture({ name: 'conv', latentSize: 64, classes: 10, layers: CONVOLUTIONAL });
  const began = performance.now();
  const worker = await startWorker(async (bucket) => {
    await putArtifact(bucket, model);
    await bucket.put(POINTER_KEY, buildPointer(model));
  });
  console.log(`built and started in ${format(performance.now() - began)} ms`);
  const first = await timeRequest(worker, '/digit.png');
  console.log(`first request (TensorFlow.js started, model read, checked and loaded): ${format(first.totalMs)} ms\n`);
  console.log('request                         whole request, ms           server, mean ms               KiB');
  console.log('                                 min  median    max   load  generate  encode');
  for (const name of [BUNDLED, 'conv']) {
    for (const extension of ['png', 'json']) {
      for (const n of COUNTS) {
        await benchRequest(worker, `/digit.${extension}?n=${n}&model=${name}`);
      }
    }
  }
  await benchRequest(worker, `/digit.png?n=16&scale=4&model=${BUNDLED}`);
  await benchRequest(worker, `/digit.png?seed=a&model=${BUNDLED}`, true);
  await worker.close();
}

/** One line of the table. The runtime's clock is coarse, so a stage's time is given as the mean of many. */
async function benchRequest(worker: TestWorker, path: string, isRevalidation = false): Promise<void> {
  const etag = isRevalidation ? (await worker.fetch(path)).headers.get('etag') : null;
  const init = etag === null ? {} : { headers: { 'If-None-Match': etag } };
  const samples: Awaited<ReturnType<typeof timeRequest>>[] = [];
  for (let i = 0; i < WARM_UP + REPEATS; i++) {
    const sample = await timeRequest(worker, path, init);
    if (i >= WARM_UP) {
      samples.push(sample);
    }
  }
  const totals = samples.map(({ totalMs }) => totalMs).toSorted((a, b) => a - b);
  const stages = ['load', 'generate', 'encode'].map(
    (stage) => samples.reduce((sum, { stagesMs }) => sum + (stagesMs[stage] ?? 0), 0) / samples.length,
  );
  const cells = [totals[0], totals[totals.length >> 1], totals.at(-1), ...stages].map((ms) => format(ms ?? 0).padStart(8));
  const label = path.replace('/digit', '') + (isRevalidation ? ' (304)' : '');
  console.log(`${label.padEnd(28)}${cells.join('')}  ${((samples[0]?.bytes ?? 0) / 1024).toFixed(1).padStart(8)}`);
}

interface TimedRequest {
  readonly totalMs: number;
  readonly stagesMs: Readonly<Record<string, number>>;
  readonly bytes: number;
}

async function timeRequest(worker: TestWorker, path: string, init: RequestInit = {}): Promise<TimedRequest> {
  const began = performance.now();
  const answer = await worker.fetch(path, init);
  const bytes = (await answer.arrayBuffer()).byteLength;
  const totalMs = performance.now() - began;
  if (answer.status !== 200 && answer.status !== 304) {
    throw new Error(`${path} answers ${answer.status}`);
  }
  const stages = [...(answer.headers.get('server-timing') ?? '').matchAll(/(\w+);dur=([\d.]+)/g)];
  return { totalMs, bytes, stagesMs: Object.fromEntries(stages.map(([, stage, ms]) => [stage, Number(ms)])) };
}

/** What would be uploaded, as `wrangler deploy` makes it. */
function measureBundle(): Record<'all' | 'code' | 'wasm' | 'model', string> {
  const folder = mkdtempSync(join(tmpdir(), 'digitmint-bundle-'));
  try {
    const { status, stderr } = spawnSync('wrangler', ['deploy', '--dry-run', '--outdir', folder], { encoding: 'utf8' });
    if (status !== 0) {
      throw new Error(`wrangler deploy --dry-run failed: ${stderr}`);
    }
    const sizes = { all: 0, code: 0, wasm: 0, model: 0 };
    for (const file of readdirSync(folder)) {
      const part = file.endsWith('.js') ? 'code' : file.endsWith('.wasm') ? 'wasm' : file.endsWith('.bin') ? 'model' : undefined;
      if (part !== undefined) {
        const size = gzipSync(readFileSync(join(folder, file))).length;
        sizes[part] += size;
        sizes.all += size;
      }
    }
    const [all, code, wasm, model] = [sizes.all, sizes.code, sizes.wasm, sizes.model].map((size) => (size / 1024).toFixed(0)) as [
      string,
      string,
      string,
      string,
    ];
    return { all, code, wasm, model };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function format(ms: number): string {
  return ms.toFixed(1);
}
