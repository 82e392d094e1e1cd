/**
 * The engine beside the same generator on TensorFlow.js and on ONNX Runtime: the model that ships,
 * on one thread, from latent vectors and labels to the network's numbers. All draw the same digits
 * first. The limit is what the multiply-accumulates take at the rate of the engine's inner loop.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { createEngine, ENGINE_BATCH } from '../../shared/model/engine/engine.ts';
import { planStages, type ByteLayer } from '../../shared/model/engine/stages.ts';
import { LEAKY_SLOPE, sizeOf } from '../../shared/model/generator.ts';
import { deriveSeedKey, drawLabels, drawLatents, joinInput } from '../../shared/model/random.ts';
import { runGenerator } from '../../trainer/gan/networks.ts';
import { joinArrays } from '../../trainer/gan/network-state.ts';
import { instantiateKernels } from '../../trainer/node-kernels.ts';
import { selectBackend } from '../../trainer/tensorflow/backend.ts';
import * as harness from '../harness.ts';
import type { BenchTable } from '../record.ts';
import { prepareNpm, runPython } from '../peers.ts';

const COUNTS = [1, 16, 256];
const TURN_MS = 20;
/** V8 needs a second of use until it has compiled large wasm for speed. */
const WARM_UP_MS = 2000;
/** Root mean square of numbers from -1 to 1. The engine's products have 8 bits: see docs/notes. */
const TOLERANCE = 0.05;

interface Contender {
  readonly subject: string;
  /** @returns  The network's numbers, valid until the next call. */
  readonly draw: (inputs: Float32Array, count: number) => Float32Array | Promise<Float32Array>;
  readonly prepare?: () => Promise<unknown>;
}

/** The part of ONNX Runtime's interface that both of its packages share. */
interface OnnxRuntime {
  readonly env: { readonly wasm: { numThreads: number } };
  readonly InferenceSession: {
    create(
      file: string,
      options: object,
    ): Promise<{
      readonly outputNames: readonly [string];
      run(feeds: object): Promise<Record<string, { data: Float32Array }>>;
    }>;
  };
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => object;
}

export const measure: harness.Suite = async (quick) => {
  const model = await harness.readShippedModel();
  const { plan, manifest } = model;
  const versions: Record<string, string> = { node: process.versions.node };
  const contenders = [
    createOwn('digitmint’s engine, wasm', model, model.manifest.bytes),
    ...(await createOnnx(model, versions)),
    ...(await createTensorFlow(model, versions)),
  ];
  const key = deriveSeedKey('bench');
  const { latentSize, classes } = plan.config;
  const inputs = COUNTS.map((count) =>
    joinInput(plan, drawLatents(key, 0, count, latentSize), drawLabels(key, 0, count, classes)),
  );
  const few = inputs[1] as Float32Array;
  let expected: Float32Array | undefined;
  for (const { subject, prepare, draw } of contenders.toReversed()) {
    await prepare?.();
    const drawn = Float32Array.from(await draw(few, 16));
    expected ??= drawn;
    const squares = drawn.map((value, i) => (value - (expected?.[i] ?? NaN)) ** 2);
    const off = Math.sqrt(squares.reduce((sum, square) => sum + square) / squares.length);
    if (!(off <= TOLERANCE)) {
      throw new Error(`${subject} draws other digits: off by ${off}`);
    }
    await harness.timeRepeated(() => draw(few, 16), quick ? 1 : WARM_UP_MS);
  }
  const rounds = quick ? 1 : 15;
  const timeEach = ({ prepare, draw }: Contender) =>
    inputs.map((given, k) => async () => {
      await prepare?.();
      return harness.timeRepeated(() => draw(given, COUNTS[k] as number), TURN_MS);
    });
  const wide = createOwn('16-bit products only', model);
  await harness.timeRepeated(() => wide.draw(few, 16), quick ? 1 : WARM_UP_MS);
  const rows = await harness.measureRows(rounds, [
    ...contenders.map((each, i) => ({
      subject: each.subject,
      isOurs: i === 0,
      cells: timeEach(each),
    })),
    { subject: wide.subject, cells: timeEach(wide) },
    { subject: 'inner loops', cells: [measureInnerLoop('multiply'), measureInnerLoop('bytes')] },
  ]);
  const [wideTimes, peaks] = rows.splice(-2).map(({ values }) => values) as [Values, Values];
  const ratios = wideTimes.map((time, k) => readMedian(time) / readMedian(rows[0]?.values[k]));
  const bound = peaks.map((peak) => peak?.max ?? NaN);
  const macs = countMacs(model);
  const msOfDigit = macs.reduce((sum, count, i) => sum + count / (bound[i] as number), 0);
  const [words, bytes] = bound.map((peak) => (peak / 1e6).toFixed(1));
  const table = harness.makeTable({
    id: 'engine',
    title: 'The generator alone, one thread',
    notes: [
      `${manifest.name}@${manifest.version}, ` +
        `${plan.macs.toLocaleString('en')} multiply-accumulates a digit, ` +
        `${macs[1].toLocaleString('en')} of them with 8-bit products. With 16-bit products only, ` +
        `the engine takes ${ratios.map((ratio) => ratio.toFixed(2)).join(', ')} of its time.`,
      'From latent vectors to the network’s numbers, without seed and encoding; ' +
        `means of ${TURN_MS} ms of repetitions in each of ${rounds} rounds, in turns.`,
      `All drew the same digits first, to within ${TOLERANCE} (root mean square) of a range of 2.`,
    ],
    cases: COUNTS.map((count) => (count === 1 ? '1 digit' : `${count} digits`)),
    rows,
    limit: {
      what:
        'the same multiply-accumulates at the peaks of the inner loops in wasm, ' +
        `${words} (16 bits) and ${bytes} (8 bits) thousand million a second`,
      values: COUNTS.map((count) => count * msOfDigit),
    },
  });
  return { versions, tables: [table] };
};

