/**
 * How fast the worker answers in the local edge runtime, at workerd's own socket, warmed up: `npm run bench:worker`. `conv` has random weights,
 * which cost what trained ones cost to run; but its PNGs of noise are larger and slower to make than those of digits.
 */
import { POINTER_KEY } from '../shared/model/artifact.ts';
import type { LayerConfig } from '../shared/model/generator.ts';
import { buildFixture, buildPointer } from '../test/support/models/fixture-artifact.ts';
import { measureBundle } from '../dev/measure-bundle.ts';
import { askAt, type Asking } from '../test/support/hosts/ask.ts';
import { putArtifact } from '../test/support/hosts/workerd.ts';
import { startEdge } from './edge-runtime.ts';
import { STAGES, summariseRequests, timeRequest, timeRequests } from './edge-timing.ts';

const COUNTS = [1, 16, 256];
const WARM_UP = 15;
const REPEATS = 40;

/** The bundled model, trained: 2.0 M multiply-accumulates. */
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
  const { code, kernels, model: weights } = await measureBundle();
  const [all, ...parts] = [code + kernels + weights, code, kernels, weights].map((bytes) =>
    (bytes / 1024).toFixed(0),
  );
  console.log(
    `bundle, gzipped KiB: ${all} in all; ${parts[0]} code, ${parts[1]} kernels, ${parts[2]} bundled model\n`,
  );
  const model = buildFixture({ name: 'conv', latentSize: 64, classes: 10, layers: CONVOLUTIONAL });
  const began = performance.now();
  const edge = await startEdge(async (bucket) => {
    await putArtifact(bucket, model);
    await bucket.put(POINTER_KEY, buildPointer(model));
  });
  const worker = askAt(edge.url);
  console.log(`built and started in ${format(performance.now() - began)} ms`);
  const first = await timeRequest(worker, '/digit.png');
  console.log(`first request (model read, checked and loaded): ${format(first.totalMs)} ms\n`);
  console.log(
    'request                         whole request, ms           server, mean ms               KiB',
  );
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
  await edge.close();
}

/** One line of the table. */
async function benchRequest(worker: Asking, path: string, isRevalidation = false): Promise<void> {
  const etag = isRevalidation ? (await worker.fetch(path)).headers.get('etag') : null;
  const init = etag === null ? {} : { headers: { 'If-None-Match': etag } };
  const samples = await timeRequests(worker, path, { warmUp: WARM_UP, repeats: REPEATS, init });
  const { minMs, medianMs, maxMs, stagesMs, bytes } = summariseRequests(samples);
  const cells = [minMs, medianMs, maxMs, ...STAGES.map((stage) => stagesMs[stage])].map((ms) =>
    format(ms).padStart(8),
  );
  const label = path.replace('/digit', '') + (isRevalidation ? ' (304)' : '');
  console.log(`${label.padEnd(28)}${cells.join('')}  ${(bytes / 1024).toFixed(1).padStart(8)}`);
}

function format(ms: number): string {
  return ms.toFixed(1);
}
