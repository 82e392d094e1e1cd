/**
 * What both sides of `npm run bench:keras` are given, and whether they made the same of it: settings, starting weights, data
 * and the draws of the first steps, in one safetensors file. Data is made up: only its shape matters to the time that a step
 * takes.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { planGenerator } from '../shared/model/generator.ts';
import { deriveKey, drawWords, fillUniform } from '../shared/model/random.ts';
import { createBatcher, type Batcher, type Dataset } from '../trainer/data/dataset.ts';
import { planDiscriminator } from '../trainer/gan/networks.ts';
import { drawInitialArrays, joinArrays } from '../trainer/gan/network-state.ts';
import { PRESETS, PURPOSES, type PresetName, type TrainingConfig } from '../trainer/gan/preset.ts';
import { decodeSafetensors, encodeSafetensors } from '../trainer/run/checkpoint.ts';
import type { StepSource } from '../trainer/gan/step.ts';

/** Steps that both sides do from the same start before their weights are compared. */
export const CHECK_STEPS = 3;

/** Enough for eight batches or more. */
const IMAGES = 2048;
const CLASSES = 10;
/** A stream of its own for the made-up data, none of PURPOSES. */
const DATA_PURPOSE = 1000;

/** What both sides' losses of the first step may differ by, in parts of the loss: float32 in another order of sums. */
const LOSS_TOLERANCE = 1e-4;
/** Those of later steps: what WEIGHTS_TOLERANCE lets through shows in them, the more the higher the learning rate. */
const LATER_LOSS_TOLERANCE = 3e-3;
/** What Adam's moments may differ by after the first step, as norms, in parts of their own: the gradients, as it were. */
const MOMENTS_TOLERANCE = 1e-4;
/**
 * What weights may differ by after CHECK_STEPS, as norms, in parts of the way that they went. Adam's first steps are as long for
 * a gradient of 1e-9 as for one of 1, so rounding turns some of them round: it shows here, hardly in moments and losses.
 */
const WEIGHTS_TOLERANCE = 3e-2;

/** What steps are made of. */
export interface Problem {
  readonly source: StepSource;
  readonly batcher: Batcher;
}

/** Makes up a preset's problem: the same each time. */
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

/** Both networks' starting weights, [parameters] each. */
export interface StartingWeights {
  readonly generator: Float32Array;
  readonly discriminator: Float32Array;
}

/** The weights that `createGan` starts from. */
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

/** Writes a problem for the other side, with what `trainStep` draws in its first CHECK_STEPS. */
export async function saveProblem(path: string, { source, batcher }: Problem): Promise<void> {
  const { config, dataset, key } = source;
  const steps = Array.from({ length: CHECK_STEPS }, (_, step) => step);
  const drawLatents = (purpose: number): Float32Array =>
    joinArrays(
      steps.map((step) => {
        const latents = new Float32Array(config.batchSize * config.generator.latentSize);
        fillUniform(drawWords(key, purpose, step, latents.length), latents);
        return latents;
      }),
    );
  const places = 2 * config.translatePixels + 1;
  const tensors = {
    ...drawStartingWeights(source),
    images: Float32Array.from(dataset.images),
    labels: Float32Array.from(dataset.labels),
    indices: joinArrays(steps.map((step) => Float32Array.from(batcher.drawIndices(step)))), // [steps * batch]
    discriminatorLatents: drawLatents(PURPOSES.discriminatorLatent), // [steps * batch * latentSize]
    generatorLatents: drawLatents(PURPOSES.generatorLatent),
    shifts: joinArrays(
      // Down and right of each step, from 0.
      steps.map((step) =>
        Float32Array.from(drawWords(key, PURPOSES.translation, step, 2), (word) =>
          Math.floor((word * places) / 2 ** 32),
        ),
      ),
    ),
  };
  const image = [dataset.height, dataset.width, dataset.channels];
  const metadata = { config: JSON.stringify({ ...config, image, checkSteps: CHECK_STEPS }) };
  await writeFile(path, encodeSafetensors({ tensors, metadata }));
}

/**
 * What came of CHECK_STEPS on one side: `losses`, the discriminator's and the generator's of each step in turn,
 * [2 * CHECK_STEPS]; `generator.firstMoment`, `generator.secondMoment` after the first step, where both sides' gradients are of
 * the same weights, and `generator.weights` after the last, [parameters] each; the same of `discriminator`; `average`, where
 * there is one.
 */
export type Outcome = Readonly<Record<string, Float32Array>>;

export async function saveOutcome(path: string, outcome: Outcome): Promise<void> {
  await writeFile(path, encodeSafetensors({ tensors: outcome, metadata: {} }));
}

export async function loadOutcome(path: string): Promise<Outcome> {
  return decodeSafetensors(await readFile(path)).tensors;
}

/** How far apart two sides' outcomes are, and how far they may be. */
export interface Agreement {
  readonly agrees: boolean;
  /** By what is compared; both numbers relative: see the tolerances above. NaN for what one side lacks. */
  readonly differences: Readonly<
    Record<string, { readonly difference: number; readonly tolerance: number }>
  >;
}

/** Compares two outcomes of one problem. */
export function compareOutcomes(ours: Outcome, theirs: Outcome, start: StartingWeights): Agreement {
  const differences: Record<string, { difference: number; tolerance: number }> = {};
  for (const name of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    const [mine, other] = [ours[name], theirs[name]];
    const zeros = new Float32Array(mine?.length ?? 0);
    if (name === 'losses') {
      const parts = Array.from(
        mine ?? [],
        (loss, i) => Math.abs(loss - (other?.[i] ?? NaN)) / Math.max(Math.abs(loss), 1e-3),
      );
      differences['losses, first step'] = {
        difference: Math.max(...parts.slice(0, 2)),
        tolerance: LOSS_TOLERANCE,
      };
      differences['losses, later'] = {
        difference: Math.max(...parts.slice(2)),
        tolerance: LATER_LOSS_TOLERANCE,
      };
    } else if (name.endsWith('Moment')) {
      const difference = computeDistance(mine, other) / computeDistance(mine, zeros);
      differences[name] = { difference, tolerance: MOMENTS_TOLERANCE };
    } else {
      const from = name.startsWith('discriminator') ? start.discriminator : start.generator;
      const difference = computeDistance(mine, other) / computeDistance(mine, from);
      differences[name] = { difference, tolerance: WEIGHTS_TOLERANCE };
    }
  }
  // NaN fails the comparison.
  const agrees = Object.values(differences).every(
    ({ difference, tolerance }) => difference <= tolerance,
  );
  return { agrees, differences };
}

/** Says both sides' agreement in some lines. */
export function describeAgreement({ agrees, differences }: Agreement): string {
  const lines = Object.entries(differences).map(
    ([name, { difference, tolerance }]) =>
      `    ${name.padEnd(28)}${difference.toExponential(1).padStart(8)}   at most ${tolerance}${difference <= tolerance ? '' : '   NO'}`,
  );
  const verdict = agrees ? 'the same step' : 'NOT THE SAME STEP';
  return `${verdict}: after ${CHECK_STEPS} steps from the same weights the sides differ, relatively, by\n${lines.join('\n')}`;
}

/** Euclidean distance; NaN for lengths that differ. */
function computeDistance(a: Float32Array | undefined, b: Float32Array | undefined): number {
  if (a === undefined || b === undefined || a.length !== b.length) {
    return NaN;
  }
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    sum += ((a[i] as number) - (b[i] as number)) ** 2;
  }
  return Math.sqrt(sum);
}
