/** Draws jobs. A message may come twice, late or never: it is a hint to look for missing shards. */
import * as v from 'valibot';
import type { ApiError } from '../../shared/contract/errors.ts';
import { hashNatively } from '../../shared/model/artifact.ts';
import { findClass } from '../../shared/model/classes.ts';
import type { Defer } from '../context.ts';
import { readHand } from '../hand.ts';
import { yieldThread } from '../http/admission.ts';
import { countPerPart } from '../http/content.ts';
import { ConcurrencyLimit } from '../http/concurrency-limit.ts';
import type { Log } from '../http/log.ts';
import { limitTime } from '../models/model-store.ts';
import { useModel, type ModelSource } from '../models/model-source.ts';
import {
  encodeShardHeads,
  jobMessageSchema,
  listPage,
  locateShard,
  type JobMessage,
  type JobRecord,
} from './job.ts';
import type { JobQueue, JobStore, ShardContent } from './job-store.ts';

/** The used part of a batch that a queue delivers. */
interface JobBatch {
  readonly queue: string;
  readonly messages: readonly {
    readonly body: unknown;
    /** 1 at the first delivery. */
    readonly attempts: number;
    ack(): void;
    retry(options: { delaySeconds: number }): void;
  }[];
}

/** End of the name of a dead-letter queue: see wrangler.toml. */
const DEAD = '-dead';
/** Messages that a queue takes at once. */
const BATCH = 100;
/** Shards in memory: one is drawn while another is written, and waiting takes no processor time. */
const SHARDS = { concurrent: 2, waiting: 100, waitMs: 300_000, expiresMs: 300_000 } as const;

/**
 * Makes the consumer of both queues. `delaySeconds` delays a failed message, by its attempts. A
 * shard's write takes `writeMs` at most: on a full disk the local bucket never answers.
 */
export function createJobConsumer(options: {
  readonly modelSource: ModelSource;
  readonly log: Log;
  readonly clock?: () => number;
  readonly store: JobStore;
  readonly queue: JobQueue;
  readonly delaySeconds?: (attempts: number) => number;
  readonly writeMs?: number;
}): (batch: JobBatch, defer: Defer) => Promise<void> {
  const { modelSource, log, store, queue, writeMs = 60_000 } = options;
  const { clock = () => performance.now() } = options;
  const { delaySeconds = (attempts) => Math.min(600, 10 * 2 ** (attempts - 1)) } = options;
  const memory = new ConcurrencyLimit(SHARDS, clock);

  async function consume(message: JobMessage, defer: Defer): Promise<void> {
    const { job } = message;
    const { record } = (await store.read(job)) ?? {};
    if (record === undefined || (await store.readStop(job)) !== undefined) {
      return;
    }
    if ('page' in message) {
      await sendMissing(job, record, message.page);
    } else if (await store.hasShard(job, message.shard)) {
      log({ level: 'info', event: 'shard_there', ...message });
    } else {
      await memory.run(() => writeShard(job, record, message.shard, defer), defer);
    }
  }

  async function giveUp(message: JobMessage): Promise<void> {
    await ('page' in message
      ? store.stop(message.job, 'queue_failed')
      : store.giveUp(message.job, message.shard));
  }

  async function sendMissing(job: string, record: JobRecord, page: number): Promise<void> {
    const stored = new Set((await store.listShards(job, record, page)).map(({ shard }) => shard));
    const missing = listPage(record, page).filter((shard) => !stored.has(shard));
    for (let i = 0; i < missing.length; i += BATCH) {
      await queue.sendBatch(missing.slice(i, i + BATCH).map((shard) => ({ body: { job, shard } })));
    }
  }

  async function writeShard(
    job: string,
    record: JobRecord,
    shard: number,
    defer: Defer,
  ): Promise<void> {
    const content = await drawShard(record, shard, defer);
    if ('code' in content) {
      if (content.code !== 'model_not_found') {
        throw new Error(`no model to draw with: ${content.code}`);
      }
      await store.stop(job, 'model_gone');
      log({ level: 'error', event: 'job_stopped', job, why: 'model_gone' });
      return;
    }
    const writing = store.putShard(job, record, shard, content);
    const isNew = await limitTime(writing, writeMs, `writing shard ${shard}`);
    const event = isNew ? 'shard_written' : 'shard_there';
    const [bytes, ms] = [content.images.bytes.length, Math.round(content.drawMs)];
    log({ level: 'info', event, job, shard, bytes, ms });
  }

  async function drawShard(
    record: JobRecord,
    shard: number,
    defer: Defer,
  ): Promise<ShardContent | ApiError> {
    const { model, seed, truncation, image, hasLabels } = record;
    const hand = record.hand === null ? undefined : readHand(record.hand, record.vary);
    const { start, n } = locateShard(record, shard);
    const heads = encodeShardHeads(record, n);
    const size = image.height * image.width * image.channels;
    const part = countPerPart(size);
    const images = new Uint8Array(heads.images.length + n * size);
    const labels = new Uint8Array(heads.labels.length + (hasLabels ? n : 0));
    images.set(heads.images);
    labels.set(heads.labels);
    const began = clock();
    for (let done = 0; done < n; done += part) {
      const sequence = { seed, start: start + done, count: Math.min(part, n - done), truncation };
      // Each part acquires the model anew, so that a consumer that is cut off keeps no lease.
      const drawn = await useModel(modelSource, model, defer, ({ sampler }) => {
        const label =
          record.label === null ? undefined : findClass(sampler.manifest.classes, record.label);
        if (record.label !== null && label === undefined) {
          throw new Error(`the model has no class ${record.label}`);
        }
        return sampler.draw({ ...sequence, label, hand });
      });
      if ('code' in drawn) {
        return drawn;
      }
      images.set(drawn.pixels, heads.images.length + done * size);
      if (drawn.labels !== null) {
        labels.set(drawn.labels, heads.labels.length + done);
      }
      await yieldThread(); // Cloudflare's clock, too, advances only between turns.
    }
    const drawMs = clock() - began;
    // SHA-256 in JavaScript takes as long as the drawing.
    return {
      images: { bytes: images, sha256: await hashNatively(images) },
      labels: hasLabels ? { bytes: labels, sha256: await hashNatively(labels) } : undefined,
      drawMs,
    };
  }

  return async ({ queue: name, messages }, defer) => {
    for (const message of messages) {
      const data = message.body;
      if (!v.is(jobMessageSchema, data)) {
        // Another version of this code sent it, so a retry would not help.
        log({ level: 'error', event: 'job_message_unknown' });
        message.ack();
        continue;
      }
      try {
        await (name.endsWith(DEAD) ? giveUp(data) : consume(data, defer));
        message.ack();
      } catch (cause) {
        const { attempts } = message;
        log({ level: 'error', event: 'job_failed', ...data, attempts, cause });
        message.retry({ delaySeconds: delaySeconds(attempts) });
      }
    }
  };
}
