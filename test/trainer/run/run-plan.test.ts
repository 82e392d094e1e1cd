import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { encodeNpy } from '../../../shared/array-headers.ts';
import { ExpectedError } from '../../../shared/expected-error.ts';
import { PRESETS, USUAL_MATCHING } from '../../../trainer/gan/preset.ts';
import { printPlan, showPath } from '../../../trainer/run/print-plan.ts';
import { createRunFolder, hashRun, type RunOptions } from '../../../trainer/run/run-folder.ts';
import {
  checkSpeed,
  describeDone,
  planRun,
  type RunRequest,
} from '../../../trainer/run/run-plan.ts';
import type { BackendName } from '../../../trainer/tensorflow/backend.ts';

describe('a run that would take weeks', () => {
  const open = (name: BackendName, description: string = name) => ({
    name,
    description,
    release: vi.fn<() => Promise<void>>(),
  });

  it.each([
    ['cpu', 'plain JavaScript, 1 thread'],
    ['webgpu', 'SwiftShader Device (software)'],
  ] as const)(
    'is refused on %s unless requested, with the alternatives',
    async (name, description) => {
      const backend = open(name, description);
      const refused = checkSpeed(PRESETS.digits, backend, false);
      await expect(refused).rejects.toThrow(ExpectedError);
      await expect(refused).rejects.toThrow(
        /npm run setup:tensorflow.*--preset seed.*--backend (cpu|webgpu)\./,
      );
      expect(backend.release).toHaveBeenCalledOnce();
    },
  );

  it('starts with a note when the backend was requested', async () => {
    const backend = open('cpu');
    expect(await checkSpeed(PRESETS.digits, backend, true)).toEqual([
      expect.stringMatching(/hundred times slower on cpu/),
    ]);
    expect(backend.release).not.toHaveBeenCalled();
  });

  it.each([
    ['the tutorial’s network in plain JavaScript', PRESETS.seed, open('cpu')],
    ['convolutions on tfjs-node', PRESETS.digits, open('tensorflow')],
    ['convolutions on a real GPU', PRESETS.digits, open('webgpu', 'NVIDIA')],
  ])('does not include %s', async (_, config, backend) => {
    expect(await checkSpeed(config, backend, false)).toEqual([]);
  });
});

/** Plans a run that is not started: the parts of its settings that depend on flags and data. */
async function planOnly(request: RunRequest) {
  const all = { backend: 'cpu', out: 'nowhere', ...request } as const;
  const { options, backend, notes } = await planRun(all);
  await backend.release();
  const { augment, matching } = options.config;
  return { augment, matching, notes: notes.join('\n') };
}

describe('a set of few pictures', () => {
  let data: string;
  beforeAll(async () => {
    data = join(await mkdtemp(join(tmpdir(), 'digitmint-few-')), 'few.npy');
    await writeFile(data, encodeNpy([140, 8, 8], new Uint8Array(140 * 64).fill(200)));
  });
  afterAll(() => rm(dirname(data), { recursive: true }));

  it('is augmented, says so, and is not on request', async () => {
    const usual = await planOnly({ data });
    expect(usual.augment).toBe(0.5);
    expect(usual.notes).toMatch(/moved, cut and lit, .* 0\.5: --augment 0 turns that off/);
    expect(await planOnly({ data, augment: 0 })).toMatchObject({ augment: undefined });
    expect(await planOnly({ data, augment: 0.2 })).toMatchObject({ augment: 0.2 });
  });

  it('is not augmented when it has more pictures, or for the tutorial’s network', async () => {
    expect((await planOnly({})).augment).toBeUndefined();
    expect((await planOnly({ preset: 'seed' })).augment).toBeUndefined();
  });
});

