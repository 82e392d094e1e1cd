/**
 * The loaded models of an isolate, by name and version: each loaded once, the longest unused freed first, none freed
 * while somebody holds it.
 */
import type { Sampler } from '../../shared/model/sampler.ts';
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

/** A hold on a generator: it is not freed before `release`, which must be called exactly once. */
export interface Lease {
  readonly generator: Generator;
  release(): void;
}

/** Keeps a promise's work alive after its request was answered: `ctx.waitUntil`. */
export type Defer = (work: Promise<unknown>) => void;

interface Entry {
  readonly loading: Promise<Generator>;
  generator: Generator | undefined;
  holders: number;
  listed: boolean;
}

/** Bounds of what is kept beyond what is held, and of the wait for a load that another request began. */
export interface CacheLimits {
  readonly models: number;
  /** Of all weights together. */
  readonly weightBytes: number;
  readonly waitMs: number;
}

export class SamplerCache {
  readonly #limits: CacheLimits;
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry>();

  constructor(limits: CacheLimits) {
    this.#limits = limits;
  }

  /**
   * Takes hold of a model, loading it when need be. Any number of callers share one load.
   *
   * @param key    Name and version.
   * @param load   Called when the model is neither there nor on its way.
   * @param defer  Keeps that load alive should this request be cancelled.
   * @throws       What `load` throws, or StorageError when another request's load takes too long.
   */
  async acquire(key: string, load: () => Promise<Generator>, defer: Defer): Promise<Lease> {
    const entry = this.#entries.get(key) ?? this.#begin(key, load, defer);
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    entry.holders++; // Before the wait: so that nobody frees it between its arrival and its use.
    try {
      const generator =
        entry.generator ?? (await limitTime(entry.loading, this.#limits.waitMs, `loading ${key}`));
      return { generator, release: () => this.#release(entry) };
    } catch (cause) {
      this.#unlist(key, entry); // The next caller starts anew.
      this.#release(entry);
      throw cause;
    }
  }

  /** Takes hold of a model that is loaded already. */
  acquireLoaded(key: string): Lease | undefined {
    const entry = this.#entries.get(key);
    if (entry?.generator === undefined) {
      return undefined;
    }
    entry.holders++;
    return { generator: entry.generator, release: () => this.#release(entry) };
  }

  #begin(key: string, load: () => Promise<Generator>, defer: Defer): Entry {
    const loading = load();
    const entry: Entry = { loading, generator: undefined, holders: 0, listed: true };
    this.#entries.set(key, entry);
    defer(this.#finish(key, entry));
    return entry;
  }

  async #finish(key: string, entry: Entry): Promise<void> {
    try {
      entry.generator = await entry.loading;
      this.#trim();
      this.#free(entry);
    } catch {
      this.#unlist(key, entry); // Its callers hear why.
    }
  }

  #release(entry: Entry): void {
    entry.holders--;
    this.#trim();
    this.#free(entry);
  }

  #unlist(key: string, entry: Entry): void {
    entry.listed = false;
    if (this.#entries.get(key) === entry) {
      this.#entries.delete(key);
    }
  }

  /** Frees a model that is neither listed nor held. */
  #free(entry: Entry): void {
    if (!entry.listed && entry.holders === 0 && entry.generator !== undefined) {
      entry.generator.sampler.dispose();
      entry.generator = undefined;
    }
  }

  #trim(): void {
    let models = this.#entries.size;
    let weightBytes = 0;
    for (const { generator } of this.#entries.values()) {
      weightBytes += countWeightBytes(generator);
    }
    for (const [key, entry] of this.#entries) {
      if (models <= this.#limits.models && weightBytes <= this.#limits.weightBytes) {
        return;
      }
      if (entry.holders === 0 && entry.generator !== undefined) {
        models--;
        weightBytes -= countWeightBytes(entry.generator);
        this.#unlist(key, entry);
        this.#free(entry);
      }
    }
  }
}

function countWeightBytes(generator: Generator | undefined): number {
  return (generator?.sampler.plan.parameters ?? 0) * Float32Array.BYTES_PER_ELEMENT;
}
