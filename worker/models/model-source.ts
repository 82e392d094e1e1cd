/**
 * Decides which model serves. Revalidates the bucket's pointer in the background, switches only to
 * a model that has drawn, keeps the last good model through every failure, and falls back to the
 * bundled one.
 */
import {
  ArtifactError,
  nameVersion,
  POINTER_KEY,
  type Manifest,
  type ParsedManifest,
  type Pointer,
} from '../../shared/model/artifact.ts';
import type { ApiError } from '../../shared/contract/errors.ts';
import type { ModelChoice } from '../../shared/contract/parameters.ts';
import { Refusal } from '../../shared/contract/refusal.ts';
import type { GeneratorPlan } from '../../shared/model/generator.ts';
import type { Sampler } from '../../shared/model/sampler.ts';
import type { Defer } from '../context.ts';
import { BusyError, ConcurrencyLimit } from '../http/concurrency-limit.ts';
import type { Log } from '../http/log.ts';
import { keepNewest } from '../../shared/newest.ts';
import { ModelCache, type LoadedModel, type Lease } from './model-cache.ts';
import {
  limitTime,
  RETRY_AFTER_SECONDS,
  StorageError,
  type BundledModel,
  type ModelStore,
  type StoredModel,
} from './model-store.ts';

/** How long a request waits for storage, in milliseconds: docs/deploy.md promises it. */
export const WAITS = {
  /** For one object, head and body. */
  readMs: 5_000,
  /** At the isolate's first request, before the bundled model answers. */
  firstMs: 6_000,
  /** At the first request after a silence, before the last good model answers. */
  silenceMs: 2_000,
  /** For a version that is being loaded. */
  loadMs: 10_000,
} as const;

/** Named models, beside the default, that are revalidated in the background. */
const MAX_FOLLOWED_NAMES = 3;
/** A refresh or a load that takes longer was cut off with its request: another may begin. */
const EXPIRES_MS = 30_000;
/**
 * After this time since a refresh began, or two refresh periods if they are longer, a request waits
 * for the pointer: models may be old.
 */
const SILENCE_MS = 40_000;
/** Loads that requests begin at once: the files and weights of each may take 32 MiB. */
const LOADS = { concurrent: 2, waiting: 16, expiresMs: EXPIRES_MS };

/** For /healthz. */
export interface Health {
  readonly serving: Omit<LoadedModel, 'sampler'> | undefined;
  /** Why the pointer's model does not serve, worded for the public; `at` is ms since 1970. */
  readonly failure: (ReturnType<typeof describeFailure> & { readonly at: number }) | undefined;
}

type OwnModel = Pick<BundledModel, 'name' | 'version' | 'read'>;

interface ModelSourceOptions {
  readonly store: Pick<ModelStore, 'readPointer' | 'readModel'>;
  /** False when nothing is ever published, so that the bundled model serves by intent. */
  readonly follows?: boolean;
  /** The first one serves when no good model is published. Names differ. */
  readonly bundled: readonly [OwnModel, ...OwnModel[]];
  readonly openModel: (parsed: ParsedManifest, weights: Uint8Array) => Promise<Sampler>;
  /** Checks what the load of a model costs, when a request begins it. */
  readonly checkLoad?: (plan: GeneratorPlan) => ApiError | undefined;
  readonly refreshMs: number;
  readonly waits: Readonly<Record<'firstMs' | 'silenceMs' | 'loadMs', number>>;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly log: Log;
}

/** Counts a load against the caller's limits. @returns  The error when it is refused. */
type AdmitLoad = () => Promise<ApiError | undefined> | undefined;

/** A version in the storage. */
interface StoredVersion {
  readonly name: string;
  readonly version: string;
  /** The pointer's promise; a version that a caller names is its own hash. */
  readonly manifestSha256?: string;
}

/** How long a failed load is remembered: a model costs as much when it fails at the last check. */
const FAILED_MS = 2_000;
/** Failures, and names whose served version is known. */
const MAX_REMEMBERED = 256;

/** Key of the default model's slot; no name is empty. */
const DEFAULT_SLOT = '';

