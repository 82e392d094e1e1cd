/**
 * The engine beside the same generator on TensorFlow.js and on ONNX Runtime: the model that ships,
 * on one thread, from latent vectors and labels to the network's numbers. All draw the same digits
 * first. The limit is what the multiply-accumulates take at the rate of the engine's inner loop.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { createEngine, ENGINE_BATCH } from '../../shared/model/engine/engine.ts';
import { LEAKY_SLOPE, sizeOf } from '../../shared/model/generator.ts';
import { deriveSeedKey, drawLabels, drawLatents, joinInput } from '../../shared/model/random.ts';
import { runGenerator } from '../../trainer/gan/networks.ts';
import { joinArrays } from '../../trainer/gan/network-state.ts';
import { instantiateKernels } from '../../trainer/node-kernels.ts';
import { selectBackend } from '../../trainer/tensorflow/backend.ts';
import * as harness from '../harness.ts';
import { prepareNpm, runPython } from '../peers.ts';

const COUNTS = [1, 16, 256];
const TURN_MS = 20;
/** V8 needs a second of use until it has compiled large wasm for speed. */
const WARM_UP_MS = 2000;
/** Of numbers from -1 to 1. The engine's have 16 bits: see docs/notes, "engine". */
const TOLERANCE = 0.02;

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
    createOwn(model),
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
    const off = Math.max(...drawn.map((value, i) => Math.abs(value - (expected?.[i] ?? NaN))));
    if (!(off <= TOLERANCE)) {
      throw new Error(`${subject} draws other digits: off by ${off}`);
    }
    await harness.timeRepeated(() => draw(few, 16), quick ? 1 : WARM_UP_MS);
  }
  const rounds = quick ? 1 : 15;
  const rows = await harness.measureRows(rounds, [
    ...contenders.map(({ subject, prepare, draw }, i) => ({
      subject,
      isOurs: i === 0,
      cells: inputs.map((given, k) => async () => {
        await prepare?.();
        return harness.timeRepeated(() => draw(given, COUNTS[k] as number), TURN_MS);
      }),
    })),
    { subject: 'inner loop', cells: [measureInnerLoop] },
  ]);
  const macsPerMs = rows.pop()?.values[0]?.max ?? NaN;
  const table = harness.makeTable({
    id: 'engine',
    title: 'The generator alone, one thread',
    notes: [
      `${manifest.name}@${manifest.version}, ` +
        `${plan.macs.toLocaleString('en')} multiply-accumulates a digit.`,
      'From latent vectors to the network’s numbers, without seed and encoding; ' +
        `means of ${TURN_MS} ms of repetitions in each of ${rounds} rounds, in turns.`,
      `All drew the same digits first, to within ${TOLERANCE} of a range of 2.`,
    ],
    cases: COUNTS.map((count) => (count === 1 ? '1 digit' : `${count} digits`)),
    rows,
    limit: {
      what:
        `the same multiply-accumulates at ${(macsPerMs / 1e6).toFixed(1)} thousand million ` +
        'a second, the peak of the inner loop in wasm',
      values: COUNTS.map((count) => (count * plan.macs) / macsPerMs),
    },
  });
  return { versions, tables: [table] };
};

function createOwn({ plan, weights }: harness.ShippedModel): Contender {
  const engine = createEngine(instantiateKernels(), plan, weights);
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
  return { subject: 'digitmint’s engine, wasm', draw };
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
 * Times `multiply` alone: 64 places, 16 output and 128 input channels, all in the first cache.
 * @returns  Multiply-accumulates a millisecond.
 */
async function measureInnerLoop(): Promise<number> {
  const kernels = instantiateKernels();
  kernels.memory.grow(1);
  const [places, channels, inputChannels, repeats] = [64, 16, 128, 100];
  // Offsets of places, input, its scale, …, input's end, weights, their scales, …, bias, …, output.
  const before = [0, places, 1024, 2048, 0, 1, inputChannels / 2, 0, 0, 1024] as const;
  const after = [4096, 12_288, channels / 4, 13_312, 1, 16_384] as const;
  const ms = await harness.timeRepeated(() => {
    for (let i = 0; i < repeats; i++) {
      kernels.multiply(...before, ...after);
    }
  }, TURN_MS);
  return (repeats * places * channels * inputChannels) / ms;
}
