/**
 * What small weights cost and save: `npm run bench:weights`.
 *
 * - How far the digits of models/seed move, in bytes of 0 to 255. `per channel`, a scale for each output, is no form
 *   that tfjs reads: it is here to tell what is missed.
 * - Milliseconds from a model's bytes to a sampler in Node: hash, decode, the engine's own form.
 * - Milliseconds by which a model's first request is longer than its second, in the local edge runtime.
 */
import { cpus } from 'node:os';
import { buildPage } from '../dev/build-page.ts';
import {
  decodeWeights,
  findFile,
  hashBytes,
  MANIFEST_FILE,
  parseManifest,
  verifyFile,
  WEIGHTS_FILE,
  type ParsedManifest,
} from '../shared/model/artifact.ts';
import type { LayerConfig } from '../shared/model/generator.ts';
import { createSampler } from '../shared/model/sampler.ts';
import { WEIGHT_DTYPES } from '../shared/model/weight-encoding.ts';
import { buildFixture, type Fixture } from '../test/support/models/fixture-artifact.ts';
import { putArtifact, startWorker } from '../test/support/hosts/workerd.ts';
import { instantiateKernels } from '../trainer/node-kernels.ts';
import { joinArrays } from '../trainer/gan/network-state.ts';
import { readArtifactFolder } from '../trainer/publish/artifact-folder.ts';
import {
  computePixelDifference,
  encodeWeights,
  type EncodedWeights,
} from '../trainer/export/weight-encoder.ts';

const SAMPLES = 10_000;
const LOADS = 15;
const FIRST_REQUESTS = 9;

const LATENT_SIZE = 54;
/** By their number of weights. As dense layers, so that drawing one digit is short beside loading. */
const SIZES = { '0.25 M': buildLayers(293), '1 M': buildLayers(1178) } as const;

function buildLayers(units: number): LayerConfig[] {
  return [
    { type: 'dense', units, activation: 'relu' },
    { type: 'dense', units: 784, activation: 'sigmoid' },
    { type: 'reshape', shape: [28, 28, 1] },
  ];
}

console.log(`${cpus().length} x ${cpus()[0]?.model.trim()}, Node ${process.versions.node}\n`);
await compareDigits();
benchLoads();
await benchRuntime();

async function compareDigits(): Promise<void> {
  const seed = await readArtifactFolder('models/seed');
  const { plan } = seed;
  const values = joinArrays(decodeWeights(seed, seed.files.get(WEIGHTS_FILE) as Uint8Array));
  const exact = drawPixels(seed, encodeWeights(plan, values, 'float32'));
  console.log(
    `models/seed, ${SAMPLES.toLocaleString('en')} samples   bytes   max   mean     differ by more than 1`,
  );
  const variants: [string, EncodedWeights, bytes?: number][] = [
    ...WEIGHT_DTYPES.map((dtype): [string, EncodedWeights] => [
      dtype,
      encodeWeights(plan, values, dtype),
    ]),
    [
      'uint8 per channel',
      encodeWeights(plan, roundPerChannel(values, plan.weights), 'float32'),
      plan.parameters,
    ],
  ];
  for (const [name, encoded, bytes = encoded.bytes.length] of variants) {
    const { max, mean, visible } = computePixelDifference(exact, drawPixels(seed, encoded));
    const cells = [
      bytes.toLocaleString('en').padStart(10),
      String(max).padStart(6),
      mean.toFixed(4).padStart(8),
    ];
    console.log(`${name.padEnd(27)}${cells.join('')}   ${(100 * visible).toFixed(4)}%`);
  }
}

function drawPixels(
  { manifest, plan }: ParsedManifest,
  { encoding, bytes }: EncodedWeights,
): Uint8Array {
  const files = [{ path: WEIGHTS_FILE, bytes: bytes.length, sha256: hashBytes(bytes) }];
  const sampler = createSampler(
    { manifest: { ...manifest, weights: encoding, files }, plan },
    bytes,
    instantiateKernels,
  );
  const { pixels } = sampler.draw({ seed: '1', start: 0, count: SAMPLES });
  sampler.dispose();
  return pixels;
}

