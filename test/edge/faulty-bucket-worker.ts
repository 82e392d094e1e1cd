/**
 * Runs the worker's app on the real bucket and injects faults between the two, for tests.
 *
 * - `POST /test/reset` makes a new app, as in a new isolate.
 * - `POST /test/fault` sets the fault for all later reads.
 * - `GET /test/reads` lists the keys that were read.
 */
import type { App } from '../../worker/context.ts';
import type { Env } from '../../worker/env.ts';
import { writeLog } from '../../worker/http/log.ts';
import { createR2Reader, type Bucket, type BucketObject } from '../../worker/models/r2-reader.ts';
import { WAITS } from '../../worker/models/model-source.ts';
import { createService } from '../../worker/service.ts';
import {
  HANGING_FAULTS,
  type BucketFault,
  type FaultyRead,
} from '../support/storage/bucket-fault.ts';

const SPEED_UP = 50;
const { setTimeout: schedule } = globalThis;

/**
 * The clock for the worker's storage timeouts. It runs fast while an object hangs, so a test need
 * not wait for seconds. Otherwise it stands still, so a slow machine never makes a good read fail.
 * Timers below one second are not changed.
 */
globalThis.setTimeout = ((ring: () => void, ms = 0) => {
  if (ms < 1000) {
    return schedule(ring, ms);
  }
  const isHanging = fault !== undefined && HANGING_FAULTS.includes(fault.fault);
  return isHanging ? schedule(ring, ms / SPEED_UP) : 0;
}) as typeof setTimeout;

let app: App | undefined;
let fault: FaultyRead | undefined;
let reads: string[] = [];

export default {
  async fetch(request, env, context) {
    switch (new URL(request.url).pathname) {
      case '/test/reset':
        app = undefined;
        reads = [];
        return new Response();
      case '/test/fault':
        fault = (await request.json<FaultyRead | null>()) ?? undefined;
        return new Response();
      case '/test/reads':
        return Response.json(reads);
      default:
        app ??= createService({
          models: createR2Reader(addFaults(env.MODELS)),
          modelRefreshMs: 20,
          log: writeLog,
        });
        return app.fetch(request, {}, context);
    }
  },
} satisfies ExportedHandler<Env>;

function addFaults(bucket: Bucket): Bucket {
  return {
    async get(key, options) {
      reads.push(key);
      if (fault === undefined || !key.endsWith(fault.key)) {
        return bucket.get(key, options);
      }
      // A fault replaces an object; a "not modified" result passes unchanged.
      return spoil(fault.fault, () => bucket.get(key));
    },
  };
}

async function spoil(
  kind: BucketFault,
  read: () => Promise<BucketObject | null>,
): Promise<BucketObject | null> {
  switch (kind) {
    case 'throws':
      throw new Error('get: We encountered an internal error (10001) at secret-host');
    case 'never answers':
      return new Promise(() => undefined);
    case 'answers too late':
      await new Promise((resolve) => setTimeout(resolve, 2 * WAITS.readMs));
      return read();
    case 'is missing':
      return null;
    default: {
      const object = await read();
      return object === null ? null : spoilBody(kind, object);
    }
  }
}

function spoilBody(kind: BucketFault, object: BucketObject): BucketObject {
  const { etag, size, body } = object;
  const readBytes = async () => new Uint8Array((await object.arrayBuffer?.()) ?? new ArrayBuffer());
  const replace = (change: (bytes: Uint8Array) => Uint8Array) => ({
    etag: `${etag} ${kind}`,
    size,
    ...(body && { body }),
    arrayBuffer: async () => change(await readBytes()).slice().buffer as ArrayBuffer,
  });
  switch (kind) {
    case 'breaks off':
      return {
        ...replace((bytes) => bytes),
        arrayBuffer: () => Promise.reject(new Error('Network connection lost.')),
      };
    case 'never ends':
      return { ...replace((bytes) => bytes), arrayBuffer: () => new Promise(() => undefined) };
    case 'is cut short':
      return replace((bytes) => bytes.subarray(0, bytes.length >> 1));
    case 'is empty':
      return replace(() => new Uint8Array());
    case 'is altered':
      return replace((bytes) => bytes.map((byte, i) => (i === 0 ? byte ^ 1 : byte)));
    case 'is longer than it says':
      return replace((bytes) => new Uint8Array([...bytes, ...new TextEncoder().encode('more')]));
    case 'is a page of an error':
      return replace(() => new TextEncoder().encode('<!doctype html><title>503</title>'));
    case 'is of a schema of the future':
      return replace((bytes) => {
        const value = JSON.parse(new TextDecoder().decode(bytes)) as object;
        return new TextEncoder().encode(JSON.stringify({ ...value, schema: 99 }));
      });
    case 'is far too large':
      return { ...replace((bytes) => bytes), size: 2 ** 40 };
    default:
      throw new Error(`${kind} is no fault of a body`);
  }
}
