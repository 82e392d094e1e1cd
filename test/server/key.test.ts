/** Tests keys that come from a request: none escapes the folder or the bucket's prefix. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openModels } from '../../server/object-reader.ts';
import type { ObjectReader } from '../../worker/models/model-store.ts';
import '../support/fast-check.ts';

const SECRET = 'top secret';

let root: string;
let folder: ObjectReader;
/** An address without a server: a read that reaches the network fails. */
const location = {
  endpoint: 'http://127.0.0.1:1',
  bucket: 'models',
  prefix: 'published',
  region: 'auto',
  credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
};
let bucket: ObjectReader;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'digitmint-keys-'));
  mkdirSync(join(root, 'published', 'models'), { recursive: true });
  writeFileSync(join(root, 'secret.txt'), SECRET);
  writeFileSync(join(root, 'published', '.hidden'), SECRET);
  writeFileSync(join(root, 'published', 'current.json'), 'open');
  symlinkSync(join(root, 'published'), join(root, 'published', 'models', 'folder'));
  const path = join(root, 'published');
  folder = (await openModels({ kind: 'folder', path })) as ObjectReader;
  bucket = (await openModels({ kind: 's3', location })) as ObjectReader;
});
afterAll(() => rmSync(root, { recursive: true }));

test('published objects are read', async () => {
  expect(await folder.read('current.json', 100)).toMatchObject({
    bytes: new TextEncoder().encode('open'),
  });
  await expect(bucket.read('current.json', 100)).rejects.toThrow(
    'cannot be reached (ECONNREFUSED)',
  );
});

const UPWARDS = [
  '../secret.txt',
  'models/../../secret.txt',
  'models/..',
  '..',
  '.',
  './current.json',
  '.hidden',
  'models/.hidden',
  '/current.json',
  '//current.json',
  'models//current.json',
  'current.json/',
  'C:\\current.json',
  '..\\secret.txt',
  '%2e%2e/secret.txt',
  '%2e%2e%2fsecret.txt',
  '..%2fsecret.txt',
  'current.json\0.txt',
  'current.json\n',
  'current.json?versionId=1',
  'current.json#x',
  'a'.repeat(600),
  '',
];

describe.each(['a folder', 'a bucket'])('in %s', (place) => {
  const read = (key: string) => (place === 'a folder' ? folder : bucket).read(key, 1000);

  test.each(UPWARDS)('refuses the key %j', async (key) => {
    expect(await read(key)).toBe('missing');
  });

  test('a folder, or anything but a file, is not an object', async () => {
    expect(await folder.read('models', 100)).toBe('missing');
    expect(await folder.read('models/folder', 100)).toBe('missing');
  });

  test('refuses every key with a special character of paths or URLs', async () => {
    const parts = fc.array(
      fc.constantFrom(
        'a',
        'models',
        '..',
        '.',
        '/',
        '\\',
        '%2f',
        '%2e',
        '\0',
        '~',
        '$',
        '?',
        '#',
        ' ',
        'é',
      ),
      {
        minLength: 1,
        maxLength: 12,
      },
    );
    await fc.assert(
      fc.asyncProperty(
        parts
          .map((all) => all.join(''))
          // Dots inside a part are allowed: `a...a` is a key.
          .filter((key) => /^\/|\/$|\/\/|[^a-z0-9._/-]|(?:^|\/)\.|\.(?:\/|$)/.test(key)),
        async (key) => {
          expect([key, await read(key)]).toEqual([key, 'missing']);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
