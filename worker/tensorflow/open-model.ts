/**
 * From an artifact's bytes to a sampler that is proven to draw: the last check before a model may serve.
 */
import type { ParsedManifest } from '../../shared/artifact.ts';
import { createSampler, type Sampler } from '../../shared/sampler.ts';
import { startTensorFlow } from './backend.ts';

/**
 * Makes a sampler and draws some samples with it, which also warms its kernels up.
 *
 * @param parsed   A checked manifest.
 * @param weights  The content of WEIGHTS_FILE; verified here.
 * @returns        The caller disposes it.
 * @throws ArtifactError  When the weights are not those that the manifest lists, or what they draw is not finite or blank.
 */
export async function openModel(parsed: ParsedManifest, weights: Uint8Array): Promise<Sampler> {
  await startTensorFlow();
  const sampler = createSampler(parsed, weights);
  try {
    sampler.checkOutput();
  } catch (cause) {
    sampler.dispose();
    throw cause;
  }
  return sampler;
}
