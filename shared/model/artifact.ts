/**
 * A published model: its manifest, its keys in object storage, the pointer to what is served, and their verification.
 * All that crosses from the trainer to the worker is described here. Pure but for the platform's SHA-256; every check
 * fails closed, before a tensor exists.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import canonicalize from 'canonicalize';
import * as z from 'zod';
import { CLASS_LIMITS, isPrintable } from './classes.ts';
import {
  generatorConfigSchema,
  GeneratorConfigError,
  planGenerator,
  sizeOf,
  type GeneratorPlan,
} from './generator.ts';
import { SAMPLING_LAW } from './random.ts';
import { decodeNumbers, WEIGHT_BYTES, weightEncodingSchema } from './weight-encoding.ts';

/** Bounds on what is read from storage, so that a hostile object cannot exhaust an isolate's 128 MB. */
export const ARTIFACT_LIMITS = {
  manifestBytes: 64 * 1024,
  pointerBytes: 64 * 1024,
  fileBytes: 16 * 1024 * 1024,
  files: 16,
} as const;

/** Newest schema that this code writes and reads. It rises with every incompatible change of the manifest. */
export const MANIFEST_SCHEMA = 1;

/** The tfjs topology: what `tf.loadLayersModel(url)` is given. */
export const TOPOLOGY_FILE = 'model.json';
/** The weights, little-endian, in the order of `planGenerator(...).weights`, in the form that `weights` of the manifest tells. */
export const WEIGHTS_FILE = 'weights.bin';
export const MANIFEST_FILE = 'manifest.json';

const VERSION_HEX_DIGITS = 16;

const hashSchema = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'expected a SHA-256 as 64 lower-case hex digits');
/** A model's name: part of keys and URLs. */
export const modelNameSchema = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}$/, 'expected 1 to 32 of a-z, 0-9 and -, a letter first');
/** A version: the start of a hash of the manifest's content. */
export const modelVersionSchema = z
  .string()
  .regex(/^[0-9a-f]{16}$/, 'expected 16 lower-case hex digits');

/** Text in a manifest. Half a character has no UTF-8, so no version can be computed of it. */
const textSchema = (maxLength: number) =>
  z.string().max(maxLength).refine(isWellFormed, 'half a character');

const fileSchema = z.strictObject({
  path: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'expected a plain lower-case file name'),
  bytes: z.int().min(1).max(ARTIFACT_LIMITS.fileBytes),
  sha256: hashSchema,
});

const manifestContentSchema = z.strictObject({
  schema: z.literal(MANIFEST_SCHEMA),
  name: modelNameSchema,
  law: z.literal(SAMPLING_LAW),
  generator: generatorConfigSchema,
  latent: z.strictObject({
    size: z.int(),
    prior: z.literal('uniform'),
    range: z.tuple([z.literal(-1), z.literal(1)]),
  }),
  image: z.strictObject({
    height: z.int(),
    width: z.int(),
    channels: z.int(),
    /** The network's numbers for paper and for full ink. */
    range: z.tuple([z.number(), z.number()]),
  }),
  /** A name for each label, in order; empty for a generator without classes. */
  classes: z
    .array(
      z
        .string()
        .min(1)
        .max(CLASS_LIMITS.nameLength)
        .refine(isPrintable, 'control characters or half a character'),
    )
    .max(CLASS_LIMITS.classes),
  weights: weightEncodingSchema,
  files: z.array(fileSchema).min(2).max(ARTIFACT_LIMITS.files),
  training: z.strictObject({
    preset: textSchema(64).min(1),
    steps: z.int().min(0),
    batchSize: z.int().min(1),
    imagesSeen: z.int().min(0),
    seed: textSchema(128),
    dataset: z.strictObject({ name: textSchema(128), images: z.int().min(1), sha256: hashSchema }),
    backend: textSchema(200),
    libraries: z.record(textSchema(64), textSchema(64)),
  }),
  /** Measured quality, by the figure's name. */
  figures: z.record(textSchema(64), z.number()),
});

