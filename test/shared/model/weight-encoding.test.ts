import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExpectedError } from '../../../shared/expected-error.ts';
import {
  ArtifactError,
  decodeWeights,
  encodeManifest,
  MANIFEST_FILE,
  parseManifest,
  sealManifest,
  WEIGHTS_FILE,
  type ManifestContent,
} from '../../../shared/model/artifact.ts';
import { planGenerator } from '../../../shared/model/generator.ts';
import {
  decodeValues,
  WEIGHT_BYTES,
  WEIGHT_DTYPES,
} from '../../../shared/model/weight-encoding.ts';
import { encodeWeights } from '../../../trainer/export/weight-encoder.ts';
import { buildFixture } from '../../support/models/fixture-artifact.ts';
import { timesAsMany } from '../../support/fast-check.ts';

/** 2 + 4 weights and 1 + 4 biases. */
const plan = planGenerator({
  latentSize: 2,
  classes: 0,
  layers: [
    { type: 'dense', units: 1, activation: 'relu' },
    { type: 'dense', units: 4, activation: 'sigmoid' },
    { type: 'reshape', shape: [2, 2, 1] },
  ],
});

const finite = fc.oneof(
  fc.float({ noNaN: true, noDefaultInfinity: true }),
  fc.float({ noNaN: true, min: -1, max: 1 }),
  fc.constantFrom(0, -0, 1e-45, 3.4028234663852886e38, -3.4028234663852886e38),
);
const weightsOf = (value: fc.Arbitrary<number>) =>
  fc
    .array(value, { minLength: plan.parameters, maxLength: plan.parameters })
    .map((values) => Float32Array.from(values));

const tiny = Object.fromEntries(
  WEIGHT_DTYPES.map((dtype) => [
    dtype,
    buildFixture({ dtype, latentSize: 2, classes: 0, layers: plan.config.layers }),
  ]),
);

describe('weights', () => {
  it('of float32 are restored bit by bit', () => {
    fc.assert(
      fc.property(weightsOf(finite), (values) => {
        const { encoding, bytes } = encodeWeights(plan, values, 'float32');
        expect(new Uint8Array(decodeValues(plan.weights, encoding, bytes).buffer)).toEqual(
          new Uint8Array(values.buffer),
        );
      }),
    );
  });

  it('of float16 are restored within half a unit in the last place', () => {
    fc.assert(
      fc.property(weightsOf(fc.float({ noNaN: true, min: -65_504, max: 65_504 })), (values) => {
        const { encoding, bytes } = encodeWeights(plan, values, 'float16');
        decodeValues(plan.weights, encoding, bytes).forEach((decoded, i) => {
          const value = values[i] as number;
          expect(Math.abs(decoded - value)).toBeLessThanOrEqual(
            Math.max(Math.abs(value) * 2 ** -11, 2 ** -25),
          );
        });
      }),
    );
  });

  it('of uint8 are restored within half a step of their own array’s range', () => {
    fc.assert(
      fc.property(weightsOf(finite), (values) => {
        const { encoding, bytes } = encodeWeights(plan, values, 'uint8');
        const decoded = decodeValues(plan.weights, encoding, bytes);
        let next = 0;
        for (const size of [2, 1, 4, 4]) {
          const part = values.subarray(next, next + size);
          const range = Math.max(...part) - Math.min(...part);
          part.forEach((value, i) => {
            const error = Math.abs((decoded[next + i] as number) - value);
            // Adds the rounding to float32.
            expect(error).toBeLessThanOrEqual(
              range / 510 + Math.max(...part.map(Math.abs)) * 2 ** -23 + 2 ** -149,
            );
          });
          next += size;
        }
      }),
      { numRuns: timesAsMany(500) },
    );
  });

  it('of uint8 keep a constant, and the ends of every range, exactly', () => {
    const values = Float32Array.of(0.3, 0.3, -7, -1, 2, 0, 1, 3.5, 3.5, 3.5, 3.5);
    const { encoding, bytes } = encodeWeights(plan, values, 'uint8');
    const decoded = decodeValues(plan.weights, encoding, bytes);
    for (const i of [0, 1, 2, 3, 4, 7, 8, 9, 10]) {
      expect(decoded[i]).toBe(values[i]);
    }
  });

  it('that are too large for float16 are refused by name', () => {
    const values = new Float32Array(plan.parameters);
    values[4] = -65_520;
    expect(() => encodeWeights(plan, values, 'float16')).toThrow(
      new ExpectedError(
        '--weights float16: dense_1/kernel holds -65520, at most 65504 fits; use --weights float32',
      ),
    );
  });

  it.each(WEIGHT_DTYPES)(
    'that are not finite are refused as %s, when written and when read',
    (dtype) => {
      for (const bad of [NaN, Infinity, -Infinity]) {
        const values = new Float32Array(plan.parameters).fill(bad, 3, 4);
        expect(() => encodeWeights(plan, values, dtype)).toThrow(ArtifactError);
      }
    },
  );

  it.each([0x7c00, 0xfc00, 0x7e00, 0x7c01, 0xffff])(
    'of float16 with the bits %i are refused',
    (half) => {
      const { manifest } = tiny['float16']!;
      const halves = new Uint16Array(plan.parameters);
      halves[5] = half;
      expect(() => decodeWeights({ manifest, plan }, new Uint8Array(halves.buffer))).toThrow(
        /NaN or infinite/,
      );
    },
  );

  it.each(WEIGHT_DTYPES)(
    'of %s are read at any alignment, and refused with any other length',
    (dtype) => {
      const { manifest, files } = tiny[dtype]!;
      const bytes = files.get(WEIGHTS_FILE) as Uint8Array;
      expect(bytes.length).toBe(plan.parameters * WEIGHT_BYTES[dtype]);
      const pooled = Buffer.concat([Buffer.from('x'), bytes, Buffer.from('y')]);
      expect(decodeWeights({ manifest, plan }, pooled.subarray(1, -1))).toEqual(
        decodeWeights({ manifest, plan }, bytes),
      );
      for (const wrong of [pooled, bytes.subarray(1), new Uint8Array()]) {
        expect(() => decodeWeights({ manifest, plan }, wrong)).toThrow(/bytes, the manifest says/);
      }
    },
  );

  it('of any bytes are read complete and finite, or refused with an ArtifactError', () => {
    const anyBytes = fc.uint8Array({
      minLength: 4 * plan.parameters,
      maxLength: 4 * plan.parameters,
    });
    fc.assert(
      fc.property(anyBytes, fc.constantFrom(...WEIGHT_DTYPES), (bytes, dtype) => {
        const { manifest } = tiny[dtype]!;
        try {
          const parts = decodeWeights(
            { manifest, plan },
            bytes.subarray(0, plan.parameters * WEIGHT_BYTES[dtype]),
          );
          expect(parts.map(({ length }) => length)).toEqual([2, 1, 4, 4]);
          expect(parts.every((part) => part.every(Number.isFinite))).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(ArtifactError);
          expect(dtype).not.toBe('uint8');
        }
      }),
      { numRuns: timesAsMany(1000) },
    );
  });
});

