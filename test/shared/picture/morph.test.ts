import { describe, expect, it } from 'vitest';
import { deriveSeedKey, drawLatents } from '../../../shared/model/random.ts';
import { planMorph } from '../../../shared/picture/morph.ts';

const LATENT = 8;
const CLASSES = 3;

function plan(samples: number, frames: number, labels: Uint8Array | null = null) {
  const latents = drawLatents(deriveSeedKey('a'), 0, samples, LATENT);
  const inputs = planMorph({
    seed: 'a',
    start: 0,
    frames,
    latentSize: LATENT,
    classes: labels ? CLASSES : 0,
    latents,
    labels,
  });
  return { latents, inputs };
}

describe('a walk', () => {
  it('never changes', () => {
    const latents = Float32Array.of(-0.75, 0.5, 0.25, -0.5, 0.125, 0.75);
    const walk = planMorph({
      seed: 'golden',
      start: 7,
      frames: 2,
      latentSize: 3,
      classes: 0,
      latents,
      labels: null,
    });
    expect([...walk]).toEqual([
      -0.75, 0.5, 0.25, -0.625, 0.3125, 0.5, -0.5, 0.125, 0.75, -0.875, 0.8125, 0.75,
    ]);
  });

  it('with truncation is the same walk nearer to the centre, also where it turns round', () => {
    const { latents, inputs } = plan(50, 8);
    const given = { seed: 'a', start: 0, frames: 8, latentSize: LATENT, classes: 0 };
    const calm = planMorph({ ...given, latents, labels: null, truncation: 0.7 });
    expect([...calm]).toEqual([...inputs].map((value) => expect.closeTo(value * 0.7, 6) as number));
    expect([...calm.subarray(0, LATENT)]).toEqual(
      [...latents.subarray(0, LATENT)].map((value) => Math.fround(value * 0.7)),
    );
    expect(Math.max(...calm)).toBeLessThanOrEqual(0.7);
  });

  it('is uniform at samples and between them', () => {
    const samples = 4000;
    const { inputs } = plan(samples, 2);
    const middle = Array.from({ length: samples }, (_, i) => [
      ...inputs.subarray((2 * i + 1) * LATENT, (2 * i + 2) * LATENT),
    ]);
    const values = middle.flat().sort((a, b) => a - b);
    // The Kolmogorov-Smirnov distance to the uniform law exceeds 1.95 / sqrt(n) once in a thousand.
    const distance = Math.max(
      ...values.map((value, i) => Math.abs((value + 1) / 2 - i / values.length)),
    );
    expect(distance).toBeLessThan(1.95 / Math.sqrt(values.length));
    // Numbers of a latent vector stay independent: the deviation of their correlation from 0 is 1 /
    // sqrt(samples).
    const products = middle.map(([a = 0, b = 0]) => 3 * a * b);
    expect(Math.abs(products.reduce((sum, product) => sum + product, 0) / samples)).toBeLessThan(
      4 / Math.sqrt(samples),
    );
  });

  it('passes through its samples and back to the first in small steps', () => {
    const frames = 64;
    const { latents, inputs } = plan(5, frames);
    const count = 5 * frames;
    for (let i = 0; i < 5; i++) {
      const start = i * frames * LATENT;
      expect(inputs.subarray(start, start + LATENT)).toEqual(
        latents.subarray(i * LATENT, (i + 1) * LATENT),
      );
    }
    for (let frame = 0; frame < count; frame++) {
      for (let j = 0; j < LATENT; j++) {
        const [now, next] = [
          inputs[frame * LATENT + j]!,
          inputs[((frame + 1) % count) * LATENT + j]!,
        ];
        expect(Math.abs(now)).toBeLessThanOrEqual(1);
        // The path is at most half a circle; its middle is 1.5 times as fast as the average.
        expect(Math.abs(next - now)).toBeLessThan((2 * 1.5) / frames + 1e-6);
      }
    }
  });

  it('blends two classes, and has one class alone where both are the same', () => {
    const { inputs } = plan(3, 4, Uint8Array.of(0, 2, 2));
    const shares = Array.from({ length: 12 }, (_, frame) => {
      const start = frame * (LATENT + CLASSES) + LATENT;
      return [...inputs.subarray(start, start + CLASSES)];
    });
    expect(shares.slice(0, 4)).toEqual([
      [1, 0, 0],
      [0.84375, 0, 0.15625],
      [0.5, 0, 0.5],
      [0.15625, 0, 0.84375],
    ]);
    expect(shares.slice(4, 9)).toEqual(Array.from({ length: 5 }, () => [0, 0, 1]));
  });

  it('between hands is straight, also where their numbers go beyond those of seeds', () => {
    const latents = Float32Array.of(1.5, -1.75, -0.5, 1.25, 2, 1);
    const given = { seed: 'a', start: 0, frames: 2, latentSize: 3, classes: 0, labels: null };
    const inputs = planMorph({ ...given, latents, isDirect: true });
    expect([...inputs]).toEqual([
      1.5, -1.75, -0.5, 1.375, 0.125, 0.25, 1.25, 2, 1, 1.375, 0.125, 0.25,
    ]);
  });

  it('in one handwriting keeps its latent vector', () => {
    const latent = drawLatents(deriveSeedKey('a'), 3, 1, LATENT);
    const latents = Float32Array.from([...latent, ...latent]);
    const labels = Uint8Array.of(1, 2);
    const inputs = planMorph({
      seed: 'a',
      start: 3,
      frames: 3,
      latentSize: LATENT,
      classes: CLASSES,
      latents,
      labels,
    });
    for (let frame = 0; frame < 6; frame++) {
      const start = frame * (LATENT + CLASSES);
      expect(inputs.subarray(start, start + LATENT)).toEqual(latent);
    }
  });
});