const manifestSchema = manifestContentSchema.extend({ version: modelVersionSchema });

export type ManifestFile = z.infer<typeof fileSchema>;
/** A manifest before its version is known. */
export type ManifestContent = z.infer<typeof manifestContentSchema>;
export type Manifest = z.infer<typeof manifestSchema>;

const publishedSchema = z.strictObject({
  version: modelVersionSchema,
  manifestSha256: hashSchema,
  /** ISO 8601, UTC. */
  publishedAt: z.iso.datetime(),
});

const pointerSchema = z.strictObject({
  schema: z.literal(1),
  /** The model that is served when a request names none. */
  default: modelNameSchema,
  models: z.record(modelNameSchema, publishedSchema),
});

/** The one mutable object: which version of each model is served. Moved last, by compare-and-swap. */
export type Pointer = z.infer<typeof pointerSchema>;
export type PublishedModel = z.infer<typeof publishedSchema>;

/** Where the pointer lies in the bucket. */
export const POINTER_KEY = 'current.json';

/** Where all versions of all models lie. */
export const MODELS_PREFIX = 'models/';

/** What the keys of a version's files begin with. */
export function buildVersionPrefix(name: string, version: string): string {
  return `${MODELS_PREFIX}${name}/${version}/`;
}

/** Key of a file of a version; what lies there is never changed. */
export function buildKey(name: string, version: string, path: string): string {
  return buildVersionPrefix(name, version) + path;
}

/** Why an artifact was refused. */
export type ArtifactFailure =
  | {
      readonly reason: 'too_large';
      readonly what: string;
      readonly bytes: number;
      readonly maxBytes: number;
    }
  | { readonly reason: 'not_json'; readonly what: string }
  | {
      readonly reason: 'schema_unknown';
      readonly what: string;
      readonly received: string | number;
      readonly newest: number;
    }
  | { readonly reason: 'malformed'; readonly what: string; readonly detail: string }
  | { readonly reason: 'missing'; readonly what: string }
  | {
      readonly reason: 'size_mismatch';
      readonly what: string;
      readonly bytes: number;
      readonly expectedBytes: number;
    }
  | {
      readonly reason: 'hash_mismatch';
      readonly what: string;
      readonly sha256: string;
      readonly expectedSha256: string;
    }
  | {
      readonly reason: 'version_mismatch';
      readonly version: string;
      readonly expectedVersion: string;
    }
  | { readonly reason: 'not_finite'; readonly what: string }
  | { readonly reason: 'unsigned'; readonly what: string }
  | { readonly reason: 'signature'; readonly what: string }
  | { readonly reason: 'blank'; readonly what: string; readonly samples: number };

/** Thrown for an artifact that must not be used; `failure` says why in data, the message in words. */
export class ArtifactError extends Error {
  override name = 'ArtifactError' as const;
  readonly failure: ArtifactFailure;

  constructor(failure: ArtifactFailure, options?: ErrorOptions) {
    super(describeFailure(failure), options);
    this.failure = failure;
  }
}

function describeFailure(failure: ArtifactFailure): string {
  switch (failure.reason) {
    case 'too_large':
      return `${failure.what} has ${failure.bytes} bytes, at most ${failure.maxBytes} allowed`;
    case 'not_json':
      return `${failure.what} is not JSON`;
    case 'schema_unknown':
      return `${failure.what} has schema ${failure.received}, this software reads up to ${failure.newest}: update it`;
    case 'malformed':
      return `${failure.what} is malformed: ${failure.detail}`;
    case 'missing':
      return `${failure.what} is missing`;
    case 'size_mismatch':
      return `${failure.what} has ${failure.bytes} bytes, the manifest says ${failure.expectedBytes}`;
    case 'hash_mismatch':
      return `${failure.what} has SHA-256 ${failure.sha256}, expected ${failure.expectedSha256}`;
    case 'version_mismatch':
      return `the manifest's content is version ${failure.version}, expected ${failure.expectedVersion}`;
    case 'not_finite':
      return `${failure.what} holds NaN or infinite numbers`;
    case 'unsigned':
      return `${failure.what} is not signed by a key that is trusted here`;
    case 'signature':
      return `${failure.what} has a wrong signature under the name of a key that is trusted here`;
    case 'blank':
      return `${failure.what} is blank: every pixel of ${failure.samples} samples is the same`;
  }
}

