/**
 * The engine beside the same generator on TensorFlow.js and on ONNX Runtime, in wasm and native:
 * the model that ships, in Node, on one thread, from latent vectors and labels to the network's
 * numbers. All draw the same digits first and are compared; then they take turns. The limit is what
 * the multiply-accumulates alone would take at the rate of the engine's inner loop on cached
 * numbers.
 */
import * as tf from '@tensorflow/tfjs';
import { createEngine, ENGINE_BATCH } from '../../shared/model/engine/engine.ts';
import { deriveSeedKey, drawLabels, drawLatents, joinInput } from '../../shared/model/random.ts';
import { instantiateKernels } from '../../trainer/node-kernels.ts';
import { runGenerator } from '../../trainer/gan/networks.ts';
import { selectBackend, type BackendName } from '../../trainer/tensorflow/backend.ts';
import { encodeOnnx, ONNX_INPUT, ONNX_OUTPUT } from '../onnx-model.ts';
import { prepareNpm } from '../peers.ts';
import {
  defineSuite,
  makeRow,
  makeTable,
  readShippedModel,
  takeTurns,
  timeRepeated,
  type Measured,
  type ShippedModel,
} from '../suite.ts';

const COUNTS = [1, 16, 256];
const TURN_MS = 20;
/** V8 needs a second of use until it has compiled large wasm for speed. */
const WARM_UP_MS = 2000;
/** Of numbers from -1 to 1. The engine's have 16 bits: see docs/notes, "engine". */
const TOLERANCE = 0.02;

const BACKENDS: readonly (readonly [
  name: BackendName,
  subject: string,
  counts: readonly number[],
])[] = [
  ['tensorflow', 'TensorFlow.js, native (tfjs-node)', COUNTS],
  ['wasm', 'TensorFlow.js, wasm', COUNTS],
  ['cpu', 'TensorFlow.js, plain JavaScript', [1, 16]], // 256 take more than a second.
];

interface Contender {
  readonly subject: string;
  readonly counts: readonly number[];
  /** Runs before each turn. */
  readonly prepare?: () => Promise<unknown>;
  /** @returns  The network's numbers, valid until the next call. */
  readonly draw: (inputs: Float32Array, count: number) => Float32Array | Promise<Float32Array>;
}

/** The part of ONNX Runtime's interface that both of its packages share. */
interface OnnxRuntime {
  readonly env: { readonly wasm: { numThreads: number } };
  readonly InferenceSession: {
    create(
      model: Uint8Array,
      options: object,
    ): Promise<{ run(feeds: object): Promise<Record<string, { data: Float32Array }>> }>;
  };
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => object;
}

export const suite = defineSuite({
  about: 'the generator alone, beside other runtimes',
  measure: ({ quick }) => measure(quick ? 1 : 15, quick ? 1 : WARM_UP_MS),
});

async function measure(rounds: number, warmUpMs: number): Promise<Measured> {
  const model = await readShippedModel();
  const { plan, manifest } = model;
  const versions: Record<string, string> = { node: process.versions.node };
  const contenders = [
    createOwn(model),
    ...(await createOnnx(model, versions)),
    ...(await createTensorFlow(model, versions)),
  ];
  const inputs = new Map(COUNTS.map((count) => [count, drawInputs(model, count)]));
  await checkSameDigits(contenders, inputs.get(16) as Float32Array);
  for (const { prepare, draw } of contenders) {
    await prepare?.();
    await timeRepeated(() => draw(inputs.get(16) as Float32Array, 16), warmUpMs);
  }
  const turns = contenders.flatMap(({ subject, counts, prepare, draw }) =>
    counts.map((count) => ({
      key: `${subject} ${count}`,
      run: async () => {
        await prepare?.();
        return timeRepeated(() => draw(inputs.get(count) as Float32Array, count), TURN_MS);
      },
    })),
  );
  const figures = await takeTurns(rounds, [...turns.map(({ run }) => run), measureInnerLoop]);
  const byKey = new Map(turns.map(({ key }, i) => [key, figures[i]]));
  const macsPerMs = Math.max(...(figures.at(-1) ?? []));
  return {
    versions,
    tables: [
      makeTable({
        id: 'engine',
        title: 'The generator alone, one thread',
        unit: 'ms',
        notes: [
          `${manifest.name}@${manifest.version}, ` +
            `${plan.macs.toLocaleString('en')} multiply-accumulates a digit.`,
          'From latent vectors to the network’s numbers, without seed and encoding; ' +
            `means of ${TURN_MS} ms of repetitions in each of ${rounds} rounds, in turns.`,
          `All drew the same digits first, to within ${TOLERANCE} of a range of 2.`,
        ],
        cases: COUNTS.map((count) => (count === 1 ? '1 digit' : `${count} digits`)),
        rows: contenders.map(({ subject }, i) =>
          makeRow(
            subject,
            COUNTS.map((count) => byKey.get(`${subject} ${count}`)),
            i === 0,
          ),
        ),
        limit: {
          what:
            `the same multiply-accumulates at ${(macsPerMs / 1e6).toFixed(1)} thousand million ` +
            'a second, the peak of the inner loop in wasm',
          values: COUNTS.map((count) => (count * plan.macs) / macsPerMs),
        },
      }),
    ],
  };
}

