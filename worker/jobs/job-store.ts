/**
 * Where jobs lie: a bucket of their own, so that the models' is only read. What a job has come to is what lies there, and nothing
 * else: no counter that a second delivery would spoil.
 *
 *     jobs/ID/job.json                     what it is; written once
 *     jobs/ID/labels/SHARD-SHA256.FORMAT   a shard's labels
 *     jobs/ID/images/SHARD-SHA256.FORMAT   its images, written last: what has images is whole
 *     jobs/ID/failed/SHARD                 a shard that was given up
 *     jobs/ID/stopped                      why nothing more is drawn
 */
import type { Part } from '../../shared/contract/formats.ts';
import {
  encodeShardHeads,
  jobRecordSchema,
  locateShard,
  PAGE_SHARDS,
  type JobRecord,
} from './job.ts';

/** What is used of an R2 object. */
export interface JobObject {
  readonly key: string;
  readonly size: number;
  readonly uploaded: Date;
  readonly customMetadata?: Record<string, string>;
}

/** The same with its content. */
export interface JobObjectBody extends JobObject {
  readonly body: ReadableStream;
  text(): Promise<string>;
}

interface PutOptions {
  readonly onlyIf?: { readonly etagDoesNotMatch: string };
  readonly sha256?: string;
  readonly customMetadata?: Record<string, string>;
}

/** What is used of an R2 bucket's binding. */
export interface JobBucket {
  head(key: string): Promise<JobObject | null>;
  get(key: string): Promise<JobObjectBody | null>;
  /** @returns  null when the condition failed. */
  put(key: string, value: Uint8Array | string, options: PutOptions): Promise<unknown>;
  delete(keys: string[]): Promise<void>;
  list(options: {
    prefix: string;
    limit?: number;
    cursor?: string;
    include?: 'customMetadata'[];
  }): Promise<{ objects: JobObject[]; truncated: boolean; cursor?: string }>;
}

/** Why nothing more is drawn: its owner said so; its model's version is gone; the queue did not take its shards. */
export const STOPS = ['cancelled', 'model_gone', 'queue_failed'] as const;
export type Stop = (typeof STOPS)[number];

/** A file of a shard. */
export interface ShardFile {
  readonly name: string;
  readonly bytes: number;
  /** 64 hex digits. */
  readonly sha256: string;
}

/** A shard that is there. */
export interface StoredShard {
  readonly shard: number;
  readonly start: number;
  readonly n: number;
  readonly images: ShardFile;
  /** Absent without classes. */
  readonly labels: ShardFile | undefined;
  /** Milliseconds that drawing it took. */
  readonly drawMs: number;
  readonly at: Date;
}

/** A shard's content. */
export interface ShardContent {
  readonly images: Uint8Array;
  readonly imagesSha256: string;
  readonly labels: Uint8Array | undefined;
  readonly labelsSha256: string;
  readonly drawMs: number;
}

/** Only where nothing lies: whoever comes second changes nothing. */
const CREATE = { onlyIf: { etagDoesNotMatch: '*' } } as const;

/** Digits of a shard's number in a key, so that keys sort as numbers do; the first of them are its page. */
const SHARD_PLACES = 6;
const PAGE_PLACES = SHARD_PLACES - Math.log10(PAGE_SHARDS);

export class JobStore {
  readonly #bucket: JobBucket;

  constructor(bucket: JobBucket) {
    this.#bucket = bucket;
  }

  /** Writes a job down, unless it is there. */
  async create(id: string, record: JobRecord): Promise<void> {
    await this.#bucket.put(`jobs/${id}/job.json`, JSON.stringify(record), CREATE);
  }

