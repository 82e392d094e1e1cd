/**
 * Schemas of the JSON answers. OpenAPI is derived from them, and tests check the answers by them.
 */
import * as z from 'zod';

const modelSchema = z.object({
  name: z.string(),
  version: z.string().describe('16 hex digits: a hash of the model’s content'),
});

/** One digit of a JSON answer. */
export const digitSchema = z.object({
  index: z.int().describe('Index in the seed’s endless sequence'),
  label: z.int().nullable().describe('The class’s number; null for a model without classes'),
  class: z.string().nullable().describe('The class’s name; for a number its digits'),
  url: z.url().describe('The permanent URL of its picture'),
  pixels: z
    .array(z.int().min(0).max(255))
    .describe('[height, width, channels], row by row; 0 is paper, 255 is ink'),
});

/** With `pixels=base64`. */
export const packedDigitSchema = digitSchema.extend({
  pixels: z
    .base64()
    .describe('Base64 of [height, width, channels] bytes, row by row; 0 is paper, 255 is ink'),
});

/** `/digit.json`. */
export const digitsSchema = z.object({
  model: modelSchema,
  seed: z.string(),
  start: z.int(),
  n: z.int(),
  width: z.int(),
  height: z.int(),
  channels: z.int().describe('1 (grey) or 3 (RGB)'),
  digits: z.array(digitSchema),
});

/** With `pixels=base64`. */
export const packedDigitsSchema = digitsSchema.extend({ digits: z.array(packedDigitSchema) });

/** `/healthz`. */
export const healthSchema = z.object({
  status: z.enum(['ok', 'degraded', 'unavailable']),
  model: modelSchema
    .extend({ source: z.enum(['r2', 'bundled']), loadedAt: z.iso.datetime() })
    .nullable(),
  lastError: z.object({ reason: z.string(), message: z.string(), at: z.iso.datetime() }).nullable(),
});

/** Problem details (RFC 9457). */
export const problemSchema = z.object({
  type: z.url().describe('The URL of the code’s page'),
  title: z.string(),
  status: z.int(),
  detail: z.string().describe('What was expected, what came, what to do'),
  code: z.string().describe('Stable, for programs'),
  parameters: z.array(z.string()).optional().describe('The parameters at fault, if any'),
  requestId: z.string(),
});

/** `/limits`, by name. */
export const limitsSchema = z.record(
  z.string(),
  z.object({ value: z.int(), unit: z.string(), about: z.string() }),
);

/** `/models`. */
export const modelsSchema = z.object({
  default: z.string().describe('The model that draws when a request names none'),
  models: z.array(
    modelSchema.extend({
      url: z.url().describe('The URL of its card'),
      publishedAt: z.iso
        .datetime()
        .nullable()
        .describe('null for the model that is built into the service'),
    }),
  ),
});

/** `/models/{name}` and `/models/{name}/{version}`: a model's card. */
export const modelCardSchema = modelSchema.extend({
  classes: z.array(z.string()).describe('The name of each label; empty without classes'),
  image: z.object({ width: z.int(), height: z.int(), channels: z.int() }),
  parameters: z.int().describe('How many weights the generator has'),
  weights: z.string().describe('The number format of weights.bin'),
  training: z.looseObject({ preset: z.string(), steps: z.int(), imagesSeen: z.int() }),
  figures: z.record(z.string(), z.number()).describe('Measured at the export'),
  files: z.array(
    z.object({
      path: z.string(),
      url: z.url(),
      bytes: z.int().optional(),
      sha256: z.string().optional(),
    }),
  ),
});

/** `/oembed`: oEmbed 1.0. */
export const oembedSchema = z.object({
  version: z.literal('1.0'),
  type: z.literal('photo'),
  title: z.string(),
  provider_name: z.string(),
  provider_url: z.url(),
  url: z.url(),
  width: z.int(),
  height: z.int(),
});

/** `POST /jobs` and `/jobs/{id}`: a job and its progress. */
export const jobSchema = z.object({
  id: z.string().describe('32 hex digits: a hash of the job’s parameters'),
  state: z
    .enum(['running', 'done', 'failed', 'cancelled'])
    .describe('failed: some shards could not be drawn; POSTing the same job again retries them'),
  reason: z.string().nullable().describe('Why the job failed or was cancelled'),
  model: modelSchema,
  seed: z.string(),
  start: z.int(),
  n: z.int(),
  label: z
    .string()
    .nullable()
    .describe('The class of every digit; null if the seed draws the classes'),
  format: z.string(),
  image: z.object({ width: z.int(), height: z.int(), channels: z.int() }),
  shards: z.object({
    total: z.int(),
    done: z.int(),
    failed: z.int(),
    digits: z.int().describe('Digits of each shard but the last'),
  }),
  digits: z.int().describe('Digits drawn so far'),
  bytes: z.int().describe('Bytes of images and labels written so far'),
  drawMs: z
    .number()
    .describe(
      'Milliseconds that all consumers spent drawing so far: an upper estimate of processor time',
    ),
  costUsd: z
    .object({
      soFar: z.number(),
      expected: z.number().nullable().describe('For the whole job; null before its first shard'),
      storageMonth: z.number().describe('Storage of what is written so far, for a month'),
    })
    .describe('Estimated by Cloudflare’s list prices, without what a plan includes'),
  createdAt: z.iso.datetime(),
  lastShardAt: z.iso
    .datetime()
    .nullable()
    .describe('POST a running job again if its last shard was long ago'),
  failures: z
    .array(z.object({ shard: z.int(), at: z.iso.datetime() }))
    .describe('The first ten shards that failed for good'),
  url: z.url(),
  manifestUrl: z.url(),
});

const shardFileSchema = z.object({ url: z.url(), bytes: z.int(), sha256: z.string() });

/** `/jobs/{id}/manifest`: a page of the job’s shards, in order. */
export const jobManifestSchema = z.object({
  job: z.string(),
  complete: z.boolean().describe('Whether this page has every shard'),
  shards: z.array(
    z.object({
      shard: z.int(),
      start: z.int().describe('Index of the shard’s first digit'),
      n: z.int(),
      images: shardFileSchema,
      labels: shardFileSchema.nullable().describe('null for a model without classes'),
    }),
  ),
  next: z.url().nullable().describe('The URL of the next page; null on the last'),
});