function drawInputs({ plan }: ShippedModel, count: number): Float32Array {
  const key = deriveSeedKey('bench');
  const { latentSize, classes } = plan.config;
  const latents = drawLatents(key, 0, count, latentSize);
  return joinInput(plan, latents, drawLabels(key, 0, count, classes));
}

function createOwn({ plan, weights }: ShippedModel): Contender {
  const engine = createEngine(instantiateKernels(), plan, weights);
  const [height, width, channels] = plan.outputShape;
  const outputSize = height * width * channels;
  const output = new Float32Array(Math.max(...COUNTS) * outputSize);
  const draw = (given: Float32Array, count: number): Float32Array => {
    for (let first = 0; first < count; first += ENGINE_BATCH) {
      const last = Math.min(count, first + ENGINE_BATCH);
      const batch = given.subarray(first * plan.inputSize, last * plan.inputSize);
      output.set(engine.run(batch), first * outputSize);
    }
    return output.subarray(0, count * outputSize);
  };
  return { subject: 'digitmint’s engine, wasm', counts: COUNTS, draw };
}

async function createOnnx(
  { plan, weights }: ShippedModel,
  versions: Record<string, string>,
): Promise<Contender[]> {
  const peers = await prepareNpm();
  const model = encodeOnnx(plan, weights);
  const contenders: Contender[] = [];
  for (const [name, subject, options] of [
    ['onnxruntime-web', 'ONNX Runtime, wasm', { executionProviders: ['wasm'] }],
    [
      'onnxruntime-node',
      'ONNX Runtime, native',
      { intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential' },
    ],
  ] as const) {
    versions[name] = peers.versions[name] as string;
    const { env, InferenceSession, Tensor } = peers.require(name) as OnnxRuntime;
    if (name === 'onnxruntime-web') {
      env.wasm.numThreads = 1;
    }
    const graphOptimizationLevel = 'all';
    const session = await InferenceSession.create(model, { ...options, graphOptimizationLevel });
    const draw = async (given: Float32Array, count: number): Promise<Float32Array> => {
      const input = new Tensor('float32', given, [count, plan.inputSize]);
      const outputs = await session.run({ [ONNX_INPUT]: input });
      return (outputs[ONNX_OUTPUT] as { data: Float32Array }).data;
    };
    contenders.push({ subject, counts: COUNTS, draw });
  }
  return contenders;
}

/** Its tensors live as long as the process. */
async function createTensorFlow(
  { plan, weights }: ShippedModel,
  versions: Record<string, string>,
): Promise<Contender[]> {
  const contenders: Contender[] = [];
  for (const [name, subject, counts] of BACKENDS) {
    const { tfBackend, description } = await selectBackend(name, { threads: 1 });
    versions[`backend ${name}`] = description;
    const tensors = weights.map((values, i) =>
      tf.tensor(values, [...(plan.weights[i]?.shape ?? [])]),
    );
    const draw = (given: Float32Array, count: number): Float32Array => {
      const input = tf.tensor2d(given, [count, plan.inputSize]);
      const output = runGenerator(plan, tensors, input);
      const values = output.dataSync<'float32'>();
      tf.dispose([input, output]);
      return values;
    };
    contenders.push({ subject, counts, prepare: () => tf.setBackend(tfBackend), draw });
  }
  return contenders;
}

/** @throws Error  When one draws other digits: then its time says nothing. */
async function checkSameDigits(
  contenders: readonly Contender[],
  inputs: Float32Array,
): Promise<void> {
  let expected: Float32Array | undefined;
  for (const { subject, prepare, draw } of contenders.toReversed()) {
    await prepare?.();
    const drawn = (await draw(inputs, 16)).slice();
    expected ??= drawn;
    const off = drawn.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - (expected?.[i] ?? NaN))),
      0,
    );
    if (drawn.length !== expected.length || !(off <= TOLERANCE)) {
      throw new Error(`${subject} draws other digits: off by ${off}`);
    }
  }
}

/**
 * Times `multiply` alone: 64 places, 16 output channels, 128 input channels, all in the first
 * cache.
 * @returns  Multiply-accumulates a millisecond.
 */
async function measureInnerLoop(): Promise<number> {
  const kernels = instantiateKernels();
  kernels.memory.grow(1);
  const [places, channels, inputChannels, repeats] = [64, 16, 128, 100];
  const ms = await timeRepeated(() => {
    for (let i = 0; i < repeats; i++) {
      kernels.multiply(
        0, // Offsets of the places.
        places,
        1024, // Input.
        2048, // The input's scale.
        0,
        1,
        inputChannels / 2,
        0,
        4096, // Weights.
        12_288, // The weights' scales.
        channels / 4,
        13_312, // Bias.
        1,
        16_384, // Output.
      );
    }
  }, TURN_MS);
  return (repeats * places * channels * inputChannels) / ms;
}