type Values = BenchTable['rows'][number]['values'];

function readMedian(spread: Values[number] | undefined): number {
  return spread?.median ?? NaN;
}

/** Multiply-accumulates a digit, of layers with 16-bit and with 8-bit products. */
function countMacs({ plan, manifest }: harness.ShippedModel): [number, number] {
  const macs: [number, number] = [0, 0];
  for (const stage of planStages(plan, manifest.bytes).stages) {
    const { code, places, kernelPlaces, inputs, outputs } = stage;
    macs[code === undefined ? 0 : 1] += places.length * kernelPlaces * inputs * outputs;
  }
  return macs;
}

/** @param bytes  The layers with 8-bit products. */
function createOwn(
  subject: string,
  { plan, weights }: harness.ShippedModel,
  bytes?: readonly ByteLayer[],
): Contender {
  const engine = createEngine(instantiateKernels(), plan, weights, bytes);
  const outputSize = sizeOf(plan.outputShape);
  const output = new Float32Array(Math.max(...COUNTS) * outputSize);
  const draw = (given: Float32Array, count: number): Float32Array => {
    for (let first = 0; first < count; first += ENGINE_BATCH) {
      const last = Math.min(count, first + ENGINE_BATCH);
      const batch = given.subarray(first * plan.inputSize, last * plan.inputSize);
      output.set(engine.run(batch), first * outputSize);
    }
    return output.subarray(0, count * outputSize);
  };
  return { subject, draw };
}

function createOnnx(
  { plan, weights }: harness.ShippedModel,
  versions: Record<string, string>,
): Promise<Contender[]> {
  return harness.withFolder(async (folder) => {
    const [planFile, weightsFile] = [join(folder, 'plan'), join(folder, 'weights')];
    const file = join(folder, 'model.onnx');
    const { inputSize, config } = plan;
    const description = { inputSize, leakySlope: LEAKY_SLOPE, layers: config.layers };
    await writeFile(planFile, JSON.stringify(description));
    await writeFile(weightsFile, joinArrays(weights));
    await runPython('engine', [planFile, weightsFile, file]);
    const peers = await prepareNpm();
    const contenders: Contender[] = [];
    for (const [name, subject, options] of [
      ['onnxruntime-web', 'ONNX Runtime, wasm', { executionProviders: ['wasm'] }],
      ['onnxruntime-node', 'ONNX Runtime, native', { intraOpNumThreads: 1, interOpNumThreads: 1 }],
    ] as const) {
      versions[name] = peers.versions[name] as string;
      const { env, InferenceSession, Tensor } = peers.require(name) as OnnxRuntime;
      if (name === 'onnxruntime-web') {
        env.wasm.numThreads = 1;
      }
      const session = await InferenceSession.create(file, options);
      const draw = async (given: Float32Array, count: number): Promise<Float32Array> => {
        const input = new Tensor('float32', given, [count, inputSize]);
        const outputs = await session.run({ input });
        return (outputs[session.outputNames[0]] as { data: Float32Array }).data;
      };
      contenders.push({ subject, draw });
    }
    return contenders;
  });
}

/** Its tensors live as long as the process. */
async function createTensorFlow(
  { plan, weights }: harness.ShippedModel,
  versions: Record<string, string>,
): Promise<Contender[]> {
  const contenders: Contender[] = [];
  for (const [name, subject] of [
    ['tensorflow', 'TensorFlow.js, native (tfjs-node)'],
    ['wasm', 'TensorFlow.js, wasm'],
    ['cpu', 'TensorFlow.js, plain JavaScript'],
  ] as const) {
    const { tfBackend, description } = await selectBackend(name, { threads: 1 });
    versions[`backend ${name}`] = description;
    const shapes = plan.weights.map(({ shape }) => [...shape]);
    const tensors = weights.map((values, i) => tf.tensor(values, shapes[i]));
    const draw = (given: Float32Array, count: number): Float32Array =>
      tf.tidy(() => {
        const input = tf.tensor2d(given, [count, plan.inputSize]);
        return runGenerator(plan, tensors, input).dataSync<'float32'>();
      });
    contenders.push({ subject, prepare: () => tf.setBackend(tfBackend), draw });
  }
  return contenders;
}

/**
 * Times a kernel alone: 64 places, 16 output and 128 input channels, all in the first cache.
 * @returns  Measures multiply-accumulates a millisecond.
 */
function measureInnerLoop(kernel: 'multiply' | 'bytes'): () => Promise<number> {
  const kernels = instantiateKernels();
  kernels.memory.grow(1);
  const [places, channels, inputChannels, repeats] = [64, 16, 128, 100];
  // Offsets of arrays of zeros: all places read the same input.
  const [input, inputEnd, weights, scales, bias, output] = [
    1024, 1024, 4096, 12_288, 13_312, 16_384,
  ];
  const after = [0, inputEnd, weights, scales, channels / 4, bias, 1, output] as const;
  const run =
    kernel === 'multiply'
      ? () => kernels.multiply(0, places, input, 2048, 0, 1, inputChannels / 2, 0, ...after)
      : () => kernels.multiplyBytes(0, places, input, 1, inputChannels, 0, ...after);
  return async () => {
    const ms = await harness.timeRepeated(() => {
      for (let i = 0; i < repeats; i++) {
        run();
      }
    }, TURN_MS);
    return (repeats * places * channels * inputChannels) / ms;
  };
}
