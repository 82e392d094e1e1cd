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

/** A whole number from 0 on. */
const count = (max: number) => z.int().check(z.minimum(0), z.maximum(max));

const MAX_SAMPLE_SIDE = GENERATOR_LIMITS.units;
/** A number's digits and signs stand side by side. */
const MAX_SIDE = MAX_SAMPLE_SIDE * LIMITS.maxNumberLength;
const side = (max: number) => z.int().check(z.minimum(1), z.maximum(max));
const channels = z.int().check(z.minimum(1), z.maximum(3), z.describe('1 (grey) or 3 (RGB)'));
const MAX_INDEX = LIMITS.maxStart + LIMITS.maxJobDigits;
const label = z
  .nullable(count(CLASS_LIMITS.classes - 1))
  .check(z.describe('The class’s number; null for a model without classes'));

const modelSchema = z
  .object({
    name: z.string(),
    version: z.string().check(z.describe('16 hex digits: a hash of the model’s content')),
  })
  .register(NAMED_SCHEMAS, { id: 'ModelVersion' });

const imageSchema = z
  .object({ width: side(MAX_SAMPLE_SIDE), height: side(MAX_SAMPLE_SIDE), channels })
  .register(NAMED_SCHEMAS, { id: 'ImageShape' });

const numbersSchema = z
  .array(count(255))
  .check(z.describe('[height, width, channels], row by row; 0 is paper, 255 is ink'));
const bytesSchema = z
  .base64()
  .check(
    z.describe('Base64 of [height, width, channels] bytes, row by row; 0 is paper, 255 is ink'),
  );

/** One digit of a JSON answer. */
export const digitSchema = z.object({
  index: count(MAX_INDEX).check(z.describe('Index in the seed’s endless sequence')),
  label,
  class: z.nullable(z.string()).check(z.describe('The class’s name; for a number its digits')),
  url: z.url().check(z.describe('The permanent URL of its picture')),
  latent: z
    .optional(z.array(z.number()))
    .check(
      z.describe(
        'With latent=1: the numbers that the network draws it from, float32, times truncation',
      ),
    ),
  pixels: numbersSchema,
});

/** With `pixels=base64`. */
export const packedDigitSchema = z.extend(digitSchema, { pixels: bytesSchema });

/** With either form of pixels. */
const anyDigitSchema = z
  .extend(digitSchema, {
    pixels: z
      .union([numbersSchema, bytesSchema])
      .check(z.describe('Numbers, or base64 where the query says pixels=base64'))
      .register(NAMED_SCHEMAS, { id: 'Pixels' }),
  })
  .register(NAMED_SCHEMAS, { id: 'Digit' });

/** `/digit.json`. */
export const digitsSchema = z.object({
  model: modelSchema,
  seed: z.string(),
  start: count(LIMITS.maxStart),
  n: z.int().check(z.minimum(1), z.maximum(LIMITS.maxDigits)),
  width: side(MAX_SIDE),
  height: side(MAX_SAMPLE_SIDE),
  channels,
  digits: z.array(digitSchema),
});

/** With `pixels=base64`. */
export const packedDigitsSchema = z.extend(digitsSchema, { digits: z.array(packedDigitSchema) });

/** With either form of pixels. */
export const anyDigitsSchema = z
  .extend(digitsSchema, { digits: z.array(anyDigitSchema) })
  .register(NAMED_SCHEMAS, { id: 'DigitBatch' });

const loadedModelSchema = z
  .extend(modelSchema, { source: z.enum(['r2', 'bundled']), loadedAt: z.iso.datetime() })
  .register(NAMED_SCHEMAS, { id: 'LoadedModel' });
const loadErrorSchema = z
  .object({ reason: z.string(), message: z.string(), at: z.iso.datetime() })
  .register(NAMED_SCHEMAS, { id: 'LoadError' });

/** `/healthz`. */
export const healthSchema = z
  .object({
    status: z.enum(['ok', 'degraded', 'unavailable']),
    model: z.nullable(loadedModelSchema),
    lastError: z.nullable(loadErrorSchema),
  })
  .register(NAMED_SCHEMAS, { id: 'Health' });

/** A digit that `POST /hand` read. */
const writtenDigit = {
  label: count(CLASS_LIMITS.classes - 1).check(z.describe('The digit that was read, or was given')),
  class: z.string().check(z.describe('The class’s name')),
  certainty: z
    .number()
    .check(z.minimum(0), z.maximum(1), z.describe('How sure the encoder is of the label')),
  error: z
    .number()
    .check(
      z.minimum(0),
      z.maximum(255),
      z.describe('Root mean squared difference of the written digit and the drawn one'),
    ),
};

