/**
 * Tests properties of every manifest. Parsing returns what was written. A manifest with one change
 * is a valid manifest of another version, or is refused with an ArtifactError.
 */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ArtifactError,
  encodeManifest,
  parseManifest,
  sealManifest,
  type ManifestContent,
} from '../../../shared/model/artifact.ts';
import type { LayerConfig } from '../../../shared/model/generator.ts';
import { WEIGHT_DTYPES } from '../../../shared/model/weight-encoding.ts';
import { buildFixture } from '../../support/models/fixture-artifact.ts';
import { timesAsMany } from '../../support/fast-check.ts';

const activation = fc.constantFrom(
  'linear' as const,
  'relu' as const,
  'leakyRelu' as const,
  'sigmoid' as const,
  'tanh' as const,
);
/** Keys of maps. Only `__proto__` is refused. */
const mapKey = (pattern: RegExp) =>
  fc.stringMatching(pattern).filter((name) => name !== '__proto__');
/** Any text with a UTF-8 form. */
const text = (maxLength: number) =>
  fc.string({ unit: 'grapheme', maxLength }).filter(({ length }) => length <= maxLength);

const layers = fc
  .record({
    hidden: fc.array(
      fc.record({
        type: fc.constant('dense' as const),
        units: fc.integer({ min: 1, max: 20 }),
        activation,
      }),
      {
        maxLength: 2,
      },
    ),
    side: fc.integer({ min: 1, max: 4 }),
    block: fc.constantFrom(1, 2, 3),
    colours: fc.constantFrom(1, 3),
    kernelSize: fc.constantFrom(1 as const, 3 as const, 5 as const),
    activation,
  })
  .map(({ hidden, side, block, colours, kernelSize, activation: last }): LayerConfig[] => [
    ...hidden,
    { type: 'dense', units: side * side * 2, activation: last },
    { type: 'reshape', shape: [side, side, 2] },
    { type: 'conv2d', filters: colours * block * block, kernelSize, activation: last },
    ...(block === 1 ? [] : [{ type: 'depthToSpace' as const, blockSize: block }]),
  ]);

const manifests = fc
  .record({
    layers,
    latentSize: fc.integer({ min: 1, max: 30 }),
    classes: fc.integer({ min: 0, max: 12 }),
    dtype: fc.constantFrom(...WEIGHT_DTYPES),
    name: fc.stringMatching(/^[a-z][a-z0-9-]{0,31}$/),
    preset: text(64).filter((preset) => preset !== ''),
    seed: text(128),
    figures: fc.dictionary(
      mapKey(/^[a-zA-Z0-9 _-]{0,20}$/),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      {
        maxKeys: 5,
      },
    ),
    libraries: fc.dictionary(mapKey(/^[a-z@/.-]{1,20}$/), text(64), { maxKeys: 4 }),
  })
  .map(
    ({ preset, seed, figures, libraries, ...options }) =>
      buildFixture({
        ...options,
        alter: (content) => ({
          ...content,
          training: { ...content.training, preset, seed, libraries },
          figures,
        }),
      }).manifest,
  );

/** Implements RFC 8785 for manifests: keys sorted by UTF-16 units, values as in ECMAScript. */
function canonicalise(value: unknown): string {
  if (Array.isArray(value)) {
    return `[${value.map(canonicalise).join(',')}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${canonicalise(each)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}

const versionOf = (content: unknown): string =>
  createHash('sha256').update(canonicalise(content)).digest('hex').slice(0, 16);

/** Lists every place of a tree as a path of keys. */
function listPaths(tree: unknown, path: readonly string[] = []): (readonly string[])[] {
  const inner = typeof tree === 'object' && tree !== null ? Object.entries(tree) : [];
  return [
    ...(path.length > 0 ? [path] : []),
    ...inner.flatMap(([key, value]) => listPaths(value, [...path, key])),
  ];
}

function change(tree: any, path: readonly string[], value: unknown): void {
  const holder = path.slice(0, -1).reduce((object, name) => object[name], tree);
  const last = path.at(-1) as string;
  if (value !== undefined) {
    holder[last] = value;
  } else if (Array.isArray(holder)) {
    holder.splice(Number(last), 1);
  } else {
    delete holder[last];
  }
}

describe('any manifest', () => {
  it('is read as it was written, and its content determines its version', () => {
    fc.assert(
      fc.property(manifests, (manifest) => {
        const bytes = encodeManifest(manifest);
        const { version, ...content } = manifest;
        expect(version).toBe(versionOf(content));
        expect(new TextDecoder().decode(bytes)).toBe(canonicalise(manifest));
        const { manifest: read, plan } = parseManifest(bytes, { name: manifest.name, version });
        expect(canonicalise(read)).toBe(canonicalise(manifest));
        expect(encodeManifest(read)).toEqual(bytes);
        expect(plan.outputShape).toEqual([
          manifest.image.height,
          manifest.image.width,
          manifest.image.channels,
        ]);
      }),
      { numRuns: timesAsMany(100) },
    );
  });

  /** Writes canonical JSON, in which undefined values are absent. */
  const write = (manifest: object) => canonicalise(JSON.parse(JSON.stringify(manifest)));

  it('with one change is refused, unless its version is adapted and the content is valid', () => {
    const values = fc.oneof(
      { weight: 3, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
      { weight: 2, arbitrary: fc.integer({ min: -3, max: 300 }) },
      { weight: 1, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.constantFrom(1e300, 5e-324, 2 ** 53, '\ud800', '', '__proto__') },
    );
    let accepted = 0;
    fc.assert(
      fc.property(manifests, fc.nat(), values, (manifest, place, value) => {
        const { version, ...whole } = manifest;
        const content = structuredClone(whole);
        const paths = listPaths(content);
        change(content, paths[place % paths.length]!, value);
        const changed = canonicalise(content);
        const isSame = changed === canonicalise(whole);
        const asBefore = new TextEncoder().encode(write({ ...content, version }));
        if (!isSame) {
          expect(() => parseManifest(asBefore)).toThrow(ArtifactError);
        }
        const signed = write({ ...content, version: versionOf(content) });
        try {
          const { manifest: read } = parseManifest(new TextEncoder().encode(signed));
          // An accepted manifest has every sent field and can be written again.
          expect(canonicalise(read)).toBe(canonicalise(JSON.parse(signed)));
          const { version: _version, ...rest } = read;
          expect(sealManifest(rest as ManifestContent)).toEqual(read);
          accepted++;
        } catch (error) {
          if (!(error instanceof ArtifactError)) {
            throw error;
          }
        }
      }),
      { numRuns: timesAsMany(600) },
    );
    expect(accepted).toBeGreaterThan(0);
  });
});
