/**
 * The problem that all sides of the training benchmark get, and the comparison of what they made of
 * it. A problem is settings, starting weights, data and the draws of the first steps, in one
 * safetensors file. The data is noise: only its shape matters for the time that a step takes.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { planGenerator } from '../../shared/model/generator.ts';
import { deriveKey, drawWords, fillUniform } from '../../shared/model/random.ts';
import { createBatcher, type Batcher, type Dataset } from '../../trainer/data/dataset.ts';
import { planDiscriminator } from '../../trainer/gan/networks.ts';
import { drawInitialArrays, joinArrays } from '../../trainer/gan/network-state.ts';
import {
  PRESETS,
  PURPOSES,
  type PresetName,
  type TrainingConfig,
} from '../../trainer/gan/preset.ts';
import type { StepSource } from '../../trainer/gan/step.ts';
import { decodeSafetensors, encodeSafetensors } from '../../trainer/run/safetensors.ts';

/** Steps that all sides do from the same weights before the results are compared. */
export const CHECK_STEPS = 3;

/** At least eight batches. */
const IMAGES = 2048;
const CLASSES = 10;
/** A random stream of its own for the data: PURPOSES has no such number. */
const DATA_PURPOSE = 1000;

/**
 * Allowed differences, relative. Losses of the first step differ by the order of float32 sums.
 * Moments, as norms, show the gradients. Adam's first steps are as long for a gradient of 1e-9 as
 * for one of 1, so rounding turns some of them round: that shows in the weights (as norms, relative
 * to the way that they went) and in later losses, hardly in moments.
 */
const TOLERANCES = { firstLosses: 1e-4, laterLosses: 3e-3, moments: 1e-4, weights: 3e-2 };

export interface Problem {
  readonly source: StepSource;
  readonly batcher: Batcher;
}

/** Makes a preset's problem, the same each time. */
export function makeProblem(preset: PresetName): Problem {
  const config: TrainingConfig = { ...PRESETS[preset], seed: 'bench' };
  const key = deriveKey('train', config.seed);
  const [height, width, channels] = planGenerator(config.generator).outputShape;
  const words = drawWords(key, DATA_PURPOSE, 0, (IMAGES * height * width * channels) / 4);
  const dataset: Dataset = {
    name: 'noise',
    count: IMAGES,
    height,
    width,
    channels,
    images: new Uint8Array(words.buffer),
    labels: Uint8Array.from({ length: IMAGES }, (_, i) => i % CLASSES),
    classes: Array.from({ length: CLASSES }, (_, i) => String(i)),
  };
  return {
    source: { config, dataset, key },
    batcher: createBatcher(IMAGES, config.batchSize, key, PURPOSES.shuffle),
  };
}

/** Both networks' weights, [parameters] each. */
export interface StartingWeights {
  readonly generator: Float32Array;
  readonly discriminator: Float32Array;
}

/** Draws the weights that `createGan` starts from. */
export function drawStartingWeights({
  config,
  dataset: { height, width, channels },
  key,
}: StepSource): StartingWeights {
  const { weights: generator } = planGenerator(config.generator);
  const { weights: discriminator } = planDiscriminator(
    config.discriminator,
    [height, width, channels],
    config.generator.classes,
  );
  return {
    generator: drawInitialArrays(generator, key, PURPOSES.generatorWeights).weights,
    discriminator: drawInitialArrays(discriminator, key, PURPOSES.discriminatorWeights).weights,
  };
}

