/**
 * The figures of `npm run evaluate` beside other people's code for the same, on the same features, and the whole command:
 * `npm run bench:evaluation [-- --json FILE]`. Both sides' values are compared first; exit status 1 when they differ.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadClassifier } from '../trainer/evaluation/classifier/classifier-file.ts';
import { CLASSIFIER_CONFIG, scoreImages } from '../trainer/evaluation/classifier/network.ts';
import { loadTestDigits } from '../trainer/evaluation/digits.ts';
import { computeDensityCoverage } from '../trainer/evaluation/metrics/neighbours.ts';
import { computeFrechetDistance } from '../trainer/evaluation/metrics/distances.ts';
import { computeKernelDistance } from '../trainer/evaluation/metrics/distances.ts';
import {
  computeMeanSquare,
  createPoints,
  scalePoints,
  type Points,
} from '../trainer/evaluation/metrics/points.ts';
import { computePrecisionRecall } from '../trainer/evaluation/metrics/neighbours.ts';
import { drawSamples, readModel } from '../trainer/evaluation/samples.ts';
import { ExpectedError } from '../shared/expected-error.ts';
import { runCommand } from '../trainer/tensorflow/setup/command.ts';
import { selectBackend } from '../trainer/tensorflow/backend.ts';
import { deriveKey } from '../shared/model/random.ts';
import { preparePython } from './python-environment.ts';
import { takeSpread, type BenchRecord, type BenchTable, type Spread } from './record.ts';
import { createSuiteCommand, runSuite } from './suite.ts';

const ROOT = join(import.meta.dirname, '..');
const MODEL = join(ROOT, 'models/digits');
const COUNT = 10_000;
const K = 5;
const ROUNDS = 3;
const CASES = ['neighbours', 'frechet', 'kernel'] as const;
const TITLES = {
  neighbours: 'precision, recall, density, coverage',
  frechet: 'Fréchet distance',
  kernel: 'kernel distance',
};
/** Two of three products of a set with itself or the other would do for each figure; the neighbours need three. */
const PRODUCTS = { neighbours: 3, frechet: null, kernel: 3 };
/** Relative. prdc takes a point at exactly the radius as outside, ours as inside; sums are in other orders. */
const TOLERANCE = 1e-3;
const GOAL_MS = 5 * 60_000;

type Values = Readonly<Record<string, number>>;

interface Peers {
  readonly values: {
    readonly neighbours: Values;
    readonly frechet: number;
    readonly kernel: number;
  };
  readonly times: Readonly<Record<(typeof CASES)[number] | 'products', readonly number[]>>;
  readonly versions: Readonly<Record<string, string>>;
}

await runSuite(
  'evaluation',
  createSuiteCommand(
    'evaluation',
    'Times the figures of an evaluation beside other people’s code for them.',
  ),
  measure,
);

async function measure(): Promise<Pick<BenchRecord, 'tables' | 'versions'>> {
  const python = await preparePython(
    {
      name: 'evaluation-venv',
      requirements: join(import.meta.dirname, 'evaluation-requirements.txt'),
      interpreters: ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python'],
      size: 'downloads about 70 MB',
      advice: 'Python 3.10 to 3.13 is needed.',
    },
    console.log,
  );
  const { description } = await selectBackend('tensorflow', { threads: 1 });
  const { real, samples } = await readFeatures();
  const compute = createMeasures(real, samples);
  const ours = {
    neighbours: compute.neighbours(),
    frechet: compute.frechet(),
    kernel: compute.kernel(),
  };
  const theirs = await runPeers(python, real, samples, 1);
  checkValues(ours, theirs.values);
  const times = {
    ours: new Map<string, number[]>(),
    theirs: new Map<string, number[]>(),
    products: [] as number[],
  };
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of CASES) {
      const began = performance.now();
      compute[name]();
      push(times.ours, name, performance.now() - began);
    }
    const peers = await runPeers(python, real, samples, 1);
    CASES.forEach((name) => push(times.theirs, name, peers.times[name][0] as number));
    times.products.push(peers.times.products[0] as number);
  }
  const productMs = Math.min(...times.products);
  const figures: BenchTable = {
    id: 'evaluation-figures',
    title: 'Figures of an evaluation, one thread',
    unit: 'ms',
    better: 'lower',
    notes: [
      `${COUNT.toLocaleString('en')} samples against as many test digits, ${CLASSIFIER_CONFIG.features} features each, ${K}-th neighbours; the kernel distance over all points at once.`,
      `Both sides’ values agree to ${TOLERANCE} of themselves.`,
    ],
    cases: CASES.map((name) => TITLES[name]),
    rows: [
      {
        subject: 'digitmint',
        isOurs: true,
        values: CASES.map((name) => takeSpread(times.ours.get(name) ?? [])),
      },
      {
        subject: 'prdc, SciPy, NumPy',
        isOurs: false,
        values: CASES.map((name) => takeSpread(times.theirs.get(name) ?? [])),
      },
    ],
    limit: {
      what: `the products of all points with all that a figure cannot do without, by NumPy’s BLAS, ${productMs.toFixed(0)} ms each`,
      values: CASES.map((name) => (PRODUCTS[name] === null ? null : PRODUCTS[name] * productMs)),
    },
    goals: null,
  };
  const whole: BenchTable = {
    id: 'evaluation',
    title: 'An evaluation from start to end',
    unit: 'ms',
    better: 'lower',
    notes: [
      '`npm run evaluate -- --model models/digits --fresh`: one model, 10,000 samples, all figures, floor included, three networks trained for the accuracy score; 2 threads.',
    ],
    cases: ['in all'],
    rows: [{ subject: 'digitmint', isOurs: true, values: [await timeWhole()] }],
    limit: null,
    goals: [GOAL_MS],
  };
  const versions = { node: process.versions.node, backend: description, ...theirs.versions };
  return { versions, tables: [figures, whole] };
}