export class ModelSource {
  readonly #options: ModelSourceOptions;
  readonly #cache: ModelCache;
  /** For loads that requests begin. A refresh loads one model at a time, and never waits. */
  readonly #loads: ConcurrencyLimit;
  /** Leases of the last good models by name, least recently used first. */
  readonly #slots = new Map<string, Lease>();
  /** The version that each slot served last, for the log. */
  readonly #served = new Map<string, string>();
  /** Models that could not be used, with the time of the failure; the oldest first. */
  readonly #failed = new Map<string, { cause: ArtifactError; at: number }>();
  #pointer: Pointer | undefined;
  #pointerEtag: string | undefined;
  #failure: Health['failure'];
  #first: Promise<void> | undefined;
  #refreshedAt = -Infinity;
  #isRefreshing = false;

  constructor(options: ModelSourceOptions) {
    const waitMs = options.waits.loadMs;
    this.#options = options;
    this.#cache = new ModelCache(waitMs);
    this.#loads = new ConcurrencyLimit({ ...LOADS, waitMs }, options.clock);
  }

  /**
   * Acquires the model that answers: at once where it is loaded. Waits only at first, after
   * silence, or for a load.
   * @param admitLoad  Asked before a named model is loaded. Its error is the result.
   */
  acquire(
    choice: ModelChoice | undefined,
    defer: Defer,
    admitLoad?: AdmitLoad,
  ): Lease | Promise<Lease | ApiError> {
    if (choice?.version !== undefined) {
      const { name, version } = choice;
      return this.#acquireVersion({ name, version }, defer, admitLoad);
    }
    const find = () =>
      choice === undefined
        ? (this.#acquireHeld(DEFAULT_SLOT) ?? this.#acquireBundled(this.#options.bundled[0], defer))
        : this.#acquireName(choice.name, defer, admitLoad);
    return this.#revalidate(defer)?.then(find) ?? find();
  }

  async getHealth(defer: Defer): Promise<Health> {
    const serving = await useModel(this, undefined, defer, ({ sampler: _, ...facts }) => facts);
    return { serving: 'code' in serving ? undefined : serving, failure: this.#failure };
  }

  /** Lists the published models, and the bundled ones unless a published model has their name. */
  async list(defer: Defer) {
    await this.#revalidate(defer);
    const { bundled } = this.#options;
    const models: { name: string; version: string; publishedAt: string | null }[] = Object.entries(
      this.#pointer?.models ?? {},
    ).map(([each, { manifestSha256: _, ...published }]) => ({ name: each, ...published }));
    for (const { name, version } of bundled) {
      if (this.#findPublished(name) === undefined) {
        models.push({ name, version, publishedAt: null });
      }
    }
    return { default: this.#pointer?.default ?? bundled[0].name, models };
  }

  async #acquireName(name: string, defer: Defer, admitLoad?: AdmitLoad): Promise<Lease | ApiError> {
    const slot = this.#pointer?.default === name ? DEFAULT_SLOT : name;
    const held = this.#acquireHeld(slot, name);
    if (held !== undefined) {
      return held;
    }
    const own = this.#options.bundled.find((each) => each.name === name);
    const target = this.#findPublished(name);
    if (target !== undefined) {
      const refused = await this.#admitLoad(target, admitLoad);
      if (refused !== undefined) {
        return refused;
      }
      const acquire = () => this.#acquireAsked(target, defer, admitLoad);
      const acquired = await this.#tryAcquire(acquire);
      if ('loaded' in acquired) {
        this.#follow(slot, acquired.loaded);
        return acquired;
      }
      if (own === undefined) {
        return acquired;
      }
    }
    return own === undefined
      ? { code: 'model_not_found', model: name }
      : this.#acquireBundled(own, defer);
  }

  #acquireVersion(
    asked: StoredVersion,
    defer: Defer,
    admitLoad?: AdmitLoad,
  ): Lease | Promise<Lease | ApiError> {
    const pinned = nameVersion(asked);
    const own = this.#options.bundled.find((each) => nameVersion(each) === pinned);
    const acquire = () => this.#acquireAsked(asked, defer, admitLoad);
    const load = async () =>
      (await this.#admitLoad(asked, admitLoad)) ?? this.#tryAcquire(acquire, pinned);
    return (
      this.#cache.acquireLoaded(buildStoredKey(asked)) ??
      (own === undefined ? load() : this.#acquireBundled(own, defer, pinned))
    );
  }

  /** Asks whether a request may load a model. One that just failed costs nothing. */
  async #admitLoad(model: StoredVersion, admitLoad?: AdmitLoad): Promise<ApiError | undefined> {
    const key = buildStoredKey(model);
    const isCheap = this.#cache.isKnown(key) || this.#recallFailure(key) !== undefined;
    return isCheap ? undefined : admitLoad?.();
  }

  /** Measures the time since then. A clock may be set back. */
  #measureSince(then: number): number {
    return Math.abs(this.#options.clock() - then);
  }

  /** @returns  Why a model could not be loaded a short time ago. */
  #recallFailure(key: string): ArtifactError | undefined {
    const failed = this.#failed.get(key);
    const isRecent = failed !== undefined && this.#measureSince(failed.at) < FAILED_MS;
    return isRecent ? failed.cause : undefined;
  }

  /** Remembers a model that cannot be used. A failure of the storage may be over at once. */
  #rememberFailure(key: string, cause: unknown): void {
    if (cause instanceof ArtifactError) {
      keepNewest(this.#failed, key, { cause, at: this.#options.clock() }, MAX_REMEMBERED);
    }
  }

  /** @param pinned  The version that the caller named: when it is missing, the caller was wrong. */
  async #tryAcquire(acquire: () => Promise<Lease>, pinned?: string): Promise<Lease | ApiError> {
    try {
      return await acquire();
    } catch (cause) {
      const failure = describeFailure(cause);
      if (pinned !== undefined && failure.reason === 'missing') {
        return { code: 'model_not_found', model: pinned };
      }
      if (cause instanceof Refusal) {
        return cause.error;
      }
      if (cause instanceof BusyError) {
        return { code: 'busy', retryAfterSeconds: RETRY_AFTER_SECONDS };
      }
      const event = 'model_load_failed';
      this.#options.log({ level: 'error', event, model: pinned, ...failure, cause });
      return { code: 'model_unavailable', retryAfterSeconds: RETRY_AFTER_SECONDS };
    }
  }

