/**
 * The bucket of jobs. It is not the models' bucket, which is only read. The objects alone tell how
 * far a job is: there is no counter that a second delivery would spoil.
 *
 *     jobs/ID/job.json                     the job's record; written once
 *     jobs/ID/labels/SHARD-SHA256.FORMAT   a shard's labels
 *     jobs/ID/images/SHARD-SHA256.FORMAT   its images, written last: a shard with images is whole
 *     jobs/ID/failed/SHARD                 a shard that was given up
 *     jobs/ID/stopped                      why nothing more is drawn
 */
import { parseAs } from '../../shared/schema.ts';
import type { SetPart } from '../../shared/contract/formats.ts';
import {
  encodeShardHeads,
  jobRecordSchema,
  locateShard,
  PAGE_SHARDS,
  type JobMessage,
  type JobRecord,
} from './job.ts';

/** The used part of an R2 object. */
interface JobObject {
  readonly key: string;
  readonly size: number;
  readonly uploaded: Date;
  readonly customMetadata?: Record<string, string>;
}

/** The used part of an R2 bucket's binding. */
export interface JobBucket {
  head(key: string): Promise<JobObject | null>;
  get(
    key: string,
    options?: { readonly range: { readonly offset: number; readonly length: number } },
  ): Promise<(JobObject & { readonly body: ReadableStream; text(): Promise<string> }) | null>;
  /** @returns  null when the condition failed. */
  put(
    key: string,
    value: Uint8Array | string,
    options: {
      readonly onlyIf?: { readonly etagDoesNotMatch: string };
      readonly sha256?: string;
      readonly customMetadata?: Record<string, string>;
    },
  ): Promise<unknown>;
  delete(keys: string[]): Promise<void>;
  list(options: {
    prefix: string;
    limit?: number;
    cursor?: string;
    include?: 'customMetadata'[];
  }): Promise<{ objects: JobObject[]; truncated: boolean; cursor?: string }>;
}

export interface Jobs {
  readonly store: JobStore;
  readonly queue: JobQueue;
  readonly secret: string;
}

/** The reason why a service has no jobs, worded for the public. */
export interface NoJobs {
  readonly reason: string;
}

/** The used part of a queue's binding. */
export interface JobQueue {
  sendBatch(messages: { body: JobMessage; delaySeconds?: number }[]): Promise<unknown>;
}

/** Why nothing more is drawn: by its owner, or since the model or the queue failed. */
const STOPS = ['cancelled', 'model_gone', 'queue_failed'] as const;
export type Stop = (typeof STOPS)[number];

export interface ShardFile {
  readonly name: string;
  readonly bytes: number;
  /** 64 hex digits. */
  readonly sha256: string;
}

interface StoredShard {
  readonly shard: number;
  readonly start: number;
  readonly n: number;
  readonly images: ShardFile;
  /** Absent without classes. */
  readonly labels: ShardFile | undefined;
  /** Milliseconds that drawing took. */
  readonly drawMs: number;
  readonly at: Date;
}

/** A drawn shard. Hashes are 64 hex digits. */
export interface ShardContent {
  readonly images: { readonly bytes: Uint8Array; readonly sha256: string };
  /** Absent without classes. */
  readonly labels: ShardContent['images'] | undefined;
  readonly drawMs: number;
}

/** Create-only: a second write is a no-op. */
const CREATE = { onlyIf: { etagDoesNotMatch: '*' } } as const;
/** Digits of a shard number in a key: keys sort as numbers do, and the first digits are a page. */
const SHARD_PLACES = 6;
const PAGE_PLACES = SHARD_PLACES - Math.log10(PAGE_SHARDS);

export class JobStore {
  readonly #bucket: JobBucket;

  constructor(bucket: JobBucket) {
    this.#bucket = bucket;
  }

  async create(id: string, record: JobRecord): Promise<void> {
    await this.#bucket.put(`jobs/${id}/job.json`, JSON.stringify(record), CREATE);
  }

  /** @returns  undefined when there is no such job. */
  async read(
    id: string,
  ): Promise<{ readonly record: JobRecord; readonly createdAt: Date } | undefined> {
    const object = await this.#bucket.get(`jobs/${id}/job.json`);
    if (object === null) {
      return undefined;
    }
    const record = parseAs(jobRecordSchema, JSON.parse(await object.text()));
    return { record, createdAt: object.uploaded };
  }

  async readStop(id: string): Promise<Stop | undefined> {
    const object = await this.#bucket.head(`jobs/${id}/stopped`);
    return object === null
      ? undefined
      : (STOPS.find((stop) => stop === object.customMetadata?.['why']) ?? 'cancelled');
  }

  async stop(id: string, why: Stop): Promise<void> {
    await this.#bucket.put(`jobs/${id}/stopped`, '', { ...CREATE, customMetadata: { why } });
  }