/** Computes the version that a manifest's content stands for: the first 16 hex digits of the SHA-256 of its RFC 8785 form. */
export function computeVersion(content: ManifestContent): string {
  return hashText(canonicalize(content) as string).slice(0, VERSION_HEX_DIGITS);
}

/** Completes a manifest with its version. */
export function sealManifest(content: ManifestContent): Manifest {
  return { ...content, version: computeVersion(content) };
}

/** Writes a manifest in its one form: RFC 8785 JSON, so that equal content has equal bytes. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  return utf8ToBytes(canonicalize(manifest) as string);
}

/** Writes a pointer. */
export function encodePointer(pointer: Pointer): Uint8Array {
  return utf8ToBytes(`${JSON.stringify(pointer, null, 2)}\n`);
}

/** A manifest that was checked, with the plan of its generator. */
export interface ParsedManifest {
  readonly manifest: Manifest;
  readonly plan: GeneratorPlan;
}

/**
 * Parses a manifest and checks all that can be checked without its files.
 *
 * @param bytes     As read from storage.
 * @param expected  What the pointer or the key promised; each field given is enforced.
 * @throws ArtifactError  When it is too large, malformed, of an unknown schema, not what was promised, or contradicts itself.
 */
export function parseManifest(
  bytes: Uint8Array,
  expected: { name?: string; version?: string; sha256?: string } = {},
): ParsedManifest {
  const what = MANIFEST_FILE;
  const value = parseJson(bytes, what, ARTIFACT_LIMITS.manifestBytes);
  if (expected.sha256 !== undefined) {
    const actual = hashBytes(bytes);
    if (actual !== expected.sha256) {
      throw new ArtifactError({
        reason: 'hash_mismatch',
        what,
        sha256: actual,
        expectedSha256: expected.sha256,
      });
    }
  }
  checkSchema(value, what, MANIFEST_SCHEMA);
  const parsed = manifestSchema.safeParse(value);
  if (!parsed.success) {
    throw new ArtifactError({ reason: 'malformed', what, detail: describeIssues(parsed.error) });
  }
  const manifest = parsed.data;
  const { version, ...content } = manifest;
  const computed = computeVersion(content);
  for (const promised of [version, expected.version]) {
    if (promised !== undefined && promised !== computed) {
      throw new ArtifactError({
        reason: 'version_mismatch',
        version: computed,
        expectedVersion: promised,
      });
    }
  }
  if (expected.name !== undefined && manifest.name !== expected.name) {
    throw malformed(
      `name is ${JSON.stringify(manifest.name)}, expected ${JSON.stringify(expected.name)}`,
    );
  }
  return { manifest, plan: checkConsistency(manifest) };
}

