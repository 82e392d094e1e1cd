/**
 * A published model: its manifest, its keys in object storage, the pointer to the served versions,
 * and the checks of all three. Pure, apart from WebCrypto's SHA-256.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import canonicalize from 'canonicalize';
import * as v from 'valibot';
import type { FailureOf } from '../expected-error.ts';
import { CLASS_LIMITS, isPrintable } from './classes.ts';
import {
  GENERATOR_LIMITS,
  generatorConfigSchema,
  GeneratorConfigError,
  planGenerator,
  sizeOf,
  type GeneratorConfig,
  type GeneratorPlan,
} from './generator.ts';
import { SAMPLING_LAW } from './random.ts';
import {
  describeIssues,
  matchSchema,
  momentSchema,
  numberSchema,
  recordSchema,
  wholeSchema,
} from '../schema.ts';
import { decodeValues, WEIGHT_BYTES, weightEncodingSchema } from './weight-encoding.ts';

/** A hostile object must not exhaust the 128 MB of an isolate. */
export const ARTIFACT_LIMITS = {
  manifestBytes: 64 * 1024,
  pointerBytes: 64 * 1024,
  fileBytes: 16 * 1024 * 1024,
  files: 16,
} as const;

/** Characters of a subject's name. */
const SUBJECT_LENGTH = 64;

/** Every incompatible change of the manifest increases it. */
export const MANIFEST_SCHEMA = 1;
/** The file that `tf.loadLayersModel(url)` loads. */
export const TOPOLOGY_FILE = 'model.json';
/** Little-endian, in the order of the plan's weights, encoded as the manifest's `weights` says. */
export const WEIGHTS_FILE = 'weights.bin';
export const MANIFEST_FILE = 'manifest.json';

export const hashSchema = matchSchema(
  /^[0-9a-f]{64}$/,
  'expected a SHA-256 as 64 lower-case hex digits',
);
export const modelNameSchema = matchSchema(
  /^[a-z][a-z0-9-]{0,31}$/,
  'expected 1 to 32 of a-z, 0-9 and -, a letter first',
);
/** A version: the start of the SHA-256 of the manifest's content. */
export const modelVersionSchema = matchSchema(
  /^[0-9a-f]{16}$/,
  'expected 16 lower-case hex digits',
);

/** Text in a manifest. A lone surrogate has no UTF-8 form, so no version could be computed. */
const textSchema = (maxLength: number) =>
  v.pipe(
    v.string(),
    v.maxLength(maxLength),
    v.check((text) => !/\p{Cs}/u.test(text), 'half a character'),
  );

const wordsSchema = v.pipe(
  textSchema(SUBJECT_LENGTH),
  v.minLength(1),
  v.check(isPrintable, 'control characters'),
);
export const subjectSchema = v.strictObject({ one: wordsSchema, many: wordsSchema });

const fileSchema = v.strictObject({
  path: matchSchema(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'expected a plain lower-case file name'),
  bytes: wholeSchema(1, ARTIFACT_LIMITS.fileBytes),
  sha256: hashSchema,
});

/** The data and the software of a training. */
export const originShape = {
  seed: textSchema(128),
  dataset: v.strictObject({
    name: textSchema(128),
    images: wholeSchema(1),
    sha256: hashSchema,
  }),
  backend: textSchema(200),
  libraries: recordSchema(textSchema(64), textSchema(64)),
};
/** Measured quality by the metric's name. */
export const figuresSchema = recordSchema(textSchema(64), numberSchema);

/** Normal numbers of float32 whose inverses are normal too. */
const stepSchema = v.pipe(numberSchema, v.minValue(2 ** -100), v.maxValue(2 ** 100));

