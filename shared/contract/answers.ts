/**
 * The JSON answers, as schemas: the description of the interface is made from them, and tests hold the answers to them.
 */
import * as z from 'zod';

const modelSchema = z.object({
  name: z.string(),
  version: z.string().meta({ description: '16 hex digits: a hash of the model’s content' }),
});

/** One digit of a JSON answer. */
export const digitSchema = z.object({
  index: z.int().meta({ description: 'Its place in the seed’s row' }),
  label: z
    .int()
    .nullable()
    .meta({ description: 'Its class’s number; null for a model without classes' }),
  class: z.string().nullable().meta({ description: 'Its class’s name; of a number its digits' }),
  url: z.url().meta({ description: 'Its own permanent picture' }),
  pixels: z
    .array(z.int().min(0).max(255))
    .meta({ description: '[height, width, channels], row by row; 0 is paper, 255 ink' }),
});

/** The same with `pixels=base64`. */
export const packedDigitSchema = digitSchema.extend({
  pixels: z.base64().meta({
    description: 'Base64 of [height, width, channels] bytes, row by row; 0 is paper, 255 ink',
  }),
});

/** `/digit.json`. */
export const digitsSchema = z.object({
  model: modelSchema,
  seed: z.string(),
  start: z.int(),
  n: z.int(),
  width: z.int(),
  height: z.int(),
  channels: z.int().meta({ description: '1 (grey) or 3 (RGB)' }),
  digits: z.array(digitSchema),
});

/** The same with `pixels=base64`. */
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
  type: z.url().meta({ description: 'Leads to the code’s page' }),
  title: z.string(),
  status: z.int(),
  detail: z.string().meta({ description: 'What was expected, what came, what to do' }),
  code: z.string().meta({ description: 'Stable: what programs go by' }),
  parameters: z
    .array(z.string())
    .optional()
    .meta({ description: 'Names of those at fault, where any are' }),
  requestId: z.string(),
});

/** `/limits`: by name. */
export const limitsSchema = z.record(
  z.string(),
  z.object({ value: z.int(), unit: z.string(), about: z.string() }),
);

/** `/models`. */
export const modelsSchema = z.object({
  default: z.string().meta({ description: 'The name of the model that draws when none is named' }),
  models: z.array(
    modelSchema.extend({
      url: z.url().meta({ description: 'Its card' }),
      publishedAt: z.iso
        .datetime()
        .nullable()
        .meta({ description: 'null for the one that is built into the service' }),
    }),
  ),
});

/** `/models/{name}` and `/models/{name}/{version}`: a model's card. */
export const modelCardSchema = modelSchema.extend({
  classes: z
    .array(z.string())
    .meta({ description: 'A name for each label; empty without classes' }),
  image: z.object({ width: z.int(), height: z.int(), channels: z.int() }),
  parameters: z.int().meta({ description: 'Weights of the generator' }),
  weights: z.string().meta({ description: 'What weights.bin holds them in' }),
  training: z.looseObject({ preset: z.string(), steps: z.int(), imagesSeen: z.int() }),
  figures: z.record(z.string(), z.number()).meta({ description: 'Measured when it was exported' }),
  files: z.array(
    z.object({
      path: z.string(),
      url: z.url(),
      bytes: z.int().optional(),
      sha256: z.string().optional(),
    }),
  ),
});

/** `/oembed`, as oEmbed 1.0 has it. */
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

/** `POST /jobs` and `/jobs/{id}`: a job, and how far it is. */
export const jobSchema = z.object({
  id: z.string().meta({ description: '32 hex digits: a hash of what the job is' }),
  state: z.enum(['running', 'done', 'failed', 'cancelled']).meta({
    description:
      'failed: all that can be drawn is drawn; POSTing the same job again tries the rest',
  }),
  reason: z.string().nullable().meta({ description: 'Why it failed or was stopped' }),
  model: modelSchema,
  seed: z.string(),
  start: z.int(),
  n: z.int(),
  label: z
    .string()
    .nullable()
    .meta({ description: 'The class of every digit; null where the seed draws them' }),
  format: z.string(),
  image: z.object({ width: z.int(), height: z.int(), channels: z.int() }),
  shards: z.object({
    total: z.int(),
    done: z.int(),
    failed: z.int(),
    digits: z.int().meta({ description: 'Of each but the last' }),
  }),
  digits: z.int().meta({ description: 'Drawn so far' }),
  bytes: z.int().meta({ description: 'Written so far, images and labels' }),
  drawMs: z.number().meta({
    description:
      'What drawing took so far, of all consumers, in milliseconds: of processor time an upper estimate',
  }),
  costUsd: z
    .object({
      soFar: z.number(),
      expected: z
        .number()
        .nullable()
        .meta({ description: 'Of the whole job; null before its first shard' }),
      storageMonth: z.number().meta({ description: 'What is written so far, kept for a month' }),
    })
    .meta({
      description: 'Estimated by Cloudflare’s list prices, nothing taken off that a plan includes',
    }),
  createdAt: z.iso.datetime(),
  lastShardAt: z.iso
    .datetime()
    .nullable()
    .meta({ description: 'A running job that long has written none may be POSTed again' }),
  failures: z
    .array(z.object({ shard: z.int(), at: z.iso.datetime() }))
    .meta({ description: 'Shards that were given up, the first ten' }),
  url: z.url(),
  manifestUrl: z.url(),
});

const shardFileSchema = z.object({ url: z.url(), bytes: z.int(), sha256: z.string() });

/** `/jobs/{id}/manifest`: a page of its shards, in order. */
export const jobManifestSchema = z.object({
  job: z.string(),
  complete: z.boolean().meta({ description: 'Whether every shard of this page is there' }),
  shards: z.array(
    z.object({
      shard: z.int(),
      start: z.int().meta({ description: 'Index of its first digit' }),
      n: z.int(),
      images: shardFileSchema,
      labels: shardFileSchema.nullable().meta({ description: 'null for a model without classes' }),
    }),
  ),
  next: z.url().nullable().meta({ description: 'The next page; null on the last' }),
});
