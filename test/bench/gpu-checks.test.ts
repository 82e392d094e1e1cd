/** The figures that docs/speed.md shows of people's GPUs. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { renderGpuChecks } from '../../bench/gpu-checks.ts';
import { describeCheck } from '../../trainer/cli/gpu-check.ts';
import type { GpuCheck } from '../../trainer/gpu-check/check.ts';

/** As `gpu-check --json` writes it. The compiler holds it to the trainer's type. */
const CHECK: GpuCheck = {
  schema: 1,
  startedAt: '2026-01-02T03:04:05.678Z',
  versions: { node: '22.0.0', tfjs: '4.22.0' },
  machine: { system: 'Linux', processor: 'P', cores: 8, memoryGiB: 16 },
  vulkan: { hasLoader: true, drivers: [], folders: [], forbidden: [], nvidia: '550.54.15' },
  gpu: {
    description: 'WebGPU on Pretended GPU',
    isSoftware: false,
    adapter: { vendor: 'none' },
    limits: { maxBufferSize: 1024 },
    features: [],
  },
  problem: null,
  comparisons: [{ preset: 'seed', isRight: true, difference: 2e-6, figure: 'r1 of step 0' }],
  speeds: [
    {
      backend: 'webgpu',
      preset: 'seed',
      batch: 128,
      msPerStep: 2,
      imagesPerSecond: 64_000,
      javascriptMs: 1.5,
      dispatches: 35,
      gpuMs: 0.5,
      gpuShare: 0.25,
      gpuBytes: 50 * 2 ** 20,
    },
    {
      backend: 'webgpu',
      preset: 'seed',
      batch: 512,
      msPerStep: 3,
      imagesPerSecond: 1,
      dispatches: 35,
    },
    { backend: 'webgpu', preset: 'digits', batch: 2048, skipped: 'out of memory' },
  ],
  seconds: 60,
};

describe('checks of GPUs', () => {
  let folder: string;
  const write = (check: unknown): Promise<void> =>
    writeFile(join(folder, 'mine.json'), JSON.stringify(check));
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'digitmint-checks-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('are shown as they are printed where they are made', async () => {
    await write(CHECK);
    const page = (await renderGpuChecks(folder)).join('\n');
    expect(page).toContain('### WebGPU on Pretended GPU');
    expect(page).toContain(`\`\`\`text\n${describeCheck(CHECK)}\n\`\`\``);
  });

  it('are printed where they are made, with what failed and what no clock measured', () => {
    const text = describeCheck({ ...CHECK, problem: 'the GPU failed: it was lost' });
    expect(text).toMatch(/^GPU +WebGPU on Pretended GPU$/m);
    expect(text).toMatch(/^problem +the GPU failed: it was lost$/m);
    expect(text).toMatch(/batch +128 .*35 dispatches, GPU 0\.5 ms \(25%\), 50 MiB$/m);
    expect(text).toMatch(/batch +512 .*35 dispatches, without a clock on the GPU/);
    expect(text).toMatch(/batch +2048 +not timed: out of memory$/m);
  });

  it('that are missing are said to be missing', async () => {
    expect((await renderGpuChecks(join(folder, 'absent'))).join('\n')).toMatch(
      /No GPU was measured/,
    );
    const page = await readFile(join(import.meta.dirname, '../../docs/speed.md'), 'utf8');
    const committed = await renderGpuChecks(join(import.meta.dirname, '../../bench/results/gpu'));
    expect(page).toContain(committed.join('\n').trimEnd());
  });

  it.each<[string, unknown, RegExp]>([
    ['a GPU that computes wrong', wrong(), /mine\.json is no check of a GPU[^]*isRight/],
    ['no GPU', { ...CHECK, gpu: null, problem: 'no driver' }, /mine\.json is no check[^]*gpu/],
    ['another file', [1, 2], /mine\.json is no check of a GPU/],
    [
      'software',
      { ...CHECK, gpu: { ...(CHECK.gpu as object), isSoftware: true } },
      /mine\.json is no check of a GPU[^]*isSoftware/,
    ],
  ])('of %s are refused by name', async (_, check, message) => {
    await write(check);
    await expect(renderGpuChecks(folder)).rejects.toThrow(message);
  });
});

function wrong(): unknown {
  return { ...CHECK, comparisons: [{ ...CHECK.comparisons[0], isRight: false }] };
}
