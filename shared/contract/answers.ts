/**
 * Schemas of the JSON answers. OpenAPI is derived from them, and tests check the answers by them.
 * Each object is a named schema there: generated clients make one class for each name.
 */
import * as z from 'zod/mini';
import { ARTIFACT_LIMITS } from '../model/artifact.ts';
import { CLASS_LIMITS } from '../model/classes.ts';
import { GENERATOR_LIMITS } from '../model/generator.ts';
import { FORMATS } from './formats.ts';
import { LIMITS } from './limits.ts';

/** The schemas that have a name of their own in the OpenAPI document. */
export const NAMED_SCHEMAS = z.registry<{ id: string }>();

/** Names a schema. */
function name<S extends z.ZodMiniType>(id: string, schema: S): S {
  NAMED_SCHEMAS.add(schema, { id });
  return schema;
}

function object<S extends z.core.$ZodLooseShape>(id: string, shape: S) {
  return name(id, z.object(shape));
}

/** Says what a value means. */
function tell<S extends z.ZodMiniType>(schema: S, about: string): S {
  return schema.check(z.describe(about));
}

const whole = (min: number, max: number) => z.int().check(z.minimum(min), z.maximum(max));
const count = (max: number) => whole(0, max);
const decimal = (max: number) => z.number().check(z.minimum(0), z.maximum(max));

const MAX_SAMPLE_SIDE = GENERATOR_LIMITS.units;
/** A number's digits and signs stand side by side. */
const MAX_SIDE = MAX_SAMPLE_SIDE * LIMITS.maxNumberLength;
const channels = tell(whole(1, 3), '1 (grey) or 3 (RGB)');
const MAX_INDEX = LIMITS.maxStart + LIMITS.maxJobDigits;
const label = count(CLASS_LIMITS.classes - 1);

const modelSchema = object('ModelVersion', {
  name: z.string(),
  version: tell(z.string(), '16 hex digits: a hash of the model’s content'),
});

const imageSchema = object('ImageShape', {
  width: whole(1, MAX_SAMPLE_SIDE),
  height: whole(1, MAX_SAMPLE_SIDE),
  channels,
});

const numbersSchema = tell(
  z.array(count(255)),
  '[height, width, channels], row by row; 0 is paper, 255 is ink',
);
const bytesSchema = tell(
  z.base64(),
  'Base64 of [height, width, channels] bytes, row by row; 0 is paper, 255 is ink',
);

/** One digit of a JSON answer. */
export const digitSchema = z.object({
  index: tell(count(MAX_INDEX), 'Index in the seed’s endless sequence'),
  label: tell(z.nullable(label), 'The class’s number; null for a model without classes'),
  class: tell(z.nullable(z.string()), 'The class’s name; for a number its digits'),
  url: tell(z.url(), 'The permanent URL of its picture'),
  latent: tell(
    z.optional(z.array(z.number())),
    'With latent=1: the numbers that the network draws it from, float32, times truncation',
  ),
  pixels: numbersSchema,
});

/** With `pixels=base64`. */
export const packedDigitSchema = z.extend(digitSchema, { pixels: bytesSchema });

/** With either form of pixels. */
const anyDigitSchema = object('Digit', {
  ...digitSchema.shape,
  pixels: name(
    'Pixels',
    tell(
      z.union([numbersSchema, bytesSchema]),
      'Numbers, or base64 where the query says pixels=base64',
    ),
  ),
});

/** `/digit.json`. */
export const digitsSchema = z.object({
  model: modelSchema,
  seed: z.string(),
  start: count(LIMITS.maxStart),
  n: whole(1, LIMITS.maxDigits),
  width: whole(1, MAX_SIDE),
  height: whole(1, MAX_SAMPLE_SIDE),
  channels,
  digits: z.array(digitSchema),
});

/** With `pixels=base64`. */
export const packedDigitsSchema = z.extend(digitsSchema, { digits: z.array(packedDigitSchema) });

/** With either form of pixels. */
export const anyDigitsSchema = object('DigitBatch', {
  ...digitsSchema.shape,
  digits: z.array(anyDigitSchema),
});

