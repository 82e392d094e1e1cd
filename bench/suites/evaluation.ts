/**
 * The figures of `npm run evaluate` beside other libraries' code for the same figures on the same
 * features, and the whole command. Both sides' values are compared before they are timed.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ExpectedError } from '../../shared/expected-error.ts';
import { deriveKey } from '../../shared/model/random.ts';
import { loadClassifier } from '../../trainer/evaluation/classifier/classifier-file.ts';
import { CLASSIFIER_CONFIG } from '../../trainer/evaluation/classifier/network.ts';
import { scoreImages } from '../../trainer/evaluation/classifier/scoring.ts';
import { loadTestDigits } from '../../trainer/evaluation/digits.ts';
import { computeDensityCoverage } from '../../trainer/evaluation/metrics/neighbours.ts';
import { computeFrechetDistance } from '../../trainer/evaluation/metrics/distances.ts';
import { computeKernelDistance } from '../../trainer/evaluation/metrics/distances.ts';
import {
  computeMeanSquare,
  createPoints,
  scalePoints,
  type Points,
} from '../../trainer/evaluation/metrics/points.ts';
import { computePrecisionRecall } from '../../trainer/evaluation/metrics/neighbours.ts';
import { drawSamples, readModel } from '../../trainer/evaluation/samples/samples.ts';
import { selectBackend } from '../../trainer/tensorflow/backend.ts';
import { runCommand } from '../../trainer/tensorflow/setup/command.ts';
import { preparePython } from '../peers.ts';
import {
  defineSuite,
  makeRow,
  ROOT,
  SHIPPED_MODEL_FOLDER,
  timeOnce,
  type Measured,
} from '../suite.ts';

const K = 5;
const CASES = ['neighbours', 'frechet', 'kernel'] as const;
const TITLES = {
  neighbours: 'precision, recall, density, coverage',
  frechet: 'Fréchet distance',
  kernel: 'kernel distance',
};
/** Products of all points with all that a figure needs. */
const PRODUCTS = { neighbours: 3, frechet: null, kernel: 3 };
/**
 * Relative. prdc counts a point at exactly the radius as outside, ours as inside; sums are added in
 * other orders.
 */
const TOLERANCE = 1e-3;
const GOAL_MS = 5 * 60_000;

type Case = (typeof CASES)[number];
type Values = Readonly<Record<string, number>>;

interface Peers {
  readonly values: Readonly<Record<Case, number | Values>>;
  readonly times: Readonly<Record<Case | 'products', readonly [number]>>;
  readonly versions: Readonly<Record<string, string>>;
}

export const suite = defineSuite({
  about: 'the figures of an evaluation, beside other libraries’ code for them',
  measure: ({ quick }) => (quick ? measure(500, 1, true) : measure(10_000, 3, false)),
});

async function measure(count: number, rounds: number, quick: boolean): Promise<Measured> {
  const python = await preparePython('evaluation');
  const { description } = await selectBackend('tensorflow', { threads: 1 });
  const { real, samples } = await readFeatures(count);
  const compute = createMeasures(real, samples, count);
  const theirs = await runPeers(python, real, samples);
  for (const name of CASES) {
    checkValues(name, compute[name](), theirs.values[name]);
  }
  const ownMs = { neighbours: [], frechet: [], kernel: [] } as Record<Case, number[]>;
  const peerMs = { neighbours: [], frechet: [], kernel: [] } as Record<Case, number[]>;
  const productsMs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const name of CASES) {
      ownMs[name].push(await timeOnce(compute[name]));
    }
    const { times } = await runPeers(python, real, samples);
    CASES.forEach((name) => peerMs[name].push(...times[name]));
    productsMs.push(...times.products);
  }
  const productMs = Math.min(...productsMs);
  const table = { unit: 'ms', better: 'lower' } as const;
  return {
    versions: { node: process.versions.node, backend: description, ...theirs.versions },
    tables: [
      {
        ...table,
        id: 'evaluation-figures',
        title: 'Figures of an evaluation, one thread',
        notes: [
          `${count.toLocaleString('en')} samples against as many test digits, ` +
            `${CLASSIFIER_CONFIG.features} features each, ${K}-th neighbours; the kernel ` +
            'distance over all points at once.',
          `Both sides’ values agree to within ${TOLERANCE}, relatively.`,
        ],
        cases: CASES.map((name) => TITLES[name]),
        rows: [
          makeRow(
            'digitmint',
            CASES.map((name) => ownMs[name]),
          ),
          makeRow(
            'prdc, SciPy, NumPy',
            CASES.map((name) => peerMs[name]),
            false,
          ),
        ],
        limit: {
          what:
            'the products of all points with all that a figure needs, by NumPy’s BLAS, ' +
            `${productMs.toFixed(0)} ms each`,
          values: CASES.map((name) =>
            PRODUCTS[name] === null ? null : PRODUCTS[name] * productMs,
          ),
        },
        goals: null,
      },
      {
        ...table,
        id: 'evaluation',
        title: 'An evaluation from start to end',
        notes: [
          '`npm run evaluate -- --model models/digits --fresh`: one model, 10,000 samples, all ' +
            'figures, floor included, three networks trained for the accuracy score; 2 threads.',
        ],
        cases: ['in all'],
        rows: [makeRow('digitmint', [[await timeOnce(() => evaluate(quick))]])],
        limit: null,
        goals: [GOAL_MS],
      },
    ],
  };
}

