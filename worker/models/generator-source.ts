/**
 * Which model serves: follows the bucket's pointer without making a request wait, switches only to a model that was
 * loaded whole and has drawn, keeps the last good one through every failure, and falls back to the bundled one.
 */
import {
  ArtifactError,
  POINTER_KEY,
  type ParsedManifest,
  type Pointer,
  type PublishedModel,
} from '../../shared/model/artifact.ts';
import type { ApiError } from '../../shared/contract/errors.ts';
import type { Sampler } from '../../shared/model/sampler.ts';
import type { Log } from '../http/log.ts';
import { limitTime, StorageError, type ModelStore, type StoredModel } from './model-store.ts';
import {
  SamplerCache,
  type Defer,
  type Generator,
  type Lease,
  type ModelOrigin,
} from './sampler-cache.ts';
import { BusyError, WorkGate } from '../http/work-gate.ts';

/** Beside the default, so many named models are kept up to date in the background. */
const MAX_FOLLOWED_NAMES = 3;

/** A refresh that is not over by then belonged to a request that was cut off: another may begin. */
const REFRESH_EXPIRES_MS = 30_000;

/**
 * After a silence this long the pointer is waited for: else the first request in hours would get the model of hours ago.
 * While requests come in, none waits.
 */
const SILENCE_MS = 40_000;

/** Bounds of the cache: an isolate has 128 MB for everything. */
const KEPT = { models: 6, weightBytes: 24 * 1024 * 1024 };

const RETRY_AFTER_SECONDS = 10;

/** Models that requests have loaded at once: files and weights of each may take 32 MiB. */
const LOADS = { concurrent: 2, waiting: 16, expiresMs: REFRESH_EXPIRES_MS };

/** What a request asks for: nothing (the default model), a name, or one version of a name. */
export type ModelChoice =
  | { readonly name: string; readonly version: string | undefined }
  | undefined;

export type Acquired =
  | { readonly ok: true; readonly lease: Lease }
  | { readonly ok: false; readonly error: ApiError };

/** For /healthz; `failure` is worded for the public. */
export interface Health {
  readonly serving: Omit<Generator, 'sampler'> | undefined;
  readonly failure: Failure | undefined;
}

/** Why the model that the pointer names does not serve. */
export interface Failure {
  readonly reason: string;
  readonly message: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export interface GeneratorSource {
  /**
   * Takes hold of the model that answers. Waits for storage only at the isolate's first request, at the first after a
   * long silence, and for a version that is not loaded yet.
   *
   * @param defer  Given work that goes on after the answer.
   */
  acquire(choice: ModelChoice, defer: Defer): Promise<Acquired>;
  getHealth(defer: Defer): Promise<Health>;
  /** Lists what a request can name without a version. */
  list(defer: Defer): Promise<ModelList>;
}

/** Which models are published, and the bundled one where no published one has its name. */
export interface ModelList {
  readonly default: string;
  readonly models: readonly {
    readonly name: string;
    readonly version: string;
    readonly publishedAt: string | null;
  }[];
}

export interface GeneratorSourceOptions {
  readonly store: ModelStore;
  /** False when nothing is ever published, so that the bundled model serves by intent; true when not given. */
  readonly follows?: boolean;
  /** The model inside the worker's bundle: parsed when it is first needed. */
  readonly bundled: {
    readonly name: string;
    readonly version: string;
    readonly read: () => StoredModel;
  };
  readonly openModel: (parsed: ParsedManifest, weights: Uint8Array) => Promise<Sampler>;
  readonly refreshMs: number;
  /** How long the isolate's first request waits for the bucket before the bundled model answers. */
  readonly firstWaitMs: number;
  /** How long the first request after a silence waits for the bucket before the last good model answers. */
  readonly silenceWaitMs: number;
  /** How long a request waits for a version that is being loaded. */
  readonly loadWaitMs: number;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly log: Log;
}

export function createGeneratorSource(options: GeneratorSourceOptions): GeneratorSource {
  return new FollowingSource(options);
}

/** Key of the default model's slot; no name is empty. */
const DEFAULT_SLOT = '';

class FollowingSource implements GeneratorSource {
  readonly #options: GeneratorSourceOptions;
  readonly #cache: SamplerCache;
  /** What requests have loaded; a refresh loads one model after the other, and does not wait for them. */
  readonly #loads: WorkGate;
  /** The last good model of the default and of each followed name, held. Names in the order of their last use. */
  readonly #slots = new Map<string, Lease>();
  #pointer: { readonly value: Pointer; readonly etag: string } | undefined;
  #failure: Failure | undefined;
  #first: Promise<void> | undefined;
  #refreshedAt = -Infinity;
  #refreshing = false;

