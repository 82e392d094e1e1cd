/**
 * The classification accuracy score (Ravuri and Vinyals 2019, arXiv 1905.10887): a fresh network
 * learns from samples alone and is tested on real digits. It cannot learn what the samples lack.
 */
import type { RandomKey } from '../../../shared/model/random.ts';
import type { Dataset } from '../../data/dataset.ts';
import type { ClassifierConfig } from '../classifier/network.ts';
import { countRight } from '../classifier/scoring.ts';
import { trainClassifier, type ClassifierTraining } from '../classifier/training.ts';

/** A network that learns, and how it is trained. */
export interface FreshNetwork {
  readonly network: ClassifierConfig;
  readonly training: ClassifierTraining;
}

/** The network of published figures: 0.6 million multiply-accumulates an image. */
export const FRESH_NETWORK: FreshNetwork = {
  network: {
    side: 28,
    convolutions: [
      { filters: 16, size: 5, stride: 2, padding: 'same' }, // 14 x 14
      { filters: 32, size: 3, stride: 2, padding: 'same' }, // 7 x 7
      { filters: 32, size: 3, stride: 1, padding: 'valid' }, // 5 x 5
    ],
    features: 64,
    classes: 10,
  },
  training: {
    epochs: 12,
    batchSize: 100,
    learningRate: 2e-3,
    emaDecay: 0.99,
    augment: false, // Distortions would make up for a lack of variety.
  },
};

/**
 * Trains a fresh network and tests it.
 *
 * @param samples  What it learns from, at least a batch.
 * @param test     Real digits, none of them in `samples`.
 * @param key      Determines the initial weights and the order of the batches.
 * @param fresh    Tests pass another.
 * @returns        Accuracy on `test`, 0..1, after the last epoch: no checkpoint is chosen.
 */
export async function computeClassificationAccuracyScore(
  samples: Dataset,
  test: Dataset,
  key: RandomKey,
  { network, training }: FreshNetwork = FRESH_NETWORK,
): Promise<number> {
  let weights = new Float32Array(0);
  for await (const epoch of trainClassifier(network, samples, training, key)) {
    weights = new Float32Array(epoch.weights);
  }
  return countRight(network, weights, test) / test.count;
}
