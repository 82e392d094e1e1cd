/**
 * Chooses the backend that TensorFlow.js computes on, and proves that it works. Importing this
 * loads no backend; choosing one does, for the whole process. docs/notes/tensorflow.md has the time
 * of a step on each; a step of `digits` takes 76 ms on tensorflow, over 25 s on cpu and webgpu.
 */
import { availableParallelism } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { Option } from 'commander';
import { Matrix } from 'ml-matrix';
import { ExpectedError } from '../../shared/expected-error.ts';
import {
  BACKEND_NAMES,
  BackendUnusable,
  openCpu,
  openWasm,
  openWebgpu,
  type BackendName,
  type OpenBackend,
  type Opener,
} from './open-backend.ts';
import { openTensorflow } from './tfjs-node.ts';

export { type BackendName };

export const BACKEND_CHOICES = ['auto', ...BACKEND_NAMES] as const;
export type BackendChoice = (typeof BACKEND_CHOICES)[number];

/** Builds the flag `--backend`. @param help  The work of the backend. */
export function buildBackendOption(help: string): Option {
  return new Option('--backend <name>', help).choices(BACKEND_CHOICES).default('auto');
}

export type SelectedBackend = Awaited<ReturnType<typeof selectBackend>>;

export interface SelectOptions {
  /** Positive; by default one a core. Only `tensorflow` has more than one. */
  readonly threads?: number;
  /** Whether convolutions will be trained. wasm has no kernel for their filters' gradients. */
  readonly convolutions?: boolean;
}

export type Openers = Readonly<Record<BackendName, Opener>>;

const OPENERS: Openers = {
  'tensorflow-gpu': (options) => openTensorflow('gpu', options),
  tensorflow: (options) => openTensorflow('cpu', options),
  webgpu: openWebgpu,
  wasm: openWasm,
  cpu: openCpu,
};

/**
 * The order of `auto`, fastest first. WebGPU on software comes after wasm: it is slower, and its
 * results depend on a driver that nobody chose. It remains for convolutions, like plain JavaScript.
 */
const AUTO = [
  ['tensorflow-gpu', false],
  ['tensorflow', false],
  ['webgpu', false],
  ['wasm', false],
  ['webgpu', true],
  ['cpu', true],
] as const;

/**
 * Makes a backend TensorFlow.js's current one and proves it with small products and gradients.
 * @param requested  `auto` takes the first usable one of `AUTO`.
 *                   Where an NVIDIA GPU offers both, the faster of its two backends is taken.
 * @param openers    Others only in tests, as `measure`, which gives milliseconds.
 * @returns          The caller releases it.
 * @throws ExpectedError  When the requested one is not usable.
 */
export async function selectBackend(
  requested: BackendChoice,
  options: SelectOptions = {},
  openers: Openers = OPENERS,
  measure: (backend: OpenBackend) => Promise<number> = measureBackend,
) {
  // In the order of the first try. `reason` says why a backend is not usable and how to mend that;
  // for a usable one it is the description.
  const considered = new Map<BackendName, { name: BackendName; usable: boolean; reason: string }>();
  const candidates = requested === 'auto' ? AUTO : [[requested, true] as const];
  for (const [name, acceptsSoftware] of candidates) {
    const opened = await tryBackend(openers[name], acceptsSoftware, options);
    if (opened instanceof BackendUnusable) {
      considered.set(name, { name, usable: false, reason: opened.message });
      continue;
    }
    const rival =
      requested === 'auto' && name === 'tensorflow-gpu'
        ? await tryBackend(openers.webgpu, false, options)
        : undefined;
    if (rival === undefined || rival instanceof BackendUnusable) {
      considered.set(name, { name, usable: true, reason: opened.description });
      return { ...opened, name, considered: [...considered.values()] };
    }
    return chooseFaster({ ...opened, name }, { ...rival, name: 'webgpu' }, measure);
  }
  const reasons = [...considered.values()].map(({ name, reason }) => `${name}: ${reason}`);
  const usable: string[] = [];
  for (const name of BACKEND_NAMES.filter((other) => !considered.has(other))) {
    const opened = await tryBackend(openers[name], true, options);
    if (!(opened instanceof BackendUnusable)) {
      usable.push(`${name} (${opened.description})`);
      await opened.release();
    }
  }
  throw new ExpectedError(
    `--backend ${requested} cannot be used here.\n  ${reasons.join('\n  ')}\n` +
      `Usable here: ${usable.join('; ') || 'none'}. --backend auto takes the fastest.`,
  );
}