const manifestContentSchema = v.strictObject({
  schema: v.literal(MANIFEST_SCHEMA),
  name: modelNameSchema,
  law: v.literal(SAMPLING_LAW),
  generator: generatorConfigSchema,
  latent: v.strictObject({
    size: wholeSchema(),
    prior: v.literal('uniform'),
    range: v.strictTuple([v.literal(-1), v.literal(1)]),
  }),
  image: v.strictObject({
    height: wholeSchema(),
    width: wholeSchema(),
    channels: wholeSchema(),
    /** The network's output for paper and for full ink. */
    range: v.strictTuple([numberSchema, numberSchema]),
    /** The byte of each channel of the paper around what pictures show; absent for black. */
    paper: v.optional(v.array(wholeSchema(0, 255))),
  }),
  /** The subject of one picture and of several, such as "flag" and "flags"; absent for digits. */
  subject: v.optional(subjectSchema),
  /** The name of each label, in order; empty for a generator without classes. */
  classes: v.pipe(
    v.array(
      v.pipe(
        v.string(),
        v.minLength(1),
        v.maxLength(CLASS_LIMITS.nameLength),
        v.check(isPrintable, 'control characters or half a character'),
      ),
    ),
    v.maxLength(CLASS_LIMITS.classes),
  ),
  weights: weightEncodingSchema,
  /** The layers that the engine computes with 8-bit products; absent for none. */
  bytes: v.optional(
    v.pipe(
      v.array(
        v.strictObject({
          layer: wholeSchema(0, GENERATOR_LIMITS.layers - 1),
          zero: wholeSchema(0, 127),
          steps: v.array(stepSchema),
          scales: v.array(stepSchema),
          offsets: v.array(v.pipe(numberSchema, v.minValue(-(2 ** 100)), v.maxValue(2 ** 100))),
        }),
      ),
      v.minLength(1),
    ),
  ),
  files: v.pipe(v.array(fileSchema), v.minLength(2), v.maxLength(ARTIFACT_LIMITS.files)),
  training: v.strictObject({
    preset: v.pipe(textSchema(64), v.minLength(1)),
    steps: wholeSchema(0),
    batchSize: wholeSchema(1),
    imagesSeen: wholeSchema(0),
    ...originShape,
  }),
  figures: figuresSchema,
});

const manifestSchema = v.strictObject({
  ...manifestContentSchema.entries,
  version: modelVersionSchema,
});

export type ManifestFile = v.InferOutput<typeof fileSchema>;
export type ManifestContent = v.InferOutput<typeof manifestContentSchema>;
export type Manifest = v.InferOutput<typeof manifestSchema>;

const publishedSchema = v.strictObject({
  version: modelVersionSchema,
  manifestSha256: hashSchema,
  /** ISO 8601, UTC. */
  publishedAt: momentSchema,
});

const pointerSchema = v.strictObject({
  schema: v.literal(1),
  /** The model that is served when a request names none. */
  default: modelNameSchema,
  models: recordSchema(modelNameSchema, publishedSchema),
});

/** Which version of each model is served. Publishing replaces it last, by compare-and-swap. */
export type Pointer = v.InferOutput<typeof pointerSchema>;

export const POINTER_KEY = 'current.json';
export const MODELS_PREFIX = 'models/';

/** Names a model, and its version where it is known: name@version. */
export function nameVersion({ name, version }: { name: string; version?: string | undefined }) {
  return version === undefined ? name : `${name}@${version}`;
}

export function buildVersionPrefix(name: string, version: string): string {
  return `${MODELS_PREFIX}${name}/${version}/`;
}

/** Builds the key of a file. An object under such a key never changes. */
export function buildKey(name: string, version: string, path: string): string {
  return buildVersionPrefix(name, version) + path;
}

/** Why an artifact is refused: for each reason the data it carries and its message. */
const FAILURES = {
  too_large: (f: { what: string; bytes: number; maxBytes: number }) =>
    `${f.what} has ${f.bytes} bytes, at most ${f.maxBytes} allowed`,
  not_json: (f: { what: string }) => `${f.what} is not JSON`,
  schema_unknown: (f: { what: string; received: number; newest: number }) =>
    `${f.what} has schema ${f.received}, this software reads up to ${f.newest}: update it`,
  malformed: (f: { what: string; detail: string }) => `${f.what} is malformed: ${f.detail}`,
  missing: (f: { what: string }) => `${f.what} is missing`,
  size_mismatch: (f: { what: string; bytes: number; expectedBytes: number }) =>
    `${f.what} has ${f.bytes} bytes, the manifest says ${f.expectedBytes}`,
  hash_mismatch: (f: { what: string; sha256: string; expectedSha256: string }) =>
    `${f.what} has SHA-256 ${f.sha256}, expected ${f.expectedSha256}`,
  version_mismatch: (f: { version: string; expectedVersion: string }) =>
    `the manifest's content is version ${f.version}, expected ${f.expectedVersion}`,
  not_finite: (f: { what: string }) => `${f.what} holds NaN or infinite numbers`,
  unsigned: (f: { what: string }) => `${f.what} is not signed by a key that is trusted here`,
  signature: (f: { what: string }) =>
    `${f.what} has a wrong signature under the name of a key that is trusted here`,
  blank: (f: { what: string; samples: number }) =>
    `${f.what} is blank: every pixel of ${f.samples} samples is the same`,
};

