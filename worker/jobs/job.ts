/** A job: its record, its id, and the shards that it is split into. Pure. */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import * as v from 'valibot';
import { modelNameSchema, modelVersionSchema } from '../../shared/model/artifact.ts';
import { numberSchema, wholeSchema } from '../../shared/schema.ts';
import { JOB_FORMATS, type JobFormat } from '../../shared/contract/formats.ts';
import { LIMITS } from '../../shared/contract/limits.ts';
import { buildUrl, type Pinned } from '../../shared/contract/query.ts';
import { encodeIdxHeader, encodeNpyHeader } from '../../shared/array-headers.ts';

export const jobIdSchema = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/));

/** The record in the bucket. It keeps the job's split, because later code may split otherwise. */
export const jobRecordSchema = v.object({
  /** 2 for a job in a hand: older code would draw it without. */
  schema: v.picklist([1, 2]),
  model: v.object({ name: modelNameSchema, version: modelVersionSchema }),
  seed: v.string(),
  start: wholeSchema(0),
  n: wholeSchema(1),
  /** The class's name; null where the seed draws them. */
  label: v.nullable(v.string()),
  /** Jobs that were started before these parameters existed have none. */
  truncation: v.optional(v.pipe(numberSchema, v.minValue(0), v.maxValue(1)), 1),
  hand: v.optional(v.nullable(v.string()), null),
  vary: v.optional(v.pipe(numberSchema, v.minValue(0), v.maxValue(1)), 0),
  format: v.picklist(Object.keys(JOB_FORMATS) as JobFormat[]),
  image: v.object({ height: wholeSchema(), width: wholeSchema(), channels: wholeSchema() }),
  hasLabels: v.boolean(),
  /** Digits of each shard but the last. */
  shardDigits: wholeSchema(1),
});
export type JobRecord = v.InferOutput<typeof jobRecordSchema>;

/** Shards that one list of the bucket can hold. */
export const PAGE_SHARDS = 1000;
const MAX_PAGES = LIMITS.maxJobShards / PAGE_SHARDS;

/** A message of the queue: draw a shard, or send messages for the missing shards of a page. */
export const jobMessageSchema = v.union([
  v.strictObject({
    job: jobIdSchema,
    shard: wholeSchema(0, LIMITS.maxJobShards - 1),
  }),
  v.strictObject({ job: jobIdSchema, page: wholeSchema(0, MAX_PAGES - 1) }),
]);
export type JobMessage = v.InferOutput<typeof jobMessageSchema>;

/**
 * Bounds of a shard. An isolate of 128 MB holds the bytes of its images whole, since their key is
 * their hash. A shard takes a fifth of a consumer's 30 seconds.
 */
const SHARD = { digits: 10_000, bytes: 8_000_000, effort: 2.5e11 } as const;

/** Chooses the digits of a shard. @param effort  The network's effort for one digit. */
export function chooseShardDigits(pixelBytes: number, effort: number): number {
  return Math.max(
    1,
    Math.min(SHARD.digits, Math.floor(SHARD.bytes / pixelBytes), Math.floor(SHARD.effort / effort)),
  );
}

/**
 * Derives the id from the digits. Raise the number in the text when they get other bytes, or when
 * `chooseShardDigits` or `effort` changes: a shard's key does not say which digits it holds.
 */
export function deriveJobId(job: Pinned<'jobs'>): string {
  return bytesToHex(sha256(utf8ToBytes(`digitmint job 1 ${buildUrl('jobs', job)}`))).slice(0, 32);
}

export function countShards({ n, shardDigits }: Pick<JobRecord, 'n' | 'shardDigits'>): number {
  return Math.ceil(n / shardDigits);
}

export function countPages(record: JobRecord): number {
  return Math.ceil(countShards(record) / PAGE_SHARDS);
}

/** Lists the numbers of a page's shards. */
export function listPage(record: JobRecord, page: number): number[] {
  const first = page * PAGE_SHARDS;
  return Array.from(
    { length: Math.min(PAGE_SHARDS, countShards(record) - first) },
    (_, i) => first + i,
  );
}

/** Locates a shard's digits in the seed's sequence. */
export function locateShard(
  { start, n, shardDigits }: JobRecord,
  shard: number,
): { readonly start: number; readonly n: number } {
  const first = shard * shardDigits;
  return { start: start + first, n: Math.min(shardDigits, n - first) };
}

/** Encodes the headers of a shard's files. */
export function encodeShardHeads(
  { format, image }: JobRecord,
  n: number,
): { readonly images: Uint8Array; readonly labels: Uint8Array } {
  const encode = format === 'idx' ? encodeIdxHeader : encodeNpyHeader;
  const { height, width, channels } = image;
  return {
    images: encode(channels === 1 ? [n, height, width] : [n, height, width, channels]),
    labels: encode([n]),
  };
}