function checkConsistency(manifest: Manifest): GeneratorPlan {
  let plan: GeneratorPlan;
  try {
    plan = planGenerator(manifest.generator);
  } catch (cause) {
    if (cause instanceof GeneratorConfigError) {
      throw new ArtifactError(
        { reason: 'malformed', what: MANIFEST_FILE, detail: cause.message },
        { cause },
      );
    }
    throw cause;
  }
  const { image, latent, generator, classes } = manifest;
  const [height, width, channels] = plan.outputShape;
  if (image.height !== height || image.width !== width || image.channels !== channels) {
    throw malformed(
      `image says ${image.height}x${image.width}x${image.channels}, the generator gives ${plan.outputShape.join('x')}`,
    );
  }
  if (!(image.range[0] < image.range[1])) {
    throw malformed(`image range [${image.range.join(', ')}] is empty`);
  }
  const levelsPerUnit = 255 / (image.range[1] - image.range[0]);
  if (!(levelsPerUnit > 0 && Number.isFinite(levelsPerUnit))) {
    throw malformed(
      `image range [${image.range.join(', ')}] is too wide or too narrow to tell 256 levels apart`,
    );
  }
  if (latent.size !== generator.latentSize) {
    throw malformed(`latent size ${latent.size} is not the generator's ${generator.latentSize}`);
  }
  if (classes.length !== generator.classes) {
    throw malformed(
      `${classes.length} class names for a generator of ${generator.classes} classes`,
    );
  }
  const paths = manifest.files.map((file) => file.path);
  if (new Set(paths).size !== paths.length || paths.includes(MANIFEST_FILE)) {
    throw malformed('files are listed twice, or the manifest lists itself');
  }
  const { weights } = manifest;
  if (weights.dtype === 'uint8' && weights.quantization.length !== plan.weights.length) {
    throw malformed(
      `quantization of ${weights.quantization.length} weights, the generator has ${plan.weights.length}`,
    );
  }
  const weightsBytes = plan.parameters * WEIGHT_BYTES[weights.dtype];
  const listed = findFile(manifest, WEIGHTS_FILE).bytes;
  findFile(manifest, TOPOLOGY_FILE);
  if (listed !== weightsBytes) {
    throw malformed(
      `${WEIGHTS_FILE} is listed with ${listed} bytes, the generator needs ${weightsBytes} of ${weights.dtype}`,
    );
  }
  return plan;
}

/**
 * Finds a file's entry.
 * @throws ArtifactError  When the manifest does not list it.
 */
export function findFile(manifest: Manifest, path: string): ManifestFile {
  const file = manifest.files.find((entry) => entry.path === path);
  if (file === undefined) {
    throw malformed(`${path} is not listed`);
  }
  return file;
}

/**
 * Parses the pointer.
 * @throws ArtifactError  When it is too large, malformed, of an unknown schema, or its default is not among its models.
 */
export function parsePointer(bytes: Uint8Array): Pointer {
  const value = parseJson(bytes, POINTER_KEY, ARTIFACT_LIMITS.pointerBytes);
  checkSchema(value, POINTER_KEY, 1);
  const parsed = pointerSchema.safeParse(value);
  if (!parsed.success) {
    throw new ArtifactError({
      reason: 'malformed',
      what: POINTER_KEY,
      detail: describeIssues(parsed.error),
    });
  }
  if (!Object.hasOwn(parsed.data.models, parsed.data.default)) {
    throw new ArtifactError({
      reason: 'malformed',
      what: POINTER_KEY,
      detail: `default ${JSON.stringify(parsed.data.default)} is not listed`,
    });
  }
  return parsed.data;
}

/**
 * Checks a file's bytes against its entry.
 * @throws ArtifactError  When its size or its SHA-256 differs.
 */
export function verifyFile(file: ManifestFile, bytes: Uint8Array): void {
  checkSize(file, bytes);
  checkHash(file, hashBytes(bytes));
}

/**
 * The same by the platform's WebCrypto, which browsers have on secure origins alone. A fresh isolate interprets the other at first:
 * of 170 KB in some 6 ms.
 *
 * @param bytes  Nobody may change them meanwhile.
 */
export async function verifyFileNatively(file: ManifestFile, bytes: Uint8Array): Promise<void> {
  checkSize(file, bytes);
  checkHash(
    file,
    bytesToHex(
      new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)),
    ),
  );
}

function checkSize(file: ManifestFile, bytes: Uint8Array): void {
  if (bytes.length !== file.bytes) {
    throw new ArtifactError({
      reason: 'size_mismatch',
      what: file.path,
      bytes: bytes.length,
      expectedBytes: file.bytes,
    });
  }
}