type ArtifactFailure = FailureOf<typeof FAILURES>;

/** Thrown for an artifact that must not be used. `failure` holds the reason as data. */
export class ArtifactError extends Error {
  override name = 'ArtifactError' as const;
  readonly failure: ArtifactFailure;

  constructor(failure: ArtifactFailure, options?: ErrorOptions) {
    const describe = FAILURES[failure.reason] as (data: ArtifactFailure) => string;
    super(describe(failure), options);
    this.failure = failure;
  }
}

/** Computes a version: the first 16 hex digits of the SHA-256 of the content's RFC 8785 JSON. */
export function computeVersion(content: ManifestContent): string {
  return hashValue(content).slice(0, 16);
}

export function sealManifest(content: ManifestContent): Manifest {
  return { ...content, version: computeVersion(content) };
}

/** Writes a manifest as RFC 8785 JSON, so that equal content has equal bytes. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  return utf8ToBytes(canonicalize(manifest) as string);
}

export function encodePointer(pointer: Pointer): Uint8Array {
  return utf8ToBytes(`${JSON.stringify(pointer, null, 2)}\n`);
}

export interface ParsedManifest {
  readonly manifest: Manifest;
  readonly plan: GeneratorPlan;
}

/**
 * Parses a manifest and runs every check that needs no other file. Its bytes must be those of
 * `encodeManifest`, because a version determines the bytes under its URLs. Only a file that is not
 * published as it stands may be formatted `inAnyForm`.
 * @param expected  The values that the pointer or the key promised; each given field is enforced.
 * @throws ArtifactError
 */
export function parseManifest(
  bytes: Uint8Array,
  expected: {
    name?: string;
    version?: string;
    sha256?: string | undefined;
    inAnyForm?: boolean;
  } = {},
): ParsedManifest {
  const manifest = parseDocument(manifestSchema, bytes, {
    what: MANIFEST_FILE,
    newest: MANIFEST_SCHEMA,
    maxBytes: ARTIFACT_LIMITS.manifestBytes,
    expectedSha256: expected.sha256,
  });
  const { version, ...content } = manifest;
  const computed = computeVersion(content);
  for (const expectedVersion of [version, expected.version]) {
    if (expectedVersion !== undefined && expectedVersion !== computed) {
      throw new ArtifactError({ reason: 'version_mismatch', version: computed, expectedVersion });
    }
  }
  check(
    expected.name === undefined || manifest.name === expected.name,
    `name is ${JSON.stringify(manifest.name)}, expected ${JSON.stringify(expected.name)}`,
  );
  const canonical = encodeManifest(manifest);
  check(
    expected.inAnyForm === true ||
      (canonical.length === bytes.length && canonical.every((byte, i) => byte === bytes[i])),
    'its bytes are not the canonical JSON of RFC 8785',
  );
  return { manifest, plan: checkConsistency(manifest) };
}

