import { describe, expect, it } from 'vitest';
import {
  ArtifactError,
  encodeManifest,
  hashBytes,
  MANIFEST_FILE,
  parseManifest,
  sealManifest,
  WEIGHTS_FILE,
} from '../../../shared/model/artifact.ts';
import { createSampler } from '../../../shared/model/sampler.ts';
import { instantiateKernels } from '../../../trainer/node-kernels.ts';
import { buildFixture, type Fixture } from '../../support/models/fixture-artifact.ts';

function openSampler(fixture: Fixture) {
  return createSampler(
    parseManifest(fixture.files.get(MANIFEST_FILE) as Uint8Array),
    fixture.files.get(WEIGHTS_FILE) as Uint8Array,
    instantiateKernels,
  );
}

describe('a sampler', () => {
  it('gives sample i the same bytes alone and within any batch', () => {
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
    expect(new Set([draw('a', 0, 1), draw('b', 0, 1), draw('a', 1, 1), draw('a', 0, 2)]).size).toBe(
      4,
    );
    sampler.dispose();
  });

  it('gives all samples the requested label', () => {
    const sampler = openSampler(buildFixture());
    expect([...(sampler.draw({ seed: 's', start: 0, count: 3, label: 7 }).labels ?? [])]).toEqual([
      7, 7, 7,
    ]);
    sampler.dispose();
  });

  it('has no labels without classes', () => {
    const sampler = openSampler(buildFixture({ classes: 0 }));
    expect(sampler.draw({ seed: 's', start: 0, count: 3 }).labels).toBeNull();
    sampler.dispose();
  });

  it('draws nothing after it was disposed', () => {
    const sampler = openSampler(buildFixture());
    sampler.dispose();
    expect(() => sampler.draw({ seed: 's', start: 0, count: 1 })).toThrow(
      /fixture@[0-9a-f]+ was disposed of/,
    );
  });

  it('is refused before memory is allocated, when the weights differ from the listed ones', () => {
    const fixture = buildFixture();
    const parsed = parseManifest(fixture.files.get(MANIFEST_FILE) as Uint8Array);
    const weights = fixture.files.get(WEIGHTS_FILE) as Uint8Array;
    const altered = weights.slice();
    altered[5] = (altered[5] as number) ^ 1;
    const refuse = () => {
      throw new Error('an instance was made');
    };
    expect(() => createSampler(parsed, altered, refuse)).toThrow(ArtifactError);
    expect(() => createSampler(parsed, weights.subarray(4), refuse)).toThrow(
      /bytes, the manifest says/,
    );
  });

  describe('before it serves', () => {
    /** A network of one dense layer. @param weigh  Returns a weight by kind, input and output. */
    function openPlain(
      classes: number,
      weigh: (kind: 'kernel' | 'bias', from: number, to: number) => number,
    ) {
      const [latentSize, pixels] = [2, 16];
      const { manifest, files } = buildFixture({
        latentSize,
        classes,
        layers: [
          { type: 'dense', units: pixels, activation: 'linear' },
          { type: 'reshape', shape: [4, 4, 1] },
        ],
      });
      const inputs = latentSize + classes;
      const values = Float32Array.from({ length: (inputs + 1) * pixels }, (_, i) =>
        i < inputs * pixels
          ? weigh('kernel', Math.floor(i / pixels), i % pixels)
          : weigh('bias', 0, i % pixels),
      );
      const weights = new Uint8Array(values.buffer);
      const { version: _, ...content } = manifest;
      const sealed = sealManifest({
        ...content,
        files: content.files.map((file) =>
          file.path === WEIGHTS_FILE ? { ...file, sha256: hashBytes(weights) } : file,
        ),
      });
      return openSampler({
        manifest: sealed,
        files: new Map([
          ...files,
          [MANIFEST_FILE, encodeManifest(sealed)],
          [WEIGHTS_FILE, weights],
        ]),
      });
    }

    it.each([
      ['nothing but paper', () => 0],
      ['the same grey everywhere', (kind: string) => (kind === 'bias' ? 0.5 : 0)],
      ['ink beyond all bounds everywhere', (kind: string) => (kind === 'bias' ? 1e6 : 1)],
    ])('is refused when it draws %s', (_, weigh) => {
      const sampler = openPlain(10, weigh);
      expect(() => sampler.checkOutput()).toThrow(/blank: every pixel of 10 samples is the same/);
      sampler.dispose();
    });

    it('is refused when only one class overflows', () => {
      const sampler = openPlain(10, (kind, from) =>
        kind === 'kernel' && from === 2 + 7 ? 3e38 : 3e38 * Number(kind === 'bias'),
      );
      expect(() => sampler.checkOutput()).toThrow(/holds NaN or infinite/);
      sampler.dispose();
    });

    it('is refused when only the last of many classes overflows', () => {
      const sampler = openPlain(40, (kind, from) =>
        kind === 'kernel' && from === 2 + 39 ? 3e38 : 3e38 * Number(kind === 'bias'),
      );
      expect(() => sampler.checkOutput()).toThrow(/holds NaN or infinite/);
      sampler.dispose();
    });

    it.each<
      [
        what: string,
        classes: number,
        weigh: (kind: 'kernel' | 'bias', from: number, to: number) => number,
      ]
    >([
      ['plain pictures, each of another grey', 0, (kind) => (kind === 'bias' ? 0.5 : 0.2)],
      ['one and the same picture', 10, (kind, _, to) => (kind === 'bias' ? to / 16 : 0)],
      ['a single speck', 0, (kind, _, to) => (kind === 'bias' && to === 5 ? 1 : 0)],
      [
        'paper for all classes but the last',
        3,
        (kind, from) => (kind === 'kernel' && from === 2 + 2 ? 1 : 0),
      ],
      [
        'paper for all of many classes but the last',
        40,
        (kind, from) => (kind === 'kernel' && from === 2 + 39 ? 1 : 0),
      ],
    ])('may draw %s', (_, classes, weigh) => {
      const sampler = openPlain(classes, weigh);
      expect(() => sampler.checkOutput()).not.toThrow();
      sampler.dispose();
    });
  });
});
