/**
 * The loaded models of an isolate, by name and version. Each is loaded once. The least recently
 * used is freed first, and none is freed during a lease.
 */
import type { Sampler } from '../../shared/model/sampler.ts';
import type { Defer } from '../context.ts';
import { limitTime } from './model-store.ts';

/** Where a model came from. */
export type ModelOrigin = 'r2' | 'bundled';

/** A model that is ready to draw. */
export interface Generator {
  readonly sampler: Sampler;
  readonly name: string;
  readonly version: string;
  readonly origin: ModelOrigin;
  /** Milliseconds since 1970. */
  readonly loadedAt: number;
}

/** Keeps a generator loaded until `release`, which must be called exactly once. */
export interface Lease {
  readonly generator: Generator;
  release(): void;
}

interface Entry {
  readonly loading: Promise<Generator>;
  generator: Generator | undefined;
  leases: number;
  /** Whether new leases find the entry. */
  listed: boolean;
}

interface CacheLimits {
  /** Models that are kept without a lease. */
  readonly models: number;
  /** Bytes of the weights of all models. */
  readonly weightBytes: number;
  /** Longest wait for a load that another request began. */
  readonly waitMs: number;
}

export class ModelCache {
  readonly #limits: CacheLimits;
  /** The least recently used first. */
  readonly #entries = new Map<string, Entry>();

  constructor(limits: CacheLimits) {
    this.#limits = limits;
  }

  /**
   * Acquires a model. All callers share one load.
   *
   * @param key    Name and version.
   * @param load   Called when the model is neither loaded nor being loaded.
   * @param defer  Keeps the load alive when this request is cancelled.
   * @throws       What `load` throws, or StorageError when the load takes too long.
   */
  async acquire(key: string, load: () => Promise<Generator>, defer: Defer): Promise<Lease> {
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { loading: load(), generator: undefined, leases: 0, listed: true };
      defer(this.#finishLoad(key, entry));
    }
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    entry.leases++; // Before the wait, so that the model is not freed as soon as it is loaded.
    try {
      const generator =
        entry.generator ?? (await limitTime(entry.loading, this.#limits.waitMs, `loading ${key}`));
      return this.#createLease(entry, generator);
    } catch (cause) {
      this.#unlist(key, entry); // The next caller loads anew.
      this.#release(entry);
      throw cause;
    }
  }

  /** Acquires a model if it is loaded. */
  acquireLoaded(key: string): Lease | undefined {
    const entry = this.#entries.get(key);
    if (entry?.generator === undefined) {
      return undefined;
    }
    entry.leases++;
    return this.#createLease(entry, entry.generator);
  }

  #createLease(entry: Entry, generator: Generator): Lease {
    return { generator, release: () => this.#release(entry) };
  }

  async #finishLoad(key: string, entry: Entry): Promise<void> {
    try {
      entry.generator = await entry.loading;
      this.#trim();
      this.#freeUnused(entry);
    } catch {
      this.#unlist(key, entry); // The callers of `acquire` get the error.
    }
  }

  #release(entry: Entry): void {
    entry.leases--;
    this.#trim();
    this.#freeUnused(entry);
  }

  #unlist(key: string, entry: Entry): void {
    entry.listed = false;
    if (this.#entries.get(key) === entry) {
      this.#entries.delete(key);
    }
  }

  #freeUnused(entry: Entry): void {
    if (!entry.listed && entry.leases === 0) {
      entry.generator?.sampler.dispose();
      entry.generator = undefined;
    }
  }

  #trim(): void {
    const sizes = [...this.#entries.values()].map(countWeightBytes);
    let models = sizes.length;
    let weightBytes = sizes.reduce((sum, bytes) => sum + bytes, 0);
    for (const [key, entry] of this.#entries) {
      if (models <= this.#limits.models && weightBytes <= this.#limits.weightBytes) {
        return;
      }
      if (entry.leases === 0 && entry.generator !== undefined) {
        models--;
        weightBytes -= countWeightBytes(entry);
        this.#unlist(key, entry);
        this.#freeUnused(entry);
      }
    }
  }
}

function countWeightBytes({ generator }: Entry): number {
  return (generator?.sampler.plan.parameters ?? 0) * Float32Array.BYTES_PER_ELEMENT;
}
