/**
 * Schemas of the JSON answers. OpenAPI is derived from them, and tests check the answers by them.
 * Each object is a named schema there: generated clients make one class for each name.
 */
import * as v from 'valibot';
import { ARTIFACT_LIMITS } from '../model/artifact.ts';
import { CLASS_LIMITS } from '../model/classes.ts';
import { GENERATOR_LIMITS } from '../model/generator.ts';
import { momentSchema, numberSchema, wholeSchema } from '../schema.ts';
import { FORMATS } from './formats.ts';
import { LIMITS } from './limits.ts';

/** The schemas that have a name of their own in the OpenAPI document. */
export const NAMED_SCHEMAS: Record<string, v.GenericSchema> = {};

/** Names a schema. */
function name<S extends v.GenericSchema>(id: string, schema: S): S {
  NAMED_SCHEMAS[id] = schema;
  return schema;
}

function object<S extends v.ObjectEntries>(id: string, entries: S) {
  return name(id, v.object(entries));
}

/** Says what a value means. */
function tell<S extends v.GenericSchema>(schema: S, about: string): S {
  return v.pipe(schema, v.description(about)) as unknown as S;
}

const urlSchema = v.pipe(v.string(), v.url());
const count = (max: number) => wholeSchema(0, max);
const decimal = (max: number) => v.pipe(numberSchema, v.minValue(0), v.maxValue(max));

const MAX_SAMPLE_SIDE = GENERATOR_LIMITS.units;
/** A number's digits and signs stand side by side. */
const MAX_SIDE = MAX_SAMPLE_SIDE * LIMITS.maxNumberLength;
const channels = tell(wholeSchema(1, 3), '1 (grey) or 3 (RGB)');
const label = count(CLASS_LIMITS.classes - 1);

const modelSchema = object('ModelVersion', {
  name: v.string(),
  version: tell(v.string(), '16 hex digits: a hash of the model’s content'),
});

const imageSchema = object('ImageShape', {
  width: wholeSchema(1, MAX_SAMPLE_SIDE),
  height: wholeSchema(1, MAX_SAMPLE_SIDE),
  channels,
});

const numbersSchema = tell(
  v.array(count(255)),
  '[height, width, channels], row by row; 0 is black, 255 is white',
);
const bytesSchema = tell(
  v.pipe(v.string(), v.base64()),
  'Base64 of [height, width, channels] bytes, row by row; 0 is black, 255 is white',
);

/** A digit of a JSON answer. */
export const digitSchema = v.object({
  index: tell(count(LIMITS.maxStart), 'Index in the seed’s endless sequence'),
  label: tell(v.nullable(label), 'The class’s number; null for a model without classes'),
  class: tell(v.nullable(v.string()), 'The class’s name; for a number its digits'),
  url: tell(urlSchema, 'The permanent URL of its picture'),
  latent: tell(
    v.optional(v.array(numberSchema)),
    'With latent=1: the numbers that the network draws it from, float32, times truncation',
  ),
  pixels: numbersSchema,
});

/** With `pixels=base64`. */
export const packedDigitSchema = v.object({ ...digitSchema.entries, pixels: bytesSchema });

/** With either form of pixels. */
const anyDigitSchema = object('Digit', {
  ...digitSchema.entries,
  pixels: name(
    'Pixels',
    tell(
      v.union([numbersSchema, bytesSchema]),
      'Numbers, or base64 where the query says pixels=base64',
    ),
  ),
});

/** `/digit.json`. */
export const digitsSchema = v.object({
  model: modelSchema,
  seed: v.string(),
  start: count(LIMITS.maxStart),
  n: wholeSchema(1, LIMITS.maxDigits),
  width: wholeSchema(1, MAX_SIDE),
  height: wholeSchema(1, MAX_SAMPLE_SIDE),
  channels,
  digits: v.array(digitSchema),
});

/** With `pixels=base64`. */
export const packedDigitsSchema = v.object({
  ...digitsSchema.entries,
  digits: v.array(packedDigitSchema),
});

