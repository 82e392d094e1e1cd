/**
 * `npm run trainer -- train-classifier`: trains the classifier that `npm run evaluate` scores with,
 * which the repository has. It learns from MNIST's training digits; the last 5,000 choose the
 * epoch.
 */
import { version_core } from '@tensorflow/tfjs';
import { Command, InvalidArgumentError } from 'commander';
import { ExpectedError } from '../../shared/expected-error.ts';
import { deriveKey } from '../../shared/model/random.ts';
import { loadAndReport } from '../data/data-folder.ts';
import { hashDataset, type Dataset } from '../data/dataset.ts';
import {
  CLASSIFIER_SHA256,
  requireClassifierPlace,
  saveClassifier,
} from '../evaluation/classifier/classifier-file.ts';
import { CLASSIFIER_CONFIG, countRight } from '../evaluation/classifier/network.ts';
import { trainClassifier } from '../evaluation/classifier/training.ts';
import { checkDigits, loadTestDigits, SIDE } from '../evaluation/digits.ts';
import { describeSeconds } from '../run/log/reporter.ts';
import { buildBackendOption, selectBackend, type BackendChoice } from '../tensorflow/backend.ts';
import { parseWhole } from './arguments.ts';

/** The last training digits, which choose the epoch. */
const VALIDATION_IMAGES = 5000;
/** The shipped classifier's. */
const DEFAULT_EPOCHS = 16;
const TRAINING = { batchSize: 128, learningRate: 2e-3, emaDecay: 0.998, augment: true } as const;
/** Another number of threads adds in another order, and gives other weights. */
const THREADS = 2;

export function buildTrainClassifierCommand(): Command {
  return new Command('train-classifier')
    .description(
      'Trains the classifier that evaluation scores with, about ten minutes on two cores.',
    )
    .requiredOption('--data <folder>', "all of MNIST's training digits")
    .requiredOption('--out <folder>', 'where to; models/classifier is the one that evaluation uses')
    .option('--seed <text>', 'all of its randomness comes from it', parseSeed, '1')
    .option(
      '--epochs <count>',
      'passes over the training digits',
      parseWhole(1, 1000),
      DEFAULT_EPOCHS,
    )
    .addOption(buildBackendOption('the backend that computes'))
    .action(train);
}

async function train(flags: {
  readonly data: string;
  readonly out: string;
  readonly seed: string;
  readonly epochs: number;
  readonly backend: BackendChoice;
}) {
  const { data, out, seed, epochs } = flags;
  await requireClassifierPlace(out);
  const { dataset: all } = await loadAndReport(data);
  checkDigits(data, all);
  if (all.count <= 2 * VALIDATION_IMAGES) {
    throw new ExpectedError(
      `--data ${data}: holds ${all.count} images, expected more than ${2 * VALIDATION_IMAGES}`,
    );
  }
  const split = all.count - VALIDATION_IMAGES;
  const [learned, validation] = [takeDigits(all, 0, split), takeDigits(all, split, all.count)];
  const { dataset: test } = await loadTestDigits();
  const backend = await selectBackend(flags.backend, { threads: THREADS, convolutions: true });
  try {
    console.log(
      `${learned.count.toLocaleString('en')} digits to learn from, ${validation.count.toLocaleString('en')} to choose by; ${backend.description}`,
    );
    const startedAt = performance.now();
    const secondsSince = (): number => (performance.now() - startedAt) / 1000;
    const training = { epochs, ...TRAINING };
    const key = deriveKey('classifier', seed);
    let best = { epoch: 0, right: -1, weights: new Float32Array(0) };
    for await (const state of trainClassifier(CLASSIFIER_CONFIG, learned, training, key)) {
      const { epoch, loss, weights } = state;
      const right = countRight(CLASSIFIER_CONFIG, weights, validation);
      if (right > best.right) {
        best = { epoch, right, weights: new Float32Array(weights) };
      }
      const left = describeSeconds((secondsSince() / epoch) * (epochs - epoch));
      console.log(
        `epoch ${String(epoch).padStart(2)}   loss ${loss.toFixed(4)}   validation ${showAccuracy(right, validation)}   ${left} left`,
      );
    }
    const right = countRight(CLASSIFIER_CONFIG, best.weights, test);
    const { weights } = await saveClassifier(out, best.weights, {
      command: `npm run trainer -- train-classifier --data DIR --out DIR --seed ${seed} --epochs ${epochs}`,
      seed,
      data: {
        name: 'MNIST, training digits',
        trainingImages: learned.count,
        validationImages: validation.count,
        sha256: hashDataset(all),
      },
      training,
      chosenEpoch: best.epoch,
      validation: describeAccuracy(best.right, validation),
      test: describeAccuracy(right, test),
      backend: backend.description,
      libraries: { node: process.versions.node, tfjs: version_core },
      tookSeconds: Math.round(secondsSince()),
    });
    console.log(
      `${out}: epoch ${best.epoch}, ${showAccuracy(right, test)} of the test digits, SHA-256 ${weights.sha256}`,
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

function takeDigits(all: Dataset, from: number, to: number): Dataset {
  const images = all.images.subarray(from * SIDE * SIDE, to * SIDE * SIDE);
  return { ...all, count: to - from, images, labels: all.labels.subarray(from, to) };
}

function describeAccuracy(right: number, { count: images }: Dataset) {
  return { images, right, accuracy: right / images };
}

function showAccuracy(right: number, { count }: Dataset): string {
  return `${((100 * right) / count).toFixed(2)}%`;
}

/** The manifest shows the seed within a command, so it needs no quoting. */
function parseSeed(text: string): string {
  if (!/^[A-Za-z0-9._-]{1,128}$/.test(text)) {
    throw new InvalidArgumentError('Expected 1 to 128 of letters, digits, dot, _ and -.');
  }
  return text;
}
