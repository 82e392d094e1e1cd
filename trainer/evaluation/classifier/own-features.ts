/**
 * The features of a set that is not MNIST: those of a classifier that learns the set's own classes,
 * which is kept, or of a fixed random network for a set without classes.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { hashBytes, hashValue } from '../../../shared/model/artifact.ts';
import { deriveKey } from '../../../shared/model/random.ts';
import { parseJson } from '../../../storage/file-lock.ts';
import { writeAtomically } from '../../../storage/files.ts';
import { hashDataset, type Dataset } from '../../data/dataset.ts';
import { CLASSIFIER_CONFIG, fitClassifier, type ClassifierConfig } from './network.ts';
import { drawClassifier, learnAndTest, type ClassifierTraining } from './training.ts';

/** Pictures that a classifier sees in all: 2 to 40 times each. */
const PICTURES_SEEN = 150_000;
const TRAINING = { batchSize: 64, learningRate: 2e-3, emaDecay: 0.99, augment: false } as const;
/** Rises when other features are computed from the same pictures. */
const VERSION = 1;

export interface Features {
  readonly network: ClassifierConfig;
  readonly weights: Float32Array;
  /** Of the weights. */
  readonly sha256: string;
  /** On pictures that the classifier has not learned; null for a random network. */
  readonly accuracy: number | null;
}

interface FeaturesRequest {
  /** The pictures to learn from, and those that tell the accuracy. */
  readonly learned: Dataset;
  readonly heldOut: Dataset;
  /** Where classifiers are kept. */
  readonly folder: string;
  /** Trains anew what was kept. */
  readonly fresh: boolean;
  readonly onStage: (stage: string) => void;
}

/** A random network needs no pictures. @throws Error  When the backend cannot train. */
export async function openOwnFeatures(request: FeaturesRequest): Promise<Features> {
  const { width, channels, classes } = request.learned;
  const network = fitClassifier(CLASSIFIER_CONFIG, width, channels, Math.max(1, classes.length));
  if (classes.length < 2) {
    const weights = drawClassifier(network, deriveKey('random-features', String(VERSION)));
    return { network, weights, sha256: hashWeights(weights), accuracy: null };
  }
  const kept = request.fresh ? null : await loadKept(request, network);
  return kept ?? (await learn(request, network));
}

function planTraining({ count }: Dataset): ClassifierTraining {
  const epochs = Math.min(Math.max(Math.round(PICTURES_SEEN / count), 2), 40);
  return { ...TRAINING, epochs };
}

async function learn(request: FeaturesRequest, network: ClassifierConfig): Promise<Features> {
  const { learned, heldOut, folder, onStage } = request;
  const training = planTraining(learned);
  onStage(`a classifier learns the set, ${training.epochs} epochs`);
  const key = deriveKey('own-classifier', String(VERSION));
  const onEpoch = (epoch: number): void =>
    onStage(`a classifier learns the set: epoch ${epoch} of ${training.epochs}`);
  const plan = { network, training };
  const { weights, accuracy } = await learnAndTest(plan, learned, heldOut, key, onEpoch);
  const sha256 = hashWeights(weights);
  const place = locateKept(request, network);
  await mkdir(folder, { recursive: true });
  await writeAtomically(`${place}.bin`, toBytes(weights));
  await writeAtomically(`${place}.json`, `${JSON.stringify({ sha256, accuracy })}\n`);
  return { network, weights, sha256, accuracy };
}

const keptSchema = z.strictObject({ sha256: z.string(), accuracy: z.number() });

/** @returns  Null when there is no classifier that is whole. */
async function loadKept(
  request: FeaturesRequest,
  network: ClassifierConfig,
): Promise<Features | null> {
  const place = locateKept(request, network);
  try {
    const kept = parseJson(keptSchema, await readFile(`${place}.json`, 'utf8'));
    const bytes = new Uint8Array(await readFile(`${place}.bin`));
    const isWhole = kept !== null && hashBytes(bytes) === kept.sha256;
    return isWhole ? { network, weights: new Float32Array(bytes.buffer), ...kept } : null;
  } catch {
    return null;
  }
}

/** The name tells all that decides the weights. */
function locateKept({ learned, heldOut, folder }: FeaturesRequest, network: ClassifierConfig) {
  const facts = {
    version: VERSION,
    network,
    training: planTraining(learned),
    learned: hashDataset(learned),
    heldOut: hashDataset(heldOut),
  };
  return join(folder, `classifier-${hashValue(facts).slice(0, 32)}`);
}

function hashWeights(weights: Float32Array): string {
  return hashBytes(toBytes(weights));
}

function toBytes({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
