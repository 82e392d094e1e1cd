/**
 * From an artifact's bytes to a sampler that is proven to draw: the last check before a model may serve.
 */
import * as tf from '@tensorflow/tfjs-core';
import { ArtifactError, decodeWeights, WEIGHTS_FILE, type ParsedManifest } from '../../shared/artifact.ts';
import { buildInput, runGenerator } from '../../shared/generator.ts';
import { deriveSeedKey, drawLatents } from '../../shared/latent.ts';
import { createSampler, type Sampler } from '../../shared/sampler.ts';
import { startTensorFlow } from './backend.ts';

/**
 * Makes a sampler and draws one sample with it, which also warms its kernels up.
 *
 * @param parsed   A checked manifest.
 * @param weights  The content of WEIGHTS_FILE; verified here.
 * @returns        The caller disposes it.
 * @throws ArtifactError  When the weights are not those that the manifest lists, or what they draw is not finite.
 */
export async function openModel(parsed: ParsedManifest, weights: Uint8Array): Promise<Sampler> {
  await startTensorFlow();
  const sampler = createSampler(parsed, weights);
  try {
    checkOutput(parsed, weights);
  } catch (cause) {
    sampler.dispose();
    throw cause;
  }
  return sampler;
}

/** Finite weights can still overflow on the way, and a sampler's bytes would not show it. */
function checkOutput(parsed: ParsedManifest, weights: Uint8Array): void {
  const { plan } = parsed;
  const output = tf.tidy(() => {
    const tensors = decodeWeights(parsed, weights).map((values, i) => tf.tensor(values, [...(plan.weights[i]?.shape ?? [])]));
    const latents = drawLatents(deriveSeedKey('warm-up'), 0, 1, plan.config.latentSize);
    return runGenerator(plan, tensors, buildInput(plan, latents, null)); // [1, height, width, channels]
  });
  const values = output.dataSync<'float32'>();
  output.dispose();
  if (!values.every(Number.isFinite)) {
    throw new ArtifactError({ reason: 'not_finite', what: `the output of ${WEIGHTS_FILE}` });
  }
}