type Named = OpenBackend & { readonly name: BackendName };

/** Takes the faster of two open backends and releases the other one. */
async function chooseFaster(
  first: Named,
  second: Named,
  measure: (backend: OpenBackend) => Promise<number>,
) {
  const [one, two] = [await tryMeasure(first, measure), await tryMeasure(second, measure)];
  const [faster, slower] = one.ms <= two.ms ? [one, two] : [two, one];
  await slower.backend.release();
  const tf = await import('@tensorflow/tfjs');
  await tf.setBackend(faster.backend.tfBackend);
  const took = `${slower.ms.toFixed(0)} ms in place of ${faster.ms.toFixed(0)} ms`;
  const { fault = `slower here: ${took} for the same convolutions` } = slower;
  const considered = [
    { name: slower.backend.name, usable: false, reason: fault },
    { name: faster.backend.name, usable: true, reason: faster.backend.description },
  ];
  return { ...faster.backend, considered };
}

/** Measures a backend. One that fails takes forever, because refused work seems to be fast. */
async function tryMeasure(backend: Named, measure: (backend: OpenBackend) => Promise<number>) {
  const fail = ({ message }: { message: string }) => ({
    backend,
    ms: Infinity,
    fault: `it fails: ${message}`,
  });
  try {
    const ms = await measure(backend);
    await setImmediate(); // A device may tell of its fault after the results.
    const fault = backend.takeFault?.();
    return fault === undefined ? { backend, ms, fault } : fail(fault);
  } catch (error) {
    return fail(error as Error);
  }
}

/** Times gradients of small convolutions, of which a step consists: the best of three rounds. */
async function measureBackend({ tfBackend }: OpenBackend): Promise<number> {
  const tf = await import('@tensorflow/tfjs');
  await tf.setBackend(tfBackend);
  type Images = import('@tensorflow/tfjs').Tensor4D;
  const images = tf.ones([128, 14, 14, 32]) as Images;
  const weights = tf.ones([3, 3, 32, 32]) as Images;
  const differentiate = tf.grad((x) => tf.sum(tf.conv2d(images, x as Images, 1, 'same')));
  const rounds: number[] = [];
  for (let round = 0; round < 4; round++) {
    const start = performance.now();
    const gradients = Array.from({ length: 20 }, () => tf.tidy(() => differentiate(weights)));
    await gradients.at(-1)?.data();
    tf.dispose(gradients);
    rounds.push(performance.now() - start);
  }
  tf.dispose([images, weights]);
  return Math.min(...rounds.slice(1)); // The first one compiles shaders.
}

/** Opens a backend and proves it. One that fails the proof is released at once. */
async function tryBackend(
  open: Opener,
  acceptsSoftware: boolean,
  { threads = availableParallelism(), convolutions = false }: SelectOptions,
): Promise<OpenBackend | BackendUnusable> {
  try {
    const opened = await open({ threads, acceptsSoftware });
    const fault = await proveBackend(convolutions);
    if (fault === undefined) {
      return opened;
    }
    const reason = opened.takeFault?.()?.message ?? fault; // A fault of the device comes first.
    await opened.release();
    return new BackendUnusable(`${opened.description}: ${reason}`);
  } catch (error) {
    if (error instanceof BackendUnusable) {
      return error;
    }
    throw error;
  }
}

const PROOF_SIZE = 64; // WebGPU's backend quietly computes smaller products on the CPU.
const PROOF_TOLERANCE = 1e-3;

/**
 * Checks a product of two matrices, its gradient and, if asked, the gradient of a convolution.
 * @returns  The fault; undefined when all is right. Leaves no tensor behind.
 */
