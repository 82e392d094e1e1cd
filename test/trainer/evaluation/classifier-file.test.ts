import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ExpectedError } from '../../../shared/expected-error.ts';
import {
  CLASSIFIER_FOLDER,
  CLASSIFIER_SHA256,
  loadClassifier,
  requireClassifierPlace,
  saveClassifier,
} from '../../../trainer/evaluation/classifier/classifier-file.ts';
import { CLASSIFIER_CONFIG } from '../../../trainer/evaluation/classifier/network.ts';
import { scoreImages } from '../../../trainer/evaluation/classifier/network.ts';
import { loadTestDigits } from '../../../trainer/evaluation/digits.ts';
import { selectBackend } from '../../../trainer/tensorflow/backend.ts';

let folder: string;
beforeAll(async () => {
  await selectBackend('wasm');
  folder = await mkdtemp(join(tmpdir(), 'digitmint-classifier-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('the shipped classifier', () => {
  it('has the hash in its manifest and in the code', async () => {
    const bytes = await readFile(join(CLASSIFIER_FOLDER, 'weights.bin'));
    const { manifest, sha256 } = await loadClassifier();
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(CLASSIFIER_SHA256);
    expect([manifest.weights.sha256, sha256]).toEqual([CLASSIFIER_SHA256, CLASSIFIER_SHA256]);
  });

  it('is as accurate as its manifest says, at least 99.3%', async () => {
    const { manifest, weights } = await loadClassifier();
    expect(manifest.test.accuracy).toBeGreaterThanOrEqual(0.993);
    expect(manifest.test.images).toBe(10_000);
    // Only 1,000 of the test digits, to stay quick, from the harder first half.
    const { dataset } = await loadTestDigits();
    const { predictions } = scoreImages(
      CLASSIFIER_CONFIG,
      weights,
      dataset.images.subarray(0, 1000 * 784),
    );
    const right = predictions.filter((prediction, i) => prediction === dataset.labels[i]).length;
    expect(right).toBeGreaterThanOrEqual(985);
  });

  it('has at least 64 features that are active for some digit', async () => {
    const { weights } = await loadClassifier();
    const { dataset } = await loadTestDigits();
    const { features } = scoreImages(
      CLASSIFIER_CONFIG,
      weights,
      dataset.images.subarray(0, 1000 * 784),
    );
    const active = new Set(
      [...features.keys()]
        .filter((i) => (features[i] as number) > 0)
        .map((i) => i % CLASSIFIER_CONFIG.features),
    );
    expect(active.size).toBeGreaterThanOrEqual(64);
  });
});

describe('a classifier is refused', () => {
  async function copyClassifier(name: string): Promise<string> {
    const copy = join(folder, name);
    await cp(CLASSIFIER_FOLDER, copy, { recursive: true });
    return copy;
  }

  it('when one bit of its weights differs', async () => {
    const copy = await copyClassifier('altered');
    const bytes = await readFile(join(copy, 'weights.bin'));
    bytes[1000] = (bytes[1000] as number) ^ 1;
    await writeFile(join(copy, 'weights.bin'), bytes);
    await expect(loadClassifier(copy)).rejects.toThrow(ExpectedError);
    await expect(loadClassifier(copy)).rejects.toThrow(
      new RegExp(`has SHA-256 [0-9a-f]{64}, expected ${CLASSIFIER_SHA256}; .*git checkout`),
    );
  });

  it('when a file is missing', async () => {
    const copy = await copyClassifier('incomplete');
    await rm(join(copy, 'manifest.json'));
    await expect(loadClassifier(copy)).rejects.toThrow(/manifest\.json cannot be read \(ENOENT\)/);
    await expect(loadClassifier(join(folder, 'none'))).rejects.toThrow(
      /weights\.bin cannot be read \(ENOENT\)/,
    );
  });

  it('when the number of weights is wrong, though the hash is right', async () => {
    const copy = join(folder, 'small');
    await mkdir(copy);
    await writeFile(join(copy, '.DS_Store'), ''); // From macOS' Finder.
    await requireClassifierPlace(copy);
    const { manifest } = await loadClassifier();
    const {
      command,
      seed,
      data,
      training,
      chosenEpoch,
      validation,
      test,
      backend,
      libraries,
      tookSeconds,
    } = manifest;
    const facts = {
      command,
      seed,
      data,
      training,
      chosenEpoch,
      validation,
      test,
      backend,
      libraries,
      tookSeconds,
    };
    const { weights } = await saveClassifier(copy, Float32Array.of(1, 2, 3), facts);
    await expect(loadClassifier(copy, weights.sha256)).rejects.toThrow(
      /has 12 bytes, the network needs/,
    );
  });

  it('when its manifest is invalid', async () => {
    const copy = await copyClassifier('told');
    await writeFile(join(copy, 'manifest.json'), '{"schema":1}');
    await expect(loadClassifier(copy)).rejects.toThrow(/not a classifier's manifest/);
  });
});

describe('the test digits', () => {
  it('are refused when they are not MNIST’s', async () => {
    const copy = join(folder, 'mnist');
    await cp(join(import.meta.dirname, '..', '..', '..', 'data', 'mnist'), copy, {
      recursive: true,
    });
    const labels = join(copy, 't10k-labels-idx1-ubyte.gz');
    const { gunzipSync, gzipSync } = await import('node:zlib');
    const bytes = gunzipSync(await readFile(labels));
    bytes[8] = 9;
    await writeFile(labels, gzipSync(bytes));
    await expect(loadTestDigits(copy)).rejects.toThrow(/does not hold MNIST's test digits/);
    await expect(loadTestDigits(join(folder, 'none'))).rejects.toThrow(
      /is missing; it comes with the repository/,
    );
  });
});