const writtenDigitSchema = z.object(writtenDigit).register(NAMED_SCHEMAS, { id: 'WrittenDigit' });

/** `POST /hand`. Of several digits, label, class and certainty are the first one’s. */
export const handSchema = z
  .object({
    model: modelSchema,
    hand: z.string().check(z.describe('For hand= of /digit, /number, /morph and /dataset')),
    ...writtenDigit,
    digits: z
      .optional(z.array(writtenDigitSchema))
      .check(z.describe('Of several pictures, in order; then error is that of all')),
    url: z.optional(z.url()).check(z.describe('The digit in this hand; absent offline')),
    numberUrl: z.optional(z.url()).check(z.describe('All ten digits in this hand; absent offline')),
  })
  .register(NAMED_SCHEMAS, { id: 'WrittenHand' });

/** Problem details (RFC 9457). */
export const problemSchema = z
  .object({
    type: z.url().check(z.describe('The URL of the code’s page')),
    title: z.string(),
    status: z.int().check(z.minimum(400), z.maximum(599)),
    detail: z.string().check(z.describe('What was expected, what came, what to do')),
    code: z.string().check(z.describe('Stable, for programs')),
    parameters: z
      .optional(z.array(z.string()))
      .check(z.describe('The parameters at fault, if any')),
    requestId: z.string(),
  })
  .register(NAMED_SCHEMAS, { id: 'Problem' });

const limitSchema = z
  .object({ value: z.int().check(z.minimum(0)), unit: z.string(), about: z.string() })
  .register(NAMED_SCHEMAS, { id: 'Limit' });

/** `/limits`, by name. */
export const limitsSchema = z
  .record(z.string(), limitSchema)
  .register(NAMED_SCHEMAS, { id: 'Limits' });

const listedModelSchema = z
  .extend(modelSchema, {
    url: z.url().check(z.describe('The URL of its card')),
    publishedAt: z
      .nullable(z.iso.datetime())
      .check(z.describe('null for the model that is built into the service')),
  })
  .register(NAMED_SCHEMAS, { id: 'ListedModel' });

/** `/models`. */
export const modelsSchema = z
  .object({
    default: z.string().check(z.describe('The model that draws when a request names none')),
    models: z.array(listedModelSchema),
  })
  .register(NAMED_SCHEMAS, { id: 'ModelList' });

const trainingSchema = z
  .looseObject({
    preset: z.string(),
    steps: z.int().check(z.minimum(0)),
    imagesSeen: z.int().check(z.minimum(0)),
  })
  .register(NAMED_SCHEMAS, { id: 'Training' });
const modelFileSchema = z
  .object({
    path: z.string(),
    url: z.url(),
    bytes: z.optional(count(ARTIFACT_LIMITS.fileBytes)),
    sha256: z.optional(z.string()),
  })
  .register(NAMED_SCHEMAS, { id: 'ModelFile' });

const subjectSchema = z
  .object({ one: z.string(), many: z.string() })
  .check(z.describe('What a picture and what several show'))
  .register(NAMED_SCHEMAS, { id: 'Subject' });

/** `/models/{name}` and `/models/{name}/{version}`: a model's card. */
export const modelCardSchema = z
  .extend(modelSchema, {
    classes: z.array(z.string()).check(z.describe('The name of each label; empty without classes')),
    subject: subjectSchema,
    image: imageSchema,
    paper: z
      .array(count(255))
      .check(z.describe('The colour of the paper, a byte for each channel')),
    recipe: z
      .record(z.string(), z.string())
      .check(
        z.describe(
          'How a seed becomes pixels, step by step, for programs without this project’s code',
        ),
      ),
    parameters: count(GENERATOR_LIMITS.parameters).check(
      z.describe('How many weights the generator has'),
    ),
    weights: z.string().check(z.describe('The number format of weights.bin')),
    training: trainingSchema,
    figures: z.record(z.string(), z.number()).check(z.describe('Measured at the export')),
    files: z.array(modelFileSchema),
  })
  .register(NAMED_SCHEMAS, { id: 'ModelCard' });

/** A JSON file of a model, or another document whose keys are not ours to list. */
export const jsonDocumentSchema = z.looseObject({}).register(NAMED_SCHEMAS, { id: 'JsonDocument' });

