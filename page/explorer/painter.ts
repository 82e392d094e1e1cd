/**
 * The worker that draws outside the page's thread: the generator as it runs at the edge, loaded
 * from the published files.
 */
import type { GeneratorPlan } from '../../shared/model/generator.ts';
import { deriveSeedKey, drawLabels, drawLatents, truncate } from '../../shared/model/random.ts';
import { drawPictures, loadNetwork, readRows, type Network } from '../../shared/model/sampler.ts';
import { takeKernels } from '../../worker/models/open-model.ts';
import { answerTasks, fetchModel } from '../worker-tasks.ts';
import { findDirections } from './directions.ts';
import type { Inputs, Opened, Tasks } from './protocol.ts';

const DIRECTIONS = 5;

let network: Network | undefined;

function getNetwork(): Network {
  if (network === undefined) {
    throw new Error('no model is open');
  }
  return network;
}

answerTasks<Tasks>({
  open: async (model) => {
    const { parsed, weights } = await fetchModel(model);
    network = loadNetwork(parsed, weights, takeKernels());
    return describe(network.plan, weights[0]);
  },
  derive: ({ seed, count, truncation }): Inputs => {
    const { latentSize, classes } = getNetwork().plan.config;
    const key = deriveSeedKey(seed);
    const labels = classes === 0 ? null : drawLabels(key, 0, count, classes);
    const latents = truncate(drawLatents(key, 0, count, latentSize), truncation);
    return { latents, labels };
  },
  draw: ({ input }) => {
    const { plan } = getNetwork();
    const count = input.length / plan.inputSize;
    return drawPictures(getNetwork(), count, readRows(plan, input)).pixels;
  },
});

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