  constructor(options: GeneratorSourceOptions) {
    this.#options = options;
    this.#cache = new SamplerCache({ ...KEPT, waitMs: options.loadWaitMs });
    this.#loads = new WorkGate({ ...LOADS, waitMs: options.loadWaitMs }, options.clock);
  }

  async acquire(choice: ModelChoice, defer: Defer): Promise<Acquired> {
    if (choice?.version !== undefined) {
      return this.#acquireVersion(choice.name, choice.version, defer);
    }
    await this.#keepFresh(defer);
    return choice === undefined
      ? this.#acquireDefault(defer)
      : this.#acquireName(choice.name, defer);
  }

  async getHealth(defer: Defer): Promise<Health> {
    const acquired = await this.acquire(undefined, defer);
    if (!acquired.ok) {
      return { serving: undefined, failure: this.#failure };
    }
    const { name, version, origin, loadedAt } = acquired.lease.generator;
    acquired.lease.release();
    return { serving: { name, version, origin, loadedAt }, failure: this.#failure };
  }

  async list(defer: Defer): Promise<ModelList> {
    await this.#keepFresh(defer);
    const pointer = this.#pointer?.value;
    const { name, version } = this.#options.bundled;
    const published = Object.entries(pointer?.models ?? {}).map(([each, model]) => ({
      name: each,
      version: model.version,
      publishedAt: model.publishedAt,
    }));
    const models = findModel(pointer, name)
      ? published
      : [...published, { name, version, publishedAt: null }];
    return { default: pointer?.default ?? name, models };
  }

  async #acquireDefault(defer: Defer): Promise<Acquired> {
    const held = this.#slots.get(DEFAULT_SLOT)?.generator;
    const lease = held && this.#cache.acquireLoaded(keyOf(held));
    return lease === undefined
      ? this.#tryAcquire(() => this.#acquireBundled(defer))
      : { ok: true, lease };
  }

  async #acquireName(name: string, defer: Defer): Promise<Acquired> {
    const slot = this.#pointer?.value.default === name ? DEFAULT_SLOT : name;
    const held = this.#slots.get(slot)?.generator;
    const lease = held?.name === name ? this.#cache.acquireLoaded(keyOf(held)) : undefined;
    if (lease !== undefined) {
      return { ok: true, lease };
    }
    const target = findModel(this.#pointer?.value, name);
    if (target !== undefined) {
      const acquired = await this.#tryAcquire(() =>
        this.#acquireStored(name, target.version, target.manifestSha256, defer, this.#loads),
      );
      if (acquired.ok) {
        this.#follow(slot, acquired.lease.generator);
      }
      if (acquired.ok || name !== this.#options.bundled.name) {
        return acquired;
      }
    }
    return name === this.#options.bundled.name
      ? this.#tryAcquire(() => this.#acquireBundled(defer))
      : { ok: false, error: { code: 'model_not_found', model: name } };
  }

