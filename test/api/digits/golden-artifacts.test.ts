/**
 * Tests that every published artifact is served for ever: frozen buckets of every schema still give
 * the bytes that they gave when they were frozen. See test/golden/README.md.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MANIFEST_SCHEMA } from '../../../shared/model/artifact.ts';
import { startWorker, type TestWorker } from '../../support/hosts/runtime.ts';

const GOLDEN = fileURLToPath(new URL('../../golden/', import.meta.url));

/** The answers that are held: all numbers, and a sheet whose margins and gaps show the paper. */
const ANSWERS = [
  'npy?seed=golden&n=5&start=3',
  'png?seed=golden&n=5&start=3&cols=2&margin=3&gap=1',
];

/**
 * By folder and model, the start of the SHA-256 of each of ANSWERS. Never change a value.
 */
const SCHEMAS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  1: {
    'float16@f1ca24905b6fcac1': [
      'dcc041d4413ea76e63267a2518f46b57',
      '319d0b2ab2b4447a9a81dbbc785758a4',
    ],
    'float32@e2aaca1c060035e7': [
      '2375f06eabe3b873d0e3819bedbea51f',
      '9e625af62619daeb58cb653348befd74',
    ],
    'uint8@ed5805388c9905be': [
      '34420c65fdae644baa7f8c3dc1c6297a',
      'c50f775a93fc45f8246060522b03ed09',
    ],
  },
  '1-paper': {
    'paper@482680d922e15333': [
      'e17c166e18c432cd8c4ca5ae2135dc88',
      '884c35323444d8856c3a3a14200270d4',
    ],
  },
  '1-bytes': {
    'bytes@ed039eb521316ca3': [
      '9e9f90bf55e8e7344dd4ab4a3b281e42',
      '421a1c2a6420bc0f0649905dfffe6b0c',
    ],
  },
};

async function listFiles(folder: string): Promise<{ key: string; path: string }[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return paths.map((path) => ({ key: relative(folder, path).split(sep).join('/'), path }));
}

test('every schema that was ever written has a frozen bucket', () => {
  for (let schema = 1; schema <= MANIFEST_SCHEMA; schema++) {
    expect(
      existsSync(join(GOLDEN, `schema-${schema}`, 'current.json')),
      `test/golden/schema-${schema}`,
    ).toBe(true);
    expect(Object.keys(SCHEMAS)).toContain(String(schema));
  }
});

describe.each(Object.entries(SCHEMAS))('a bucket of schema %s', (schema, models) => {
  const bucketFolder = join(GOLDEN, `schema-${schema}`);
  let worker: TestWorker;
  beforeAll(async () => {
    worker = await startWorker(async (bucket) => {
      for (const { key, path } of await listFiles(bucketFolder)) {
        await bucket.put(key, await readFile(path));
      }
    });
  });
  afterAll(() => worker.close());

  test('serves the default model of its pointer', async () => {
    const { default: name, models: published } = JSON.parse(
      await readFile(join(bucketFolder, 'current.json'), 'utf8'),
    );
    const health = (await (await worker.fetch('/healthz')).json()) as {
      model: { name: string; version: string };
    };
    expect(health.model).toMatchObject({ name, version: published[name].version });
    expect(
      Object.entries<{ version: string }>(published)
        .map(([each, { version }]) => `${each}@${version}`)
        .toSorted(),
    ).toEqual(Object.keys(models));
  });

  test.each(Object.entries(models))(
    'draws the same bytes of %s as ever, by version and by name',
    async (model, hashes) => {
      for (const choice of [model, model.slice(0, model.indexOf('@'))]) {
        const drawn = await Promise.all(
          ANSWERS.map(async (path) => {
            const answer = await worker.fetch(`/digit.${path}&model=${choice}`);
            expect(answer.status).toBe(200);
            return new Uint8Array(await answer.arrayBuffer());
          }),
        );
        const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
        expect(drawn.map((bytes) => hash(bytes).slice(0, 32))).toEqual(hashes);
        expect(new Set(drawn[0]?.subarray(128)).size).toBeGreaterThan(30);
      }
    },
  );

  test.each(Object.keys(models))('serves the files of %s as they were published', async (model) => {
    const [name, version] = model.split('@');
    for (const file of ['manifest.json', 'model.json', 'weights.bin']) {
      const answer = await worker.fetch(`/models/${name}/${version}/${file}`);
      expect(answer.status).toBe(200);
      const frozen = await readFile(
        join(bucketFolder, 'models', String(name), String(version), file),
      );
      expect(Buffer.from(await answer.arrayBuffer()).equals(frozen)).toBe(true);
    }
  });
});
