/**
 * What draws jobs: the queue's consumer. A message may come twice, late, after its job was stopped, or never: each is no more than a
 * hint to look at what is missing, and a shard's bytes are the same whoever draws it.
 */
import { bytesToHex } from '@noble/hashes/utils.js';
import type { ApiError } from '../../shared/contract/errors.ts';
import { giveTurn } from '../http/admit.ts';
import type { AppDependencies } from '../context.ts';
import { findAsked } from '../models/match-model.ts';
import type { Defer } from '../models/sampler-cache.ts';
import { WorkGate } from '../http/work-gate.ts';
import {
  encodeShardHeads,
  jobMessageSchema,
  listPage,
  locateShard,
  type JobMessage,
  type JobRecord,
} from './job.ts';
import type { JobStore, ShardContent } from './job-store.ts';

/** What is used of a queue's binding. */
export interface JobQueue {
  sendBatch(messages: { body: JobMessage; delaySeconds?: number }[]): Promise<unknown>;
}

/** What is used of the messages that a queue delivers at once. */
export interface JobBatch {
  /** The queue's name. */
  readonly queue: string;
  readonly messages: readonly {
    readonly body: unknown;
    /** 1 at the first delivery. */
    readonly attempts: number;
    ack(): void;
    retry(options: { delaySeconds: number }): void;
  }[];
}

export interface JobConsumerOptions extends Pick<AppDependencies, 'generators' | 'clock' | 'log'> {
  readonly store: JobStore;
  readonly queue: JobQueue;
  /** How long a message that failed waits, by its attempts so far. */
  readonly delaySeconds?: (attempts: number) => number;
}

/** The name of a queue of dead letters ends so: see wrangler.toml. */
const DEAD = '-dead';

/** What a queue takes at once. */
const BATCH = 100;

/** Digits between two turns of the isolate's other work: what goes through the network at once. */
const PART = 64;

/**
 * Shards in an isolate's memory at once: one that is drawn while another is written. A consumer may take 15 minutes, and waiting
 * takes no processor time.
 */
const SHARDS = { concurrent: 2, waiting: 100, waitMs: 300_000, expiresMs: 300_000 } as const;

/** Makes the consumer of the queue and of its dead letters. */
export function createJobConsumer(
  options: JobConsumerOptions,
): (batch: JobBatch, defer: Defer) => Promise<void> {
  const { log, delaySeconds = (attempts) => Math.min(600, 10 * 2 ** (attempts - 1)) } = options;
  const consumer = new JobConsumer(options);
  return async ({ queue, messages }, defer) => {
    for (const message of messages) {
      const parsed = jobMessageSchema.safeParse(message.body);
      if (!parsed.success) {
        log({ level: 'error', event: 'job_message_unknown' }); // Another version's: to have it again would not help.
        message.ack();
        continue;
      }
      try {
        await (queue.endsWith(DEAD)
          ? consumer.bury(parsed.data)
          : consumer.work(parsed.data, defer));
        message.ack();
      } catch (cause) {
        log({
          level: 'error',
          event: 'job_failed',
          ...parsed.data,
          attempts: message.attempts,
          cause,
        });
        message.retry({ delaySeconds: delaySeconds(message.attempts) });
      }
    }
  };
}

class JobConsumer {
  readonly #options: JobConsumerOptions;
  readonly #memory: WorkGate;

  constructor(options: JobConsumerOptions) {
    this.#options = options;
    this.#memory = new WorkGate(SHARDS, options.clock);
  }

  async work(message: JobMessage, defer: Defer): Promise<void> {
    const { store, log } = this.#options;
    const { job } = message;
    const found = await store.read(job);
    if (found === undefined || (await store.readStop(job)) !== undefined) {
      return;
    }
    if ('page' in message) {
      await this.#askForMissing(job, found.record, message.page);
    } else if (await store.hasShard(job, message.shard)) {
      log({ level: 'info', event: 'shard_there', ...message });
    } else {
      await this.#memory.run(() => this.#makeShard(job, found.record, message.shard, defer), defer);
    }
  }

  /** A message that failed too often: its job tells so. */
  async bury(message: JobMessage): Promise<void> {
    const { store } = this.#options;
    await ('page' in message
      ? store.stop(message.job, 'queue_failed')
      : store.giveUp(message.job, message.shard));
  }

  async #askForMissing(job: string, record: JobRecord, page: number): Promise<void> {
    const { store, queue } = this.#options;
    const there = new Set((await store.listShards(job, record, page)).map(({ shard }) => shard));
    const missing = listPage(record, page).filter((shard) => !there.has(shard));
    for (let i = 0; i < missing.length; i += BATCH) {
      await queue.sendBatch(missing.slice(i, i + BATCH).map((shard) => ({ body: { job, shard } })));
    }
  }

  async #makeShard(job: string, record: JobRecord, shard: number, defer: Defer): Promise<void> {
    const { store, log } = this.#options;
    const content = await this.#draw(record, shard, defer);
    if ('code' in content) {
      if (content.code !== 'model_not_found') {
        throw new Error(`no model to draw with: ${content.code}`);
      }
      await store.stop(job, 'model_gone');
      log({ level: 'error', event: 'job_stopped', job, why: 'model_gone' });
      return;
    }
    const isNew = await store.putShard(job, record, shard, content);
    log({
      level: 'info',
      event: isNew ? 'shard_written' : 'shard_there',
      job,
      shard,
      bytes: content.images.length,
      ms: Math.round(content.drawMs),
    });
  }

  async #draw(record: JobRecord, shard: number, defer: Defer): Promise<ShardContent | ApiError> {
    const { generators, clock } = this.#options;
    const { model, seed, label, image, hasLabels } = record;
    const { start, n } = locateShard(record, shard);
    const heads = encodeShardHeads(record, n);
    const size = image.height * image.width * image.channels;
    const images = new Uint8Array(heads.images.length + n * size);
    const labels = new Uint8Array(heads.labels.length + (hasLabels ? n : 0));
    images.set(heads.images);
    labels.set(heads.labels);
    const began = clock();
    for (let done = 0; done < n; done += PART) {
      // Taken hold of for each part anew: a consumer that is cut off holds nothing.
      const acquired = await generators.acquire(model, defer);
      if (!acquired.ok) {
        return acquired.error;
      }
      const { generator, release } = acquired.lease;
      try {
        const asked = findAsked(label ?? undefined, undefined, generator);
        if ('code' in asked) {
          return asked;
        }
        const [fixed] = asked;
        const count = Math.min(PART, n - done);
        const drawn = generator.sampler.draw({
          seed,
          start: start + done,
          count,
          ...(fixed !== undefined && { label: fixed }),
        });
        images.set(drawn.pixels, heads.images.length + done * size);
        if (drawn.labels !== null) {
          labels.set(drawn.labels, heads.labels.length + done);
        }
      } finally {
        release();
      }
      await giveTurn(); // Other requests of this isolate come in; and at Cloudflare a clock moves on between turns alone.
    }
    const drawMs = clock() - began;
    const [imagesSha256, labelsSha256] = await Promise.all([images, labels].map(hash));
    return {
      images,
      imagesSha256: imagesSha256 as string,
      labels: hasLabels ? labels : undefined,
      labelsSha256: hasLabels ? (labelsSha256 as string) : '',
      drawMs,
    };
  }
}

/** By the runtime itself: SHA-256 in JavaScript takes as long as drawing. */
async function hash(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return bytesToHex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)));
}