  /** Deletes the marks that the job was stopped and that shards were given up. */
  async resume(id: string): Promise<void> {
    const failures = await this.#list(`jobs/${id}/failed/`);
    const keys = [`jobs/${id}/stopped`, ...failures.map(({ key }) => key)];
    for (let i = 0; i < keys.length; i += PAGE_SHARDS) {
      await this.#bucket.delete(keys.slice(i, i + PAGE_SHARDS));
    }
  }

  async giveUp(id: string, shard: number): Promise<void> {
    await this.#bucket.put(`jobs/${id}/failed/${padShard(shard)}`, '', CREATE);
  }

  /** Lists shards that were given up. Some may have been drawn afterwards. */
  async listFailures(id: string): Promise<{ readonly shard: number; readonly at: Date }[]> {
    const objects = await this.#list(`jobs/${id}/failed/`);
    return objects.map(({ key, uploaded: at }) => ({
      shard: Number(key.slice(-SHARD_PLACES)),
      at,
    }));
  }

  async hasShard(id: string, shard: number): Promise<boolean> {
    const prefix = `jobs/${id}/images/${padShard(shard)}-`;
    return (await this.#bucket.list({ prefix, limit: 1 })).objects.length > 0;
  }

  /** Writes a shard, images last; the bucket verifies hashes. @returns  false when it existed. */
  async putShard(
    id: string,
    { format }: JobRecord,
    shard: number,
    { images, labels, drawMs }: ShardContent,
  ): Promise<boolean> {
    const put = (
      part: SetPart,
      { bytes, sha256 }: ShardContent['images'],
      customMetadata: Record<string, string>,
    ) => {
      const key = `jobs/${id}/${part}/${padShard(shard)}-${sha256}.${format}`;
      return this.#bucket.put(key, bytes, { ...CREATE, sha256, customMetadata });
    };
    if (labels !== undefined) {
      await put('labels', labels, {});
    }
    const metadata = { ms: String(Math.round(drawMs)), labels: labels?.sha256 ?? '' };
    return (await put('images', images, metadata)) !== null;
  }

  /** Lists the stored shards of a page in order. The first counts if one is stored twice. */
  async listShards(id: string, record: JobRecord, page: number): Promise<StoredShard[]> {
    const prefix = `jobs/${id}/images/`;
    const countLabelBytes = (n: number) => encodeShardHeads(record, n).labels.length + n;
    const wholeBytes = countLabelBytes(record.shardDigits);
    const shards: StoredShard[] = [];
    const objects = await this.#list(prefix + String(page).padStart(PAGE_PLACES, '0'));
    for (const { key, size, uploaded, customMetadata } of objects) {
      const name = key.slice(prefix.length);
      const shard = Number(name.slice(0, SHARD_PLACES));
      if (shard === shards.at(-1)?.shard) {
        continue;
      }
      const range = locateShard(record, shard);
      const labelsSha256 = customMetadata?.['labels'] ?? '';
      const labels = {
        name: `${padShard(shard)}-${labelsSha256}.${record.format}`,
        bytes: range.n === record.shardDigits ? wholeBytes : countLabelBytes(range.n),
        sha256: labelsSha256,
      };
      shards.push({
        shard,
        ...range,
        images: { name, bytes: size, sha256: name.slice(SHARD_PLACES + 1, SHARD_PLACES + 65) },
        labels: record.hasLabels ? labels : undefined,
        drawMs: Number(customMetadata?.['ms'] ?? 0),
        at: uploaded,
      });
    }
    return shards;
  }

  /** Measures a shard's file in bytes; undefined when there is none. */
  async measureFile(id: string, part: SetPart, name: string): Promise<number | undefined> {
    return (await this.#bucket.head(`jobs/${id}/${part}/${name}`))?.size;
  }

  /** Opens a range of a shard's file, whose end is exclusive. @throws Error  When it is gone. */
  async openFile(
    id: string,
    part: SetPart,
    name: string,
    { first, end }: { readonly first: number; readonly end: number },
  ): Promise<ReadableStream> {
    const range = { offset: first, length: end - first };
    const object = await this.#bucket.get(`jobs/${id}/${part}/${name}`, { range });
    if (object === null) {
      throw new Error(`${part} ${name} of job ${id} went away`);
    }
    return object.body;
  }

  async #list(prefix: string): Promise<JobObject[]> {
    const all: JobObject[] = [];
    let cursor: string | undefined;
    do {
      // With metadata a list may be shorter than its limit.
      const options = { prefix, include: ['customMetadata' as const] };
      const { objects, ...rest } = await this.#bucket.list(
        cursor === undefined ? options : { ...options, cursor },
      );
      all.push(...objects);
      cursor = rest.truncated ? rest.cursor : undefined;
    } while (cursor !== undefined);
    return all;
  }
}

function padShard(shard: number): string {
  return String(shard).padStart(SHARD_PLACES, '0');
}
