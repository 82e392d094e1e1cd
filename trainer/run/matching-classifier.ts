/** Trains the classifier of a run with matching, before the run's first step. */
import type { RandomKey } from '../../shared/model/random.ts';
import type { Dataset } from '../data/dataset.ts';
import { drawClassifier, trainClassifier } from '../evaluation/classifier/training.ts';
import { planMatchingClassifier } from '../gan/matching.ts';
import type { TrainingConfig } from '../gan/preset.ts';
import type { Checkpoint } from './checkpoint.ts';

/** Images that it sees in all: 5 to 40 times each. */
const IMAGES_SEEN = 300_000;
const BATCH = 128;
/** At most a line in this time, but for the last. */
const SAID_EVERY_MS = 20_000;
const TRAINING = { learningRate: 2e-3, emaDecay: 0.998 } as const;

/** Whether the classifier has to learn before the first step: a checkpoint holds it already. */
export function needsClassifier(
  { matching }: Pick<TrainingConfig, 'matching'>,
  checkpoint: Checkpoint | null,
): boolean {
  return matching !== undefined && checkpoint === null;
}

/** @returns  Its weights, flat; null when the signal came first. */
export async function learnMatchingClassifier(
  dataset: Dataset,
  key: RandomKey,
  { signal, say }: { signal: AbortSignal; say: (line: string) => void },
): Promise<Float32Array | null> {
  const epochs = Math.min(Math.max(Math.round(IMAGES_SEEN / dataset.count), 5), 40);
  const training = {
    ...TRAINING,
    epochs,
    batchSize: Math.min(BATCH, dataset.count),
    augment: dataset.channels === 1, // in place of more images
  };
  const network = planMatchingClassifier(dataset);
  let learned: Float32Array | null = null;
  let nextLine = 0;
  for await (const state of trainClassifier(network, dataset, training, key)) {
    if (performance.now() >= nextLine || state.epoch === epochs) {
      say(
        `A classifier learns the classes, for matching: epoch ${state.epoch} of ${epochs}, loss ${state.loss.toFixed(3)}.`,
      );
      nextLine = performance.now() + SAID_EVERY_MS;
    }
    if (signal.aborted) {
      return null;
    }
    learned = state.weights.slice();
  }
  return learned;
}

/** One that has learned nothing, to time steps with. */
export function drawMatchingClassifier(dataset: Dataset, key: RandomKey): Float32Array {
  return drawClassifier(planMatchingClassifier(dataset), key);
}