/** Writes a problem for Keras, with the draws of the first CHECK_STEPS steps of `trainStep`. */
export async function saveProblem(path: string, { source, batcher }: Problem): Promise<void> {
  const { config, dataset, key } = source;
  const joinSteps = (draw: (step: number) => Float32Array): Float32Array =>
    joinArrays(Array.from({ length: CHECK_STEPS }, (_, step) => draw(step)));
  const drawLatents = (purpose: number): Float32Array =>
    joinSteps((step) => {
      const latents = new Float32Array(config.batchSize * config.generator.latentSize);
      fillUniform(drawWords(key, purpose, step, latents.length), latents);
      return latents;
    });
  const places = 2 * config.translatePixels + 1;
  const tensors = {
    ...drawStartingWeights(source),
    images: Float32Array.from(dataset.images),
    labels: Float32Array.from(dataset.labels),
    indices: joinSteps((step) => Float32Array.from(batcher.drawIndices(step))), // [steps * batch]
    discriminatorLatents: drawLatents(PURPOSES.discriminatorLatent), // [steps * batch * latentSize]
    generatorLatents: drawLatents(PURPOSES.generatorLatent),
    // [steps * 2], pixels down and right, counted from 0.
    shifts: joinSteps((step) =>
      Float32Array.from(drawWords(key, PURPOSES.translation, step, 2), (word) =>
        Math.floor((word * places) / 2 ** 32),
      ),
    ),
  };
  const image = [dataset.height, dataset.width, dataset.channels];
  const metadata = { config: JSON.stringify({ ...config, image, checkSteps: CHECK_STEPS }) };
  await writeFile(path, encodeSafetensors({ tensors, metadata }));
}

/**
 * The result of CHECK_STEPS on one side. `losses` has the discriminator's and the generator's of
 * each step, [2 * CHECK_STEPS]. `generator.firstMoment` and `generator.secondMoment` are those
 * after the first step, `generator.weights` those after the last, [parameters] each; the same of
 * `discriminator`; `average`, where there is one.
 */
export type Outcome = Readonly<Record<string, Float32Array>>;

export async function saveOutcome(path: string, outcome: Outcome): Promise<void> {
  await writeFile(path, encodeSafetensors({ tensors: outcome, metadata: {} }));
}

export async function loadOutcome(path: string): Promise<Outcome> {
  return decodeSafetensors(await readFile(path)).tensors;
}

export interface Agreement {
  readonly agrees: boolean;
  /** For people. */
  readonly report: string;
}

/** Compares two outcomes of one problem. */
export function compareOutcomes(ours: Outcome, theirs: Outcome, start: StartingWeights): Agreement {
  const differences: [name: string, difference: number, tolerance: number][] = [];
  for (const name of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    const [own, other] = [ours[name], theirs[name]];
    if (name === 'losses') {
      const parts = Array.from(
        own ?? [],
        (loss, i) => Math.abs(loss - (other?.[i] ?? NaN)) / Math.max(Math.abs(loss), 1e-3),
      );
      const [first, later] = [Math.max(...parts.slice(0, 2)), Math.max(...parts.slice(2))];
      differences.push(['losses, first step', first, TOLERANCES.firstLosses]);
      differences.push(['losses, later', later, TOLERANCES.laterLosses]);
    } else if (name.endsWith('Moment')) {
      const size = computeDistance(own, new Float32Array(own?.length ?? 0));
      differences.push([name, computeDistance(own, other) / size, TOLERANCES.moments]);
    } else {
      const from = name.startsWith('discriminator') ? start.discriminator : start.generator;
      const way = computeDistance(own, from);
      differences.push([name, computeDistance(own, other) / way, TOLERANCES.weights]);
    }
  }
  // A side that lacks something gives NaN, which fails the comparison.
  const agrees = differences.every(([, difference, tolerance]) => difference <= tolerance);
  const lines = differences.map(([name, difference, tolerance]) => {
    const verdict = difference <= tolerance ? '' : '   NO';
    const figure = difference.toExponential(1).padStart(8);
    return `    ${name.padEnd(28)}${figure}   at most ${tolerance}${verdict}`;
  });
  const title = agrees ? 'the same step' : 'NOT THE SAME STEP';
  const report =
    `${title}: after ${CHECK_STEPS} steps from the same weights the sides differ, relatively, by\n` +
    lines.join('\n');
  return { agrees, report };
}

/** Euclidean distance; NaN where lengths differ. */
function computeDistance(a: Float32Array | undefined, b: Float32Array | undefined): number {
  if (a === undefined || b === undefined || a.length !== b.length) {
    return NaN;
  }
  return Math.sqrt(a.reduce((sum, value, i) => sum + (value - (b[i] ?? NaN)) ** 2, 0));
}
