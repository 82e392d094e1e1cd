/**
 * The classifier that ships with the repository: its folder, and the hash that it must have. A figure is worth something
 * only beside others that the same classifier gave.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { ExpectedError } from '../../../shared/expected-error.ts';
import { writeAtomically } from '../../../storage/files.ts';
import { CLASSIFIER_CONFIG, countParameters, planClassifier } from './network.ts';

/** SHA-256 of the shipped weights. A new training with another seed or other code needs another number here. */
export const CLASSIFIER_SHA256 = '96f7364af4a000af1628f030e0fcec0c5a82583d44f911f41b73e25b08c11acd';

/** Where the shipped classifier lies. */
export const CLASSIFIER_FOLDER = join(
  import.meta.dirname,
  '..',
  '..',
  '..',
  'models',
  'classifier',
);

/** Little-endian float32, in the order of `planClassifier`. */
export const CLASSIFIER_WEIGHTS_FILE = 'weights.bin';
export const CLASSIFIER_MANIFEST_FILE = 'manifest.json';

const accuracySchema = z.strictObject({ images: z.int(), right: z.int(), accuracy: z.number() });

const manifestSchema = z.strictObject({
  schema: z.literal(1),
  name: z.literal('classifier'),
  /** How it was made. */
  command: z.string(),
  seed: z.string(),
  data: z.strictObject({
    name: z.string(),
    trainingImages: z.int(),
    validationImages: z.int(),
    sha256: z.string(),
  }),
  network: z.record(z.string(), z.unknown()),
  training: z.record(z.string(), z.unknown()),
  /** The epoch whose averaged weights were kept: the best on validation. */
  chosenEpoch: z.int(),
  validation: accuracySchema,
  /** Taken once, after the choice. */
  test: accuracySchema,
  backend: z.string(),
  libraries: z.record(z.string(), z.string()),
  tookSeconds: z.number(),
  weights: z.strictObject({
    file: z.literal(CLASSIFIER_WEIGHTS_FILE),
    dtype: z.literal('float32'),
    bytes: z.int(),
    sha256: z.string(),
    layers: z.array(z.strictObject({ name: z.string(), shape: z.array(z.int()) })),
  }),
});

/** What is told of a classifier beside its weights. */
export type ClassifierManifest = z.infer<typeof manifestSchema>;

/** A classifier that was read and verified. */
export interface Classifier {
  readonly manifest: ClassifierManifest;
  /** Flat, in the order of `planClassifier(CLASSIFIER_CONFIG)`. */
  readonly weights: Float32Array;
  readonly sha256: string;
}

/** The classifier cannot be used. The message names the file and says what to do. */
export class ClassifierError extends ExpectedError {
  override name = 'ClassifierError' as const;
}

/**
 * Reads the classifier.
 *
 * @param folder          With its two files.
 * @param expectedSha256  Of the weights.
 * @throws ClassifierError  When a file is missing or malformed, or the weights are not the expected ones.
 */
export async function loadClassifier(
  folder: string = CLASSIFIER_FOLDER,
  expectedSha256: string = CLASSIFIER_SHA256,
): Promise<Classifier> {
  const restore =
    'it comes with the repository: restore it with `git checkout -- models/classifier`';
  const read = (name: string): Promise<Uint8Array> =>
    readFile(join(folder, name)).catch((cause: NodeJS.ErrnoException) => {
      throw new ClassifierError(
        `${join(folder, name)} cannot be read (${cause.code}); ${restore}`,
        { cause },
      );
    });
  const bytes = await read(CLASSIFIER_WEIGHTS_FILE);
  const sha256 = hash(bytes);
  const path = join(folder, CLASSIFIER_WEIGHTS_FILE);
  if (sha256 !== expectedSha256) {
    throw new ClassifierError(
      `${path} has SHA-256 ${sha256}, expected ${expectedSha256}; ${restore}`,
    );
  }
  const expectedBytes =
    countParameters(planClassifier(CLASSIFIER_CONFIG)) * Float32Array.BYTES_PER_ELEMENT;
  if (bytes.length !== expectedBytes) {
    throw new ClassifierError(
      `${path} has ${bytes.length} bytes, the network needs ${expectedBytes}; ${restore}`,
    );
  }
  // A new Uint8Array, not slice(): that of a Buffer of Node shares its memory.
  return {
    manifest: parseManifest(await read(CLASSIFIER_MANIFEST_FILE), folder, restore),
    weights: new Float32Array(new Uint8Array(bytes).buffer),
    sha256,
  };
}

function parseManifest(bytes: Uint8Array, folder: string, restore: string): ClassifierManifest {
  try {
    return manifestSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (cause) {
    throw new ClassifierError(
      `${join(folder, CLASSIFIER_MANIFEST_FILE)} is not a classifier's manifest; ${restore}`,
      { cause },
    );
  }
}

/**
 * Writes a classifier's two files, the weights first.
 *
 * @param facts  The manifest without its account of the weights.
 * @returns      The manifest as written.
 */
export async function saveClassifier(
  folder: string,
  weights: Float32Array,
  facts: Omit<ClassifierManifest, 'weights' | 'network' | 'schema' | 'name'>,
): Promise<ClassifierManifest> {
  const bytes = new Uint8Array(weights.buffer, weights.byteOffset, weights.byteLength);
  const manifest: ClassifierManifest = {
    schema: 1,
    name: 'classifier',
    ...facts,
    network: { ...CLASSIFIER_CONFIG },
    weights: {
      file: CLASSIFIER_WEIGHTS_FILE,
      dtype: 'float32',
      bytes: bytes.length,
      sha256: hash(bytes),
      layers: planClassifier(CLASSIFIER_CONFIG).map(({ name, shape }) => ({
        name,
        shape: [...shape],
      })),
    },
  };
  await mkdir(folder, { recursive: true });
  await writeAtomically(join(folder, CLASSIFIER_WEIGHTS_FILE), bytes);
  await writeAtomically(
    join(folder, CLASSIFIER_MANIFEST_FILE),
    `${JSON.stringify(manifest, null, 2)}\n`,
  );
  return manifest;
}

function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