  /** @returns  undefined when there is no such job. */
  async read(
    id: string,
  ): Promise<{ readonly record: JobRecord; readonly createdAt: Date } | undefined> {
    const object = await this.#bucket.get(`jobs/${id}/job.json`);
    return object === null
      ? undefined
      : {
          record: jobRecordSchema.parse(JSON.parse(await object.text())),
          createdAt: object.uploaded,
        };
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

  /** Forgets that a job was stopped, and what was given up. */
  async resume(id: string): Promise<void> {
    const failures = await this.#list(`jobs/${id}/failed/`);
    const keys = [`jobs/${id}/stopped`, ...failures.map(({ key }) => key)];
    for (let i = 0; i < keys.length; i += PAGE_SHARDS) {
      await this.#bucket.delete(keys.slice(i, i + PAGE_SHARDS));
    }
  }

  async giveUp(id: string, shard: number): Promise<void> {
    await this.#bucket.put(`jobs/${id}/failed/${writeShard(shard)}`, '', CREATE);
  }

  /** Lists shards that were given up, some of which may have been drawn all the same. */
  async listFailures(id: string): Promise<{ readonly shard: number; readonly at: Date }[]> {
    const objects = await this.#list(`jobs/${id}/failed/`);
    return objects.map(({ key, uploaded }) => ({
      shard: Number(key.slice(-SHARD_PLACES)),
      at: uploaded,
    }));
  }

  async hasShard(id: string, shard: number): Promise<boolean> {
    const { objects } = await this.#bucket.list({
      prefix: `jobs/${id}/images/${writeShard(shard)}-`,
      limit: 1,
    });
    return objects.length > 0;
  }

  /**
   * Writes a shard, images last. The bucket refuses what does not have its hash.
   * @returns  false when it was there already.
   */
  async putShard(
    id: string,
    { format }: JobRecord,
    shard: number,
    content: ShardContent,
  ): Promise<boolean> {
    const { images, imagesSha256, labels, labelsSha256, drawMs } = content;
    if (labels !== undefined) {
      const key = `jobs/${id}/labels/${writeShard(shard)}-${labelsSha256}.${format}`;
      await this.#bucket.put(key, labels, { ...CREATE, sha256: labelsSha256 });
    }
    const written = await this.#bucket.put(
      `jobs/${id}/images/${writeShard(shard)}-${imagesSha256}.${format}`,
      images,
      {
        ...CREATE,
        sha256: imagesSha256,
        customMetadata: { ms: String(Math.round(drawMs)), labels: labelsSha256 },
      },
    );
    return written !== null;
  }

  /** Lists a page's shards that are there, in order, each once: were there two of one number, the first counts for every reader. */
  async listShards(id: string, record: JobRecord, page: number): Promise<StoredShard[]> {
    const prefix = `jobs/${id}/images/`;
    const labelsBytes = (n: number) => encodeShardHeads(record, n).labels.length + n;
    const whole = labelsBytes(record.shardDigits);
    const shards: StoredShard[] = [];
    for (const { key, size, uploaded, customMetadata } of await this.#list(
      prefix + String(page).padStart(PAGE_PLACES, '0'),
    )) {
      const name = key.slice(prefix.length);
      const shard = Number(name.slice(0, SHARD_PLACES));
      if (shard === shards.at(-1)?.shard) {
        continue;
      }
      const range = locateShard(record, shard);
      const labels = customMetadata?.['labels'] ?? '';
      shards.push({
        shard,
        ...range,
        images: { name, bytes: size, sha256: name.slice(SHARD_PLACES + 1, SHARD_PLACES + 65) },
        labels: record.hasLabels
          ? {
              name: `${writeShard(shard)}-${labels}.${record.format}`,
              bytes: range.n === record.shardDigits ? whole : labelsBytes(range.n),
              sha256: labels,
            }
          : undefined,
        drawMs: Number(customMetadata?.['ms'] ?? 0),
        at: uploaded,
      });
    }
    return shards;
  }

  /**
   * Opens a shard's file.
   * @param isHead  Looks only: the body is null.
   * @returns       undefined when there is no such file.
   */
  async openFile(
    id: string,
    part: Part,
    name: string,
    isHead: boolean,
  ): Promise<{ readonly size: number; readonly body: ReadableStream | null } | undefined> {
    const key = `jobs/${id}/${part}/${name}`;
    if (isHead) {
      const found = await this.#bucket.head(key);
      return found === null ? undefined : { size: found.size, body: null };
    }
    return (await this.#bucket.get(key)) ?? undefined;
  }

  async #list(prefix: string): Promise<JobObject[]> {
    const all: JobObject[] = [];
    let cursor: string | undefined;
    do {
      // With metadata a list may be cut shorter than its limit.
      const { objects, ...rest } = await this.#bucket.list({
        prefix,
        include: ['customMetadata'],
        ...(cursor !== undefined && { cursor }),
      });
      all.push(...objects);
      cursor = rest.truncated ? rest.cursor : undefined;
    } while (cursor !== undefined);
    return all;
  }
}

function writeShard(shard: number): string {
  return String(shard).padStart(SHARD_PLACES, '0');
}
