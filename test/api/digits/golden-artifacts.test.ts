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

/**
 * By folder and model, the start of the SHA-256 of `/digit.npy?seed=golden&n=5&start=3`. Never
 * change a value.
 */
const SCHEMAS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  1: {
    'float16@f1ca24905b6fcac1': 'dcc041d4413ea76e63267a2518f46b57',
    'float32@e2aaca1c060035e7': '2375f06eabe3b873d0e3819bedbea51f',
    'uint8@ed5805388c9905be': '34420c65fdae644baa7f8c3dc1c6297a',
  },
  '1-bytes': {
    'bytes@ed039eb521316ca3': '9e9f90bf55e8e7344dd4ab4a3b281e42',
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
    async (model, sha256) => {
      for (const choice of [model, model.slice(0, model.indexOf('@'))]) {
        const answer = await worker.fetch(`/digit.npy?seed=golden&n=5&start=3&model=${choice}`);
        const bytes = new Uint8Array(await answer.arrayBuffer());
        expect([
          answer.status,
          createHash('sha256').update(bytes).digest('hex').slice(0, 32),
        ]).toEqual([200, sha256]);
        expect(new Set(bytes.subarray(128)).size).toBeGreaterThan(30);
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