/** Checks that the parts of a manifest agree with each other. @returns  Its generator's plan. */
function checkConsistency(manifest: Manifest): GeneratorPlan {
  const plan = planManifest(manifest.generator);
  const { image, latent, generator, classes, weights } = manifest;
  const [height, width, channels] = plan.outputShape;
  check(
    image.height === height && image.width === width && image.channels === channels,
    `image says ${image.height}x${image.width}x${image.channels}, the generator gives ${plan.outputShape.join('x')}`,
  );
  const range = `image range [${image.range.join(', ')}]`;
  check(image.range[0] < image.range[1], `${range} is empty`);
  check(
    image.paper === undefined || image.paper.length === image.channels,
    `paper of ${image.paper?.length} channels for images of ${image.channels}`,
  );
  const levelsPerUnit = 255 / (image.range[1] - image.range[0]);
  check(
    levelsPerUnit > 0 && Number.isFinite(levelsPerUnit),
    `${range} is too wide or too narrow to tell 256 levels apart`,
  );
  check(
    latent.size === generator.latentSize,
    `latent size ${latent.size} is not the generator's ${generator.latentSize}`,
  );
  check(
    classes.length === generator.classes,
    `${classes.length} class names for a generator of ${generator.classes} classes`,
  );
  const twice = classes.find((name, i) => classes.indexOf(name) !== i);
  check(twice === undefined, `two classes have the name ${JSON.stringify(twice)}`);
  const paths = manifest.files.map((file) => file.path);
  check(
    new Set(paths).size === paths.length && !paths.includes(MANIFEST_FILE),
    'files are listed twice, or the manifest lists itself',
  );
  for (const { layer, steps, scales, offsets } of manifest.bytes ?? []) {
    const what = `bytes of layer ${layer}`;
    const spec = plan.weights.find(({ name }) => name.endsWith(`_${layer}/kernel`));
    const [inputs, outputs] = spec?.shape.slice(-2) ?? [];
    check(
      steps.length === inputs && scales.length === outputs && offsets.length === outputs,
      `${what}: ${steps.length} steps, ${scales.length} scales and ${offsets.length} offsets, ` +
        `the layer has ${inputs ?? 'no'} inputs and ${outputs ?? 'no'} outputs`,
    );
    const same = manifest.bytes?.filter((each) => each.layer === layer).length;
    check(same === 1, `${what} are listed twice`);
  }
  const quantized = weights.dtype === 'uint8' ? weights.quantization.length : plan.weights.length;
  check(
    quantized === plan.weights.length,
    `quantization of ${quantized} weights, the generator has ${plan.weights.length}`,
  );
  const expectedBytes = plan.parameters * WEIGHT_BYTES[weights.dtype];
  const { bytes } = findFile(manifest, WEIGHTS_FILE);
  findFile(manifest, TOPOLOGY_FILE);
  check(
    bytes === expectedBytes,
    `${WEIGHTS_FILE} is listed with ${bytes} bytes, the generator needs ${expectedBytes} of ${weights.dtype}`,
  );
  return plan;
}

function planManifest(config: GeneratorConfig): GeneratorPlan {
  try {
    return planGenerator(config);
  } catch (cause) {
    throw cause instanceof GeneratorConfigError ? malformed(cause.message, { cause }) : cause;
  }
}

/** Finds a file's entry. @throws ArtifactError  When the manifest does not list it. */
export function findFile(manifest: Manifest, path: string): ManifestFile {
  const file = manifest.files.find((entry) => entry.path === path);
  if (file === undefined) {
    throw malformed(`${path} is not listed`);
  }
  return file;
}

/** @throws ArtifactError  As `parseManifest` does, and when the default is not among the models. */
export function parsePointer(bytes: Uint8Array): Pointer {
  const pointer = parseDocument(pointerSchema, bytes, {
    what: POINTER_KEY,
    newest: 1,
    maxBytes: ARTIFACT_LIMITS.pointerBytes,
  });
  if (!Object.hasOwn(pointer.models, pointer.default)) {
    const detail = `default ${JSON.stringify(pointer.default)} is not listed`;
    throw new ArtifactError({ reason: 'malformed', what: POINTER_KEY, detail });
  }
  return pointer;
}

/** Checks size and SHA-256 of a file. @throws ArtifactError */
export function verifyFile(file: ManifestFile, bytes: Uint8Array): void {
  checkSize(file.path, bytes, file.bytes);
  checkHash(file.path, hashBytes(bytes), file.sha256);
}

/**
 * Does the same by {@link hashNatively}. A fresh isolate interprets the JavaScript hash at first,
 * which takes 6 ms for 170 KB. `bytes` must not change meanwhile.
 */
export async function verifyFileNatively(file: ManifestFile, bytes: Uint8Array): Promise<void> {
  checkSize(file.path, bytes, file.bytes);
  checkHash(file.path, await hashNatively(bytes), file.sha256);
}