/** With either form of pixels. */
export const anyDigitsSchema = object('DigitBatch', {
  ...digitsSchema.entries,
  digits: v.array(anyDigitSchema),
});

const loadedModelSchema = object('LoadedModel', {
  ...modelSchema.entries,
  source: v.picklist(['r2', 'bundled']),
  loadedAt: momentSchema,
});
const loadErrorSchema = object('LoadError', {
  reason: v.string(),
  message: v.string(),
  at: momentSchema,
});

/** `/healthz`. */
export const healthSchema = object('Health', {
  status: v.picklist(['ok', 'degraded', 'unavailable']),
  model: v.nullable(loadedModelSchema),
  lastError: v.nullable(loadErrorSchema),
});

/** A digit that `POST /hand` read. */
const writtenDigit = {
  label: tell(label, 'The digit that was read, or was given'),
  class: tell(v.string(), 'The class’s name'),
  certainty: tell(decimal(1), 'How sure the encoder is of the label'),
  error: tell(decimal(255), 'Root mean squared difference of the written digit and the drawn one'),
};

const writtenDigitSchema = object('WrittenDigit', writtenDigit);

/** `POST /hand`. With several digits, label, class and certainty belong to the first. */
export const handSchema = object('WrittenHand', {
  model: modelSchema,
  hand: tell(v.string(), 'For hand= of /digit, /number, /morph and /dataset'),
  ...writtenDigit,
  digits: tell(
    v.optional(v.array(writtenDigitSchema)),
    'Of several pictures, in order; then error is that of all',
  ),
  url: tell(v.optional(urlSchema), 'The digit in this hand; absent offline'),
  numberUrl: tell(v.optional(urlSchema), 'All ten digits in this hand; absent offline'),
});

/** Problem details (RFC 9457). */
export const problemSchema = object('Problem', {
  type: tell(urlSchema, 'The URL of the code’s page'),
  title: v.string(),
  status: wholeSchema(400, 599),
  detail: tell(v.string(), 'What was expected, what came, what to do'),
  code: tell(v.string(), 'Stable, for programs'),
  parameters: tell(v.optional(v.array(v.string())), 'The parameters at fault, if any'),
  requestId: v.string(),
});

const limitSchema = object('Limit', {
  value: wholeSchema(0),
  unit: v.string(),
  about: v.string(),
});

/** `/limits`, by name. */
export const limitsSchema = name('Limits', v.record(v.string(), limitSchema));

const listedModelSchema = object('ListedModel', {
  ...modelSchema.entries,
  url: tell(urlSchema, 'The URL of its card'),
  publishedAt: tell(v.nullable(momentSchema), 'null for the model that is built into the service'),
});

/** `/models`. */
export const modelsSchema = object('ModelList', {
  default: tell(v.string(), 'The model that draws when a request names none'),
  models: v.array(listedModelSchema),
});

const trainingSchema = name(
  'Training',
  v.objectWithRest(
    { preset: v.string(), steps: wholeSchema(0), imagesSeen: wholeSchema(0) },
    v.unknown(),
  ),
);
const modelFileSchema = object('ModelFile', {
  path: v.string(),
  url: urlSchema,
  bytes: v.optional(count(ARTIFACT_LIMITS.fileBytes)),
  sha256: v.optional(v.string()),
});

const subjectSchema = name(
  'Subject',
  tell(v.object({ one: v.string(), many: v.string() }), 'What a picture and what several show'),
);

/** `/models/{name}` and `/models/{name}/{version}`: a model's card. */
export const modelCardSchema = object('ModelCard', {
  ...modelSchema.entries,
  classes: tell(v.array(v.string()), 'The name of each label; empty without classes'),
  subject: subjectSchema,
  image: imageSchema,
  paper: tell(v.array(count(255)), 'The colour of the paper, a byte for each channel'),
  recipe: tell(
    v.record(v.string(), v.string()),
    'How a seed becomes pixels, step by step, for programs without this project’s code',
  ),
  parameters: tell(count(GENERATOR_LIMITS.parameters), 'How many weights the generator has'),
  weights: tell(v.string(), 'The number format of weights.bin'),
  training: trainingSchema,
  figures: tell(v.record(v.string(), numberSchema), 'Measured at the export'),
  files: v.array(modelFileSchema),
});

