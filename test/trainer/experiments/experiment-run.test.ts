import { createHash } from 'node:crypto';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadNewestCheckpoint } from '../../../trainer/run/checkpoint.ts';
import { hashDataset } from '../../../trainer/data/dataset.ts';
import {
  isMeasuringStep,
  runExperiment,
  type ExperimentRun,
} from '../../../trainer/experiments/experiment-run.ts';
import type { Quality } from '../../../trainer/experiments/quality.ts';
import {
  loadPoints,
  loadResult,
  locateExperiment,
  type ExperimentResult,
} from '../../../trainer/experiments/records.ts';
import type { VaeConfig } from '../../../trainer/experiments/vae.ts';
import type { TrainingConfig } from '../../../trainer/gan/preset.ts';
import { loadMetrics, locate } from '../../../trainer/run/run-folder.ts';
import { trainQuietly } from '../../support/training/train-quietly.ts';
import { makeTinyDataset, TINY_CONFIG } from '../../support/training/tensors.ts';

let root: string;
const makeRoot = async () => {
  root = await mkdtemp(join(tmpdir(), 'digitmint-experiment-'));
};
beforeEach(makeRoot);
afterEach(() => rm(root, { recursive: true, force: true }));

/** The folder of a run to its end, which many tests compare with. */
let wholeRoot: string;
beforeAll(async () => {
  await tf.setBackend('cpu');
  await makeRoot();
  wholeRoot = root;
  expect(await run()).toBe(true);
});
afterAll(() => rm(wholeRoot, { recursive: true, force: true }));

const copyWhole = (name: string): Promise<void> =>
  cp(join(wholeRoot, 'run'), join(root, name), { recursive: true });

