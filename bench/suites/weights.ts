/**
 * The cost and the saving of small weights: how far the digits of models/seed move, how long a model
 * takes from its bytes to a sampler in Node, and by how much a model's first request is longer than
 * its second in the local edge runtime.
 */
import { join } from 'node:path';
import {
  findFile,
  hashBytes,
  MANIFEST_FILE,
  parseManifest,
  verifyFile,
  WEIGHTS_FILE,
  decodeWeights,
  type ParsedManifest,
} from '../../shared/model/artifact.ts';
import type { LayerConfig } from '../../shared/model/generator.ts';
import { createSampler } from '../../shared/model/sampler.ts';
import { WEIGHT_DTYPES } from '../../shared/model/weight-encoding.ts';
import { buildFixture } from '../../test/support/models/fixture-artifact.ts';
import { putArtifact } from '../../test/support/hosts/workerd.ts';
import { instantiateKernels } from '../../trainer/export/kernels.ts';
import { computePixelDifference } from '../../trainer/export/pixel-difference.ts';
import { encodeWeights, type EncodedWeights } from '../../trainer/export/weight-encoder.ts';
import { joinArrays } from '../../trainer/gan/network-state.ts';
import { readArtifactFolder } from '../../trainer/publish/artifact-folder.ts';
import { withEdge } from '../edge-runtime.ts';
import type { BenchTable } from '../record.ts';
import { defineSuite, makeRow, makeTable, ROOT, timeOnce } from '../suite.ts';

/** By the number of weights. Dense layers, so that drawing one digit is short beside loading. */
const SIZES = { '0.25 M': buildLayers(293), '1 M': buildLayers(1178) } as const;

const VARIANTS = Object.entries(SIZES).flatMap(([size, layers]) =>
  WEIGHT_DTYPES.map((dtype) => ({
    subject: `${size} ${dtype}`,
    build: (weightsSeed: string) =>
      buildFixture({ dtype, latentSize: 54, classes: 0, layers, weightsSeed }),
  })),
);

export const suite = defineSuite({
  about: 'small weights: digits that move, loading, the first request',
  measure: async ({ quick }) => {
    const edge = await timeFirstRequests(quick ? 1 : 9);
    return {
      versions: edge.versions,
      tables: [
        ...(await compareDigits(quick ? 100 : 10_000)),
        await timeLoads(quick ? 1 : 15),
        edge.table,
      ],
    };
  },
});

function buildLayers(units: number): LayerConfig[] {
  return [
    { type: 'dense', units, activation: 'relu' },
    { type: 'dense', units: 784, activation: 'sigmoid' },
    { type: 'reshape', shape: [28, 28, 1] },
  ];
}

async function compareDigits(count: number): Promise<BenchTable[]> {
  const seed = await readArtifactFolder(join(ROOT, 'models/seed'));
  const { plan } = seed;
  const values = joinArrays(decodeWeights(seed, seed.files.get(WEIGHTS_FILE) as Uint8Array));
  const perChannel = encodeWeights(plan, roundPerChannel(values, plan.weights), 'float32');
  const variants: [string, EncodedWeights][] = [
    ...WEIGHT_DTYPES.map((dtype): [string, EncodedWeights] => [
      dtype,
      encodeWeights(plan, values, dtype),
    ]),
    ['uint8 with a scale for each channel', perChannel],
  ];
  const draw = ({ encoding, bytes }: EncodedWeights): Uint8Array => {
    const files = [{ path: WEIGHTS_FILE, bytes: bytes.length, sha256: hashBytes(bytes) }];
    const manifest = { ...seed.manifest, weights: encoding, files };
    const sampler = createSampler({ manifest, plan }, bytes, instantiateKernels);
    return sampler.draw({ seed: '1', start: 0, count }).pixels;
  };
  const exact = draw(encodeWeights(plan, values, 'float32'));
  const differences = variants.map(
    ([name, encoded]) => [name, computePixelDifference(exact, draw(encoded))] as const,
  );
  return [
    makeTable({
      id: 'weights-difference',
      title: 'Pixels beside those of float32',
      unit: 'levels',
      notes: [
        `${count.toLocaleString('en')} digits of models/seed, levels of 0 to 255.`,
        'tfjs cannot read a scale for each channel: that line shows what this costs.',
      ],
      cases: ['at most', 'mean'],
      rows: differences.map(([name, { max, mean }]) => makeRow(name, [[max], [mean]])),
    }),
    makeTable({
      id: 'weights-visible',
      title: 'Pixels that differ by more than 1 level',
      unit: '%',
      cases: ['of all'],
      rows: differences.map(([name, { visible }]) => makeRow(name, [[100 * visible]])),
    }),
  ];
}

