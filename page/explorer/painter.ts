/**
 * The worker that draws outside the page's thread: the generator as it runs at the edge, loaded
 * from the published files.
 */
import type { GeneratorPlan } from '../../shared/model/generator.ts';
import { deriveSeedKey, drawLabels, drawLatents, truncate } from '../../shared/model/random.ts';
import { drawPictures, loadNetwork, readRows, type Network } from '../../shared/model/sampler.ts';
import { takeKernels } from '../../worker/models/open-model.ts';
import { answerTasks, fetchModel, type ModelVersion } from '../worker-tasks.ts';
import { findDirections } from './directions.ts';

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

interface SeedRequest {
  readonly seed: string;
  readonly count: number;
  readonly truncation: number;
}

/** The inputs of a seed's samples. */
export interface Inputs {
  /** [count, latentSize] */
  readonly latents: Float32Array;
  /** [count]; null for a generator without classes. */
  readonly labels: Uint8Array | null;
}

const DIRECTIONS = 5;

let network: Network | undefined;

function getNetwork(): Network {
  if (network === undefined) {
    throw new Error('no model is open');
  }
  return network;
}

const tasks = {
  /** Loads a published model. */
  open: async (model: ModelVersion): Promise<Opened> => {
    const { parsed, weights } = await fetchModel(model);
    network = loadNetwork(parsed, weights, takeKernels());
    return describe(network.plan, weights[0]);
  },
  /** Derives the inputs of samples `0` to `count - 1` of a seed by the sampling law. */
  derive: ({ seed, count, truncation }: SeedRequest): Inputs => {
    const { latentSize, classes } = getNetwork().plan.config;
    const key = deriveSeedKey(seed);
    const labels = classes === 0 ? null : drawLabels(key, 0, count, classes);
    const latents = truncate(drawLatents(key, 0, count, latentSize), truncation);
    return { latents, labels };
  },
  /**
   * Draws. The input is [count, latentSize + classes]: latent vectors, then weights of the classes.
   * @returns  [count, height, width, channels]; 0 is black, 255 is white.
   */
  draw: (input: Float32Array): Uint8Array => {
    const { plan } = getNetwork();
    const count = input.length / plan.inputSize;
    return drawPictures(getNetwork(), count, readRows(plan, input)).pixels;
  },
};

export type Painter = typeof tasks;
answerTasks(tasks);

/** @param kernel  The first layer's. */
function describe(plan: GeneratorPlan, kernel: Float32Array | undefined): Opened {
  const { latentSize, classes, layers } = plan.config;
  const [height, width, channels] = plan.outputShape;
  const [first] = layers;
  const directions =
    first?.type === 'dense' && kernel !== undefined
      ? findDirections(kernel, latentSize, first.units, DIRECTIONS)
      : [];
  return { latentSize, classes, width, height, channels, directions };
}
