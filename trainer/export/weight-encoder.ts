/** Encodes trained weights as they are served. `shared/model/weight-encoding.ts` decodes them. */
import { ArtifactError, WEIGHTS_FILE } from '../../shared/model/artifact.ts';
import { sizeOf, type NetworkPlan } from '../../shared/model/generator.ts';
import {
  encodeFloat16,
  FLOAT16_MAX,
  type AffineQuantization,
  type WeightDtype,
  type WeightEncoding,
} from '../../shared/model/weight-encoding.ts';
import { ExpectedError } from '../../shared/expected-error.ts';

/** The smallest type in which no digit looks different. */
export const DEFAULT_WEIGHT_DTYPE: WeightDtype = 'float16';

/**
 * Encodes the content of WEIGHTS_FILE. Float16 takes the nearest number. Uint8 takes the nearest of
 * 256 steps from the smallest to the largest number of each weight, so the error is at most half a
 * step.
 * @param values  [parameters], in the plan's order.
 * @throws ArtifactError  When a number is NaN or infinite.
 * @throws ExpectedError  When a number is too large for float16.
 */
export function encodeWeights(
  plan: Pick<NetworkPlan, 'weights'>,
  values: Float32Array,
  dtype: WeightDtype,
): { encoding: WeightEncoding; bytes: Uint8Array } {
  if (!values.every(Number.isFinite)) {
    throw new ArtifactError({ reason: 'not_finite', what: WEIGHTS_FILE });
  }
  switch (dtype) {
    case 'float32':
      return { encoding: { dtype }, bytes: copyBytes(values) };
    case 'float16': {
      const halves = encodeFloat16(values);
      const place = halves.findIndex((half) => (half & 0x7c00) === 0x7c00);
      if (place >= 0) {
        const weight = splitByWeight(plan).find(({ end }) => place < end);
        throw new ExpectedError(
          `--weights float16: ${weight?.name} holds ${values[place]}, at most ${FLOAT16_MAX} fits; use --weights float32`,
        );
      }
      return { encoding: { dtype }, bytes: copyBytes(halves) };
    }
    case 'uint8': {
      const bytes = new Uint8Array(values.length);
      const quantization = splitByWeight(plan).map(({ start, end }) =>
        encodeAffine(values.subarray(start, end), bytes.subarray(start, end)),
      );
      return { encoding: { dtype, quantization }, bytes };
    }
  }
}

/** Lists where each weight starts and ends. */
function splitByWeight({ weights }: Pick<NetworkPlan, 'weights'>) {
  let end = 0;
  return weights.map(({ name, shape }) => ({ name, start: end, end: (end += sizeOf(shape)) }));
}

/** Encodes one weight into `out`, which is as long as `values`. */
function encodeAffine(values: Float32Array, out: Uint8Array): AffineQuantization {
  let min = Infinity;
  let max = -Infinity;
  for (const value of values) {
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  min += 0; // JSON has no -0.
  // For one distinct number any scale works; tfjs's converter writes 1.
  const scale = max > min ? (max - min) / 255 : 1;
  for (let i = 0; i < values.length; i++) {
    out[i] = Math.min(255, Math.round(((values[i] as number) - min) / scale));
  }
  return { scale, min };
}

function copyBytes({ buffer, byteOffset, byteLength }: Float32Array | Uint16Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength).slice();
}

/**
 * Compares two drawings of the same digits, from weights of different types. The differences are
 * those of pixels of 0 to 255; `visible` is the part that differs by more than rounding, 0..1.
 */
export function computePixelDifference(a: Uint8Array, b: Uint8Array) {
  let max = 0;
  let sum = 0;
  let visible = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs((a[i] as number) - (b[i] as number));
    max = Math.max(max, difference);
    sum += difference;
    visible += difference > 1 ? 1 : 0;
  }
  return { max, mean: sum / a.length, visible: visible / a.length };
}
