/**
 * Writes trained weights in the form in which they are served: see `shared/model/weight-encoding.ts`, which reads it.
 */
import { ArtifactError, WEIGHTS_FILE } from '../../shared/model/artifact.ts';
import { encodeFloat16, FLOAT16_MAX } from '../../shared/model/float16.ts';
import { sizeOf, type GeneratorPlan } from '../../shared/model/generator.ts';
import type {
  AffineQuantization,
  WeightDtype,
  WeightEncoding,
} from '../../shared/model/weight-encoding.ts';
import { ExpectedError } from '../../shared/expected-error.ts';

/** What a model is served in unless told otherwise: the smallest in which no digit looks different (`npm run trainer -- quantize` tells). */
export const DEFAULT_WEIGHT_DTYPE: WeightDtype = 'float16';

/** Weights that do not fit into what was asked for. The message names the weight and says what fits. */
export class WeightRangeError extends ExpectedError {
  override name = 'WeightRangeError' as const;
}

/** The content of WEIGHTS_FILE, and how to read it. */
export interface EncodedWeights {
  readonly encoding: WeightEncoding;
  readonly bytes: Uint8Array;
}

/**
 * Encodes weights: float32 as they are; float16 to the nearest; uint8 to the nearest of 256 steps from each weight's
 * smallest number to its largest, so at most half a step off.
 *
 * @param values  [parameters], in the plan's order.
 * @throws ArtifactError     When a number is NaN or infinite.
 * @throws WeightRangeError  When a number is too large for float16.
 */
export function encodeWeights(
  plan: GeneratorPlan,
  values: Float32Array,
  dtype: WeightDtype,
): EncodedWeights {
  if (!values.every(Number.isFinite)) {
    throw new ArtifactError({ reason: 'not_finite', what: WEIGHTS_FILE });
  }
  switch (dtype) {
    case 'float32':
      return { encoding: { dtype }, bytes: copyBytes(values) };
    case 'float16': {
      const halves = encodeFloat16(values);
      checkFloat16(plan, values, halves);
      return { encoding: { dtype }, bytes: copyBytes(halves) };
    }
    case 'uint8': {
      const bytes = new Uint8Array(values.length);
      const quantization: AffineQuantization[] = [];
      let next = 0;
      for (const { shape } of plan.weights) {
        const end = next + sizeOf(shape);
        quantization.push(encodeAffine(values.subarray(next, end), bytes.subarray(next, end)));
        next = end;
      }
      return { encoding: { dtype, quantization }, bytes };
    }
  }
}

function checkFloat16(plan: GeneratorPlan, values: Float32Array, halves: Uint16Array): void {
  let next = 0;
  for (const { name, shape } of plan.weights) {
    const start = next;
    next += sizeOf(shape);
    const overflow = halves.subarray(start, next).findIndex((half) => (half & 0x7c00) === 0x7c00);
    if (overflow >= 0) {
      throw new WeightRangeError(
        `--weights float16: ${name} holds ${values[start + overflow]}, at most ${FLOAT16_MAX} fits; use --weights float32`,
      );
    }
  }
}

/** Fills `out`, as long as `values`. */
function encodeAffine(values: Float32Array, out: Uint8Array): AffineQuantization {
  let min = Infinity;
  let max = -Infinity;
  for (const value of values) {
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  min += 0; // JSON has no -0.
  // Of one number alone any scale will do; tfjs's converter writes 1.
  const scale = max > min ? (max - min) / 255 : 1;
  for (let i = 0; i < values.length; i++) {
    out[i] = Math.min(255, Math.round(((values[i] as number) - min) / scale));
  }
  return { scale, min };
}

function copyBytes({ buffer, byteOffset, byteLength }: Float32Array | Uint16Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength).slice();
}
