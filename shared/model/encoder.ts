/**
 * An encoder: the network that guesses, from a picture of a digit, the latent vector with which a
 * generator draws it, and the digit's class. It is published beside its generator. Pure.
 *
 * It gives a latent vector for each class, [classes, latentSize], then a logit for each class, and
 * perhaps one for pictures of no class. All pass through tanh, which the engine computes with the
 * same bits everywhere.
 */
import { utf8ToBytes } from '@noble/hashes/utils.js';
import canonicalize from 'canonicalize';
import * as v from 'valibot';
import {
  ArtifactError,
  figuresSchema,
  hashSchema,
  modelNameSchema,
  modelVersionSchema,
  originShape,
  parseDocument,
  splitWeights,
  verifyFile,
  type ParsedManifest,
} from './artifact.ts';
import {
  encoderLayerSchema,
  GENERATOR_LIMITS,
  GeneratorConfigError,
  planNetwork,
  type GeneratorPlan,
  type NetworkPlan,
} from './generator.ts';
import { wholeSchema } from '../schema.ts';
import { decodeValues, WEIGHT_BYTES, weightEncodingSchema } from './weight-encoding.ts';

/** An encoder costs about as much as the generator of a digit. */
export const ENCODER_LIMITS = { parameters: 200_000, macs: 2_000_000 } as const;

/** The logits lie between minus and plus this number. */
export const LOGIT_RANGE = 12;

const encoderConfigSchema = v.strictObject({
  layers: v.pipe(v.array(encoderLayerSchema), v.minLength(1), v.maxLength(GENERATOR_LIMITS.layers)),
});

export type EncoderConfig = v.InferOutput<typeof encoderConfigSchema>;

export interface EncoderPlan extends NetworkPlan {
  readonly config: EncoderConfig;
  readonly latentSize: number;
  readonly classes: number;
  /** A logit for each class, and one more if the encoder knows pictures of no class. */
  readonly logits: number;
}

/** @throws GeneratorConfigError  When the layers do not fit the generator, or cost too much. */
export function planEncoder(config: EncoderConfig, generator: GeneratorPlan): EncoderPlan {
  const { latentSize, classes } = generator.config;
  const plan = planNetwork(config, generator.outputShape);
  const outputs = classes * (latentSize + 1);
  const logits = (plan.outputShape[0] ?? 0) - classes * latentSize;
  if (plan.outputShape.length !== 1 || (logits !== classes && logits !== classes + 1)) {
    throw new GeneratorConfigError(
      `the encoder gives [${plan.outputShape.join(', ')}], expected [${outputs}]: ` +
        `${latentSize} latent numbers and a logit for each of ${classes} classes; ` +
        `or [${outputs + 1}], with a logit for pictures of no class`,
    );
  }
  if (plan.parameters > ENCODER_LIMITS.parameters || plan.macs > ENCODER_LIMITS.macs) {
    throw new GeneratorConfigError(
      `the encoder has ${plan.parameters} parameters and ${plan.macs} multiply-accumulates, ` +
        `at most ${ENCODER_LIMITS.parameters} and ${ENCODER_LIMITS.macs} allowed`,
    );
  }
  return { ...plan, config, latentSize, classes, logits };
}

/** Describes the encoder. Lies beside its model's manifest, which does not list it. */
export const ENCODER_FILE = 'encoder.json';
/** The weights, little-endian, encoded as ENCODER_FILE says. */
export const ENCODER_WEIGHTS_FILE = 'encoder.bin';
/** Both files, in the order in which they are published: the description comes last. */
export const ENCODER_FILES: readonly string[] = [ENCODER_WEIGHTS_FILE, ENCODER_FILE];
export const ENCODER_SCHEMA = 1;
export const MAX_ENCODER_FILE_BYTES = 16 * 1024;

const descriptionSchema = v.strictObject({
  schema: v.literal(ENCODER_SCHEMA),
  /** The only version of a model that this encoder belongs to. */
  model: v.strictObject({ name: modelNameSchema, version: modelVersionSchema }),
  encoder: encoderConfigSchema,
  weights: weightEncodingSchema,
  file: v.strictObject({
    path: v.literal(ENCODER_WEIGHTS_FILE),
    bytes: wholeSchema(1, 4 * ENCODER_LIMITS.parameters),
    sha256: hashSchema,
  }),
  training: v.strictObject({
    steps: wholeSchema(0),
    batchSize: wholeSchema(1),
    ...originShape,
  }),
  figures: figuresSchema,
});

export type EncoderDescription = v.InferOutput<typeof descriptionSchema>;

export interface ParsedEncoder {
  readonly description: EncoderDescription;
  readonly plan: EncoderPlan;
}

/** Writes the content of ENCODER_FILE as RFC 8785 JSON. */
export function encodeEncoder(description: EncoderDescription): Uint8Array {
  return utf8ToBytes(canonicalize(description) as string);
}

/**
 * Parses ENCODER_FILE, and checks that the encoder belongs to the model.
 * @throws ArtifactError
 */
export function parseEncoder(bytes: Uint8Array, model: ParsedManifest): ParsedEncoder {
  const description = parseDocument(descriptionSchema, bytes, {
    what: ENCODER_FILE,
    newest: ENCODER_SCHEMA,
    maxBytes: MAX_ENCODER_FILE_BYTES,
  });
  const malformed = (detail: string, options?: ErrorOptions) =>
    new ArtifactError({ reason: 'malformed', what: ENCODER_FILE, detail }, options);
  const { name, version } = description.model;
  if (name !== model.manifest.name || version !== model.manifest.version) {
    throw malformed(
      `it belongs to ${name}@${version}, expected ${model.manifest.name}@${model.manifest.version}`,
    );
  }
  let plan: EncoderPlan;
  try {
    plan = planEncoder(description.encoder, model.plan);
  } catch (cause) {
    throw cause instanceof GeneratorConfigError ? malformed(cause.message, { cause }) : cause;
  }
  const { weights, file } = description;
  if (weights.dtype === 'uint8' && weights.quantization.length !== plan.weights.length) {
    throw malformed(
      `quantization of ${weights.quantization.length} weights, the encoder has ${plan.weights.length}`,
    );
  }
  const expectedBytes = plan.parameters * WEIGHT_BYTES[weights.dtype];
  if (file.bytes !== expectedBytes) {
    throw malformed(`${file.path} is listed with ${file.bytes} bytes, expected ${expectedBytes}`);
  }
  return { description, plan };
}

/**
 * Verifies and decodes the content of ENCODER_WEIGHTS_FILE.
 * @returns  One array for each weight, in the plan's order; copies of `bytes`.
 * @throws ArtifactError  When the bytes are others, or a number is NaN or infinite.
 */
export function decodeEncoderWeights(
  { description, plan }: ParsedEncoder,
  bytes: Uint8Array,
): Float32Array[] {
  verifyFile(description.file, bytes);
  const values = decodeValues(plan.weights, description.weights, bytes);
  return splitWeights(plan, values, ENCODER_WEIGHTS_FILE);
}
