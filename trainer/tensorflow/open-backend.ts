/**
 * What every way of computing has to offer to be chosen: the contract between the choice and the backends.
 */

/** The values of `--backend`, besides `auto`, fastest first. */
export const BACKEND_NAMES = ['tensorflow-gpu', 'tensorflow', 'webgpu', 'wasm', 'cpu'] as const;

export type BackendName = (typeof BACKEND_NAMES)[number];

/** A backend that was loaded and made TensorFlow.js's current one. */
export interface OpenBackend {
  /** TensorFlow.js's own name for it. */
  readonly tfBackend: string;
  /** Device and library versions, for people. */
  readonly description: string;
  /**
   * On how many threads the arithmetic is spread. With another number sums are taken in another order, so the last
   * bits differ: a run that must continue bit for bit needs the same. Undefined on a GPU, where it means nothing.
   */
  readonly threads: number | undefined;
  /** Why the device is gone, in words; undefined while it is there. Absent where there is no device to lose. */
  readonly findLoss?: () => string | undefined;
  /** Gives the device back. Without it, a process that used WebGPU does not end by itself. */
  release(): Promise<void>;
}

/** Loads one backend. Rejects with `BackendUnusable` when that is not possible here. */
export type Opener = (options: OpenOptions) => Promise<OpenBackend>;

export interface OpenOptions {
  /** Threads for `tensorflow`; from the first use on a process keeps its number. */
  readonly threads: number;
  /** Whether an adapter that imitates a GPU on the CPU will do. */
  readonly acceptsSoftware: boolean;
}

/** A backend cannot be used here. The message says why and what to do. */
export class BackendUnusable extends Error {
  override name = 'BackendUnusable' as const;
}
