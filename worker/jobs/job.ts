/**
 * A job as it is written down: what it is, its id, and the shards that it is split into. Pure.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import * as z from 'zod';
import { modelNameSchema, modelVersionSchema } from '../../shared/model/artifact.ts';
import { JOB_FORMATS, type JobFormat } from '../../shared/contract/formats.ts';
import { LIMITS } from '../../shared/contract/limits.ts';
import { buildUrl, type Pinned } from '../../shared/contract/query.ts';
import { encodeIdxHeader } from '../../shared/idx.ts';
import { encodeNpyHeader } from '../../shared/npy.ts';

export const jobIdSchema = z.string().regex(/^[0-9a-f]{32}$/);

/** What lies in the bucket. How it was split stays as it is, whatever later versions of this code would do. */
export const jobRecordSchema = z.object({
  schema: z.literal(1),
  model: z.object({ name: modelNameSchema, version: modelVersionSchema }),
  seed: z.string(),
  start: z.int().min(0),
  n: z.int().min(1),
  /** The class's name; null where the seed draws them. */
  label: z.string().nullable(),
  format: z.enum(Object.keys(JOB_FORMATS) as JobFormat[]),
  image: z.object({ height: z.int(), width: z.int(), channels: z.int() }),
  hasLabels: z.boolean(),
  /** Of each shard but the last. */
  shardDigits: z.int().min(1),
});
export type JobRecord = z.output<typeof jobRecordSchema>;

/** Shards that one list of the bucket can tell. */
export const PAGE_SHARDS = 1000;

/** What a message of the queue asks for: a shard to be drawn, or the shards of a page that are missing to be asked for. */
export const jobMessageSchema = z.union([
  z.strictObject({
    job: jobIdSchema,
    shard: z
      .int()
      .min(0)
      .max(LIMITS.maxJobShards - 1),
  }),
  z.strictObject({
    job: jobIdSchema,
    page: z
      .int()
      .min(0)
      .max(LIMITS.maxJobShards / PAGE_SHARDS - 1),
  }),
]);
export type JobMessage = z.output<typeof jobMessageSchema>;

/**
 * The most that a shard is: digits; bytes of its images, which an isolate of 128 MB holds whole, since their key is their hash;
 * and multiply-accumulates, of which the engine does some 2e10 a second, so that the 30 seconds of a consumer are six times enough.
 */
const SHARD = { digits: 10_000, bytes: 8_000_000, macs: 1e11 } as const;

/** Digits of a shard. @param macs  Multiply-accumulates a digit. */
export function chooseShardDigits(pixelBytes: number, macs: number): number {
  return Math.max(
    1,
    Math.min(SHARD.digits, Math.floor(SHARD.bytes / pixelBytes), Math.floor(SHARD.macs / macs)),
  );
}

/**
 * The same for the same digits, whoever asks and when: so that a job that is started twice is one. The number in it rises when the same
 * digits get other bytes.
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

/** The numbers of a page's shards. */
export function listPage(record: JobRecord, page: number): number[] {
  const first = page * PAGE_SHARDS;
  return Array.from(
    { length: Math.min(PAGE_SHARDS, countShards(record) - first) },
    (_, i) => first + i,
  );
}

/** Which digits a shard has. */
export function locateShard(
  { start, n, shardDigits }: JobRecord,
  shard: number,
): { readonly start: number; readonly n: number } {
  const first = shard * shardDigits;
  return { start: start + first, n: Math.min(shardDigits, n - first) };
}

/** What a shard's files begin with, by what they hold. */
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
