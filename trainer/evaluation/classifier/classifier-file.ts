/**
 * The classifier that ships with the repository, and its hash. Figures can be compared only when
 * the same classifier made them.
 */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { numberSchema, parseAs, wholeSchema } from '../../../shared/schema.ts';
import { ExpectedError } from '../../../shared/expected-error.ts';
import { hashBytes } from '../../../shared/model/artifact.ts';
import { parseJson } from '../../../storage/file-lock.ts';
import { OF_SYSTEM, recover, writeAtomically, writeJson } from '../../../storage/files.ts';
import { CLASSIFIER_CONFIG, countParameters, planClassifier } from './network.ts';

/** SHA-256 of the shipped weights. Training them with another seed or other code changes it. */
export const CLASSIFIER_SHA256 = '96f7364af4a000af1628f030e0fcec0c5a82583d44f911f41b73e25b08c11acd';

export const CLASSIFIER_FOLDER = join(import.meta.dirname, '../../../models/classifier');
/** Little-endian float32, in the order of `planClassifier`. */
const CLASSIFIER_WEIGHTS_FILE = 'weights.bin';
const CLASSIFIER_MANIFEST_FILE = 'manifest.json';

const RESTORE = 'it comes with the repository: restore it with `git checkout -- models/classifier`';

const accuracySchema = v.strictObject({
  images: wholeSchema(),
  right: wholeSchema(),
  accuracy: numberSchema,
});

const manifestSchema = v.strictObject({
  schema: v.literal(1),
  name: v.literal('classifier'),
  /** The command that trained it. */
  command: v.string(),
  seed: v.string(),
  data: v.strictObject({
    name: v.string(),
    trainingImages: wholeSchema(),
    validationImages: wholeSchema(),
    sha256: v.string(),
  }),
  network: v.record(v.string(), v.unknown()),
  training: v.record(v.string(), v.unknown()),
  /** The epoch whose averaged weights were the best on validation images. */
  chosenEpoch: wholeSchema(),
  validation: accuracySchema,
  /** Measured once, after the choice. */
  test: accuracySchema,
  backend: v.string(),
  libraries: v.record(v.string(), v.string()),
  tookSeconds: numberSchema,
  weights: v.strictObject({
    file: v.literal(CLASSIFIER_WEIGHTS_FILE),
    dtype: v.literal('float32'),
    bytes: wholeSchema(),
    sha256: v.string(),
    layers: v.array(v.strictObject({ name: v.string(), shape: v.array(wholeSchema()) })),
  }),
});

type ClassifierManifest = v.InferOutput<typeof manifestSchema>;

/**
 * Reads the classifier. Its weights are flat, in the order of `planClassifier(CLASSIFIER_CONFIG)`.
 * @throws ExpectedError  When a file is missing or malformed, or the weights are others.
 */
export async function loadClassifier(
  folder: string = CLASSIFIER_FOLDER,
  expectedSha256: string = CLASSIFIER_SHA256,
) {
  const path = join(folder, CLASSIFIER_WEIGHTS_FILE);
  const bytes = await readOwnFile(path);
  const sha256 = hashBytes(bytes);
  if (sha256 !== expectedSha256) {
    throw new ExpectedError(
      `${path} has SHA-256 ${sha256}, expected ${expectedSha256}; ${RESTORE}`,
    );
  }
  const expectedBytes = 4 * countParameters(planClassifier(CLASSIFIER_CONFIG));
  if (bytes.length !== expectedBytes) {
    throw new ExpectedError(
      `${path} has ${bytes.length} bytes, the network needs ${expectedBytes}; ${RESTORE}`,
    );
  }
  const manifestPath = join(folder, CLASSIFIER_MANIFEST_FILE);
  const text = new TextDecoder().decode(await readOwnFile(manifestPath));
  // A new Uint8Array has its own buffer; a Buffer of Node may lie in a shared one.
  const weights = new Float32Array(new Uint8Array(bytes).buffer);
  try {
    return { manifest: parseAs(manifestSchema, JSON.parse(text)), weights, sha256 };
  } catch (cause) {
    throw new ExpectedError(`${manifestPath} is not a classifier's manifest; ${RESTORE}`, {
      cause,
    });
  }
}

function readOwnFile(path: string): Promise<Uint8Array> {
  return readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new ExpectedError(`${path} cannot be read (${cause.code}); ${RESTORE}`, { cause });
  });
}

/**
 * Refuses to write over files of another kind.
 * @throws ExpectedError  When the folder holds files, but no classifier.
 */
export async function requireClassifierPlace(folder: string): Promise<void> {
  const all = await recover(readdir(folder), ['ENOENT'], []);
  const names = all.filter((name) => !OF_SYSTEM.test(name));
  const text = await readFile(join(folder, CLASSIFIER_MANIFEST_FILE), 'utf8').catch(() => '');
  if (names.length > 0 && parseJson(manifestSchema, text) === null) {
    throw new ExpectedError(
      `--out ${folder}: holds ${names.slice(0, 3).join(', ')}, which is no classifier; name a folder that is new or empty`,
    );
  }
}

/**
 * Writes a classifier's two files, the weights first. Returns the manifest as written.
 * @param facts  The manifest without the parts that follow from the weights.
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
      sha256: hashBytes(bytes),
      layers: planClassifier(CLASSIFIER_CONFIG).map(({ name, shape }) => ({
        name,
        shape: [...shape],
      })),
    },
  };
  await mkdir(folder, { recursive: true });
  await writeAtomically(join(folder, CLASSIFIER_WEIGHTS_FILE), bytes);
  await writeJson(join(folder, CLASSIFIER_MANIFEST_FILE), manifest);
  return manifest;
}