async function proveBackend(convolutions: boolean): Promise<string | undefined> {
  const tf = await import('@tensorflow/tfjs');
  const fill = (factor: number, modulus: number): Matrix => {
    const values = Array.from({ length: PROOF_SIZE ** 2 }, (_, i) => (i * factor) % modulus);
    return Matrix.from1DArray(PROOF_SIZE, PROOF_SIZE, values).div(modulus).sub(0.5);
  };
  const [x, y] = [fill(7, 13), fill(5, 11)];
  const upload = (matrix: Matrix) => tf.tensor2d(matrix.to2DArray());
  const cases: [name: string, compute: () => import('@tensorflow/tfjs').Tensor, Matrix][] = [
    ['matMul', () => tf.matMul(upload(x), upload(y)), x.mmul(y)],
    [
      "matMul's gradient",
      () => {
        const right = upload(y);
        return tf.grad((left) => tf.sum(tf.matMul(left, right)))(upload(x));
      },
      // Each row of the gradient of sum(x · y) by x holds the sums of y's rows.
      Matrix.ones(PROOF_SIZE, PROOF_SIZE).mmul(y.transpose()),
    ],
    [
      "conv2d's gradient",
      () => {
        const image = tf.ones<import('@tensorflow/tfjs').Rank.R4>([1, 8, 8, 1]);
        return tf.grad((weights) => tf.sum(tf.conv2d(image, weights as typeof image, 1, 'valid')))(
          tf.ones([3, 3, 1, 2]),
        );
      },
      Matrix.ones(1, 18).mul(36),
    ],
  ];
  try {
    for (const [name, compute, wanted] of convolutions ? cases : cases.slice(0, 2)) {
      const expected = wanted.to1DArray();
      const result = tf.tidy(compute);
      const actual = await result.data();
      result.dispose();
      const i = expected.findIndex(
        (value, at) => !(Math.abs(value - (actual[at] ?? NaN)) < PROOF_TOLERANCE),
      );
      if (i !== -1) {
        return `${name} comes out wrong: element ${i} should be ${expected[i]} and is ${actual[i]}`;
      }
    }
    return undefined;
  } catch (error) {
    const { message } = error as Error;
    return /'Conv2DBackpropFilter' not registered/.test(message)
      ? 'it cannot train convolutions (it has no Conv2DBackpropFilter)'
      : `it fails: ${message}`;
  }
}

type FallibleBackend = Pick<OpenBackend, 'description' | 'takeFault'>;

/** The advice in a message about a device's fault. */
interface FaultAdvice {
  /** Tells the user how to go on. */
  readonly advice: string;
  readonly batchSize: number;
}

/**
 * Computes on a backend. When the device is lost, full or refuses, the error says so.
 * @throws ExpectedError  Its cause is the error of `compute`.
 */
export async function nameDeviceFault<T>(
  backend: FallibleBackend,
  advice: FaultAdvice,
  compute: () => Promise<T>,
): Promise<T> {
  let result: T;
  try {
    result = await compute();
  } catch (cause) {
    await assureDevice(backend, advice, cause);
    throw cause;
  }
  await assureDevice(backend, advice);
  return result;
}

/** Call it before results are kept. @throws ExpectedError  When the device reported a fault. */
export async function assureDevice(
  { description, takeFault }: FallibleBackend,
  { advice, batchSize }: FaultAdvice,
  cause?: unknown,
): Promise<void> {
  // A failure may come before the news of its reason.
  await setImmediate();
  const fault = takeFault?.(cause);
  if (fault === undefined) {
    return;
  }
  const { kind, message } = fault;
  const texts: Readonly<Record<typeof kind, string>> = {
    lost:
      `the device was lost (${description}): ${message} ` +
      `A reset of its driver, a suspended machine or too little memory does this. ${advice}`,
    memory:
      `the GPU's memory is too small for batches of ${batchSize} images (${description}): ${message} ` +
      'Start a new run with a smaller --batch, or end other programs on the GPU.',
    refusal: `the GPU refused to compute (${description}): ${message} Update its driver. ${advice}`,
  };
  throw new ExpectedError(texts[kind], { cause });
}
