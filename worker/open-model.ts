/**
 * From an artifact's bytes to a sampler that is proven to draw: the last check before a model may serve.
 */
import type { ParsedManifest } from '../shared/artifact.ts';
import { createSampler, type Sampler } from '../shared/sampler.ts';
import { instantiateKernels } from './kernels.ts';

/**
 * Makes a sampler and draws one sample with it.
 *
 * @param parsed   A checked manifest.
 * @param weights  The content of WEIGHTS_FILE; verified here.
 * @throws ArtifactError  When the weights are not those that the manifest lists, or what they draw is not finite.
 */
export async function openModel(parsed: ParsedManifest, weights: Uint8Array): Promise<Sampler> {
  const sampler = createSampler(parsed, weights, instantiateKernels);
  sampler.checkOutput();
  return sampler;
}