describe('the manifest', () => {
  const { version: _version, ...content } = tiny['uint8']!.manifest;
  const quantization = content.weights.dtype === 'uint8' ? content.weights.quantization : [];

  /** Parses a manifest with other `weights`, sealed again. */
  const parseWith = (weights: unknown) =>
    parseManifest(encodeManifest(sealManifest({ ...content, weights } as ManifestContent))).manifest
      .weights;
  const withFirst = (first: unknown) => ({
    dtype: 'uint8',
    quantization: [first, ...quantization.slice(1)],
  });

  it.each(WEIGHT_DTYPES)('of a model with weights of %s is read as it was written', (dtype) => {
    const { manifest, files } = tiny[dtype]!;
    expect(parseManifest(files.get(MANIFEST_FILE) as Uint8Array).manifest).toEqual(manifest);
  });

  it.each([
    ['no quantization', { dtype: 'uint8' }],
    ['a quantization too few', { dtype: 'uint8', quantization: quantization.slice(1) }],
    [
      'a quantization too many',
      { dtype: 'uint8', quantization: [...quantization, { scale: 1, min: 0 }] },
    ],
    [
      'a hundred quantizations',
      { dtype: 'uint8', quantization: Array.from({ length: 100 }, () => ({ scale: 1, min: 0 })) },
    ],
    ['a scale of 0', withFirst({ scale: 0, min: 0 })],
    ['a negative scale', withFirst({ scale: -1, min: 0 })],
    ['a scale that is text', withFirst({ scale: '1', min: 0 })],
    ['a scale beyond float32', withFirst({ scale: 1e38, min: 0 })],
    ['a least number beyond float32', withFirst({ scale: 1e-9, min: -1e39 })],
    ['no least number', withFirst({ scale: 1 })],
    ['a zero point', withFirst({ scale: 1, min: 0, zeroPoint: 3 })],
    ['a quantization of float32', { dtype: 'float32', quantization }],
    ['a quantization of float16', { dtype: 'float16', quantization }],
    ['float16 where the file has the bytes of uint8', { dtype: 'float16' }],
    ['uint16', { dtype: 'uint16', quantization }],
  ])('is refused with %s', (_, weights) => {
    expect(() => parseWith(weights)).toThrow(ArtifactError);
  });

  it.each(['1e400', '-1e400', 'NaN', 'null'])('is refused with %s as a number', (text) => {
    const json = new TextDecoder().decode(tiny['uint8']!.files.get(MANIFEST_FILE));
    const altered = json.replace(/"min":[^,]+/, `"min":${text}`);
    expect(altered).not.toBe(json);
    expect(() => parseManifest(new TextEncoder().encode(altered))).toThrow(ArtifactError);
  });

  it('with any accepted quantization gives finite weights for any bytes', () => {
    const affine = fc.record({ scale: fc.double(), min: fc.double() });
    const usual = fc.record({
      scale: fc.double({ min: 1e-9, max: 1e36, noNaN: true }),
      min: fc.double({ min: -1e38, max: 1e38 }),
    });
    let accepted = 0;
    fc.assert(
      fc.property(fc.array(fc.oneof(affine, usual), { minLength: 4, maxLength: 4 }), (list) => {
        const bytes = Uint8Array.from({ length: plan.parameters }, (_, i) => (i % 2) * 255);
        let parsed;
        try {
          parsed = parseManifest(
            encodeAny({ ...content, weights: { dtype: 'uint8', quantization: list } }),
          );
        } catch (error) {
          expect(error).toBeInstanceOf(ArtifactError);
          return;
        }
        accepted++;
        expect(decodeWeights(parsed, bytes).every((part) => part.every(Number.isFinite))).toBe(
          true,
        );
      }),
      { numRuns: timesAsMany(1000) },
    );
    expect(accepted).toBeGreaterThan(10);
  });

  /** JSON has no NaN, so such a manifest can be written but not sealed. */
  function encodeAny(altered: unknown): Uint8Array {
    try {
      return encodeManifest(sealManifest(altered as ManifestContent));
    } catch {
      return new TextEncoder().encode(
        JSON.stringify({ ...(altered as object), version: '0'.repeat(16) }),
      );
    }
  }
});