/** Every output of a kernel as a weight of its own; a bias as one. */
function roundPerChannel(
  values: Float32Array,
  weights: readonly { readonly shape: readonly number[] }[],
): Float32Array {
  const rounded = new Float32Array(values.length);
  let start = 0;
  for (const { shape } of weights) {
    const size = shape.reduce((product, length) => product * length, 1);
    const step = shape.length > 1 ? (shape.at(-1) ?? 1) : 1;
    for (let channel = 0; channel < step; channel++) {
      const indices = Array.from({ length: size / step }, (_, i) => start + i * step + channel);
      const numbers = indices.map((index) => values[index] as number);
      const min = Math.min(...numbers);
      const scale = (Math.max(...numbers) - min) / 255 || 1;
      indices.forEach((index, i) => {
        rounded[index] = Math.round(((numbers[i] as number) - min) / scale) * scale + min;
      });
    }
    start += size;
  }
  return rounded;
}

function benchLoads(): void {
  console.log(
    '\nloading in Node, ms: min/median  bytes           hash         decode   in all, to a sampler',
  );
  for (const [size, layers] of Object.entries(SIZES)) {
    for (const dtype of WEIGHT_DTYPES) {
      const { parsed, bytes } = readFixture(
        buildFixture({ dtype, latentSize: LATENT_SIZE, classes: 0, layers }),
      );
      const hash = measure(() => verifyFile(findFile(parsed.manifest, WEIGHTS_FILE), bytes));
      const decode = measure(() => decodeWeights(parsed, bytes));
      const all = measure(() => createSampler(parsed, bytes, instantiateKernels).dispose());
      const cells = [hash, decode, all].map((times) =>
        `${format(times[0])}/${format(times[LOADS >> 1])}`.padStart(15),
      );
      console.log(
        `${`${size} ${dtype}`.padEnd(26)}${bytes.length.toLocaleString('en').padStart(11)}${cells.join('')}`,
      );
    }
  }
}

async function benchRuntime(): Promise<void> {
  console.log('\nfirst request over second in the local edge runtime, ms      min   median');
  await buildPage();
  const worker = await startWorker();
  const request = async ({ manifest: { name, version } }: Fixture): Promise<number> => {
    const began = performance.now();
    const answer = await worker.fetch(`/digit.json?model=${name}@${version}`);
    await answer.arrayBuffer();
    if (answer.status !== 200) {
      throw new Error(`${name}@${version} answers ${answer.status}`);
    }
    return performance.now() - began;
  };
  for (const [size, layers] of Object.entries(SIZES)) {
    for (const dtype of WEIGHT_DTYPES) {
      const times: number[] = [];
      for (let i = 0; i < FIRST_REQUESTS; i++) {
        const fixture = buildFixture({
          dtype,
          latentSize: LATENT_SIZE,
          classes: 0,
          layers,
          weightsSeed: `${size} ${i}`,
        });
        await putArtifact(worker.bucket, fixture);
        times.push((await request(fixture)) - (await request(fixture)));
      }
      times.sort((a, b) => a - b);
      const cells = [times[0], times[times.length >> 1]].map((ms) => format(ms).padStart(8));
      console.log(`${`${size} ${dtype}`.padEnd(56)}${cells.join('')}`);
    }
  }
  await worker.close();
}

function readFixture({ files }: Fixture): { parsed: ParsedManifest; bytes: Uint8Array } {
  return {
    parsed: parseManifest(files.get(MANIFEST_FILE) as Uint8Array),
    bytes: files.get(WEIGHTS_FILE) as Uint8Array,
  };
}

/** Milliseconds of each run, in ascending order. */
function measure(action: () => void): number[] {
  const times = Array.from({ length: LOADS }, () => {
    const began = performance.now();
    action();
    return performance.now() - began;
  });
  return times.sort((a, b) => a - b);
}

function format(ms = NaN): string {
  return ms.toFixed(1);
}
