/**
 * Tests what training does on a GPU: on Dawn's null device how much, and on SwiftShader each kernel
 * of our own beside plain JavaScript.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { KERNELS } from '../../../trainer/gan/fused.ts';
import { createStepQueue } from '../../../trainer/tensorflow/webgpu/device.ts';
import { findProgram } from '../../support/trainer-program.ts';
import { listTrainingBackends, runOnBackend } from '../../support/training/backends.ts';
import { RUN_STEPS, type NullDeviceRun } from '../../support/gpu/null-device.ts';
import type { KernelRun } from '../../support/gpu/run-kernels.ts';

/** Counts of a step with the preset's batch; 123 and 328 without kernels of our own. */
const MAX_DISPATCHES = { seed: 35, digits: 133 };
/** Copies are cheaper: the driver does several in one go. */
const MAX_COPIES = { seed: 29, digits: 55 };

describe('a step on a GPU', () => {
  let run: NullDeviceRun;
  beforeAll(async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [findProgram('null-device')]);
    run = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as NullDeviceRun;
  });

  it.each(['seed', 'digits'] as const)(
    'of %s has few dispatches and copies, and leaves nothing behind',
    (preset) => {
      const { dispatches, copies } = run.counts[preset];
      expect(dispatches).toBeLessThanOrEqual(MAX_DISPATCHES[preset]);
      expect(copies).toBeLessThanOrEqual(MAX_COPIES[preset]);
      expect(run.fault).toBeNull();
      expect(run.counts[preset].leaked).toBe(0);
    },
  );

  it.each(['seed', 'digits'] as const)(
    'of %s sends the places of its images, and their pixels only where the data set has no room',
    (preset) => {
      const { sentBytes, sentBytesWithoutRoom } = run.counts[preset];
      const batch = { seed: 256, digits: 128 }[preset];
      expect(sentBytesWithoutRoom - sentBytes).toBe(batch * (28 * 28 - 1) * 4);
    },
  );

  it('that does not fit into its memory is named with its batch, and what to do, in one line', () => {
    expect(run.outOfMemory).toMatch(
      /memory is too small for batches of 1024 images \(null device\): .* smaller --batch[^\n]*$/,
    );
  });

  it('tells of a buffer that found no room, and of a lost device as often as it is asked', () => {
    expect(run.kinds).toEqual(['memory', 'lost', 'lost']);
  });

  it('reads nothing back, unless it is logged', () => {
    expect(run.stepsRead).toEqual([0, 10, 20, 30, RUN_STEPS - 1]);
  });
});

describe('the queue of steps', () => {
  it('lets four steps wait for the GPU, and the next one for the first of them', async () => {
    const ends: (() => void)[] = [];
    const settle = createStepQueue(() => new Promise((resolve) => ends.push(resolve)));
    for (let step = 0; step < 4; step++) {
      await settle();
    }
    let hasSettled = false;
    const fifth = settle().then(() => (hasSettled = true));
    ends[1]?.();
    await Promise.resolve();
    expect(hasSettled).toBe(false);
    ends[0]?.();
    await fifth;
  });
});

describe.skipIf(
  listTrainingBackends({ convolutions: true }).some(({ name, skip }) => name === 'webgpu' && skip),
)('kernels on SwiftShader', () => {
  it('compute what plain loops do, also for nothing, odd shapes and many workgroups', async () => {
    const { runs, fault } = await runOnBackend<{ runs: KernelRun[]; fault: string | null }>(
      'run-kernels',
      'webgpu',
    );
    expect(fault).toBeNull();
    for (const { name, shape, expectedShape, difference } of runs) {
      expect([name, shape]).toEqual([name, expectedShape]);
      expect([name, difference ?? NaN]).toEqual([name, expect.closeTo(0, 5)]);
    }
    for (const kernel of [...Object.keys(KERNELS), 'filter gradient']) {
      expect(runs.some(({ name }) => name.startsWith(`${kernel}:`))).toBe(true);
    }
  });
});