describe('a run that matches real images', () => {
  it('does so on request, and says so', async () => {
    const { matching, notes } = await planOnly({ match: 3 });
    expect(matching).toEqual({ weight: 3, ...USUAL_MATCHING });
    expect(notes).toContain('A classifier learns the classes first');
    expect((await planOnly({})).matching).toBeUndefined();
    expect((await planOnly({ match: 0 })).matching).toBeUndefined();
  });

  it('needs classes', async () => {
    await expect(planOnly({ match: 3, preset: 'seed' })).rejects.toThrow(
      /^--match 3: .* --preset seed learns no classes\. Leave --match out\.$/,
    );
    const folder = await mkdtemp(join(tmpdir(), 'digitmint-one-class-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const data = join(folder, 'few.npy');
    await writeFile(data, encodeNpy([140, 8, 8], new Uint8Array(140 * 64).fill(200)));
    await expect(planOnly({ match: 3, data })).rejects.toThrow(
      /^--match 3: .* few \(NumPy arrays\) has no classes\. Leave --match out\.$/,
    );
  });
});

describe('a tuned run', () => {
  const request = { preset: 'seed', backend: 'wasm', out: 'nowhere' } as const;

  it('takes the preset’s settings except the given ones', async () => {
    const { options, backend } = await planRun({ ...request, generatorLearningRate: 2e-4 });
    await backend.release();
    expect(options.config).toEqual({
      ...PRESETS.seed,
      seed: '1',
      generatorAdam: { ...PRESETS.seed.generatorAdam, learningRate: 2e-4 },
    });
  });

  it('sees as many images with another batch, at learning rates of its square root', async () => {
    const { options, backend } = await planRun({ ...request, batch: 1024 });
    await backend.release();
    const { generatorAdam, discriminatorAdam } = PRESETS.seed;
    expect(options.config).toMatchObject({
      batchSize: 1024,
      steps: 5000,
      imageEvery: 500,
      checkpointEvery: 250,
      generatorAdam: { ...generatorAdam, learningRate: 2 * generatorAdam.learningRate },
      discriminatorAdam: { ...discriminatorAdam, learningRate: 2 * discriminatorAdam.learningRate },
    });
  });

  it('differs from the untuned run, unless the given settings equal the preset’s', async () => {
    const hashes = await Promise.all(
      [
        {},
        { generatorLearningRate: 2e-4 },
        { generatorLearningRate: PRESETS.seed.generatorAdam.learningRate },
      ].map(async (tuning) => {
        const { options, backend } = await planRun({ ...request, ...tuning });
        await backend.release();
        return hashRun(options);
      }),
    );
    expect(hashes[1]).not.toBe(hashes[0]);
    expect(hashes[2]).toBe(hashes[0]);
  });
});

describe('a run that is published to S3', () => {
  it('takes what publishing takes, and keeps it', async () => {
    const storage = {
      to: 's3://bucket',
      endpoint: 'http://127.0.0.1:9000',
      region: 'eu-central-1',
      allowUnsafePointer: true,
    } as const;
    const request = { preset: 'seed', backend: 'wasm', out: 'nowhere', ...storage } as const;
    const { options, backend } = await planRun(request);
    await backend.release();
    expect(options.delivery).toMatchObject({ publish: true, ...storage });
    const folder = await mkdtemp(join(tmpdir(), 'digitmint-told-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const { delivery } = options;
    const told: RunOptions = { ...options, delivery: { ...delivery, makeDefault: true } };
    await createRunFolder(folder, told);
    const resume = async (to?: string) => {
      const plan = await planRun({ resume: folder, ...(to !== undefined && { to }) });
      await plan.backend.release();
      return plan.options.delivery;
    };
    expect(await resume()).toMatchObject({ ...storage, makeDefault: true });
    expect(await resume(storage.to)).toMatchObject({ ...storage, makeDefault: true });
    // Flags of one store do not hold for another.
    const { weights, name } = delivery;
    const elsewhere = { publish: true, to: 'r2://other', makeDefault: false, weights, name };
    expect(await resume('r2://other')).toEqual(elsewhere);
  });
});

describe('what a run tells', () => {
  it('does not advise more steps where a schedule depends on them', () => {
    const done = 'steps were done before';
    expect(describeDone(PRESETS.digits)).toBe(`All 16,000 ${done}`);
    expect(describeDone(PRESETS.seed)).toBe(`All 20,001 ${done} (--steps does more)`);
  });

  it('names the working folder, and hides commands to the terminal', async () => {
    expect(showPath(process.cwd())).toBe('.');
    const plan = await planRun({ preset: 'seed', backend: 'wasm', out: 'nowhere' });
    await plan.backend.release();
    const print = vi.spyOn(console, 'log').mockReturnValue();
    onTestFinished(() => print.mockRestore());
    printPlan({ ...plan, notes: ['a\u001B[31mb is not used'] }, '');
    expect(print.mock.lastCall?.[0]).toMatch(/note +a\uFFFD\[31mb is not used/);
  });
});
