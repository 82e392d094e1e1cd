/**
 * What a backend offers to be chosen: the contract between the choice and the ways of computing.
 */

/** The values of `--backend`, besides `auto`, fastest first. */
export const BACKEND_NAMES = ['tensorflow-gpu', 'tensorflow', 'webgpu', 'wasm', 'cpu'] as const;

export type BackendName = (typeof BACKEND_NAMES)[number];

/** A backend that is loaded and is TensorFlow.js's current one. */
export interface OpenBackend {
  /** TensorFlow.js's own name for it. */
  readonly tfBackend: string;
  /** Device and library versions, for people. */
  readonly description: string;
  /**
   * Threads of the arithmetic; undefined on a GPU. Another number adds in another order, so the last bits differ.
   * A run that must continue bit for bit needs the same number.
   */
  readonly threads: number | undefined;
  /** Says why the device is gone; undefined while it is there. Absent where there is no device to lose. */
  readonly findLoss?: () => string | undefined;
  /** Gives the device back. A process that used WebGPU does not end without it. */
  release(): Promise<void>;
}

export interface OpenOptions {
  /** For `tensorflow`. A process keeps the number of its first use. */
  readonly threads: number;
  /** Whether to accept an adapter that imitates a GPU on the CPU. */
  readonly acceptsSoftware: boolean;
}

/** Loads a backend. Rejects with `BackendUnusable` when that is not possible here. */
export type Opener = (options: OpenOptions) => Promise<OpenBackend>;

/** A backend cannot be used here. The message says why and what to do. */
export class BackendUnusable extends Error {
  override name = 'BackendUnusable' as const;
}
