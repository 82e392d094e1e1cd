/**
 * What the page and the worker that draws say to each other.
 */

/** What a loaded generator is. */
export interface Opened {
  readonly latentSize: number;
  /** 0 for a generator without classes. */
  readonly classes: number;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  /** Unit vectors of the latent space, [latentSize] each: see `findDirections`. */
  readonly directions: readonly Float32Array[];
}

/** What samples of a seed are drawn from. */
export interface Inputs {
  /** [count, latentSize] */
  readonly latents: Float32Array;
  /** [count]; null for a generator without classes. */
  readonly labels: Uint8Array | null;
}

export interface Tasks {
  /** Loads a published model. */
  open: {
    readonly ask: { readonly name: string; readonly version: string };
    readonly answer: Opened;
  };
  /** The inputs of samples `0` to `count - 1` of a seed, as the sampling law has them. */
  derive: {
    readonly ask: { readonly seed: string; readonly count: number };
    readonly answer: Inputs;
  };
  /**
   * Draws. The input is [count, latentSize + classes]: each latent, then the shares of the classes. The answer's pixels
   * are [count, height, width, channels], 0 is paper, 255 ink.
   */
  draw: { readonly ask: { readonly input: Float32Array }; readonly answer: Uint8Array };
}

export type TaskName = keyof Tasks;

export interface Question<K extends TaskName = TaskName> {
  readonly id: number;
  readonly task: K;
  readonly ask: Tasks[K]['ask'];
}

/** `ready` once, when the worker can be asked; then an answer for each question. */
export type Message =
  | { readonly kind: 'ready' }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Tasks[TaskName]['answer'] }
  | { readonly kind: 'failure'; readonly id: number; readonly message: string };
