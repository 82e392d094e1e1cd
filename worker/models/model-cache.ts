/** The loaded models of an isolate. Each loads once; the least recently used goes first. */
import type { Sampler } from '../../shared/model/sampler.ts';
import type { Defer } from '../context.ts';
import { limitTime } from './model-store.ts';

export interface LoadedModel {
  readonly sampler: Sampler;
  readonly name: string;
  readonly version: string;
  readonly origin: 'r2' | 'bundled';
  /** Milliseconds since 1970. */
  readonly loadedAt: number;
}

/** Keeps a model loaded until `release`, which must be called exactly once. */
export interface Lease {
  readonly loaded: LoadedModel;
  release(): void;
  /** Acquires the same model once more, before `release`. */
  renew(): Lease;
}

interface Entry {
  readonly key: string;
  readonly loading: Promise<LoadedModel>;
  model: LoadedModel | undefined;
  leases: number;
}

/**
 * Bounds of the models that are kept: all models, and the weights of those without a lease, which
 * leave room for one of the largest. An isolate has 128 MB for everything.
 */
const KEPT = { models: 6, weightBytes: 16 * 1024 * 1024 } as const;

export class ModelCache {
  readonly #waitMs: number;
  /** New leases find these. The least recently used is the first. */
  readonly #entries = new Map<string, Entry>();
  #newest: Entry | undefined;

  /** @param waitMs  Longest wait for a load that another request began. */
  constructor(waitMs: number) {
    this.#waitMs = waitMs;
  }

  /** Acquires a model. All callers share one load. @throws  What `load` throws, or StorageError. */
  async acquire(key: string, load: () => Promise<LoadedModel>, defer: Defer): Promise<Lease> {
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { key, loading: load(), model: undefined, leases: 0 };
      defer(this.#finishLoad(entry));
    }
    this.#touch(entry);
    entry.leases++; // Before the wait, so that the model is not freed as soon as it is loaded.
    try {
      const model = entry.model ?? (await limitTime(entry.loading, this.#waitMs, `loading ${key}`));
      return this.#createLease(entry, model);
    } catch (cause) {
      this.#unlist(entry); // The next caller loads anew.
      this.#release(entry);
      throw cause;
    }
  }

  /** Whether a model is loaded or being loaded. */
  isKnown(key: string): boolean {
    return this.#entries.has(key);
  }

  acquireLoaded(key: string): Lease | undefined {
    const entry = this.#entries.get(key);
    if (entry?.model === undefined) {
      return undefined;
    }
    return this.#renew(entry, entry.model);
  }

  /** Makes a model the most recently used one. */
  #touch(entry: Entry): void {
    if (this.#newest !== entry) {
      this.#newest = entry;
      this.#entries.delete(entry.key);
      this.#entries.set(entry.key, entry);
    }
  }

  #renew(entry: Entry, model: LoadedModel): Lease {
    // If a load was given up, another entry may have its key.
    if (this.#isListed(entry)) {
      this.#touch(entry);
    }
    entry.leases++;
    return this.#createLease(entry, model);
  }

  #createLease(entry: Entry, model: LoadedModel): Lease {
    return {
      loaded: model,
      release: () => this.#release(entry),
      renew: () => this.#renew(entry, model),
    };
  }

  async #finishLoad(entry: Entry): Promise<void> {
    try {
      entry.model = await entry.loading;
      this.#trim();
      this.#freeUnused(entry);
    } catch {
      this.#unlist(entry); // The callers of `acquire` get the error.
    }
  }

  #release(entry: Entry): void {
    entry.leases--;
    this.#trim();
    this.#freeUnused(entry);
  }

  #isListed(entry: Entry): boolean {
    return this.#entries.get(entry.key) === entry;
  }

  #unlist(entry: Entry): void {
    if (this.#isListed(entry)) {
      this.#entries.delete(entry.key);
    }
  }

  #freeUnused(entry: Entry): void {
    if (!this.#isListed(entry) && entry.leases === 0) {
      entry.model?.sampler.dispose();
      entry.model = undefined;
    }
  }

  #trim(): void {
    let weightBytes = 0;
    for (const entry of this.#entries.values()) {
      weightBytes += entry.leases === 0 ? countWeightBytes(entry) : 0;
    }
    for (const entry of this.#entries.values()) {
      if (this.#entries.size <= KEPT.models && weightBytes <= KEPT.weightBytes) {
        return;
      }
      if (entry.leases === 0 && entry.model !== undefined) {
        weightBytes -= countWeightBytes(entry);
        this.#unlist(entry);
        this.#freeUnused(entry);
      }
    }
  }
}

function countWeightBytes({ model }: Entry): number {
  return (model?.sampler.plan.parameters ?? 0) * Float32Array.BYTES_PER_ELEMENT;
}