  #findPublished(name: string): StoredVersion | undefined {
    const { models = {} } = this.#pointer ?? {};
    const published = Object.hasOwn(models, name) ? models[name] : undefined;
    return published && { name, ...published };
  }

  /** Acquires the last good model of a slot. @param name  The name that it must have. */
  #acquireHeld(slot: string, name?: string): Lease | undefined {
    const held = this.#slots.get(slot);
    if (held === undefined || (name !== undefined && held.loaded.name !== name)) {
      return undefined;
    }
    if (slot !== DEFAULT_SLOT) {
      this.#slots.delete(slot);
      this.#slots.set(slot, held);
    }
    return held.renew();
  }

  /** Acquires for a request. Without `admitLoad` it is the owner's, and nothing is remembered. */
  #acquireAsked(model: StoredVersion, defer: Defer, admitLoad?: AdmitLoad): Promise<Lease> {
    const failure = this.#recallFailure(buildStoredKey(model));
    return failure !== undefined && admitLoad !== undefined
      ? Promise.reject(failure)
      : this.#acquireStored(model, defer, this.#loads);
  }

  /** @param limit  Where a request's load waits for its turn; a refresh does not wait. */
  async #acquireStored(
    model: StoredVersion,
    defer: Defer,
    limit?: ConcurrencyLimit,
  ): Promise<Lease> {
    const { name, version, manifestSha256 } = model;
    const key = buildStoredKey(model);
    const load = async () => {
      const stored = await this.#options.store.readModel(name, version, manifestSha256);
      const refused = limit && this.#options.checkLoad?.(stored.parsed.plan);
      if (refused !== undefined) {
        throw new Refusal(refused);
      }
      return this.#open(stored, 'r2');
    };
    const loadInTurn = limit === undefined ? load : () => limit.run(load, defer);
    try {
      return await this.#cache.acquire(key, loadInTurn, defer);
    } catch (cause) {
      this.#rememberFailure(key, cause);
      throw cause;
    }
  }

  #acquireBundled(
    model: OwnModel,
    defer: Defer,
    pinned?: string,
  ): Lease | Promise<Lease | ApiError> {
    const { name, version } = model;
    const key = buildCacheKey({ origin: 'bundled', name, version });
    const load = async () => this.#open(model.read(), 'bundled');
    return (
      this.#cache.acquireLoaded(key) ??
      this.#tryAcquire(() => this.#cache.acquire(key, load, defer), pinned)
    );
  }

  async #open(
    { parsed, weights }: StoredModel,
    origin: LoadedModel['origin'],
  ): Promise<LoadedModel> {
    const sampler = await this.#options.openModel(parsed, weights);
    const { name, version } = parsed.manifest;
    return { sampler, name, version, origin, loadedAt: this.#options.clock() };
  }

  /**
   * Begins a refresh when one is due.
   * @returns  What to wait for, at the first request and after a silence.
   */
  #revalidate(defer: Defer): Promise<void> | undefined {
    const { follows = true, refreshMs, waits } = this.#options;
    if (!follows) {
      return undefined;
    }
    const silenceMs = this.#measureSince(this.#refreshedAt);
    if (silenceMs >= (this.#isRefreshing ? EXPIRES_MS : refreshMs)) {
      this.#refreshedAt = this.#options.clock();
      this.#isRefreshing = true;
      const refresh = this.#refresh(defer).finally(() => {
        this.#isRefreshing = false;
      });
      defer(refresh);
      if (this.#first !== undefined && silenceMs >= Math.max(SILENCE_MS, 2 * refreshMs)) {
        // When the wait is over, the last good model answers.
        return limitTime(refresh, waits.silenceMs, 'the refresh')
          .catch(() => undefined)
          .then(() => this.#awaitFirst());
      }
      this.#first ??= refresh;
    }
    return this.#awaitFirst();
  }

  #awaitFirst(): Promise<void> | undefined {
    return this.#first !== undefined && this.#slots.size === 0 && this.#failure === undefined
      ? limitTime(this.#first, this.#options.waits.firstMs, 'the first load').catch(
          (cause: unknown) => this.#fail(cause),
        )
      : undefined;
  }

  /** Never rejects. */
  async #refresh(defer: Defer): Promise<void> {
    try {
      const reading = await this.#options.store.readPointer(this.#pointerEtag);
      if (reading === 'missing') {
        throw new ArtifactError({ reason: 'missing', what: POINTER_KEY });
      }
      if (reading !== 'unchanged') {
        this.#pointer = reading.pointer;
        this.#pointerEtag = reading.etag;
      }
    } catch (cause) {
      this.#fail(cause);
      return;
    }
    for (const slot of new Set([DEFAULT_SLOT, ...this.#slots.keys()])) {
      await this.#refreshSlot(slot, defer);
    }
  }

  async #refreshSlot(slot: string, defer: Defer): Promise<void> {
    const name = slot === DEFAULT_SLOT ? this.#pointer?.default : slot;
    const target = name === undefined ? undefined : this.#findPublished(name);
    if (name === undefined || target === undefined) {
      this.#slots.get(slot)?.release(); // `models remove` took the name away.
      this.#slots.delete(slot);
      return;
    }
    const held = this.#slots.get(slot)?.loaded;
    try {
      if (held?.name !== name || held.version !== target.version) {
        const lease = await this.#acquireStored(target, defer);
        this.#follow(slot, lease.loaded);
        lease.release();
      }
      if (slot === DEFAULT_SLOT) {
        this.#failure = undefined;
      }
    } catch (cause) {
      this.#fail(cause, slot, nameVersion(target));
    }
  }

  /** Makes a loaded model serve its slot, and releases the slot's previous model. */
  #follow(slot: string, loaded: LoadedModel): void {
    const lease = this.#cache.acquireLoaded(buildCacheKey(loaded));
    if (lease === undefined) {
      return;
    }
    const previous = this.#slots.get(slot);
    this.#slots.delete(slot);
    this.#slots.set(slot, lease);
    previous?.release();
    const [from, to] = [this.#served.get(slot) ?? null, nameVersion(loaded)];
    keepNewest(this.#served, slot, to, MAX_REMEMBERED);
    if (to !== from) {
      const isDefault = slot === DEFAULT_SLOT;
      this.#options.log({ level: 'info', event: 'model_switched', isDefault, from, to });
    }
    const followed = [...this.#slots.keys()].filter((name) => name !== DEFAULT_SLOT);
    for (const name of followed.slice(0, -MAX_FOLLOWED_NAMES)) {
      this.#slots.get(name)?.release();
      this.#slots.delete(name);
    }
  }

  /** Logs a failure. The default model's failure is kept for /healthz, and logged once. */
  #fail(cause: unknown, slot = DEFAULT_SLOT, model?: string): void {
    const failure = describeFailure(cause);
    if (slot === DEFAULT_SLOT) {
      const isKnown = this.#failure?.message === failure.message;
      this.#failure = { ...failure, at: this.#options.clock() };
      if (isKnown) {
        return;
      }
    }
    // Every service begins without a published model.
    const isBeginning =
      failure.reason === 'missing' && this.#slots.size === 0 && model === undefined;
    const level = isBeginning ? 'warn' : 'error';
    this.#options.log({ level, event: 'model_refresh_failed', model, ...failure, cause });
  }
}

