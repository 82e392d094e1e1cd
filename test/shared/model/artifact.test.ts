import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ArtifactError,
  computeVersion,
  decodeWeights,
  encodeManifest,
  encodePointer,
  MANIFEST_FILE,
  parseManifest,
  parsePointer,
  sealManifest,
  type Manifest,
  type ManifestContent,
} from '../../../shared/model/artifact.ts';
import { buildFixture } from '../../support/models/fixture-artifact.ts';
import { timesAsMany } from '../../support/fast-check.ts';

const fixture = buildFixture();
const bytes = fixture.files.get(MANIFEST_FILE) as Uint8Array;
const { version: _version, ...content } = fixture.manifest;

/** Changes a manifest and seals it again, as a hostile publisher can. */
function sealAltered(alter: (content: Record<string, any>) => void): Uint8Array {
  const copy = structuredClone(content) as Record<string, any>;
  alter(copy);
  return encodeManifest(sealManifest(copy as ManifestContent));
}

function reverseFields(value: object): object {
  return Object.fromEntries(Object.entries(value).reverse());
}

function catchFailure(action: () => unknown): ArtifactError['failure'] {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(ArtifactError);
    return (error as ArtifactError).failure;
  }
  throw new Error('expected it to be refused');
}

describe('a manifest', () => {
  it('is read as it was written', () => {
    expect(parseManifest(bytes).manifest).toEqual(fixture.manifest);
  });

  it('has the same bytes and version whatever the order of its fields', () => {
    const reversed = reverseFields(fixture.manifest) as Manifest;
    expect(encodeManifest(reversed)).toEqual(bytes);
    const { version, ...rest } = reversed;
    expect(computeVersion(rest as ManifestContent)).toBe(version);
  });

  it('has the start of its content’s SHA-256 as its version', () => {
    const text = new TextDecoder().decode(bytes).replace(/,"version":"[0-9a-f]{16}"/, '');
    expect(createHash('sha256').update(text).digest('hex').slice(0, 16)).toBe(
      fixture.manifest.version,
    );
  });

  it('is refused when its content does not match its version', () => {
    const altered = new TextEncoder().encode(
      new TextDecoder().decode(bytes).replace('"name":"fixture"', '"name":"fixturf"'),
    );
    expect(catchFailure(() => parseManifest(altered)).reason).toBe('version_mismatch');
  });

  it.each<[string, (text: string) => string]>([
    ['a line feed at its end', (text) => `${text}\n`],
    ['spaces', (text) => JSON.stringify(JSON.parse(text), null, 2)],
    ['another order', (text) => JSON.stringify(reverseFields(JSON.parse(text)))],
    ['an escaped letter', (text) => text.replace('"name":"f', String.raw`"name":"\u0066`)],
    ['a number in another form', (text) => text.replace('"schema":1', '"schema":1.0')],
    ['a field twice', (text) => text.replace('"schema":1', '"schema":1,"schema":1')],
  ])('is refused with %s: a version has only one manifest', (_, write) => {
    const altered = new TextEncoder().encode(write(new TextDecoder().decode(bytes)));
    expect(altered).not.toEqual(bytes);
    expect(catchFailure(() => parseManifest(altered))).toMatchObject({
      reason: 'malformed',
      detail: expect.stringContaining('canonical'),
    });
  });

  it('is refused when two classes have one name', () => {
    const altered = sealAltered((copy) => (copy['classes'][3] = '7'));
    expect(catchFailure(() => parseManifest(altered))).toMatchObject({
      detail: 'two classes have the name "7"',
    });
  });

  it('is refused when a class name has a lone surrogate, because no version can be computed', () => {
    const altered = new TextDecoder()
      .decode(bytes)
      .replace('"classes":["0"', String.raw`"classes":["\ud800"`);
    expect(altered).toContain(String.raw`\ud800`);
    expect(catchFailure(() => parseManifest(new TextEncoder().encode(altered))).reason).toBe(
      'malformed',
    );
  });

  it.each([
    ['a seed', '"seed":"fixture"', String.raw`"seed":"\ud800"`],
    ['the name of a figure', '"figures":{}', String.raw`"figures":{"\udc00":1}`],
    ['a library', '"libraries":{}', String.raw`"libraries":{"tfjs":"\ud800x"}`],
  ])('is refused when %s has a lone surrogate', (_, whole, half) => {
    const altered = new TextDecoder().decode(bytes).replace(whole, half);
    expect(altered).toContain(half);
    expect(catchFailure(() => parseManifest(new TextEncoder().encode(altered))).reason).toBe(
      'malformed',
    );
  });

  it.each(['figures', 'libraries'])(
    'is refused with a __proto__ in its %s, which its version does not cover',
    (field) => {
      const altered = new TextDecoder()
        .decode(bytes)
        .replace(`"${field}":{}`, `"${field}":{"__proto__":1}`);
      expect(altered).toContain('__proto__');
      expect(catchFailure(() => parseManifest(new TextEncoder().encode(altered))).reason).toBe(
        'malformed',
      );
    },
  );

  it.each<[string, string]>([
    ['nested deep as its schema', `{"schema":${'['.repeat(30_000)}${']'.repeat(30_000)}}`],
    [
      'thousands of fields',
      `{"schema":1,${Array.from({ length: 3000 }, (_, i) => `"f${i}":1`).join(',')}}`,
    ],
    ['a key of 60,000 characters', `{"schema":1,"${'k'.repeat(60_000)}":1}`],
  ])('with %s is refused with a short message, and so is a pointer', (_, text) => {
    for (const parse of [parseManifest, parsePointer]) {
      const failure = catchFailure(() => parse(new TextEncoder().encode(text)));
      expect(['schema_unknown', 'malformed', 'not_json']).toContain(failure.reason);
      expect(new ArtifactError(failure).message.length).toBeLessThan(700);
    }
  });

  it.each(['name', 'version', 'sha256'] as const)(
    'is refused when it has another %s than expected',
    (field) => {
      const promised = { name: 'other', version: '0123456789abcdef', sha256: '0'.repeat(64) }[
        field
      ];
      expect(() => parseManifest(bytes, { [field]: promised })).toThrow(ArtifactError);
      const right = {
        name: 'fixture',
        version: fixture.manifest.version,
        sha256: createHash('sha256').update(bytes).digest('hex'),
      }[field];
      expect(parseManifest(bytes, { [field]: right }).manifest.name).toBe('fixture');
    },
  );

  it.each([
    ['an unknown schema', (m) => (m['schema'] = 2), 'schema_unknown'],
    ['no schema', (m) => delete m['schema'], 'malformed'],
    ['a schema of no number', (m) => (m['schema'] = '2'), 'malformed'],
    ['a schema of the past', (m) => (m['schema'] = 0), 'malformed'],
    ['another law', (m) => (m['law'] = 'mersenne/1'), 'malformed'],
    ['a field more', (m) => (m['extra'] = 1), 'malformed'],
    ['a path out of its folder', (m) => (m['files'][0].path = '../current.json'), 'malformed'],
    ['the name __proto__', (m) => (m['name'] = '__proto__'), 'malformed'],
    ['a huge layer', (m) => (m['generator'].layers[0].units = 5e7), 'malformed'],
    ['a negative layer', (m) => (m['generator'].layers[0].units = -1), 'malformed'],
    [
      'a thousand layers',
      (m) => (m['generator'].layers = new Array(1000).fill(m['generator'].layers[0])),
      'malformed',
    ],
    ['another dtype', (m) => (m['weights'].dtype = 'string'), 'malformed'],
    ['an image that the generator does not give', (m) => (m['image'].width = 29), 'malformed'],
    ['an empty range', (m) => (m['image'].range = [1, 1]), 'malformed'],
    ['a range wider than numbers go', (m) => (m['image'].range = [-1.7e308, 1.7e308]), 'malformed'],
    ['a range too narrow for 256 levels', (m) => (m['image'].range = [0, 5e-324]), 'malformed'],
    ['a latent size that the generator does not take', (m) => (m['latent'].size = 3), 'malformed'],
    ['a class name too few', (m) => m['classes'].pop(), 'malformed'],
    ['a class name with a line break', (m) => (m['classes'][0] = 'a\nb'), 'malformed'],
    ['weights of another size', (m) => (m['files'][1].bytes -= 4), 'malformed'],
    ['no weights', (m) => (m['files'][1].path = 'other.bin'), 'malformed'],
    ['a file listed twice', (m) => m['files'].push(m['files'][0]), 'malformed'],
    [
      'itself among its files',
      (m) => m['files'].push({ ...m['files'][0], path: MANIFEST_FILE }),
      'malformed',
    ],
    ['a file larger than allowed', (m) => (m['files'][0].bytes = 1e9), 'malformed'],
  ] as [string, (manifest: Record<string, any>) => unknown, string][])(
    'is refused with %s',
    (_, alter, reason) => {
      expect(catchFailure(() => parseManifest(sealAltered(alter))).reason).toBe(reason);
    },
  );

  it('is refused for its size before it is parsed', () => {
    expect(catchFailure(() => parseManifest(new Uint8Array(65 * 1024))).reason).toBe('too_large');
  });

  it('is parsed or refused with an ArtifactError, for any JSON or bytes', () => {
    const anything = fc.oneof(
      fc.uint8Array(),
      fc.json().map((text) => new TextEncoder().encode(text)),
      fc
        .tuple(fc.nat(bytes.length - 1), fc.nat(255))
        .map(([at, value]) => bytes.map((byte, i) => (i === at ? value : byte))),
    );
    fc.assert(
      fc.property(anything, (input) => {
        try {
          parseManifest(input);
        } catch (error) {
          expect(error).toBeInstanceOf(ArtifactError);
        }
      }),
      { numRuns: timesAsMany(2000) },
    );
  });
});

