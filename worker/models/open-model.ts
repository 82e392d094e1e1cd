/**
 * Makes a sampler of an artifact's bytes, and proves that it draws: the last check before a model
 * serves.
 */
import type { ParsedManifest } from '../../shared/model/artifact.ts';
import {
  createVerifiedSampler,
  VerifiedWeights,
  type Sampler,
} from '../../shared/model/sampler.ts';
import { giveBackKernels, takeKernels } from './kernels.ts';

let open = 0;

/** Counts the models that were opened and not disposed of. */
export function countOpenModels(): number {
  return open;
}

/**
 * Opens a model, and draws some samples as a check.
 *
 * @param parsed   A checked manifest.
 * @param weights  The content of WEIGHTS_FILE; verified here.
 * @returns        The caller disposes of it, once.
 * @throws ArtifactError  When the weights are not those of the manifest, or the samples are blank
 *                        or not finite.
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
