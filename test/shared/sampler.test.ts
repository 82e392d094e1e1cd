import { describe, expect, it } from 'vitest';
import { ArtifactError, MANIFEST_FILE, parseManifest, WEIGHTS_FILE } from '../../shared/artifact.ts';
import { createSampler } from '../../shared/sampler.ts';
import { instantiateKernels } from '../../trainer/kernels.ts';
import { buildFixture, type Fixture } from '../support/fixture-artifact.ts';

function openSampler(fixture: Fixture) {
  return createSampler(
    parseManifest(fixture.files.get(MANIFEST_FILE) as Uint8Array),
    fixture.files.get(WEIGHTS_FILE) as Uint8Array,
    instantiateKernels,
  );
}

describe('a sampler', () => {
  it('gives sample i alone the same bytes as within any batch', () => {
    const sampler = openSampler(buildFixture());
    const all = sampler.draw({ seed: 's', start: 0, count: 150 });
    for (const [start, count] of [
      [0, 1],
      [1, 2],
      [15, 2],
      [16, 1],
      [63, 2],
      [100, 50],
      [149, 1],
    ] as const) {
      const some = sampler.draw({ seed: 's', start, count });
      expect(some.pixels).toEqual(all.pixels.subarray(start * 784, (start + count) * 784));
      expect(some.labels).toEqual(all.labels?.subarray(start, start + count));
    }
    sampler.dispose();
  });

  it('gives different digits for different seeds, indices and labels', () => {
    const sampler = openSampler(buildFixture());
    const draw = (seed: string, start: number, label: number) =>
      Buffer.from(sampler.draw({ seed, start, count: 1, label }).pixels).toString('hex');
    expect(new Set([draw('a', 0, 1), draw('b', 0, 1), draw('a', 1, 1), draw('a', 0, 2)]).size).toBe(4);
    sampler.dispose();
  });

  it('gives the label that is asked for to all', () => {
    const sampler = openSampler(buildFixture());
    expect([...(sampler.draw({ seed: 's', start: 0, count: 3, label: 7 }).labels ?? [])]).toEqual([7, 7, 7]);
    sampler.dispose();
  });

  it('has no labels without classes', () => {
    const sampler = openSampler(buildFixture({ classes: 0 }));
    expect(sampler.draw({ seed: 's', start: 0, count: 3 }).labels).toBeNull();
    sampler.dispose();
  });

  it('draws no more once it was disposed of', () => {
    const sampler = openSampler(buildFixture());
    sampler.dispose();
    expect(() => sampler.draw({ seed: 's', start: 0, count: 1 })).toThrow(/fixture@[0-9a-f]+ was disposed of/);
  });

  it('is refused, before any memory is taken, when the weights are not the listed ones', () => {
    const fixture = buildFixture();
    const parsed = parseManifest(fixture.files.get(MANIFEST_FILE) as Uint8Array);
    const weights = fixture.files.get(WEIGHTS_FILE) as Uint8Array;
    const altered = weights.slice();
    altered[5] = (altered[5] as number) ^ 1;
    const refuse = () => {
      throw new Error('an instance was made');
    };
    expect(() => createSampler(parsed, altered, refuse)).toThrow(ArtifactError);
    expect(() => createSampler(parsed, weights.subarray(4), refuse)).toThrow(/bytes, the manifest says/);
  });
});
