/**
 * The engine that draws beside the same generator on TensorFlow.js and on ONNX Runtime, in wasm and native:
 * `npm run bench:engine [-- --json FILE]`. In Node on one thread, the model that ships, from inputs to the network's numbers: no seed,
 * no PNG. All draw the same digits first and are compared; then all take turns in every round. The limit is what the multiplications
 * alone would take at the rate that the engine's inner loop reaches on numbers in the nearest cache.
 */
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { decodeWeights, WEIGHTS_FILE } from '../shared/model/artifact.ts';
import { createEngine, ENGINE_BATCH } from '../shared/model/engine/engine.ts';
import { deriveSeedKey, drawLabels, drawLatents, joinInput } from '../shared/model/random.ts';
import { runGenerator } from '../trainer/gan/networks.ts';
import { instantiateKernels } from '../trainer/node-kernels.ts';
import { readArtifactFolder } from '../trainer/publish/artifact-folder.ts';
import { selectBackend, type BackendName } from '../trainer/tensorflow/backend.ts';
import { encodeOnnx, ONNX_INPUT, ONNX_OUTPUT } from './onnx-model.ts';
import { preparePeers } from './peers.ts';
import { takeSpread, type BenchRecord, type BenchTable } from './record.ts';
import { createSuiteCommand, runSuite } from './suite.ts';

const COUNTS = [1, 16, 256];
const BACKENDS: readonly BackendName[] = ['tensorflow', 'wasm', 'cpu'];
/** Plain JavaScript takes a second for more. */
const MOST_ON_CPU = 16;
const ROUNDS = 15;
/** A figure's share of a round. */
const TURN_MS = 20;
const WARM_UP_MS = 2000;
/** Of numbers from -1 to 1; the engine's are of 16 bits (CONTRIBUTING.md, "Facts"). */
const TOLERANCE = 0.02;

/** Something that draws. */
interface Contender {
  readonly subject: string;
  readonly isOurs: boolean;
  readonly counts: readonly number[];
  /** Before its turn. */
  readonly prepare?: () => Promise<unknown>;
  /** @returns  The network's numbers, valid until the next call. */
  readonly draw: (inputs: Float32Array, count: number) => Float32Array | Promise<Float32Array>;
}

/** The part of ONNX Runtime's interface that is used: the same in both packages. */
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

const artifact = await readArtifactFolder(join(import.meta.dirname, '../models/digits'));
const { plan, manifest } = artifact;
const weights = decodeWeights(artifact, artifact.files.get(WEIGHTS_FILE) as Uint8Array);
const versions: Record<string, string> = {
  node: process.versions.node,
  '@tensorflow/tfjs': tf.version_core,
};
const inputs = new Map(COUNTS.map((count) => [count, drawInputs(count)]));
await runSuite(
  'engine',
  createSuiteCommand('engine', 'Times the engine beside other runtimes with the same generator.'),
  measure,
);

async function measure(): Promise<Pick<BenchRecord, 'tables' | 'versions'>> {
  const contenders = [createOwn(), ...(await createOnnx()), ...(await createTensorFlow())];
  await checkSameDigits(contenders);
  await warmUp(contenders);
  const times = new Map(contenders.map(({ subject }) => [subject, new Map<number, number[]>()]));
  let macsPerMs = 0;
  for (let round = 0; round < ROUNDS; round++) {
    for (const { subject, counts, prepare, draw } of contenders) {
      await prepare?.();
      for (const count of counts) {
        const given = inputs.get(count) as Float32Array;
        const ms = await repeat(() => draw(given, count));
        const kept = times.get(subject) as Map<number, number[]>;
        kept.set(count, [...(kept.get(count) ?? []), ms]);
      }
    }
    macsPerMs = Math.max(macsPerMs, await measureInnerLoop());
  }
  const table: BenchTable = {
    id: 'engine',
    title: 'The generator alone, one thread',
    unit: 'ms',
    better: 'lower',
    notes: [
      `${manifest.name}@${manifest.version}, ${plan.macs.toLocaleString('en')} multiply-accumulates a digit.`,
      `From inputs to the network’s numbers, without seed and encoding; mean of ${TURN_MS} ms of repetitions in each of ${ROUNDS} rounds, in which all take turns.`,
      `All drew the same digits first, to within ${TOLERANCE} of a range of 2.`,
    ],
    cases: COUNTS.map((count) => (count === 1 ? '1 digit' : `${count} digits`)),
    rows: contenders.map(({ subject, isOurs }) => ({
      subject,
      isOurs,
      values: COUNTS.map((count) => {
        const measured = times.get(subject)?.get(count);
        return measured === undefined ? null : takeSpread(measured);
      }),
    })),
    limit: {
      what: `the same multiply-accumulates at ${(macsPerMs / 1e6).toFixed(1)} thousand million a second, the peak of the inner loop in wasm`,
      values: COUNTS.map((count) => (count * plan.macs) / macsPerMs),
    },
    goals: null,
  };
  return { versions, tables: [table] };
}

