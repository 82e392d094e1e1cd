import { mkdtemp, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { ExpectedError } from '../../../shared/expected-error.ts';
import {
  loadNewestCheckpoint,
  removeOldCheckpoints,
  saveCheckpoint,
  type Checkpoint,
} from '../../../trainer/run/checkpoint.ts';
import { timesAsMany } from '../../support/fast-check.ts';
import { makeValues } from '../../support/training/tensors.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'digitmint-checkpoint-'));
});

function makeCheckpoint(step: number): Checkpoint {
  const arrays = (phase: number) => ({
    weights: makeValues(50, phase),
    firstMoment: makeValues(50, phase + 1),
    secondMoment: makeValues(50, phase + 2),
  });
  return {
    step,
    runSha256: 'f'.repeat(64),
    generator: arrays(step),
    discriminator: arrays(step + 10),
    average: step % 2 === 0 ? null : makeValues(50, step + 20),
    matching:
      step % 2 === 0
        ? null
        : { classifier: makeValues(20, step + 30), generated: makeValues(10, step + 40) },
  };
}

describe('checkpoints', () => {
  it('are loaded as they were saved, bit for bit', async () => {
    await saveCheckpoint(folder, makeCheckpoint(3));
    expect(await loadNewestCheckpoint(folder)).toEqual({
      checkpoint: makeCheckpoint(3),
      skipped: [],
    });
  });

  it('are kept two at a time, and no temporary file remains', async () => {
    for (const step of [1, 2, 3]) {
      await saveCheckpoint(folder, makeCheckpoint(step));
    }
    expect((await readdir(folder)).sort()).toEqual([
      'step-0000002.safetensors',
      'step-0000003.safetensors',
    ]);
  });

  it('are kept two at a time after a kill between a save and the removal', async () => {
    await saveCheckpoint(folder, makeCheckpoint(1));
    const first = await readFile(join(folder, 'step-0000001.safetensors'));
    await saveCheckpoint(folder, makeCheckpoint(2));
    await saveCheckpoint(folder, makeCheckpoint(3));
    await writeFile(join(folder, 'step-0000001.safetensors'), first);
    await writeFile(join(folder, 'step-0000004.safetensors'), 'damaged');
    await removeOldCheckpoints(folder, 3);
    expect((await readdir(folder)).sort()).toEqual([
      'step-0000002.safetensors',
      'step-0000003.safetensors',
      'step-0000004.safetensors',
    ]);
  });

  it('are found and ordered by their steps beyond 9,999,999', async () => {
    for (const step of [9_999_998, 9_999_999, 10_000_000, 99_999_999]) {
      await saveCheckpoint(folder, makeCheckpoint(step));
      expect((await loadNewestCheckpoint(folder))?.checkpoint.step).toBe(step);
    }
    expect((await readdir(folder)).sort()).toEqual([
      'step-10000000.safetensors',
      'step-99999999.safetensors',
    ]);
  });

  it.each([0, 4, 100, 900])(
    'truncated to %i bytes are skipped for the previous one',
    async (bytes) => {
      await saveCheckpoint(folder, makeCheckpoint(1));
      await saveCheckpoint(folder, makeCheckpoint(2));
      await truncate(join(folder, 'step-0000002.safetensors'), bytes);
      const { checkpoint, skipped } = (await loadNewestCheckpoint(folder)) ?? {};
      expect(checkpoint).toEqual(makeCheckpoint(1));
      expect(skipped).toHaveLength(1);
      expect(skipped?.[0]).toContain('step-0000002.safetensors: ');
    },
  );

  it('with one altered bit are skipped', async () => {
    await saveCheckpoint(folder, makeCheckpoint(1));
    await saveCheckpoint(folder, makeCheckpoint(2));
    const path = join(folder, 'step-0000002.safetensors');
    const bytes = await readFile(path);
    bytes[bytes.length - 3] = (bytes.at(-3) as number) ^ 1;
    await writeFile(path, bytes);
    expect((await loadNewestCheckpoint(folder))?.checkpoint.step).toBe(1);
  });

  it('are loaded correctly or skipped, whichever bit was altered', async () => {
    await saveCheckpoint(folder, makeCheckpoint(1));
    await saveCheckpoint(folder, makeCheckpoint(2));
    const path = join(folder, 'step-0000002.safetensors');
    const whole = await readFile(path);
    let passedOver = 0;
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length * 8 - 1), async (bit) => {
        const altered = Buffer.from(whole);
        altered[bit >> 3] = (altered[bit >> 3] as number) ^ (1 << (bit & 7));
        await writeFile(path, altered);
        const { checkpoint, skipped = [] } = (await loadNewestCheckpoint(folder)) ?? {};
        expect(checkpoint).toEqual(makeCheckpoint(2 - skipped.length));
        passedOver += skipped.length;
      }),
      { numRuns: timesAsMany(200) },
    );
    expect(passedOver).toBeGreaterThan(0);
  });

  it('that were skipped are deleted at the next save, and the previous good one is kept', async () => {
    for (const step of [2, 4, 6]) {
      await saveCheckpoint(folder, makeCheckpoint(step));
    }
    await truncate(join(folder, 'step-0000006.safetensors'), 100);
    await saveCheckpoint(folder, makeCheckpoint(5));
    expect((await readdir(folder)).sort()).toEqual([
      'step-0000004.safetensors',
      'step-0000005.safetensors',
    ]);
  });

  it('are refused, each by name, when none is whole', async () => {
    await saveCheckpoint(folder, makeCheckpoint(1));
    await truncate(join(folder, 'step-0000001.safetensors'), 100);
    await expect(loadNewestCheckpoint(folder)).rejects.toThrow(ExpectedError);
    await expect(loadNewestCheckpoint(folder)).rejects.toThrow(/step-0000001/);
  });

  it('are null when there never was one', async () => {
    expect(await loadNewestCheckpoint(folder)).toBeNull();
  });
});