  async #acquireVersion(name: string, version: string, defer: Defer): Promise<Acquired> {
    const { bundled } = this.#options;
    const loaded = this.#cache.acquireLoaded(keyOf({ origin: 'r2', name, version }));
    if (loaded !== undefined) {
      return { ok: true, lease: loaded };
    }
    return this.#tryAcquire(
      () =>
        name === bundled.name && version === bundled.version
          ? this.#acquireBundled(defer)
          : this.#acquireStored(name, version, undefined, defer, this.#loads),
      `${name}@${version}`,
    );
  }

  /** @param pinned  Set when the caller named the version: what is not there was asked for wrongly. */
  async #tryAcquire(acquire: () => Promise<Lease>, pinned?: string): Promise<Acquired> {
    try {
      return { ok: true, lease: await acquire() };
    } catch (cause) {
      if (
        pinned !== undefined &&
        cause instanceof ArtifactError &&
        cause.failure.reason === 'missing'
      ) {
        return { ok: false, error: { code: 'model_not_found', model: pinned } };
      }
      if (cause instanceof BusyError) {
        return { ok: false, error: { code: 'busy', retryAfterSeconds: RETRY_AFTER_SECONDS } };
      }
      this.#options.log({
        level: 'error',
        event: 'model_load_failed',
        model: pinned,
        ...describeFailure(cause),
        cause,
      });
      return {
        ok: false,
        error: { code: 'model_unavailable', retryAfterSeconds: RETRY_AFTER_SECONDS },
      };
    }
  }

  /** @param gate  Where the load waits its turn. */
  #acquireStored(
    name: string,
    version: string,
    manifestSha256: string | undefined,
    defer: Defer,
    gate?: WorkGate,
  ): Promise<Lease> {
    const read = async () =>
      this.#open(await this.#options.store.readModel(name, version, manifestSha256), 'r2');
    const load = gate === undefined ? read : () => gate.run(read, defer);
    return this.#cache.acquire(keyOf({ origin: 'r2', name, version }), load, defer);
  }

  #acquireBundled(defer: Defer): Promise<Lease> {
    const { name, version, read } = this.#options.bundled;
    return this.#cache.acquire(
      keyOf({ origin: 'bundled', name, version }),
      async () => this.#open(read(), 'bundled'),
      defer,
    );
  }

  async #open({ parsed, weights }: StoredModel, origin: ModelOrigin): Promise<Generator> {
    const sampler = await this.#options.openModel(parsed, weights);
    const { name, version } = parsed.manifest;
    return { sampler, name, version, origin, loadedAt: this.#options.clock() };
  }

  /** Begins a refresh when one is due; waits for it only when nothing was ever loaded, or for long. */
  async #keepFresh(defer: Defer): Promise<void> {
    if (this.#options.follows === false) {
      return;
    }
    const now = this.#options.clock();
    const due =
      now >= this.#refreshedAt + (this.#refreshing ? REFRESH_EXPIRES_MS : this.#options.refreshMs);
    if (due) {
      const silence = now - this.#refreshedAt;
      this.#refreshedAt = now;
      this.#refreshing = true;
      const refresh = this.#refresh(defer).finally(() => {
        this.#refreshing = false;
      });
      defer(refresh);
      if (this.#first !== undefined && silence >= SILENCE_MS) {
        await limitTime(refresh, this.#options.silenceWaitMs, 'the refresh').catch(() => undefined); // The last good one it is.
      }
      this.#first ??= refresh;
    }
    if (this.#first !== undefined && this.#slots.size === 0 && this.#failure === undefined) {
      await limitTime(this.#first, this.#options.firstWaitMs, 'the first load').catch(
        (cause: unknown) => this.#fail(cause),
      );
    }
  }

  /** Never rejects. */
  async #refresh(defer: Defer): Promise<void> {
    try {
      const reading = await this.#options.store.readPointer(this.#pointer?.etag);
      if (reading.state === 'missing') {
        throw new ArtifactError({ reason: 'missing', what: POINTER_KEY });
      }
      if (reading.state === 'read') {
        this.#pointer = { value: reading.pointer, etag: reading.etag };
      }
    } catch (cause) {
      this.#fail(cause);
      return;
    }
    for (const slot of new Set([DEFAULT_SLOT, ...this.#slots.keys()])) {
      await this.#refreshSlot(slot, this.#pointer?.value, defer);
    }
  }

  async #refreshSlot(slot: string, pointer: Pointer | undefined, defer: Defer): Promise<void> {
    const name = slot === DEFAULT_SLOT ? pointer?.default : slot;
    const target = name === undefined ? undefined : findModel(pointer, name);
    if (name === undefined || target === undefined) {
      return; // A name that is published no more: its last good version goes on serving while it is held.
    }
    const held = this.#slots.get(slot)?.generator;
    if (held?.name === name && held.version === target.version) {
      this.#succeed(slot);
      return;
    }
    try {
      const lease = await this.#acquireStored(name, target.version, target.manifestSha256, defer);
      this.#follow(slot, lease.generator);
      lease.release();
      this.#succeed(slot);
    } catch (cause) {
      this.#fail(cause, slot, `${name}@${target.version}`);
    }
  }

  /** Makes a loaded model the one that its slot serves, and lets go of its predecessor. */
  #follow(slot: string, generator: Generator): void {
    const lease = this.#cache.acquireLoaded(keyOf(generator));
    if (lease === undefined) {
      return;
    }
    const previous = this.#slots.get(slot);
    this.#slots.delete(slot);
    this.#slots.set(slot, lease);
    previous?.release();
    const [from, to] = [previous?.generator, generator].map(
      (each) => each && `${each.name}@${each.version}`,
    );
    this.#options.log({
      level: 'info',
      event: 'model_switched',
      isDefault: slot === DEFAULT_SLOT,
      from: from ?? null,
      to,
    });
    const followed = [...this.#slots.keys()].filter((name) => name !== DEFAULT_SLOT);
    for (const name of followed.slice(0, -MAX_FOLLOWED_NAMES)) {
      this.#slots.get(name)?.release();
      this.#slots.delete(name);
    }
  }

  #succeed(slot: string): void {
    if (slot === DEFAULT_SLOT) {
      this.#failure = undefined;
    }
  }

  /** Keeps the reason for /healthz and logs it, once for each time that it changes. */
  #fail(cause: unknown, slot = DEFAULT_SLOT, model?: string): void {
    const described = describeFailure(cause);
    const known = slot === DEFAULT_SLOT && this.#failure?.message === described.message;
    if (slot === DEFAULT_SLOT) {
      this.#failure = { ...described, at: this.#options.clock() };
    }
    if (!known) {
      // That nothing was ever published is how every service begins.
      const level =
        described.reason === 'missing' && this.#slots.size === 0 && model === undefined
          ? 'warn'
          : 'error';
      this.#options.log({ level, event: 'model_refresh_failed', model, ...described, cause });
    }
  }
}

/** The same version from the bucket and from the bundle are two: answers tell where theirs came from. */
function keyOf({ origin, name, version }: Pick<Generator, 'origin' | 'name' | 'version'>): string {
  return `${origin}:${name}@${version}`;
}

function findModel(pointer: Pointer | undefined, name: string): PublishedModel | undefined {
  return pointer !== undefined && Object.hasOwn(pointer.models, name)
    ? pointer.models[name]
    : undefined;
}

/** What the public may know: an artifact's failure whole, of the storage only that it failed, of the rest nothing. */
function describeFailure(cause: unknown): { readonly reason: string; readonly message: string } {
  if (cause instanceof ArtifactError) {
    return { reason: cause.failure.reason, message: cause.message };
  }
  if (cause instanceof StorageError) {
    return { reason: 'storage', message: cause.message };
  }
  return { reason: 'unexpected', message: 'an unexpected failure; see the log' };
}
