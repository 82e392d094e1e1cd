/**
 * Tests one contract for every backend of the trainer: the same few steps of the tutorial's GAN
 * from the same seed give the same losses.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { listTrainingBackends, runOnBackend } from '../../support/training/backends.ts';
import type { BackendRun } from '../../support/training/train-on-backend.ts';

const STEPS = 3;
/**
 * Relative. Sums in another order differ by some units of float32's 6e-8, and three steps of Adam
 * amplify the differences.
 */
const TOLERANCE = 2e-5;

const trainOn = (backend: string): Promise<BackendRun> =>
  runOnBackend('train-on-backend', backend, String(STEPS));

describe('training', () => {
  let expected: BackendRun;
  beforeAll(async () => {
    expected = await trainOn('cpu');
  });

  it('starts from finite losses in plain JavaScript, the reference', () => {
    expect(expected.losses).toHaveLength(STEPS);
    expected.losses.flat().forEach((loss) => expect(loss).toBeGreaterThan(0));
  });

  for (const { name, skip } of listTrainingBackends({ convolutions: false })) {
    it.skipIf(skip)(
      `on ${name} has the losses of plain JavaScript, and repeats bit for bit`,
      async () => {
        const run = await trainOn(name);
        expect(run.losses).toHaveLength(STEPS);
        run.losses.flat().forEach((loss, i) => {
          const reference = expected.losses.flat()[i] as number;
          expect(Math.abs(loss - reference) / reference).toBeLessThan(TOLERANCE);
        });
        if (name !== 'webgpu') {
          // There test/trainer/tensorflow tests repetition, with fewer shaders to compile.
          expect((await trainOn(name)).weightsSha256).toBe(run.weightsSha256);
        }
      },
    );
  }
});
