/**
 * The classification accuracy score: Ravuri and Vinyals 2019 (arXiv 1905.10887). A fresh network learns from samples
 * alone and is tested on real digits: what samples lack, it cannot learn.
 */
import type { RandomKey } from '../../../shared/model/random.ts';
import type { Dataset } from '../../data/dataset.ts';
import type { ClassifierConfig } from '../classifier/network.ts';
import { scoreImages } from '../classifier/scoring.ts';
import { trainClassifier, type ClassifierTraining } from '../classifier/training.ts';

/** The fresh network: 0.6 million multiply-accumulates an image. */
const NETWORK: ClassifierConfig = {
  side: 28,
  convolutions: [
    { filters: 16, size: 5, stride: 2, padding: 'same' }, // 14 x 14
    { filters: 32, size: 3, stride: 2, padding: 'same' }, // 7 x 7
    { filters: 32, size: 3, stride: 1, padding: 'valid' }, // 5 x 5
  ],
  features: 64,
  classes: 10,
};

/** Without distortions, which would make up for a lack of variety. */
const TRAINING: ClassifierTraining = {
  epochs: 12,
  batchSize: 100,
  learningRate: 2e-3,
  emaDecay: 0.99,
  augment: false,
};

/** What learns, and how. */
export interface FreshNetwork {
  readonly network: ClassifierConfig;
  readonly training: ClassifierTraining;
}

/** What published figures are made with. */
export const FRESH_NETWORK: FreshNetwork = { network: NETWORK, training: TRAINING };

/**
 * Trains a fresh network and tests it.
 *
 * @param training  What it learns from, at least a batch.
 * @param test      Real digits, none of them in `training`.
 * @param key       Decides the starting weights and the order.
 * @param fresh     Another only in tests.
 * @returns         Accuracy on `test`, 0..1, after the last epoch: no checkpoint is chosen.
 */
export async function computeClassificationAccuracyScore(
  training: Dataset,
  test: Dataset,
  key: RandomKey,
  fresh: FreshNetwork = FRESH_NETWORK,
): Promise<number> {
  let weights = new Float32Array(0);
  for await (const epoch of trainClassifier(fresh.network, training, fresh.training, key)) {
    weights = new Float32Array(epoch.weights);
  }
  const { predictions } = scoreImages(fresh.network, weights, test.images);
  return (
    predictions.reduce(
      (right, prediction, i) => right + (prediction === test.labels[i] ? 1 : 0),
      0,
    ) / test.count
  );
}
