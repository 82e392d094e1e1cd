/**
 * The engine that draws beside the same generator on TensorFlow.js: `npm run bench:engine`. In Node on one thread, the model that
 * ships, from inputs to the network's numbers: no seed, no PNG. All take turns in every round. The limit is what the multiplications
 * alone would take at the rate that the engine's inner loop reaches on numbers in the nearest cache.
 */
import { cpus } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { decodeWeights, WEIGHTS_FILE } from '../shared/artifact.ts';
import { createEngine, ENGINE_BATCH } from '../shared/engine/engine.ts';
import { joinInput } from '../shared/generator.ts';
import { deriveSeedKey, drawLabels, drawLatents } from '../shared/latent.ts';
import { runGenerator } from '../trainer/generator-network.ts';
import { instantiateKernels } from '../trainer/kernels.ts';
import { readArtifactFolder } from '../trainer/storage/artifact-folder.ts';
import { selectBackend, type BackendName } from '../trainer/tensorflow/backend.ts';

const COUNTS = [1, 16, 256];
const PEERS: readonly BackendName[] = ['tensorflow', 'wasm', 'cpu'];
/** Plain JavaScript takes a second for more. */
const MOST_ON_CPU = 16;
const ROUNDS = 15;
/** A figure's share of a round. */
const TURN_MS = 20;

/** One line of the table. */
interface Contender {
  readonly name: string;
  readonly count: number;
  readonly prepare: () => Promise<unknown>;
  readonly draw: () => void;
  /** Milliseconds, one of each round. */
  readonly times: number[];
}

const ENGINE = 'engine';

const artifact = await readArtifactFolder(join(import.meta.dirname, '../models/digits'));
const { plan, manifest } = artifact;
const weights = decodeWeights(artifact, artifact.files.get(WEIGHTS_FILE) as Uint8Array);
await main();

async function main(): Promise<void> {
  const contenders = COUNTS.map(createOwn);
  for (const name of PEERS) {
    contenders.push(...(await createPeers(name)));
  }
  for (const { prepare, draw } of contenders) {
    await prepare();
    repeat(draw);
  }
  let macsPerMs = 0;
  for (let round = 0; round < ROUNDS; round++) {
    for (const { prepare, draw, times } of contenders) {
      await prepare();
      draw();
      times.push(repeat(draw));
    }
    macsPerMs = Math.max(macsPerMs, measureInnerLoop());
  }
  console.log(`${manifest.name}@${manifest.version}, ${plan.macs.toLocaleString('en')} multiply-accumulates a digit`);
  console.log(`${cpus()[0]?.model.trim()}, Node ${process.versions.node}; milliseconds, ${ROUNDS} rounds`);
  console.log(`limit: ${(macsPerMs / 1e6).toFixed(1)} thousand million multiply-accumulates a second\n`);
  console.log('                    digits       min    median       max   times the limit   times the engine');
  for (const { name, count, times } of contenders) {
    times.sort((a, b) => a - b);
    const own = contenders.find((each) => each.name === ENGINE && each.count === count)?.times ?? [];
    const limit = (count * plan.macs) / macsPerMs;
    const cells = [times[0] ?? NaN, takeMedian(times), times.at(-1) ?? NaN].map((ms) => ms.toFixed(3).padStart(10));
    const ratios = [takeMedian(times) / limit, takeMedian(times) / takeMedian(own)].map((ratio) => ratio.toFixed(1));
    console.log(
      `${name.padEnd(20)}${String(count).padStart(6)}${cells.join('')}${ratios[0]?.padStart(18)}${ratios[1]?.padStart(19)}`,
    );
  }
}

function drawInputs(count: number): Float32Array {
  const key = deriveSeedKey('bench');
  const { latentSize, classes } = plan.config;
  return joinInput(plan, drawLatents(key, 0, count, latentSize), drawLabels(key, 0, count, classes));
}

function createOwn(count: number): Contender {
  const engine = createEngine(instantiateKernels(), plan, weights);
  const inputs = drawInputs(count);
  const draw = (): void => {
    for (let first = 0; first < count; first += ENGINE_BATCH) {
      engine.run(inputs.subarray(first * plan.inputSize, Math.min(count, first + ENGINE_BATCH) * plan.inputSize));
    }
  };
  return { name: ENGINE, count, prepare: () => Promise.resolve(), draw, times: [] };
}

/** Tensors live as long as the process. */
async function createPeers(name: BackendName): Promise<Contender[]> {
  const { tfBackend } = await selectBackend(name, { threads: 1 });
  const tensors = weights.map((values, i) => tf.tensor(values, [...(plan.weights[i]?.shape ?? [])]));
  return COUNTS.filter((count) => name !== 'cpu' || count <= MOST_ON_CPU).map((count) => {
    const input = tf.tensor2d(drawInputs(count), [count, plan.inputSize]);
    const draw = (): void => {
      const output = runGenerator(plan, tensors, input);
      output.dataSync();
      output.dispose();
    };
    return { name: `TensorFlow.js, ${name}`, count, prepare: () => tf.setBackend(tfBackend), draw, times: [] };
  });
}

/** @returns  Milliseconds of one. */
function repeat(draw: () => void): number {
  const began = performance.now();
  let times = 0;
  let tookMs = 0;
  while (tookMs < TURN_MS) {
    draw();
    times++;
    tookMs = performance.now() - began;
  }
  return tookMs / times;
}

/** Multiply-accumulates a millisecond of `multiply` alone: 64 places, 16 channels out of 128, all in the first cache. */
function measureInnerLoop(): number {
  const kernels = instantiateKernels();
  kernels.memory.grow(1);
  const [places, channels, inputs] = [64, 16, 128];
  const at = { places: 0, input: 1024, scale: 2048, weights: 4096, scales: 12_288, bias: 13_312, output: 16_384 };
  const ms = repeat(() => {
    for (let i = 0; i < 100; i++) {
      const vectors = channels / 4;
      kernels.multiply(
        at.places,
        places,
        at.input,
        at.scale,
        0,
        1,
        inputs / 2,
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
  return (100 * places * channels * inputs) / ms;
}

function takeMedian(sorted: readonly number[]): number {
  return sorted[sorted.length >> 1] ?? NaN;
}