const STEPS = 120;
const VAE: VaeConfig = {
  steps: 60,
  encoderUnits: 5,
  latentDeviation: 1,
  adam: { learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
};

/** Figures that distinguish any two sets of pictures. */
function gauge(images: Uint8Array): Quality {
  const frechet = images.reduce((sum, pixel, i) => sum + pixel * (1 + (i % 16)), 0) / images.length;
  return {
    frechet,
    coarse: 0,
    diversity: 0,
    precision: 0,
    recall: 0,
    density: 0,
    coverage: 0,
    sharpness: 0,
    classes: [1, 1],
  };
}

interface Options {
  readonly name?: string;
  readonly config?: Partial<TrainingConfig>;
  readonly vae?: VaeConfig;
  /** Aborts at this measurement. */
  readonly stopAt?: number;
}

async function run({
  name = 'run',
  config: change = {},
  vae,
  stopAt,
}: Options = {}): Promise<boolean> {
  const dataset = makeTinyDataset();
  const stop = new AbortController();
  const settings: ExperimentRun = {
    arm: 'tutorial',
    config: { ...TINY_CONFIG, steps: STEPS, ...change },
    vae,
    dataset,
    data: { name: dataset.name, images: dataset.count, sha256: hashDataset(dataset) },
    folder: join(root, name),
    gauge,
    floor: gauge(dataset.images),
    environment: { backend: 'plain', node: '1', tfjs: '1', processor: 'a', system: 'b' },
    signal: stop.signal,
    onPoint: ({ step }) => step === stopAt && stop.abort(),
  };
  return runExperiment(settings);
}

async function load(name = 'run'): Promise<ExperimentResult> {
  return (await loadResult(locateExperiment(join(root, name)).result)) as ExperimentResult;
}

/** All fields except the clock's. */
function dropClock({ points, ...rest }: ExperimentResult) {
  return {
    ...rest,
    points: points.map(({ seconds: _seconds, cpuSeconds: _cpuSeconds, ...point }) => point),
  };
}

describe('a run of an experiment', () => {
  it('is measured on its schedule, with losses, and ends in a record and a grid', async () => {
    await copyWhole('run');
    const { points, steps, failure, seed } = await load();
    expect([steps, failure, seed]).toEqual([STEPS, null, 'tiny']);
    expect(points.map(({ step }) => step)).toEqual([0, 100, STEPS]);
    expect(points[0]?.discriminatorLoss).toBeUndefined();
    expect(
      points
        .slice(1)
        .every(
          ({ discriminatorLoss = 0, generatorLoss = 0 }) =>
            discriminatorLoss > 0 && generatorLoss > 0,
        ),
    ).toBe(true);
    const times = points.map(({ cpuSeconds }) => cpuSeconds);
    expect(times[0]).toBe(0);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(
      (await readFile(locateExperiment(join(root, 'run')).grid)).subarray(1, 4).toString(),
    ).toBe('PNG');
  });

  it('has the same weights as `npm run train`, bit for bit', async () => {
    await copyWhole('run');
    const [dataset, folder] = [makeTinyDataset(), join(root, 'trained')];
    const config = { ...TINY_CONFIG, steps: STEPS, checkpointEvery: STEPS };
    const { weights } = await trainQuietly(folder, config, dataset);
    const kept = await loadNewestCheckpoint(locate(join(root, 'run')).checkpoints);
    expect(kept?.checkpoint.step).toBe(STEPS);
    expect(kept?.checkpoint.generator.weights).toEqual(weights);
  });

  it.each([
    ['tutorial', {}, undefined, 'e1ce4444b73e7bb2550b189078360e03db9fcb07c5f4bc52c434c51faa4a3710'],
    [
      'r1',
      { objective: { type: 'non-saturating', r1Gamma: 1 } },
      undefined,
      'fae66682e0d0851b31c0bfd68cc30dd79aaaf4ca8d0565f688b48003bd7f6705',
    ],
    [
      'vae-init',
      {},
      { ...VAE, steps: 8 },
      '970a7fc9c843be6917831d94433e84ccfef3e800541e9537dcf90b172d8c6f84',
    ],
  ] satisfies [string, Partial<TrainingConfig>, VaeConfig | undefined, string][])(
    'has, as %s, the same checkpoint as ever after 20 steps',
    async (name, change, vae, sha256) => {
      await run({ name, config: { ...change, steps: 20 }, ...(vae && { vae }) });
      const path = join(locate(join(root, name)).checkpoints, 'step-0000020.safetensors');
      expect(
        createHash('sha256')
          .update(await readFile(path))
          .digest('hex'),
      ).toBe(sha256);
    },
  );

  it('logs the figures that every run logs', async () => {
    await copyWhole('run');
    const lines = await loadMetrics(join(root, 'run'));
    expect(lines).toHaveLength(25); // At every fifth step and the last.
    expect(lines.every(({ generatorGradientNorm = 0 }) => generatorGradientNorm > 0)).toBe(true);
  });

  it('resumes to the same figures after a stop, and with more steps from its end', async () => {
    await copyWhole('whole');
    expect(await run({ name: 'part', stopAt: 100 })).toBe(false);
    expect((await loadPoints(join(root, 'part'))).map(({ step }) => step)).toEqual([0, 100]);
    expect(await run({ name: 'part' })).toBe(true);
    expect(dropClock(await load('part'))).toEqual(dropClock(await load('whole')));
    await run({ name: 'part', config: { steps: 200 } });
    await run({ name: 'long', config: { steps: 200 } });
    const { points, ...record } = dropClock(await load('part'));
    const long = dropClock(await load('long'));
    // The point at the former end is additional.
    expect({ ...record, points: points.filter(({ step }) => step !== STEPS) }).toEqual(long);
  });

  it('begins with the VAE’s steps, which leave the discriminator unchanged', async () => {
    await run({ name: 'vae', vae: VAE });
    await run({ name: 'decoder', vae: { ...VAE, steps: STEPS } });
    await copyWhole('plain');
    const [vae, decoder, plain] = [await load('vae'), await load('decoder'), await load('plain')];
    expect(vae.sha256).not.toBe(plain.sha256);
    expect(vae.points[0]?.quality).toEqual(plain.points[0]?.quality);
    expect(vae.points[1]?.quality).not.toEqual(plain.points[1]?.quality);
    expect(decoder.points.map(({ discriminatorLoss }) => discriminatorLoss)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    // The decoder's data is bright on diagonals. Its samples must be nearer to the data than at the
    // start.
    const [start, end] = [decoder.points[0], decoder.points.at(-1)];
    const wanted = gauge(makeTinyDataset().images).frechet;
    expect(Math.abs((end?.quality.frechet ?? 0) - wanted)).toBeLessThan(
      Math.abs((start?.quality.frechet ?? 0) - wanted),
    );
    const checkpoint = await loadNewestCheckpoint(locate(join(root, 'decoder')).checkpoints);
    expect(checkpoint?.checkpoint.discriminator.firstMoment.every((value) => value === 0)).toBe(
      true,
    );
    expect(checkpoint?.checkpoint.generator.firstMoment.every((value) => value === 0)).toBe(true);
  });

  it.each([
    ['while it is one', 110],
    ['after it was one', 60],
  ])('that starts as a VAE and is stopped %s comes to the same figures', async (_when, steps) => {
    const vae = { ...VAE, steps };
    await run({ name: 'whole', vae });
    await run({ name: 'part', vae, stopAt: 100 });
    await run({ name: 'part', vae });
    expect(dropClock(await load('part'))).toEqual(dropClock(await load('whole')));
  });

  it('draws from its prior', async () => {
    await run({ name: 'plain', config: { steps: 1 } });
    await run({ name: 'sparse', config: { steps: 1, prior: { shape: 'sparse', deviation: 1 } } });
    expect((await load('sparse')).points[0]?.quality).not.toEqual(
      (await load('plain')).points[0]?.quality,
    );
  });

  it('does not resume from another run’s checkpoint', async () => {
    await copyWhole('run');
    await expect(run({ config: { batchSize: 4, steps: 300 } })).rejects.toThrow(
      /holds a run with other settings/,
    );
  });

  it('ends early with a message when its losses are not finite', async () => {
    const broken = { ...TINY_CONFIG.discriminatorAdam, learningRate: 1e38 };
    expect(await run({ config: { discriminatorAdam: broken } })).toBe(true);
    const { failure, points } = await load();
    expect(failure).toBe('diverged before step 100');
    expect(points).toHaveLength(2);
  });

  it('leaves no tensor behind', async () => {
    const short = { config: { steps: 8 }, vae: { ...VAE, steps: 4 } };
    await run({ name: 'first', ...short });
    const before = tf.memory().numTensors;
    await run({ name: 'second', ...short });
    expect(tf.memory().numTensors).toBe(before);
  });
});

it('a run is measured densely at first, and at its end', () => {
  const steps = Array.from({ length: 2223 }, (_, step) => step).filter((step) =>
    isMeasuringStep(step, 2222),
  );
  expect(steps).toEqual([0, 100, 200, 400, 600, 800, 1000, 1500, 2000, 2222]);
});