async function readFeatures(): Promise<{ real: Points; samples: Points }> {
  const { weights } = await loadClassifier();
  const { dataset } = await loadTestDigits();
  const { set } = drawSamples(await readModel(MODEL), 'bench', COUNT);
  const score = (images: Uint8Array): Points =>
    createPoints(
      scoreImages(CLASSIFIER_CONFIG, weights, images).features,
      CLASSIFIER_CONFIG.features,
    );
  return { real: score(dataset.images), samples: score(set.images) };
}

function createMeasures(real: Points, samples: Points) {
  const scale = 1 / Math.sqrt(computeMeanSquare(real));
  const [x, y] = [scalePoints(samples, scale), scalePoints(real, scale)];
  return {
    neighbours: (): Values => ({
      ...computePrecisionRecall(real, samples, K),
      ...computeDensityCoverage(real, samples, K),
    }),
    frechet: () => computeFrechetDistance(samples, real),
    kernel: () => {
      // All points, so that it does not matter which are drawn.
      const options = {
        subsets: 1,
        subsetSize: COUNT,
        key: deriveKey('bench', '1'),
        purposes: [1, 2] as const,
      };
      return computeKernelDistance(x, y, options).mean;
    },
  };
}

/** @throws ExpectedError  When a value differs: then the times are of different things. */
function checkValues(
  { neighbours, frechet, kernel }: Peers['values'],
  theirs: Peers['values'],
): void {
  const own: Values = { ...neighbours, frechet, kernel };
  const other: Values = { ...theirs.neighbours, frechet: theirs.frechet, kernel: theirs.kernel };
  for (const [name, value] of Object.entries(own)) {
    const off = Math.abs(value - (other[name] ?? NaN)) / Math.abs(value);
    console.log(
      `${name.padEnd(12)}${value.toPrecision(6).padStart(12)}${(other[name] ?? NaN).toPrecision(6).padStart(12)}`,
    );
    if (!(off <= TOLERANCE)) {
      throw new ExpectedError(`${name}: ${value} here, ${other[name]} there.`);
    }
  }
}

async function runPeers(
  python: string,
  real: Points,
  samples: Points,
  rounds: number,
): Promise<Peers> {
  const folder = await mkdtemp(join(tmpdir(), 'digitmint-peers-'));
  try {
    const files = [join(folder, 'real'), join(folder, 'samples')] as const;
    await writeFile(files[0], toBytes(real));
    await writeFile(files[1], toBytes(samples));
    const one = { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1', LOKY_MAX_CPU_COUNT: '1' };
    const script = join(import.meta.dirname, 'evaluation_peers.py');
    const args = [script, ...files, ...[real.dimension, K, rounds].map(String)];
    // On one core: prdc asks for eight threads whatever these say.
    const tied = await runCommand('taskset', ['-c', '0', python, ...args], {
      env: { ...process.env, ...one },
    });
    if (tied?.status !== 0) {
      throw new ExpectedError(
        `evaluation_peers.py failed, or there is no taskset (util-linux):\n${tied?.stderr ?? ''}`,
      );
    }
    return JSON.parse(tied.stdout) as Peers;
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function timeWhole(): Promise<Spread> {
  const args = [join(ROOT, 'trainer/main.ts'), 'evaluate', '--model', MODEL, '--fresh', '--json'];
  const began = performance.now();
  const ended = await runCommand(process.execPath, args, { env: process.env, cwd: ROOT });
  if (ended?.status !== 0) {
    throw new ExpectedError(`npm run evaluate failed:\n${ended?.stderr ?? ''}`);
  }
  return takeSpread([performance.now() - began]);
}

function toBytes({ values }: Points): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function push(map: Map<string, number[]>, name: string, value: number): void {
  map.set(name, [...(map.get(name) ?? []), value]);
}
