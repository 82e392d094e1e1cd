import { mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { encodeManifest, sealManifest } from '../../../shared/model/artifact.ts';
import { planGenerator } from '../../../shared/model/generator.ts';
import { exportArtifact, writeModelFolder } from '../../../trainer/export/artifact-writer.ts';
import { readArtifactFolder } from '../../../trainer/publish/artifact-folder.ts';
import { makeValues, TINY_CONFIG } from '../../support/training/tensors.ts';

let parent: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'digitmint-export-'));
});
afterEach(() => rm(parent, { recursive: true, force: true }));

const plan = planGenerator(TINY_CONFIG.generator);

function write(name: string, weights = makeValues(plan.parameters)) {
  return exportArtifact(join(parent, 'model'), plan, weights, 'float16', {
    name,
    imageRange: [0, 1],
    classes: [],
    training: {
      preset: 'seed',
      steps: 1,
      batchSize: 1,
      imagesSeen: 1,
      seed: '1',
      dataset: { name: 'none', images: 1, sha256: '0'.repeat(64) },
      backend: 'none',
    },
    figures: {},
  });
}

it('an exported model replaces the one before, and leaves the user’s files beside it', async () => {
  await writeFile(join(parent, 'model.tmp'), 'mine');
  await write('first');
  const { version } = await write('second');
  const { manifest } = await readArtifactFolder(join(parent, 'model'));
  expect([manifest.name, manifest.version]).toEqual(['second', version]);
  expect((await readdir(parent)).sort()).toEqual(['model', 'model.tmp']);
});

it('an export that fails leaves the model before it, and nothing else', async () => {
  const { version } = await write('first');
  await expect(write('second', makeValues(plan.parameters, 0, 1e9))).rejects.toThrow(/float16/);
  expect((await readArtifactFolder(join(parent, 'model'))).manifest.version).toBe(version);
  expect(await readdir(parent)).toEqual(['model']);
});

it('an export of the same model leaves its figures, and any export a card written by hand', async () => {
  const folder = join(parent, 'model');
  const { version: _version, ...content } = await write('first');
  const measured = sealManifest({ ...content, figures: { quality: 1 } });
  await writeFile(join(folder, 'manifest.json'), encodeManifest(measured));
  await writeFile(join(folder, 'README.md'), 'mine');
  await writeFile(join(folder, 'encoder.json'), '{');
  await writeFile(join(folder, 'notes.txt'), 'mine');
  expect(await write('first')).toEqual(measured);
  expect(await readFile(join(folder, 'encoder.json'), 'utf8')).toBe('{');
  await expect(write('second')).rejects.toThrow('holds notes.txt, which would be deleted');
  await rm(join(folder, 'notes.txt'));
  // A file manager's own files are nobody's.
  await writeFile(join(folder, '.DS_Store'), '');
  expect((await write('second')).figures).toEqual({});
  expect((await readArtifactFolder(folder)).manifest.name).toBe('second');
  expect(await readFile(join(folder, 'README.md'), 'utf8')).toBe('mine');
});

it('a model’s folder is replaced whole, behind a link too, and a kill loses none', async () => {
  const folder = join(parent, 'model');
  await write('first');
  const before = await readdir(folder);
  const halfWritten = { 'weights.bin': 'other', 'no-such-folder/model.json': '{}' };
  await expect(writeModelFolder(folder, halfWritten)).rejects.toThrow('cannot be written');
  expect([await readdir(folder), await readdir(parent)]).toEqual([before, ['model']]);
  // Between the two renames of a replacement.
  await rename(folder, join(parent, '.model.digitmint-old'));
  expect((await readArtifactFolder(folder)).manifest.name).toBe('first');
  await symlink('model', join(parent, 'link'));
  await writeModelFolder(join(parent, 'link'), { 'a.txt': 'new' });
  expect(await readdir(folder)).toEqual(['a.txt']);
  expect((await readdir(parent)).sort()).toEqual(['link', 'model']);
});
