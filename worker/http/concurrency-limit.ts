/** Limits work of one kind. Ours: p-limit has no bounded queue and frees no slot of lost work. */
import type { Defer } from '../context.ts';

/** The work was not begun, since too much of its kind is running. */
export class BusyError extends Error {
  override name = 'BusyError' as const;
}

interface ConcurrencyOptions {
  readonly concurrent: number;
  /** Length of the queue. A call that finds the queue full is rejected at once. */
  readonly waiting: number;
  /** A call that waits longer in the queue is rejected. */
  readonly waitMs: number;
  /** Work that takes longer was cut off with its request: its slot is free again. */
  readonly expiresMs: number;
}

export class ConcurrencyLimit {
  readonly #options: ConcurrencyOptions;
  readonly #clock: () => number;
  /** When the work in each slot began, in milliseconds. */
  readonly #running = new Map<symbol, number>();
  readonly #queue: ((slot: symbol) => void)[] = [];

  /** @param clock  Milliseconds. */
  constructor(options: ConcurrencyOptions, clock: () => number) {
    this.#options = options;
    this.#clock = clock;
  }

  /** Does work in a free slot. `defer` keeps it alive for those who wait. @throws BusyError */
  run<T>(work: () => T | Promise<T>, defer: Defer): Promise<T> {
    const done = this.#run(work);
    defer(done);
    return done;
  }

  async #run<T>(work: () => T | Promise<T>): Promise<T> {
    const slot = await this.#enter();
    try {
      return await work();
    } finally {
      // The slot of work that expired was taken by other work since.
      if (this.#running.delete(slot)) {
        this.#queue.shift()?.(this.#takeSlot());
      }
    }
  }

  async #enter(): Promise<symbol> {
    const { concurrent, waiting, waitMs, expiresMs } = this.#options;
    const now = this.#clock();
    for (const [slot, began] of this.#running) {
      if (now - began > expiresMs) {
        this.#running.delete(slot);
      }
    }
    if (this.#running.size < concurrent) {
      return this.#takeSlot();
    }
    if (this.#queue.length >= waiting) {
      throw new BusyError(`${waiting} wait already`);
    }
    let resolve: (slot: symbol) => void = () => undefined; // Node 20 has no withResolvers.
    let reject: (cause: BusyError) => void;
    const turn = new Promise<symbol>((...settlers) => {
      [resolve, reject] = settlers;
    });
    this.#queue.push(resolve);
    // In the edge runtime a request may only clear its own timer, so each call sets one.
    const timer = setTimeout(() => {
      const index = this.#queue.indexOf(resolve);
      if (index >= 0) {
        this.#queue.splice(index, 1);
        reject(new BusyError(`no turn within ${waitMs} ms`));
      }
    }, waitMs);
    try {
      return await turn;
    } finally {
      clearTimeout(timer);
    }
  }

  #takeSlot(): symbol {
    const slot = Symbol('slot');
    this.#running.set(slot, this.#clock());
    return slot;
  }
}
