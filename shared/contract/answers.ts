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
  label: z.int().nullable().meta({ description: 'Its class’s number; null for a model without classes' }),
  class: z.string().nullable().meta({ description: 'Its class’s name; of a number its digits' }),
  url: z.url().meta({ description: 'Its own permanent picture' }),
  pixels: z.array(z.int().min(0).max(255)).meta({ description: '[height, width, channels], row by row; 0 is paper, 255 ink' }),
});

/** The same with `pixels=base64`. */
export const packedDigitSchema = digitSchema.extend({
  pixels: z.base64().meta({ description: 'Base64 of [height, width, channels] bytes, row by row; 0 is paper, 255 ink' }),
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
  model: modelSchema.extend({ source: z.enum(['r2', 'bundled']), loadedAt: z.iso.datetime() }).nullable(),
  lastError: z.object({ reason: z.string(), message: z.string(), at: z.iso.datetime() }).nullable(),
});

/** Problem details (RFC 9457). */
export const problemSchema = z.object({
  type: z.url().meta({ description: 'Leads to the code’s page' }),
  title: z.string(),
  status: z.int(),
  detail: z.string().meta({ description: 'What was expected, what came, what to do' }),
  code: z.string().meta({ description: 'Stable: what programs go by' }),
  parameters: z.array(z.string()).optional().meta({ description: 'Names of those at fault, where any are' }),
  requestId: z.string(),
});

/** `/limits`: by name. */
export const limitsSchema = z.record(z.string(), z.object({ value: z.int(), unit: z.string(), about: z.string() }));

/** `/models`. */
export const modelsSchema = z.object({
  default: z.string().meta({ description: 'The name of the model that draws when none is named' }),
  models: z.array(
    modelSchema.extend({
      url: z.url().meta({ description: 'Its card' }),
      publishedAt: z.iso.datetime().nullable().meta({ description: 'null for the one that is built into the service' }),
    }),
  ),
});

/** `/models/{name}` and `/models/{name}/{version}`: a model's card. */
export const modelCardSchema = modelSchema.extend({
  classes: z.array(z.string()).meta({ description: 'A name for each label; empty without classes' }),
  image: z.object({ width: z.int(), height: z.int(), channels: z.int() }),
  parameters: z.int().meta({ description: 'Weights of the generator' }),
  weights: z.string().meta({ description: 'What weights.bin holds them in' }),
  training: z.looseObject({ preset: z.string(), steps: z.int(), imagesSeen: z.int() }),
  figures: z.record(z.string(), z.number()).meta({ description: 'Measured when it was exported' }),
  files: z.array(z.object({ path: z.string(), url: z.url(), bytes: z.int().optional(), sha256: z.string().optional() })),
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
