/**
 * Bounds one kind of work in an isolate: so much at once, so much that waits its turn, and the rest is told to come back.
 */
import type { Defer } from '../models/sampler-cache.ts';

/** The work was not begun: too much of it is under way. */
export class BusyError extends Error {
  override name = 'BusyError' as const;
}

export interface GateLimits {
  readonly concurrent: number;
  /** What comes when so much waits already is refused at once. */
  readonly waiting: number;
  /** What waits longer is refused. */
  readonly waitMs: number;
  /** Work that is not over by then was cut off with its request, and its place is free again. */
  readonly expiresMs: number;
}

export class WorkGate {
  readonly #limits: GateLimits;
  readonly #clock: () => number;
  /** When the work of each place began, in milliseconds. */
  readonly #running = new Map<symbol, number>();
  readonly #waiting: ((place: symbol) => void)[] = [];

  /** @param clock  Milliseconds. */
  constructor(limits: GateLimits, clock: () => number) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /**
   * Does work when its turn has come.
   *
   * @param defer  Keeps it alive should its request be cancelled: its place is needed by others.
   * @throws       BusyError when its turn will not come, or what `work` throws.
   */
  run<T>(work: () => T | Promise<T>, defer: Defer): Promise<T> {
    const done = this.#run(work);
    defer(done);
    return done;
  }

  async #run<T>(work: () => T | Promise<T>): Promise<T> {
    const place = await this.#enter();
    try {
      return await work();
    } finally {
      this.#leave(place);
    }
  }

  async #enter(): Promise<symbol> {
    const { concurrent, waiting, waitMs, expiresMs } = this.#limits;
    const now = this.#clock();
    for (const [place, began] of this.#running) {
      if (now - began > expiresMs) {
        this.#running.delete(place);
      }
    }
    if (this.#running.size < concurrent) {
      return this.#take();
    }
    if (this.#waiting.length >= waiting) {
      throw new BusyError(`${waiting} wait already`);
    }
    // The timer is this request's own, set and cleared by it: in the edge runtime no other may.
    let giveUp = (): void => undefined;
    const turn = new Promise<symbol>((resolve, reject) => {
      this.#waiting.push(resolve);
      giveUp = () => {
        const index = this.#waiting.indexOf(resolve);
        if (index >= 0) {
          this.#waiting.splice(index, 1);
          reject(new BusyError(`no turn within ${waitMs} ms`));
        }
      };
    });
    const timer = setTimeout(() => giveUp(), waitMs);
    try {
      return await turn;
    } finally {
      clearTimeout(timer);
    }
  }

  #take(): symbol {
    const place = Symbol('place');
    this.#running.set(place, this.#clock());
    return place;
  }

  #leave(place: symbol): void {
    // A place that was given up as lost has been taken by another since.
    if (this.#running.delete(place)) {
      this.#waiting.shift()?.(this.#take());
    }
  }
}