/** `/oembed`: oEmbed 1.0. */
export const oembedSchema = z
  .object({
    version: z.literal('1.0'),
    type: z.literal('photo'),
    title: z.string(),
    provider_name: z.string(),
    provider_url: z.url(),
    url: z.url(),
    width: side(LIMITS.maxMorphPixels),
    height: side(LIMITS.maxMorphPixels),
  })
  .register(NAMED_SCHEMAS, { id: 'OembedPhoto' });

const jobShardsSchema = z
  .object({
    total: count(LIMITS.maxJobShards),
    done: count(LIMITS.maxJobShards),
    failed: count(LIMITS.maxJobShards),
    digits: count(LIMITS.maxJobDigits).check(z.describe('Samples of each shard but the last')),
  })
  .register(NAMED_SCHEMAS, { id: 'JobShards' });
const jobCostSchema = z
  .object({
    soFar: z.number(),
    expected: z
      .nullable(z.number())
      .check(z.describe('For the whole job; null before its first shard')),
    storageMonth: z.number().check(z.describe('Storage of what is written so far, for a month')),
  })
  .check(z.describe('Estimated by Cloudflare’s list prices, without what a plan includes'))
  .register(NAMED_SCHEMAS, { id: 'JobCost' });
const jobFailureSchema = z
  .object({ shard: count(LIMITS.maxJobShards - 1), at: z.iso.datetime() })
  .register(NAMED_SCHEMAS, { id: 'JobFailure' });

/** `POST /jobs` and `/jobs/{id}`: a job and its progress. */
export const jobSchema = z
  .object({
    id: z.string().check(z.describe('32 hex digits: a hash of the job’s parameters')),
    state: z
      .enum(['running', 'done', 'failed', 'cancelled'])
      .check(
        z.describe(
          'failed: some shards could not be drawn; POSTing the same job again retries them',
        ),
      ),
    reason: z.nullable(z.string()).check(z.describe('Why the job failed or was cancelled')),
    model: modelSchema,
    seed: z.string(),
    start: count(LIMITS.maxStart),
    n: z.int().check(z.minimum(1), z.maximum(LIMITS.maxJobDigits)),
    label: z
      .nullable(z.string())
      .check(z.describe('The class of every sample; null if the seed draws the classes')),
    truncation: z
      .number()
      .check(z.minimum(0), z.maximum(1), z.describe('1 unless the job asked for less')),
    hand: z.nullable(z.string()).check(z.describe('The handwriting; null if the seed decides it')),
    vary: z
      .number()
      .check(
        z.minimum(0),
        z.maximum(1),
        z.describe('How far the samples leave the hand; 0 without one'),
      ),
    format: z.enum(FORMATS.jobs),
    image: imageSchema,
    shards: jobShardsSchema,
    digits: count(LIMITS.maxJobDigits).check(z.describe('Samples drawn so far')),
    bytes: z.int().check(z.minimum(0), z.describe('Bytes of images and labels written so far')),
    drawMs: z
      .number()
      .check(
        z.describe(
          'Milliseconds that all consumers spent drawing so far: an upper estimate of processor time',
        ),
      ),
    costUsd: jobCostSchema,
    createdAt: z.iso.datetime(),
    lastShardAt: z
      .nullable(z.iso.datetime())
      .check(z.describe('POST a running job again if its last shard was long ago')),
    failures: z
      .array(jobFailureSchema)
      .check(z.describe('The first ten shards that failed for good')),
    url: z.url(),
    manifestUrl: z.url(),
  })
  .register(NAMED_SCHEMAS, { id: 'Job' });

const shardFileSchema = z
  .object({ url: z.url(), bytes: z.int().check(z.minimum(0)), sha256: z.string() })
  .register(NAMED_SCHEMAS, { id: 'ShardFile' });
const jobShardSchema = z
  .object({
    shard: count(LIMITS.maxJobShards - 1),
    start: count(MAX_INDEX).check(z.describe('Index of the shard’s first sample')),
    n: z.int().check(z.minimum(1), z.maximum(LIMITS.maxJobDigits)),
    images: shardFileSchema,
    labels: z.nullable(shardFileSchema).check(z.describe('null for a model without classes')),
  })
  .register(NAMED_SCHEMAS, { id: 'JobShard' });

/** `/jobs/{id}/manifest`: a page of the job’s shards, in order. */
export const jobManifestSchema = z
  .object({
    job: z.string(),
    complete: z.boolean().check(z.describe('Whether this page has every shard')),
    shards: z.array(jobShardSchema),
    next: z.nullable(z.url()).check(z.describe('The URL of the next page; null on the last')),
  })
  .register(NAMED_SCHEMAS, { id: 'JobManifest' });