const loadedModelSchema = object('LoadedModel', {
  ...modelSchema.shape,
  source: z.enum(['r2', 'bundled']),
  loadedAt: z.iso.datetime(),
});
const loadErrorSchema = object('LoadError', {
  reason: z.string(),
  message: z.string(),
  at: z.iso.datetime(),
});

/** `/healthz`. */
export const healthSchema = object('Health', {
  status: z.enum(['ok', 'degraded', 'unavailable']),
  model: z.nullable(loadedModelSchema),
  lastError: z.nullable(loadErrorSchema),
});

/** A digit that `POST /hand` read. */
const writtenDigit = {
  label: tell(label, 'The digit that was read, or was given'),
  class: tell(z.string(), 'The class’s name'),
  certainty: tell(decimal(1), 'How sure the encoder is of the label'),
  error: tell(decimal(255), 'Root mean squared difference of the written digit and the drawn one'),
};

const writtenDigitSchema = object('WrittenDigit', writtenDigit);

/** `POST /hand`. Of several digits, label, class and certainty are the first one’s. */
export const handSchema = object('WrittenHand', {
  model: modelSchema,
  hand: tell(z.string(), 'For hand= of /digit, /number, /morph and /dataset'),
  ...writtenDigit,
  digits: tell(
    z.optional(z.array(writtenDigitSchema)),
    'Of several pictures, in order; then error is that of all',
  ),
  url: tell(z.optional(z.url()), 'The digit in this hand; absent offline'),
  numberUrl: tell(z.optional(z.url()), 'All ten digits in this hand; absent offline'),
});

/** Problem details (RFC 9457). */
export const problemSchema = object('Problem', {
  type: tell(z.url(), 'The URL of the code’s page'),
  title: z.string(),
  status: whole(400, 599),
  detail: tell(z.string(), 'What was expected, what came, what to do'),
  code: tell(z.string(), 'Stable, for programs'),
  parameters: tell(z.optional(z.array(z.string())), 'The parameters at fault, if any'),
  requestId: z.string(),
});

const limitSchema = object('Limit', {
  value: z.int().check(z.minimum(0)),
  unit: z.string(),
  about: z.string(),
});

/** `/limits`, by name. */
export const limitsSchema = name('Limits', z.record(z.string(), limitSchema));

const listedModelSchema = object('ListedModel', {
  ...modelSchema.shape,
  url: tell(z.url(), 'The URL of its card'),
  publishedAt: tell(
    z.nullable(z.iso.datetime()),
    'null for the model that is built into the service',
  ),
});

/** `/models`. */
export const modelsSchema = object('ModelList', {
  default: tell(z.string(), 'The model that draws when a request names none'),
  models: z.array(listedModelSchema),
});

const trainingSchema = name(
  'Training',
  z.looseObject({
    preset: z.string(),
    steps: z.int().check(z.minimum(0)),
    imagesSeen: z.int().check(z.minimum(0)),
  }),
);
const modelFileSchema = object('ModelFile', {
  path: z.string(),
  url: z.url(),
  bytes: z.optional(count(ARTIFACT_LIMITS.fileBytes)),
  sha256: z.optional(z.string()),
});

const subjectSchema = name(
  'Subject',
  tell(z.object({ one: z.string(), many: z.string() }), 'What a picture and what several show'),
);

/** `/models/{name}` and `/models/{name}/{version}`: a model's card. */
export const modelCardSchema = object('ModelCard', {
  ...modelSchema.shape,
  classes: tell(z.array(z.string()), 'The name of each label; empty without classes'),
  subject: subjectSchema,
  image: imageSchema,
  paper: tell(z.array(count(255)), 'The colour of the paper, a byte for each channel'),
  recipe: tell(
    z.record(z.string(), z.string()),
    'How a seed becomes pixels, step by step, for programs without this project’s code',
  ),
  parameters: tell(count(GENERATOR_LIMITS.parameters), 'How many weights the generator has'),
  weights: tell(z.string(), 'The number format of weights.bin'),
  training: trainingSchema,
  figures: tell(z.record(z.string(), z.number()), 'Measured at the export'),
  files: z.array(modelFileSchema),
});