function drawInputs(count: number): Float32Array {
  const key = deriveSeedKey('bench');
  const { latentSize, classes } = plan.config;
  return joinInput(
    plan,
    drawLatents(key, 0, count, latentSize),
    drawLabels(key, 0, count, classes),
  );
}

function createOwn(): Contender {
  const engine = createEngine(instantiateKernels(), plan, weights);
  const [height, width, channels] = plan.outputShape;
  const outputSize = height * width * channels;
  const output = new Float32Array(Math.max(...COUNTS) * outputSize);
  const draw = (given: Float32Array, count: number): Float32Array => {
    for (let first = 0; first < count; first += ENGINE_BATCH) {
      const last = Math.min(count, first + ENGINE_BATCH);
      output.set(
        engine.run(given.subarray(first * plan.inputSize, last * plan.inputSize)),
        first * outputSize,
      );
    }
    return output.subarray(0, count * outputSize);
  };
  return { subject: 'digitmint’s engine, wasm', isOurs: true, counts: COUNTS, draw };
}

async function createOnnx(): Promise<Contender[]> {
  const { require, versions: installed } = await preparePeers(console.log);
  const model = encodeOnnx(plan, weights);
  const peers = [
    ['onnxruntime-web', 'ONNX Runtime, wasm', { executionProviders: ['wasm'] }],
    [
      'onnxruntime-node',
      'ONNX Runtime, native',
      { intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential' },
    ],
  ] as const;
  const contenders: Contender[] = [];
  for (const [name, subject, options] of peers) {
    versions[name] = installed[name] as string;
    const { env, InferenceSession, Tensor } = require(name) as OnnxRuntime;
    if (name === 'onnxruntime-web') {
      env.wasm.numThreads = 1;
    }
    const session = await InferenceSession.create(model, {
      ...options,
      graphOptimizationLevel: 'all',
    });
    const draw = async (given: Float32Array, count: number): Promise<Float32Array> => {
      const outputs = await session.run({
        [ONNX_INPUT]: new Tensor('float32', given, [count, plan.inputSize]),
      });
      return (outputs[ONNX_OUTPUT] as { data: Float32Array }).data;
    };
    contenders.push({ subject, isOurs: false, counts: COUNTS, draw });
  }
  return contenders;
}

/** Tensors live as long as the process. */
async function createTensorFlow(): Promise<Contender[]> {
  const contenders: Contender[] = [];
  for (const name of BACKENDS) {
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
    contenders.push({
      subject: {
        tensorflow: 'TensorFlow.js, native (tfjs-node)',
        wasm: 'TensorFlow.js, wasm',
        cpu: 'TensorFlow.js, plain JavaScript',
      }[name as 'tensorflow' | 'wasm' | 'cpu'],
      isOurs: false,
      counts: COUNTS.filter((count) => name !== 'cpu' || count <= MOST_ON_CPU),
      prepare: () => tf.setBackend(tfBackend),
      draw,
    });
  }
  return contenders;
}

/** @throws Error  When one draws something else: then its time says nothing. */
async function checkSameDigits(contenders: readonly Contender[]): Promise<void> {
  if (plan.outputShape[2] !== 1) {
    throw new Error('expected a grey model: ONNX’s planes of colour are in another order');
  }
  let expected: Float32Array | undefined;
  for (const { subject, prepare, draw } of contenders.toReversed()) {
    await prepare?.();
    const drawn = (await draw(inputs.get(16) as Float32Array, 16)).slice();
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

/** Until V8 has compiled for speed what it first compiles in haste: large wasm takes a second of use. */
async function warmUp(contenders: readonly Contender[]): Promise<void> {
  for (const { prepare, draw } of contenders) {
    await prepare?.();
    await repeat(() => draw(inputs.get(16) as Float32Array, 16), WARM_UP_MS);
  }
}

/** @returns  Milliseconds of one. */
async function repeat(draw: () => unknown, atLeastMs = TURN_MS): Promise<number> {
  const began = performance.now();
  let times = 0;
  let tookMs = 0;
  while (tookMs < atLeastMs) {
    const drawn = draw();
    if (drawn instanceof Promise) {
      await drawn;
    }
    times++;
    tookMs = performance.now() - began;
  }
  return tookMs / times;
}

/** Multiply-accumulates a millisecond of `multiply` alone: 64 places, 16 channels out of 128, all in the first cache. */
async function measureInnerLoop(): Promise<number> {
  const kernels = instantiateKernels();
  kernels.memory.grow(1);
  const [places, channels, inputsOfEach] = [64, 16, 128];
  const at = {
    places: 0,
    input: 1024,
    scale: 2048,
    weights: 4096,
    scales: 12_288,
    bias: 13_312,
    output: 16_384,
  };
  const ms = await repeat(() => {
    for (let i = 0; i < 100; i++) {
      const vectors = channels / 4;
      kernels.multiply(
        at.places,
        places,
        at.input,
        at.scale,
        0,
        1,
        inputsOfEach / 2,
        0,
        at.weights,
        at.scales,
        vectors,
        at.bias,
        1,
        at.output,
      );
    }
  });
  return (100 * places * channels * inputsOfEach) / ms;
}