function checkSize(what: string, { length }: Uint8Array, expectedBytes: number): void {
  if (length !== expectedBytes) {
    throw new ArtifactError({ reason: 'size_mismatch', what, bytes: length, expectedBytes });
  }
}

function checkHash(what: string, actual: string, expectedSha256: string): void {
  if (actual !== expectedSha256) {
    throw new ArtifactError({ reason: 'hash_mismatch', what, sha256: actual, expectedSha256 });
  }
}

/**
 * Decodes verified weights.
 * @returns  One array for each weight, in the plan's order; copies of `bytes`.
 * @throws ArtifactError  When the length differs, or a number is NaN or infinite.
 */
export function decodeWeights(
  { manifest, plan }: ParsedManifest,
  bytes: Uint8Array,
): Float32Array[] {
  checkSize(WEIGHTS_FILE, bytes, plan.parameters * WEIGHT_BYTES[manifest.weights.dtype]);
  return splitWeights(plan, decodeValues(plan.weights, manifest.weights, bytes), WEIGHTS_FILE);
}

/**
 * Splits the numbers of a file into one array for each weight, in the plan's order.
 * @throws ArtifactError  When a number is NaN or infinite.
 */
export function splitWeights(
  { weights }: Pick<GeneratorPlan, 'weights'>,
  values: Float32Array,
  what: string,
): Float32Array[] {
  // `includes` is native code. A fresh isolate takes 4 ms for a loop over a model's weights.
  if ([NaN, Infinity, -Infinity].some((value) => values.includes(value))) {
    throw new ArtifactError({ reason: 'not_finite', what });
  }
  let next = 0;
  return weights.map((weight) => values.subarray(next, (next += sizeOf(weight.shape))));
}

/** SHA-256 as 64 hex digits. */
export function hashBytes(bytes: Uint8Array): string {
  return bytesToHex(sha256(bytes));
}

/** SHA-256 of a value's RFC 8785 JSON: equal values have equal hashes. */
export function hashValue(value: object): string {
  return hashBytes(utf8ToBytes(canonicalize(value) as string));
}

/** `hashBytes` by WebCrypto, which browsers offer on secure origins only. */
export async function hashNatively(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return bytesToHex(new Uint8Array(digest));
}

/** Parses a JSON document. @param newest  The only `schema` number that is accepted. */
export function parseDocument<T>(
  schema: v.GenericSchema<unknown, T>,
  bytes: Uint8Array,
  rules: { what: string; newest: number; maxBytes: number; expectedSha256?: string | undefined },
): T {
  const { what, newest, maxBytes, expectedSha256 } = rules;
  if (bytes.length > maxBytes) {
    throw new ArtifactError({ reason: 'too_large', what, bytes: bytes.length, maxBytes });
  }
  const value = parseJson(bytes, what);
  if (expectedSha256 !== undefined) {
    checkHash(what, hashBytes(bytes), expectedSha256);
  }
  const number = (value as { schema?: unknown } | null)?.schema;
  if (typeof number === 'number' && number > newest) {
    throw new ArtifactError({ reason: 'schema_unknown', what, received: number, newest });
  }
  const parsed = v.safeParse(schema, value);
  if (!parsed.success) {
    throw new ArtifactError({ reason: 'malformed', what, detail: describeIssues(parsed.issues) });
  }
  return parsed.output;
}

function parseJson(bytes: Uint8Array, what: string): unknown {
  // A strict schema overlooks the key `__proto__`, so the version would not cover its value.
  const refusePrototype = (key: string, each: unknown): unknown => {
    if (key === '__proto__') {
      throw new ArtifactError({ reason: 'malformed', what, detail: 'it has a key "__proto__"' });
    }
    return each;
  };
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
    return JSON.parse(decoder.decode(bytes), refusePrototype);
  } catch (cause) {
    throw cause instanceof ArtifactError
      ? cause
      : new ArtifactError({ reason: 'not_json', what }, { cause });
  }
}

function check(holds: boolean, detail: string): void {
  if (!holds) {
    throw malformed(detail);
  }
}

function malformed(detail: string, options?: ErrorOptions): ArtifactError {
  return new ArtifactError({ reason: 'malformed', what: MANIFEST_FILE, detail }, options);
}