/** A JSON file of a model, or another document whose keys are not ours to list. */
export const jsonDocumentSchema = name('JsonDocument', v.objectWithRest({}, v.unknown()));

/** `/oembed`: oEmbed 1.0. */
export const oembedSchema = object('OembedPhoto', {
  version: v.picklist(['1.0']),
  type: v.picklist(['photo']),
  title: v.string(),
  provider_name: v.string(),
  provider_url: urlSchema,
  url: urlSchema,
  width: wholeSchema(1, LIMITS.maxMorphPixels),
  height: wholeSchema(1, LIMITS.maxMorphPixels),
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
    v.object({
      soFar: numberSchema,
      expected: tell(v.nullable(numberSchema), 'For the whole job; null before its first shard'),
      storageMonth: tell(numberSchema, 'Storage of what is written so far, for a month'),
    }),
    'Estimated by Cloudflare’s list prices, without what a plan includes',
  ),
);
const jobFailureSchema = object('JobFailure', {
  shard: count(LIMITS.maxJobShards - 1),
  at: momentSchema,
});

/** `POST /jobs` and `/jobs/{id}`: a job and its progress. */
export const jobSchema = object('Job', {
  id: tell(v.string(), '32 hex digits: a hash of the job’s parameters'),
  state: tell(
    v.picklist(['running', 'done', 'failed', 'cancelled']),
    'failed: some shards could not be drawn; POSTing the same job again retries them',
  ),
  reason: tell(v.nullable(v.string()), 'Why the job failed or was cancelled'),
  model: modelSchema,
  seed: v.string(),
  start: count(LIMITS.maxStart),
  n: wholeSchema(1, LIMITS.maxJobDigits),
  label: tell(
    v.nullable(v.string()),
    'The class of every sample; null if the seed draws the classes',
  ),
  truncation: tell(decimal(1), '1 unless the job asked for less'),
  hand: tell(v.nullable(v.string()), 'The handwriting; null if the seed decides it'),
  vary: tell(decimal(1), 'How far the samples leave the hand; 0 without one'),
  format: v.picklist(FORMATS.jobs),
  image: imageSchema,
  shards: jobShardsSchema,
  digits: tell(count(LIMITS.maxJobDigits), 'Samples drawn so far'),
  bytes: tell(wholeSchema(0), 'Bytes of images and labels written so far'),
  drawMs: tell(
    numberSchema,
    'Milliseconds that all consumers spent drawing so far: an upper estimate of processor time',
  ),
  costUsd: jobCostSchema,
  createdAt: momentSchema,
  lastShardAt: tell(
    v.nullable(momentSchema),
    'POST a running job again if its last shard was long ago',
  ),
  failures: tell(v.array(jobFailureSchema), 'The first ten shards that failed for good'),
  url: urlSchema,
  manifestUrl: urlSchema,
});

const shardFileSchema = object('ShardFile', {
  url: urlSchema,
  bytes: wholeSchema(0),
  sha256: v.string(),
});
const jobShardSchema = object('JobShard', {
  shard: count(LIMITS.maxJobShards - 1),
  start: tell(count(LIMITS.maxStart), 'Index of the shard’s first sample'),
  n: wholeSchema(1, LIMITS.maxJobDigits),
  images: shardFileSchema,
  labels: tell(v.nullable(shardFileSchema), 'null for a model without classes'),
});

/** `/jobs/{id}/manifest`: a page of the job’s shards, in order. */
export const jobManifestSchema = object('JobManifest', {
  job: v.string(),
  complete: tell(v.boolean(), 'Whether this page has every shard'),
  shards: v.array(jobShardSchema),
  next: tell(v.nullable(urlSchema), 'The URL of the next page; null on the last'),
});
