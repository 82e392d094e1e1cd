/** The messages between the page and the worker that draws. */

/** A loaded generator. */
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

/** The inputs of a seed's samples. */
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
  /** Derives the inputs of samples `0` to `count - 1` of a seed by the sampling law. */
  derive: {
    readonly ask: { readonly seed: string; readonly count: number; readonly truncation: number };
    readonly answer: Inputs;
  };
  /**
   * Draws. The input is [count, latentSize + classes]: latent vectors, then weights of the classes.
   * The answer is [count, height, width, channels]; 0 is paper, 255 is ink.
   */
  draw: { readonly ask: { readonly input: Float32Array }; readonly answer: Uint8Array };
}