function checkHash(file: ManifestFile, actual: string): void {
  if (actual !== file.sha256) {
    throw new ArtifactError({
      reason: 'hash_mismatch',
      what: file.path,
      sha256: actual,
      expectedSha256: file.sha256,
    });
  }
}

/**
 * Decodes verified weights and splits them into arrays.
 *
 * @param parsed  A checked manifest.
 * @param bytes   The content of WEIGHTS_FILE.
 * @returns       One array a weight, in the plan's order; a copy, so that any alignment of `bytes` will do.
 * @throws ArtifactError  When the length differs, or a number is NaN or infinite.
 */
export function decodeWeights(
  { manifest, plan }: ParsedManifest,
  bytes: Uint8Array,
): Float32Array[] {
  const expectedBytes = plan.parameters * WEIGHT_BYTES[manifest.weights.dtype];
  if (bytes.length !== expectedBytes) {
    throw new ArtifactError({
      reason: 'size_mismatch',
      what: WEIGHTS_FILE,
      bytes: bytes.length,
      expectedBytes,
    });
  }
  const values = decodeNumbers(plan.weights, manifest.weights, bytes);
  if (!areFinite(values)) {
    throw new ArtifactError({ reason: 'not_finite', what: WEIGHTS_FILE });
  }
  let next = 0;
  return plan.weights.map((weight) => values.subarray(next, (next += sizeOf(weight.shape))));
}

/** By searches, which the runtime itself has compiled: a loop over a model's weights takes a fresh isolate 4 ms. */
function areFinite(values: Float32Array): boolean {
  return ![NaN, Infinity, -Infinity].some((value) => values.includes(value));
}

/** SHA-256 as 64 hex digits. */
export function hashBytes(bytes: Uint8Array): string {
  return bytesToHex(sha256(bytes));
}

function hashText(text: string): string {
  return hashBytes(utf8ToBytes(text));
}

function parseJson(bytes: Uint8Array, what: string, maxBytes: number): unknown {
  if (bytes.length > maxBytes) {
    throw new ArtifactError({ reason: 'too_large', what, bytes: bytes.length, maxBytes });
  }
  // Maps pass over it in silence, so that it would ride along without being part of what a version stands for.
  const refusePrototype = (key: string, each: unknown): unknown => {
    if (key === '__proto__') {
      throw new ArtifactError({ reason: 'malformed', what, detail: 'it has a key "__proto__"' });
    }
    return each;
  };
  try {
    return JSON.parse(
      new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes),
      refusePrototype,
    );
  } catch (cause) {
    throw cause instanceof ArtifactError
      ? cause
      : new ArtifactError({ reason: 'not_json', what }, { cause });
  }
}

function checkSchema(value: unknown, what: string, newest: number): void {
  const schema =
    typeof value === 'object' && value !== null && 'schema' in value ? value.schema : undefined;
  if (schema !== newest) {
    // Of a number alone is more told: what else stands there may be of any size and depth.
    throw new ArtifactError({
      reason: 'schema_unknown',
      what,
      received: typeof schema === 'number' ? schema : typeof schema,
      newest,
    });
  }
}

/** Issues quote what came, keys of any length and number: what is told of them ends here. */
const MAX_DETAIL_LENGTH = 500;

function describeIssues(error: z.ZodError): string {
  const text = error.issues
    .map((issue) => `${issue.path.join('.') || 'the whole'}: ${issue.message}`)
    .join('; ');
  return text.length > MAX_DETAIL_LENGTH ? `${text.slice(0, MAX_DETAIL_LENGTH)}…` : text;
}

function isWellFormed(text: string): boolean {
  return !/\p{Cs}/u.test(text);
}

function malformed(detail: string): ArtifactError {
  return new ArtifactError({ reason: 'malformed', what: MANIFEST_FILE, detail });
}
