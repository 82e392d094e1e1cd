/** A job: its record, its id, and the shards that it is split into. Pure. */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import * as z from 'zod/mini';
import { modelNameSchema, modelVersionSchema } from '../../shared/model/artifact.ts';
import { JOB_FORMATS, type JobFormat } from '../../shared/contract/formats.ts';
import { LIMITS } from '../../shared/contract/limits.ts';
import { buildUrl, type Pinned } from '../../shared/contract/query.ts';
import { encodeIdxHeader, encodeNpyHeader } from '../../shared/array-headers.ts';

export const jobIdSchema = z.string().check(z.regex(/^[0-9a-f]{32}$/));

/** The record in the bucket. It keeps how the job was split, whatever later code would choose. */
export const jobRecordSchema = z.object({
  /** 2 for a job in a hand: older code would draw it without. */
  schema: z.union([z.literal(1), z.literal(2)]),
  model: z.object({ name: modelNameSchema, version: modelVersionSchema }),
  seed: z.string(),
  start: z.int().check(z.minimum(0)),
  n: z.int().check(z.minimum(1)),
  /** The class's name; null where the seed draws them. */
  label: z.nullable(z.string()),
  /** Jobs that were started before these parameters existed have none. */
  truncation: z._default(z.number().check(z.minimum(0), z.maximum(1)), 1),
  hand: z._default(z.nullable(z.string()), null),
  vary: z._default(z.number().check(z.minimum(0), z.maximum(1)), 0),
  format: z.enum(Object.keys(JOB_FORMATS) as JobFormat[]),
  image: z.object({ height: z.int(), width: z.int(), channels: z.int() }),
  hasLabels: z.boolean(),
  /** Digits of each shard but the last. */
  shardDigits: z.int().check(z.minimum(1)),
});
export type JobRecord = z.output<typeof jobRecordSchema>;

/** Shards that one list of the bucket can hold. */
export const PAGE_SHARDS = 1000;
const MAX_PAGES = LIMITS.maxJobShards / PAGE_SHARDS;

/** A message of the queue: draw a shard, or send messages for the missing shards of a page. */
export const jobMessageSchema = z.union([
  z.strictObject({
    job: jobIdSchema,
    shard: z.int().check(z.minimum(0), z.lt(LIMITS.maxJobShards)),
  }),
  z.strictObject({ job: jobIdSchema, page: z.int().check(z.minimum(0), z.lt(MAX_PAGES)) }),
]);
export type JobMessage = z.output<typeof jobMessageSchema>;

/**
 * Bounds of a shard. An isolate of 128 MB holds the bytes of its images whole, since their key is
 * their hash. A shard takes a sixth of a consumer's 30 seconds.
 */
const SHARD = { digits: 10_000, bytes: 8_000_000, effort: 2.5e11 } as const;

/** Chooses the digits of a shard. @param effort  Of the network, for one digit. */
export function chooseShardDigits(pixelBytes: number, effort: number): number {
  return Math.max(
    1,
    Math.min(SHARD.digits, Math.floor(SHARD.bytes / pixelBytes), Math.floor(SHARD.effort / effort)),
  );
}

/** Derives the id from the digits. Raise the number in the text when they get other bytes. */
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

/** Locates a shard's digits in the seed's row. */
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
