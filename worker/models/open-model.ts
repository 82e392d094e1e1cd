/**
 * From an artifact's bytes to a sampler that is proven to draw: the last check before a model may serve.
 */
import type { ParsedManifest } from '../../shared/model/artifact.ts';
import {
  createVerifiedSampler,
  VerifiedWeights,
  type Sampler,
} from '../../shared/model/sampler.ts';
import { giveBackKernels, takeKernels } from './kernels.ts';

let open = 0;

/** Models that were opened and not disposed of. */
export function countOpenModels(): number {
  return open;
}

/**
 * Makes a sampler and draws some samples with it.
 *
 * @param parsed   A checked manifest.
 * @param weights  The content of WEIGHTS_FILE; verified here.
 * @returns        The caller disposes it, once.
 * @throws ArtifactError  When the weights are not those that the manifest lists, or what they draw is not finite or blank.
 */
export async function openModel(parsed: ParsedManifest, weights: Uint8Array): Promise<Sampler> {
  const verified = await VerifiedWeights.verifyNatively(parsed, weights);
  const kernels = takeKernels();
  try {
    const sampler = createVerifiedSampler(verified, () => kernels);
    sampler.checkOutput();
    open++;
    return {
      ...sampler,
      dispose() {
        open--;
        sampler.dispose();
        giveBackKernels(kernels);
      },
    };
  } catch (cause) {
    giveBackKernels(kernels);
    throw cause;
  }
}
