import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const SCRIPT = join(import.meta.dirname, '../../support/training/batch-path.ts');

it('a plain step with its checkpoint passes these files, at most 12', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT]);
  const files = JSON.parse(stdout.slice(stdout.indexOf('["'))) as string[];
  expect(files).toEqual([
    'shared/model/random.ts',
    'shared/picture/pixels.ts',
    'storage/files.ts',
    'trainer/data/dataset.ts',
    'trainer/gan/network-state.ts',
    'trainer/gan/networks.ts',
    'trainer/gan/noise.ts',
    'trainer/gan/step.ts',
    'trainer/gan/update.ts',
    'trainer/run/checkpoint.ts',
    'trainer/run/observer.ts',
    'trainer/run/training-loop.ts',
  ]);
  expect(files.length).toBeLessThanOrEqual(12);
});
