/**
 * The features of a set that is not MNIST: those of a classifier that learns the set's own classes,
 * which is kept, or of a fixed random network for a set without classes.
 */
import { hashBytes } from '../../../shared/model/artifact.ts';
import { deriveKey } from '../../../shared/model/random.ts';
import { hashDataset, type Dataset } from '../../data/dataset.ts';
import { recall, type Keeping } from '../kept.ts';
import { CLASSIFIER_CONFIG, fitClassifier, type ClassifierConfig } from './network.ts';
import { drawClassifier, learnAndTest } from './training.ts';

/** Pictures that a classifier sees in all: 2 to 40 times each. */
const PICTURES_SEEN = 150_000;
const TRAINING = { batchSize: 64, learningRate: 2e-3, emaDecay: 0.99, augment: false } as const;
/** Rises when other features are computed from the same pictures. */
const VERSION = 1;

export interface Features {
  readonly network: ClassifierConfig;
  readonly weights: Float32Array;
  /** SHA-256 of the weights. */
  readonly sha256: string;
  /** On pictures that the classifier has not learned; null for a random network. */
  readonly accuracy: number | null;
}

interface FeaturesRequest {
  /** The pictures to learn from, and those that tell the accuracy. */
  readonly learned: Dataset;
  readonly heldOut: Dataset;
  readonly keeping: Keeping;
  readonly onStage: (stage: string) => void;
}

/** A random network needs no pictures. @throws Error  When the backend cannot train. */
export async function openOwnFeatures(request: FeaturesRequest): Promise<Features> {
  const { width, channels, classes } = request.learned;
  const network = fitClassifier(CLASSIFIER_CONFIG, width, channels, Math.max(1, classes.length));
  if (classes.length < 2) {
    const weights = drawClassifier(network, deriveKey('random-features', String(VERSION)));
    return { network, weights, sha256: hashBytes(toBytes(weights)), accuracy: null };
  }
  return learn(request, network);
}

async function learn(
  { learned, heldOut, keeping, onStage }: FeaturesRequest,
  network: ClassifierConfig,
): Promise<Features> {
  const epochs = Math.min(Math.max(Math.round(PICTURES_SEEN / learned.count), 2), 40);
  const plan = { network, training: { ...TRAINING, epochs } };
  const train = async () => {
    onStage(`a classifier learns the set, ${epochs} epochs`);
    const key = deriveKey('own-classifier', String(VERSION));
    const onEpoch = (epoch: number): void =>
      onStage(`a classifier learns the set: epoch ${epoch} of ${epochs}`);
    const { weights, accuracy } = await learnAndTest(plan, learned, heldOut, key, onEpoch);
    return { weights: Buffer.from(toBytes(weights)).toString('base64'), accuracy };
  };
  const pictures = { learned: hashDataset(learned), heldOut: hashDataset(heldOut) };
  const { result } = await recall({ version: VERSION, ...plan, ...pictures }, train, keeping);
  const bytes = new Uint8Array(Buffer.from(result.weights, 'base64'));
  const weights = new Float32Array(bytes.buffer);
  return { network, weights, sha256: hashBytes(bytes), accuracy: result.accuracy };
}

function toBytes({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