/** Gives every output of a kernel, and each bias as a whole, a scale of its own. */
function roundPerChannel(
  values: Float32Array,
  weights: readonly { readonly shape: readonly number[] }[],
): Float32Array {
  const rounded = new Float32Array(values.length);
  let start = 0;
  for (const { shape } of weights) {
    const size = shape.reduce((product, length) => product * length, 1);
    const channels = shape.length > 1 ? (shape.at(-1) ?? 1) : 1;
    for (let channel = 0; channel < channels; channel++) {
      const places = Array.from(
        { length: size / channels },
        (_, i) => start + i * channels + channel,
      );
      const numbers = places.map((place) => values[place] as number);
      const min = Math.min(...numbers);
      const scale = (Math.max(...numbers) - min) / 255 || 1;
      places.forEach((place, i) => {
        rounded[place] = Math.round(((numbers[i] as number) - min) / scale) * scale + min;
      });
    }
    start += size;
  }
  return rounded;
}

async function timeLoads(repeats: number): Promise<BenchTable> {
  const rows: BenchTable['rows'] = [];
  for (const { subject, build } of VARIANTS) {
    const { files } = build('fixture');
    const bytes = files.get(WEIGHTS_FILE) as Uint8Array;
    const parsed: ParsedManifest = parseManifest(files.get(MANIFEST_FILE) as Uint8Array);
    const figures: number[][] = [];
    for (const action of [
      () => verifyFile(findFile(parsed.manifest, WEIGHTS_FILE), bytes),
      () => decodeWeights(parsed, bytes),
      () => createSampler(parsed, bytes, instantiateKernels).dispose(),
    ]) {
      const ms: number[] = [];
      for (let i = 0; i < repeats; i++) {
        ms.push(await timeOnce(action));
      }
      figures.push(ms);
    }
    rows.push(makeRow(subject, figures));
  }
  const cases = ['hash', 'decode', 'in all, to a sampler'];
  return makeTable({ id: 'weights-loading', title: 'Loading in Node', unit: 'ms', cases, rows });
}

async function timeFirstRequests(repeats: number) {
  const fixtures = VARIANTS.map(({ subject, build }) =>
    Array.from({ length: repeats }, (_, i) => build(`${subject} ${i}`)),
  );
  return withEdge(
    async ({ measure, versions }) => {
      const rows: BenchTable['rows'] = [];
      for (const [i, { subject }] of VARIANTS.entries()) {
        const times: number[] = [];
        for (const { manifest } of fixtures[i] ?? []) {
          const url = `/digit.json?model=${manifest.name}@${manifest.version}`;
          const first = await measure({ url, requests: 1 });
          const second = await measure({ url, requests: 1 });
          times.push(first.elapsedMs - second.elapsedMs);
        }
        rows.push(makeRow(subject, [times]));
      }
      const title = 'First request over second in the local edge runtime';
      const cases = ['longer by'];
      const table = makeTable({ id: 'weights-first', title, unit: 'ms', cases, rows });
      return { versions, table };
    },
    async (bucket) => {
      for (const fixture of fixtures.flat()) {
        await putArtifact(bucket, fixture);
      }
    },
  );
}