async function readFeatures(count: number): Promise<{ real: Points; samples: Points }> {
  const { weights } = await loadClassifier();
  const { dataset } = await loadTestDigits();
  const { set } = drawSamples(await readModel(SHIPPED_MODEL_FOLDER), 'bench', count);
  const score = (images: Uint8Array): Points => {
    const { features } = scoreImages(CLASSIFIER_CONFIG, weights, images);
    return createPoints(features, CLASSIFIER_CONFIG.features);
  };
  const bytes = count * dataset.height * dataset.width;
  return { real: score(dataset.images.subarray(0, bytes)), samples: score(set.images) };
}

function createMeasures(
  real: Points,
  samples: Points,
  count: number,
): Record<Case, () => number | Values> {
  const scale = 1 / Math.sqrt(computeMeanSquare(real));
  const [x, y] = [scalePoints(samples, scale), scalePoints(real, scale)];
  // One subset of all points, so that it does not matter which points are drawn.
  const kernelOptions = {
    subsets: 1,
    subsetSize: count,
    key: deriveKey('bench', '1'),
    purposes: [1, 2] as const,
  };
  return {
    neighbours: () => ({
      ...computePrecisionRecall(real, samples, K),
      ...computeDensityCoverage(real, samples, K),
    }),
    frechet: () => computeFrechetDistance(samples, real),
    kernel: () => computeKernelDistance(x, y, kernelOptions).mean,
  };
}

/** @throws ExpectedError  When a value differs: then the times are of different things. */
function checkValues(name: Case, own: number | Values, other: number | Values): void {
  if (typeof own !== 'number') {
    const others = other as Values;
    for (const [each, value] of Object.entries(own)) {
      checkValue(each, value, others[each] ?? NaN);
    }
  } else {
    checkValue(name, own, other as number);
  }
}

function checkValue(name: string, own: number, other: number): void {
  const [left, right] = [own, other].map((value) => value.toPrecision(6).padStart(12));
  console.log(`${name.padEnd(12)}${left}${right}`);
  if (!(Math.abs(own - other) <= TOLERANCE * Math.abs(own))) {
    throw new ExpectedError(`${name}: ${own} here, ${other} in the other library.`);
  }
}

async function runPeers(python: string, real: Points, samples: Points): Promise<Peers> {
  const folder = await mkdtemp(join(tmpdir(), 'digitmint-peers-'));
  try {
    const files = [join(folder, 'real'), join(folder, 'samples')] as const;
    for (const [i, { values }] of [real, samples].entries()) {
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      await writeFile(files[i] as string, bytes);
    }
    const oneThread = { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1', LOKY_MAX_CPU_COUNT: '1' };
    const script = join(import.meta.dirname, '../peers/evaluation_peers.py');
    const args = [script, ...files, ...[real.dimension, K, 1].map(String)];
    // On one core as well: prdc asks for eight threads whatever the variables say.
    const ended = await runCommand('taskset', ['-c', '0', python, ...args], {
      env: { ...process.env, ...oneThread },
    });
    if (ended?.status !== 0) {
      throw new ExpectedError(
        `evaluation_peers.py failed, or there is no taskset (util-linux):\n${ended?.stderr ?? ''}`,
      );
    }
    return JSON.parse(ended.stdout) as Peers;
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function evaluate(quick: boolean): Promise<void> {
  const args = [
    join(ROOT, 'trainer/main.ts'),
    'evaluate',
    '--model',
    SHIPPED_MODEL_FOLDER,
    '--fresh',
    '--json',
  ];
  const ended = await runCommand(process.execPath, quick ? [...args, '--quick'] : args, {
    env: process.env,
    cwd: ROOT,
  });
  if (ended?.status !== 0) {
    throw new ExpectedError(`npm run evaluate failed:\n${ended?.stderr ?? ''}`);
  }
}
