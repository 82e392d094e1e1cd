/**
 * `npm run trainer -- train-classifier`: makes the classifier that `npm run evaluate` scores with. Not needed to evaluate: a trained
 * one comes with the repository. It learns from MNIST's training digits alone; the last 5,000 of them choose the epoch.
 */
import { createRequire } from 'node:module';
import { Command, InvalidArgumentError, Option } from 'commander';
import { deriveKey } from '../../shared/model/random.ts';
import { DatasetError, hashDataset, type Dataset } from '../data/dataset.ts';
import { loadIdxFolder } from '../data/idx.ts';
import { CLASSIFIER_SHA256, saveClassifier } from '../evaluation/classifier/classifier-file.ts';
import { CLASSIFIER_CONFIG } from '../evaluation/classifier/network.ts';
import { scoreImages } from '../evaluation/classifier/scoring.ts';
import { trainClassifier, type ClassifierTraining } from '../evaluation/classifier/training.ts';
import { checkDigits, loadTestDigits, SIDE } from '../evaluation/digits.ts';
import { describeSeconds } from '../run/log/reporter.ts';
import { BACKEND_NAMES, selectBackend, type BackendName } from '../tensorflow/backend.ts';
import { parseWhole } from './arguments.ts';

interface TrainClassifierFlags {
  readonly data: string;
  readonly out: string;
  readonly seed: string;
  readonly epochs: number;
  readonly backend: 'auto' | BackendName;
}

/** The last of the training digits, by which the epoch is chosen. */
const VALIDATION_IMAGES = 5000;
/** What the shipped classifier was trained with. */
const DEFAULT_EPOCHS = 16;
const TRAINING: Omit<ClassifierTraining, 'epochs'> = {
  batchSize: 128,
  learningRate: 2e-3,
  emaDecay: 0.998,
  augment: true,
};
/** Always as many, so that another machine takes its sums in the same order. */
const THREADS = 2;

/** Builds the command. */
export function buildTrainClassifierCommand(): Command {
  return new Command('train-classifier')
    .description(
      'Trains the classifier that evaluation scores with, about ten minutes on two cores.',
    )
    .requiredOption('--data <folder>', "all of MNIST's training digits, as IDX files, plain or .gz")
    .requiredOption('--out <folder>', 'where to; models/classifier is the one that evaluation uses')
    .option('--seed <text>', 'all of its randomness comes from it', parseSeed, '1')
    .option(
      '--epochs <count>',
      'passes over the training digits',
      parseWhole(1, 1000),
      DEFAULT_EPOCHS,
    )
    .addOption(
      new Option('--backend <name>', 'what computes')
        .choices(['auto', ...BACKEND_NAMES])
        .default('auto'),
    )
    .action(train);
}

async function train({
  data,
  out,
  seed,
  epochs,
  backend: requested,
}: TrainClassifierFlags): Promise<void> {
  const all = await loadIdxFolder(data, 'train');
  checkDigits(data, all);
  checkCount(data, all);
  const [learnt, validation] = splitDigits(all);
  const test = await loadTestDigits();
  const backend = await selectBackend(requested, { threads: THREADS, convolutions: true });
  try {
    console.log(
      `${learnt.count.toLocaleString('en')} digits to learn from, ${validation.count.toLocaleString('en')} to choose by; ${backend.description}`,
    );
    const startedAt = performance.now();
    const secondsSince = (): number => (performance.now() - startedAt) / 1000;
    const training: ClassifierTraining = { epochs, ...TRAINING };
    let best = { epoch: 0, right: -1, weights: new Float32Array(0) };
    for await (const { epoch, loss, weights } of trainClassifier(
      CLASSIFIER_CONFIG,
      learnt,
      training,
      deriveKey('classifier', seed),
    )) {
      const right = countRight(weights, validation);
      if (right > best.right) {
        best = { epoch, right, weights: new Float32Array(weights) };
      }
      const left = describeSeconds((secondsSince() / epoch) * (epochs - epoch));
      console.log(
        `epoch ${String(epoch).padStart(2)}   loss ${loss.toFixed(4)}   validation ${showAccuracy(right, validation.count)}   ${left} left`,
      );
    }
    const right = countRight(best.weights, test.dataset);
    const { weights } = await saveClassifier(out, best.weights, {
      command: `npm run trainer -- train-classifier --data DIR --out DIR --seed ${seed} --epochs ${epochs}`,
      seed,
      data: {
        name: 'MNIST, training digits',
        trainingImages: learnt.count,
        validationImages: validation.count,
        sha256: hashDataset(all),
      },
      training: { ...training },
      chosenEpoch: best.epoch,
      validation: describeAccuracy(best.right, validation.count),
      test: describeAccuracy(right, test.dataset.count),
      backend: backend.description,
      libraries: readVersions(),
      tookSeconds: Math.round(secondsSince()),
    });
    console.log(
      `${out}: epoch ${best.epoch}, ${showAccuracy(right, test.dataset.count)} of the test digits, SHA-256 ${weights.sha256}`,
    );
    if (weights.sha256 !== CLASSIFIER_SHA256) {
      console.log(
        'To evaluate with it, put that SHA-256 into CLASSIFIER_SHA256 in trainer/evaluation/classifier/classifier-file.ts.',
      );
    }
  } finally {
    await backend.release();
  }
}

function checkCount(folder: string, { count }: Dataset): void {
  if (count <= 2 * VALIDATION_IMAGES) {
    throw new DatasetError(
      `--data ${folder}: holds ${count} images, expected more than ${2 * VALIDATION_IMAGES}`,
    );
  }
}

function splitDigits(all: Dataset): [learnt: Dataset, validation: Dataset] {
  const count = all.count - VALIDATION_IMAGES;
  const split = count * SIDE * SIDE;
  return [
    { ...all, count, images: all.images.subarray(0, split), labels: all.labels.subarray(0, count) },
    {
      ...all,
      count: VALIDATION_IMAGES,
      images: all.images.subarray(split),
      labels: all.labels.subarray(count),
    },
  ];
}

function countRight(weights: Float32Array, { images, labels }: Dataset): number {
  const { predictions } = scoreImages(CLASSIFIER_CONFIG, weights, images);
  return predictions.reduce(
    (right, prediction, i) => right + (prediction === labels[i] ? 1 : 0),
    0,
  );
}

function describeAccuracy(right: number, images: number) {
  return { images, right, accuracy: right / images };
}

function showAccuracy(right: number, images: number): string {
  return `${((100 * right) / images).toFixed(2)}%`;
}

function readVersions(): Record<string, string> {
  const { version } = createRequire(import.meta.url)('@tensorflow/tfjs-core/package.json') as {
    version: string;
  };
  return { node: process.versions.node, tfjs: version };
}

function parseSeed(text: string): string {
  if (!/^[A-Za-z0-9._-]{1,128}$/.test(text)) {
    throw new InvalidArgumentError('Expected 1 to 128 of letters, digits, dot, _ and -.');
  }
  return text;
}
