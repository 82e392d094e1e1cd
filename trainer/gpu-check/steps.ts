/** Does training steps on the current backend, to compare and to time them. */
import * as tf from '@tensorflow/tfjs';
import { deriveKey } from '../../shared/model/random.ts';
import { createBatcher, type Dataset } from '../data/dataset.ts';
import { PRESETS, PURPOSES, type PresetName } from '../gan/preset.ts';
import { createGan, disposeGan, type StepSource } from '../gan/step.ts';
import { createStepper } from '../run/stepper.ts';
import { findWebgpu, submitSteps } from '../tensorflow/webgpu/device.ts';

/** Starts a preset with a batch of another size. */
export function startSteps(preset: PresetName, batchSize: number, dataset: Dataset) {
  const config = { ...PRESETS[preset], batchSize, seed: 'gpu-check' };
  const source: StepSource = { config, dataset, key: deriveKey('train', config.seed) };
  const gan = createGan(source, null);
  const stepper = createStepper(gan, source);
  const batcher = createBatcher(dataset.count, batchSize, source.key, PURPOSES.shuffle);
  let next = 0;
  return {
    /** Does the next step. Its results stay on the backend. */
    step(): void {
      tf.dispose({ ...stepper.step(batcher.drawIndices(next), next++) });
    },
    /** Does the next step and reads its losses, norms and penalties. */
    async readFigures(): Promise<Record<string, number>> {
      const kept: Record<string, tf.Tensor> = {};
      const losses = stepper.step(batcher.drawIndices(next), next++, (figure, value) => {
        kept[figure] = tf.keep(tf.clone(value));
      });
      kept['discriminatorLoss'] = losses.discriminator;
      kept['generatorLoss'] = losses.generator;
      const figures: Record<string, number> = {};
      for (const [name, value] of Object.entries(kept)) {
        figures[name] = (await value.data())[0] ?? NaN;
      }
      tf.dispose(kept);
      return figures;
    },
    /** Waits while many steps wait for a GPU, as training does. */
    async settle(): Promise<void> {
      await stepper.settle?.();
    },
    /** Waits until the backend has done all steps. */
    async drain(): Promise<void> {
      if (findWebgpu() === undefined) {
        await gan.generator.weights.data();
      }
      await submitSteps();
    },
    release(): void {
      stepper.release();
      disposeGan(gan);
    },
  };
}

/** Counts the dispatches of compute shaders that something does. */
export function countDispatches(work: () => void): number {
  const { prototype } = (globalThis as unknown as Record<'GPUComputePassEncoder', PassEncoder>)
    .GPUComputePassEncoder;
  const { dispatchWorkgroups } = prototype;
  let count = 0;
  prototype.dispatchWorkgroups = function (this: unknown, ...sizes: number[]) {
    count++;
    dispatchWorkgroups.apply(this, sizes);
  };
  try {
    work();
  } finally {
    prototype.dispatchWorkgroups = dispatchWorkgroups;
  }
  return count;
}

interface PassEncoder {
  readonly prototype: { dispatchWorkgroups(this: unknown, ...sizes: number[]): void };
}
