/**
 * The figures of `npm run evaluate` beside other libraries' code for the same figures on the same
 * features, and the whole command. Both sides' values are compared before they are timed.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ExpectedError } from '../../shared/expected-error.ts';
import { deriveKey } from '../../shared/model/random.ts';
import { loadClassifier } from '../../trainer/evaluation/classifier/classifier-file.ts';
import { CLASSIFIER_CONFIG, scoreImages } from '../../trainer/evaluation/classifier/network.ts';
import { loadTestDigits } from '../../trainer/evaluation/digits.ts';
import * as distances from '../../trainer/evaluation/metrics/distances.ts';
import * as neighbours from '../../trainer/evaluation/metrics/neighbours.ts';
import * as points from '../../trainer/evaluation/metrics/points.ts';
import { drawSamples, readModel } from '../../trainer/evaluation/samples.ts';
import { selectBackend } from '../../trainer/tensorflow/backend.ts';
import * as harness from '../harness.ts';
import { run, runPython } from '../peers.ts';

const K = 5;
const COUNTS = { precisionNeighbours: K, densityNeighbours: K };
/** `products` of all points with all that the figure needs. */
const CASES = [
  { name: 'neighbours', title: 'precision, recall, density, coverage', products: 3 },
  { name: 'frechet', title: 'Fréchet distance', products: null },
  { name: 'kernel', title: 'kernel distance', products: 3 },
] as const;
/** Relative. prdc counts a point at exactly the radius as outside, ours as inside. */
const TOLERANCE = 1e-3;
const GOAL_MS = 5 * 60_000;
/** On one core as well: prdc asks for eight threads whatever the variables say. */
const ONE_THREAD = 'env OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 LOKY_MAX_CPU_COUNT=1 taskset -c 0';

type Values = Readonly<Record<string, number>>;
type Peers = Readonly<{
  values: Record<string, Values>;
  ms: Values;
  versions: Record<string, string>;
}>;

export const measure: harness.Suite = async (quick) => {
  const [count, rounds] = quick ? [500, 1] : [10_000, 3];
  const { description } = await selectBackend('tensorflow', { threads: 1 });
  const { features, dimension } = await readFeatures(count);
  const real = points.createPoints(features[0], dimension);
  const samples = points.createPoints(features[1], dimension);
  const scale = 1 / Math.sqrt(points.computeMeanSquare(real));
  const [x, y] = [points.scalePoints(samples, scale), points.scalePoints(real, scale)];
  // One subset of all points, so that it does not matter which points are drawn.
  const subset = { subsets: 1, subsetSize: count, key: deriveKey('bench', '1') };
  const compute: Readonly<Record<(typeof CASES)[number]['name'], () => Values>> = {
    neighbours: () =>
      neighbours.compareNeighbourhoods(neighbours.findNeighbourhoods(real, COUNTS), samples),
    frechet: () => ({ distance: distances.computeFrechetDistance(samples, real) }),
    kernel: () => ({
      distance: distances.computeKernelDistance(x, y, { ...subset, purposes: [1, 2] }).mean,
    }),
  };
  const runPeers = () =>
    harness.withFolder(async (folder) => {
      const files = [join(folder, 'real'), join(folder, 'samples')];
      for (const [i, file] of files.entries()) {
        await writeFile(file, features[i] as Float32Array);
      }
      const args = [...files, String(dimension), String(K)];
      return runPython<Peers>('evaluation', args, ONE_THREAD.split(' '));
    });
  let theirs = await runPeers();
  for (const { name } of CASES) {
    for (const [value, own] of Object.entries(compute[name]())) {
      const other = theirs.values[name]?.[value] ?? NaN;
      if (!(Math.abs(own - other) <= TOLERANCE * Math.abs(own))) {
        throw new ExpectedError(`${name}, ${value}: ${own} here, ${other} in the other library.`);
      }
    }
  }
  const rows = await harness.measureRows(rounds, [
    {
      subject: 'digitmint',
      cells: CASES.map(
        ({ name }) =>
          () =>
            harness.timeRepeated(compute[name]),
      ),
    },
    {
      subject: 'prdc, SciPy, NumPy',
      isOurs: false,
      cells: CASES.map(({ name }) => async () => {
        theirs = name === 'neighbours' ? await runPeers() : theirs;
        return theirs.ms[name] as number;
      }),
    },
  ]);
  const productMs = theirs.ms['products'] ?? NaN;
  const program = join(harness.ROOT, 'trainer/main.ts');
  const evaluate = [program, 'evaluate', '--model', harness.SHIPPED_MODEL_FOLDER, '--fresh'];
  const command = [process.execPath, ...evaluate, ...(quick ? ['--quick'] : [])];
  const inAllMs = await harness.timeRepeated(() => run(command, { cwd: harness.ROOT }));
  return {
    versions: { node: process.versions.node, backend: description, ...theirs.versions },
    tables: [
      harness.makeTable({
        id: 'evaluation-figures',
        title: 'Figures of an evaluation, one thread',
        notes: [
          `${count.toLocaleString('en')} samples against as many test digits, ${dimension} ` +
            `features each, ${K}-th neighbours; the kernel distance over all points at once.`,
          `Both sides’ values agree to within ${TOLERANCE}, relatively.`,
        ],
        cases: CASES.map(({ title }) => title),
        rows,
        limit: {
          what:
            'the products of all points with all that a figure needs, by NumPy’s BLAS, ' +
            `${productMs.toFixed(0)} ms each`,
          values: CASES.map(({ products }) => (products === null ? null : products * productMs)),
        },
      }),
      harness.makeTable({
        id: 'evaluation',
        title: 'An evaluation from start to end',
        notes: [
          '`npm run evaluate -- --model models/digits --fresh`: one model, 10,000 samples, all ' +
            'figures, floor included, three networks trained for the accuracy score and for each ' +
            'two-sample test; 2 threads.',
        ],
        cases: ['in all'],
        rows: [harness.makeRow('digitmint', [inAllMs])],
        goals: [GOAL_MS],
      }),
    ],
  };
};

/** Features of test digits, then of samples. */
async function readFeatures(count: number) {
  const { weights } = await loadClassifier();
  const { dataset } = await loadTestDigits();
  const { set } = drawSamples(await readModel(harness.SHIPPED_MODEL_FOLDER), 'bench', count);
  const digits = dataset.images.subarray(0, count * dataset.height * dataset.width);
  const score = (images: Uint8Array) => scoreImages(CLASSIFIER_CONFIG, weights, images).features;
  const features = [score(digits), score(set.images)] as const;
  return { features, dimension: CLASSIFIER_CONFIG.features };
}