describe('weights', () => {
  it('are refused when they are not finite or have the wrong size', () => {
    const parsed = parseManifest(bytes);
    const { plan } = parsed;
    const values = new Float32Array(plan.parameters);
    expect(decodeWeights(parsed, new Uint8Array(values.buffer)).map((part) => part.length)).toEqual(
      [26 * 32, 32, 32 * 784, 784],
    );
    values[7] = NaN;
    expect(catchFailure(() => decodeWeights(parsed, new Uint8Array(values.buffer))).reason).toBe(
      'not_finite',
    );
    expect(catchFailure(() => decodeWeights(parsed, new Uint8Array(8))).reason).toBe(
      'size_mismatch',
    );
  });

  it('are read correctly from a Buffer that is part of a larger one', () => {
    const parsed = parseManifest(bytes);
    const values = Float32Array.from({ length: parsed.plan.parameters }, (_, i) => i);
    const pooled = Buffer.concat([Buffer.from('xyz'), Buffer.from(values.buffer)]).subarray(3);
    expect(decodeWeights(parsed, pooled)[1]?.[0]).toBe(26 * 32);
  });
});

describe('the pointer', () => {
  const pointer = {
    schema: 1 as const,
    default: 'seed',
    models: {
      seed: {
        version: '0123456789abcdef',
        manifestSha256: 'a'.repeat(64),
        publishedAt: '2026-01-02T03:04:05.000Z',
      },
    },
  };

  it('is read as it was written', () => {
    const { seed } = pointer.models;
    const named = { ...pointer, models: { ...pointer.models, constructor: seed, prototype: seed } };
    expect(parsePointer(encodePointer(pointer))).toEqual(pointer);
    expect(parsePointer(encodePointer(named))).toEqual(named);
  });

  it.each([
    ['an unknown schema', { ...pointer, schema: 2 }],
    ['a default that is not listed', { ...pointer, default: 'other' }],
    ['a default that every object has', { ...pointer, default: 'constructor' }],
    [
      'a version that is none',
      { ...pointer, models: { seed: { ...pointer.models.seed, version: '../../..' } } },
    ],
  ])('is refused with %s', (_, altered) => {
    expect(() => parsePointer(new TextEncoder().encode(JSON.stringify(altered)))).toThrow(
      ArtifactError,
    );
  });
});
