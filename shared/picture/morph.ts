/**
 * The walk from digit to digit: what a generator is given between two samples. Pure; its numbers are those of IEEE
 * doubles alone, so that its frames are the same everywhere.
 *
 * A straight line between two latents of the prior passes through its middle, where digits are average: over 2,000
 * midpoints the Fréchet distance of `npm run evaluate -- --quick` is 9.4, where the model's own samples and real digits
 * have 1.9. Here each number runs round a circle of which [-1, 1] is one half and its mirror image the other. An end
 * that is uniform on the circle, the other with it, makes every place between them uniform too: whatever is drawn on the
 * way is a sample as good as any (2.2). A quarter circle between Gaussians does the same (2.0) and is a sixth shorter, but
 * needs an error function and its inverse, which engines do not compute to the same bits.
 */
import { deriveKey, drawWords } from '../model/random.ts';

/** What lies between samples: `frames` inputs a step, from each sample to the next and from the last to the first. */
export interface MorphPlan {
  readonly seed: string;
  /** Index of the first sample: with the seed it decides the way. */
  readonly start: number;
  /** Inputs a step, >= 1; the first is the sample itself. */
  readonly frames: number;
  /** Numbers of a latent, >= 1. */
  readonly latentSize: number;
  /** Classes of the generator; 0 without labels. */
  readonly classes: number;
  /** Row-major [samples, latentSize], in [-1, 1). */
  readonly latents: Float32Array;
  /** [samples], each below `classes`; null without. */
  readonly labels: Uint8Array | null;
}

const PURPOSE_WAY = 0;

/** The circle's length: twice that of [-1, 1]. */
const ROUND = 4;

/**
 * Plans a closed walk. Each step starts and ends at rest, so that no sample is a corner.
 *
 * @returns  Row-major [samples * frames, latentSize + classes], what a generator takes: the latent, then the share of each
 *           class, which goes evenly from one to the other.
 */
export function planMorph({
  seed,
  start,
  frames,
  latentSize,
  classes,
  latents,
  labels,
}: MorphPlan): Float32Array {
  const samples = latents.length / latentSize;
  const size = latentSize + classes;
  const inputs = new Float32Array(samples * frames * size);
  const key = deriveKey('morph', seed);
  for (let i = 0; i < samples; i++) {
    const next = (i + 1) % samples;
    const from = latents.subarray(i * latentSize, (i + 1) * latentSize);
    const to = latents.subarray(next * latentSize, (next + 1) * latentSize);
    const way = drawWords(key, PURPOSE_WAY, start + i, latentSize);
    for (let frame = 0; frame < frames; frame++) {
      const share = ease(frame / frames);
      const input = inputs.subarray((i * frames + frame) * size, (i * frames + frame + 1) * size);
      for (let j = 0; j < latentSize; j++) {
        const isMirrored = (way[j] as number) >= 2 ** 31;
        input[j] = walk(from[j] as number, to[j] as number, isMirrored, share);
      }
      if (labels !== null) {
        mixClasses(input.subarray(latentSize), labels[i] as number, labels[next] as number, share);
      }
    }
  }
  return inputs;
}

/** Fast in the middle, at rest at both ends; 0..1. */
function ease(time: number): number {
  return time * time * (3 - 2 * time);
}

/**
 * Goes round the circle the shorter way.
 *
 * @param isMirrored  Whether the end lies on the mirrored half.
 * @param share       Of the way, 0..1.
 */
function walk(from: number, to: number, isMirrored: boolean, share: number): number {
  if (from === to) {
    return from; // One hand keeps its latent.
  }
  const distance = (isMirrored ? ROUND / 2 - to : to) - from;
  const shorter =
    distance > ROUND / 2 ? distance - ROUND : distance < -ROUND / 2 ? distance + ROUND : distance;
  const place = from + shorter * share; // -3..3
  return place > 1 ? 2 - place : place < -1 ? -2 - place : place;
}

function mixClasses(input: Float32Array, from: number, to: number, share: number): void {
  if (from === to) {
    input[from] = 1;
  } else {
    input[from] = 1 - share;
    input[to] = share;
  }
}