/** A JSON file of a model, or another document whose keys are not ours to list. */
export const jsonDocumentSchema = name('JsonDocument', z.looseObject({}));

/** `/oembed`: oEmbed 1.0. */
export const oembedSchema = object('OembedPhoto', {
  version: z.literal('1.0'),
  type: z.literal('photo'),
  title: z.string(),
  provider_name: z.string(),
  provider_url: z.url(),
  url: z.url(),
  width: whole(1, LIMITS.maxMorphPixels),
  height: whole(1, LIMITS.maxMorphPixels),
});

const jobShardsSchema = object('JobShards', {
  total: count(LIMITS.maxJobShards),
  done: count(LIMITS.maxJobShards),
  failed: count(LIMITS.maxJobShards),
  digits: tell(count(LIMITS.maxJobDigits), 'Samples of each shard but the last'),
});
const jobCostSchema = name(
  'JobCost',
  tell(
    z.object({
      soFar: z.number(),
      expected: tell(z.nullable(z.number()), 'For the whole job; null before its first shard'),
      storageMonth: tell(z.number(), 'Storage of what is written so far, for a month'),
    }),
    'Estimated by Cloudflare’s list prices, without what a plan includes',
  ),
);
const jobFailureSchema = object('JobFailure', {
  shard: count(LIMITS.maxJobShards - 1),
  at: z.iso.datetime(),
});

/** `POST /jobs` and `/jobs/{id}`: a job and its progress. */
export const jobSchema = object('Job', {
  id: tell(z.string(), '32 hex digits: a hash of the job’s parameters'),
  state: tell(
    z.enum(['running', 'done', 'failed', 'cancelled']),
    'failed: some shards could not be drawn; POSTing the same job again retries them',
  ),
  reason: tell(z.nullable(z.string()), 'Why the job failed or was cancelled'),
  model: modelSchema,
  seed: z.string(),
  start: count(LIMITS.maxStart),
  n: whole(1, LIMITS.maxJobDigits),
  label: tell(
    z.nullable(z.string()),
    'The class of every sample; null if the seed draws the classes',
  ),
  truncation: tell(decimal(1), '1 unless the job asked for less'),
  hand: tell(z.nullable(z.string()), 'The handwriting; null if the seed decides it'),
  vary: tell(decimal(1), 'How far the samples leave the hand; 0 without one'),
  format: z.enum(FORMATS.jobs),
  image: imageSchema,
  shards: jobShardsSchema,
  digits: tell(count(LIMITS.maxJobDigits), 'Samples drawn so far'),
  bytes: tell(z.int().check(z.minimum(0)), 'Bytes of images and labels written so far'),
  drawMs: tell(
    z.number(),
    'Milliseconds that all consumers spent drawing so far: an upper estimate of processor time',
  ),
  costUsd: jobCostSchema,
  createdAt: z.iso.datetime(),
  lastShardAt: tell(
    z.nullable(z.iso.datetime()),
    'POST a running job again if its last shard was long ago',
  ),
  failures: tell(z.array(jobFailureSchema), 'The first ten shards that failed for good'),
  url: z.url(),
  manifestUrl: z.url(),
});

const shardFileSchema = object('ShardFile', {
  url: z.url(),
  bytes: z.int().check(z.minimum(0)),
  sha256: z.string(),
});
const jobShardSchema = object('JobShard', {
  shard: count(LIMITS.maxJobShards - 1),
  start: tell(count(MAX_INDEX), 'Index of the shard’s first sample'),
  n: whole(1, LIMITS.maxJobDigits),
  images: shardFileSchema,
  labels: tell(z.nullable(shardFileSchema), 'null for a model without classes'),
});

/** `/jobs/{id}/manifest`: a page of the job’s shards, in order. */
export const jobManifestSchema = object('JobManifest', {
  job: z.string(),
  complete: tell(z.boolean(), 'Whether this page has every shard'),
  shards: z.array(jobShardSchema),
  next: tell(z.nullable(z.url()), 'The URL of the next page; null on the last'),
});