/** Does work with a leased model, at once where it is loaded, and always releases the lease. */
export function useModel<T>(
  source: Pick<ModelSource, 'acquire'>,
  choice: ModelChoice | undefined,
  defer: Defer,
  work: (loaded: LoadedModel) => T | Promise<T>,
  admitLoad?: AdmitLoad,
): T | ApiError | Promise<T | ApiError> {
  const use = (acquired: Lease | ApiError): T | ApiError | Promise<T> => {
    if ('code' in acquired) {
      const parameter = choice?.parameter;
      return acquired.code === 'model_not_found' && parameter !== undefined
        ? { ...acquired, parameter }
        : acquired;
    }
    let done: T | Promise<T> | undefined;
    try {
      done = work(acquired.loaded);
      return done instanceof Promise ? done.finally(() => acquired.release()) : done;
    } finally {
      if (!(done instanceof Promise)) {
        acquired.release();
      }
    }
  };
  const acquired = source.acquire(choice, defer, admitLoad);
  const used = acquired instanceof Promise ? acquired.then(use) : use(acquired);
  if (used instanceof Promise) {
    defer(used); // Otherwise a cancelled request would keep the lease that it waits for.
  }
  return used;
}

/** Finds the manifest of the default model; undefined where none serves. */
export async function findManifest(
  source: Pick<ModelSource, 'acquire'>,
  defer: Defer,
): Promise<Manifest | undefined> {
  const model = await useModel(source, undefined, defer, ({ sampler }) => sampler.manifest);
  return 'code' in model ? undefined : model;
}

/** Answers name the origin, so a version has one entry for each origin. */
function buildCacheKey(model: Pick<LoadedModel, 'origin' | 'name' | 'version'>): string {
  return `${model.origin}:${model.name}@${model.version}`;
}

function buildStoredKey({ name, version }: StoredVersion): string {
  return buildCacheKey({ origin: 'r2', name, version });
}

/**
 * Describes a failure for the public. Errors of an artifact keep their message; a storage error
 * says only that storage failed.
 */
function describeFailure(cause: unknown): { readonly reason: string; readonly message: string } {
  if (cause instanceof ArtifactError) {
    return { reason: cause.failure.reason, message: cause.message };
  }
  if (cause instanceof StorageError) {
    return { reason: 'storage', message: cause.message };
  }
  return { reason: 'unexpected', message: 'an unexpected failure; see the log' };
}
