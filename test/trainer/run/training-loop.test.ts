import { appendFile, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { GifReader } from 'omggif';
import { PNG } from 'pngjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { ExpectedError } from '../../../shared/expected-error.ts';
import {
  loadNewestCheckpoint,
  saveCheckpoint,
  type LoadedCheckpoint,
} from '../../../trainer/run/checkpoint.ts';
import type { Dataset } from '../../../trainer/data/dataset.ts';
import { hashDataset } from '../../../trainer/data/dataset.ts';
import type { TrainingConfig } from '../../../trainer/gan/preset.ts';
import {
  SILENT_REPORTER,
  type Progress,
  type Reporter,
} from '../../../trainer/run/log/reporter.ts';
import {
  createRunFolder,
  hashRun,
  loadMetrics,
  locate,
  saveProgressGif,
  reopenRunFolder,
} from '../../../trainer/run/run-folder.ts';
import { runTraining, type TrainingResult } from '../../../trainer/run/training-loop.ts';
import { readAllEvents } from '../../support/event-files.ts';
import { makeTinyDataset, TINY_CONFIG } from '../../support/training/tensors.ts';

beforeAll(() => tf.setBackend('cpu'));

interface Options {
  readonly config?: Partial<TrainingConfig>;
  readonly dataset?: Dataset;
  readonly folder?: string;
  readonly resume?: boolean;
  /** Aborts after this many steps of the run. */
  readonly stopAfter?: number;
  readonly reporter?: Reporter;
  /** The run's clock advances by so much with each step. */
  readonly stepMs?: number;
  readonly checkpointMs?: number;
  readonly assureFolder?: () => Promise<void>;
}

async function train({
  config: change = {},
  dataset = makeTinyDataset(),
  folder,
  resume = false,
  stopAfter,
  reporter = SILENT_REPORTER,
  stepMs,
  checkpointMs,
  assureFolder,
}: Options = {}): Promise<TrainingResult & { folder: string }> {
  const config = { ...TINY_CONFIG, ...change };
  const options = {
    config,
    dataset: { name: dataset.name, images: dataset.count, sha256: hashDataset(dataset) },
  };
  const place = folder ?? join(await mkdtemp(join(tmpdir(), 'digitmint-run-')), 'run');
  const checkpoint = resume
    ? ((await loadNewestCheckpoint(locate(place).checkpoints))?.checkpoint ?? null)
    : null;
  if (resume) {
    await reopenRunFolder(place, checkpoint?.step ?? 0);
  } else {
    await createRunFolder(place, options);
  }
  const stop = new AbortController();
  let steps = 0;
  let nowMs = 0;
  const countingDataset = Object.defineProperty({ ...dataset }, 'images', {
    // Each step reads the images once to gather its batch, and the loop reads them once before. So
    // the reads count the steps.
    get() {
      nowMs += stepMs ?? 0;
      if (stopAfter !== undefined && ++steps > stopAfter) {
        stop.abort();
      }
      return dataset.images;
    },
  });
  const result = await runTraining({
    config,
    dataset: countingDataset,
    runSha256: hashRun(options),
    folder: place,
    checkpoint,
    reporter,
    signal: stop.signal,
    ...(stepMs !== undefined && { clock: () => nowMs }),
    ...(checkpointMs !== undefined && { checkpointMs }),
    ...(assureFolder && { assureFolder }),
  });
  return { ...result, folder: place };
}

async function readMetrics(folder: string): Promise<Record<string, number>[]> {
  return (await readFile(locate(folder).metrics, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, number>);
}

/** All figures except the clock's, which differ from run to run. */
function dropClock(lines: readonly Record<string, number>[]): Record<string, number>[] {
  return lines.map(
    ({ seconds: _seconds, imagesPerSecond: _speed, residentBytes: _resident, ...line }) => line,
  );
}

describe('a run', () => {
  it('gives the same weights for the same seed, and others for another', async () => {
    const [first, second, other] = [
      await train(),
      await train(),
      await train({ config: { seed: 'other' } }),
    ];
    expect(first.finished).toBe(true);
    expect(second.weights).toEqual(first.weights);
    expect(other.weights).not.toEqual(first.weights);
  });

  it.each([1, 4, 7])(
    'that is stopped after %i steps resumes to the same weights, log and pictures',
    async (stopAfter) => {
      const whole = await train();
      const part = await train({ stopAfter });
      expect(part.finished).toBe(false);
      const resumed = await train({ folder: part.folder, resume: true });
      expect(resumed.finished).toBe(true);
      expect(resumed.weights).toEqual(whole.weights);
      const [lines, wholeLines] = [
        await readMetrics(resumed.folder),
        await readMetrics(whole.folder),
      ];
      expect(dropClock(lines)).toEqual(dropClock(wholeLines));
      const seconds = lines.map((line) => line['seconds'] as number);
      expect(seconds).toEqual([...seconds].sort((a, b) => a - b));
      const events = await readAllEvents(locate(resumed.folder).events);
      expect(events.flatMap(({ step, values }) => (values.length > 0 ? [step] : []))).toEqual([
        0, 5, 9,
      ]);
      for (const name of await readdir(locate(whole.folder).images)) {
        expect(await readFile(join(locate(resumed.folder).images, name))).toEqual(
          await readFile(join(locate(whole.folder).images, name)),
        );
      }
    },
  );

  it('goes on with its classifier and its means where it matches real images', async () => {
    const config = {
      generator: { ...TINY_CONFIG.generator, classes: 2 },
      matching: { weight: 1, labelWeight: 0.1, bandwidths: [1], cosines: 16 },
      checkpointEvery: 21,
    };
    const said: string[] = [];
    const reporter = { ...SILENT_REPORTER, say: (line: string) => void said.push(line) };
    const whole = await train({ config: { ...config, steps: 23 }, reporter });
    expect(said.length).toBeLessThan(20);
    expect(said.at(-1)).toMatch(/^A classifier learns the classes, .*: epoch 40 of 40, loss 0\./);
    const { folder } = await train({ config: { ...config, steps: 21 } });
    const resumed = await train({ config: { ...config, steps: 23 }, folder, resume: true });
    expect(resumed.weights).toEqual(whole.weights);
    const without = await train({ config: { generator: config.generator, steps: 23 } });
    expect(without.weights).not.toEqual(whole.weights);
  });

  it('logs and draws on its schedule', async () => {
    const { folder } = await train();
    expect((await readMetrics(folder)).map(({ step }) => step)).toEqual([0, 5, 9]);
    expect((await readdir(locate(folder).images)).sort()).toEqual([
      'step-0000000.png',
      'step-0000005.png',
      'step-0000009.png',
    ]);
    expect((await readdir(locate(folder).checkpoints)).sort()).toEqual([
      'step-0000009.safetensors',
      'step-0000010.safetensors',
    ]);
  });

  it('saves checkpoints by time as well as by steps', async () => {
    const saveOnly = async (options: Options) => {
      const config = { steps: 8, checkpointEvery: 100, imageEvery: 100 };
      const { folder } = await train({ config, ...options });
      return (await readdir(locate(folder).checkpoints)).sort();
    };
    expect(await saveOnly({ stepMs: 100_000, checkpointMs: 300_000 })).toEqual([
      'step-0000006.safetensors',
      'step-0000008.safetensors',
    ]);
    expect(await saveOnly({ stepMs: 100_000 })).toEqual(['step-0000008.safetensors']);
    // A checkpoint by steps counts, too.
    const config = { steps: 8, checkpointEvery: 5, imageEvery: 100 };
    expect(await saveOnly({ stepMs: 100_000, checkpointMs: 300_000, config })).toEqual([
      'step-0000005.safetensors',
      'step-0000008.safetensors',
    ]);
  });

  it('prints lines by time as well as by steps, and logs the same figures', async () => {
    const config = { steps: 10, checkpointEvery: 100, imageEvery: 100 };
    const printed: number[] = [];
    const reporter = { ...SILENT_REPORTER, log: ({ step }: Progress) => void printed.push(step) };
    const { folder } = await train({ config, reporter, stepMs: 25_000 });
    expect(printed).toEqual([0, 3, 6, 9]);
    expect((await readMetrics(folder)).map(({ step }) => step)).toEqual([0, 9]);
  });

  it('writes nothing more when another process has taken its folder', async () => {
    let place = '';
    let asked = 0;
    const running = train({
      async assureFolder() {
        asked++;
        // The first grid, and the checkpoint after step 3, are written.
        if (asked > 2) {
          throw new ExpectedError('lost');
        }
      },
      folder: (place = join(await mkdtemp(join(tmpdir(), 'digitmint-run-')), 'run')),
    });
    await expect(running).rejects.toThrow('lost');
    expect(await readdir(locate(place).images)).toEqual(['step-0000000.png']);
    expect(await readdir(locate(place).checkpoints)).toEqual(['step-0000003.safetensors']);
    expect((await readMetrics(place)).map(({ step }) => step)).toEqual([0]);
  });

  it('logs the same figures as JSON and for TensorBoard', async () => {
    const { folder } = await train({
      config: { objective: { type: 'relativistic', gamma: 1 }, finalFactor: 0.5 },
    });
    const lines = await readMetrics(folder);
    for (const line of lines) {
      for (const figure of [
        'discriminatorGradientNorm',
        'generatorGradientNorm',
        'r1',
        'r2',
        'diversity',
        'imagesPerSecond',
        'residentBytes',
      ]) {
        expect(line[figure], figure).toBeGreaterThan(0);
      }
    }
    expect(lines.map((line) => line['learningRateFactor'])).toEqual([
      1,
      expect.closeTo(0.7066, 4),
      0.5,
    ]);
    const events = (await readAllEvents(locate(folder).events)).filter(
      ({ values }) => values.length > 0,
    );
    expect(events.map(({ step }) => step)).toEqual(lines.map(({ step }) => step));
    const values = new Map(events.at(-1)?.values.map(({ tag, scalar }) => [tag, scalar]));
    expect(values.get('penalty/r2')).toBe(Math.fround(lines.at(-1)?.['r2'] as number));
    expect(values.get('gradient_norm/generator')).toBe(
      Math.fround(lines.at(-1)?.['generatorGradientNorm'] as number),
    );
    const image = events.at(-1)?.values.find(({ tag }) => tag === 'samples/grid')?.image;
    expect(image?.encoded).toEqual(
      new Uint8Array(await readFile(join(locate(folder).images, 'step-0000009.png'))),
    );
  });

  it('logs more figures than it prints, and leaves no tensor behind in 300 steps', async () => {
    const config = { steps: 301, imageEvery: 1000, checkpointEvery: 1000 };
    await train({ config: { ...config, steps: 1 } });
    const before = tf.memory();
    const { folder } = await train({ config });
    const after = tf.memory();
    expect(after.numTensors).toBe(before.numTensors);
    expect(after.numDataBuffers).toBe(before.numDataBuffers);
    const steps = (await readMetrics(folder)).map(({ step }) => step);
    expect(steps).toEqual([0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 200, 300]);
  });

  it('logs and prints each warning about its figures once, also when resumed', async () => {
    const { folder } = await train({ config: { steps: 3 } });
    const { checkpoints, metrics } = locate(folder);
    const { checkpoint } = (await loadNewestCheckpoint(checkpoints)) as LoadedCheckpoint;
    // As if it had done 600 steps with a discriminator that is far ahead.
    await saveCheckpoint(checkpoints, { ...checkpoint, step: 600 });
    const history = [0, 100, 200, 300, 400, 500].map((step) => ({
      step,
      imagesSeen: 0,
      discriminatorLoss: 1e-6,
      generatorLoss: 9,
    }));
    await writeFile(metrics, history.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const said: string[] = [];
    const reporter = { ...SILENT_REPORTER, say: (line: string) => void said.push(line) };
    await train({ config: { steps: 603 }, reporter, folder, resume: true });
    await train({ config: { steps: 701 }, reporter, folder, resume: true });
    expect(said).toEqual([
      expect.stringMatching(
        /^warning, step 600: the discriminator wins: .*\n {2}Lower the discriminator's/,
      ),
    ]);
    const raised = (await loadMetrics(folder)).flatMap(({ step, warnings = [] }) =>
      warnings.map(({ code }) => [step, code]),
    );
    expect(raised).toEqual([[600, 'discriminator-wins']]);
    // Also when it is older than what rules look back on.
    await saveCheckpoint(checkpoints, { ...checkpoint, step: 3000 });
    const later = history.map((line) => ({ ...line, step: line.step + 2499 }));
    await appendFile(metrics, later.map((line) => `${JSON.stringify(line)}\n`).join(''));
    await train({ config: { steps: 3003 }, reporter, folder, resume: true });
    expect(said).toHaveLength(1);
  });

  it('keeps its figures where all real images are equal, and compares grids with 64 where a batch has fewer', async () => {
    const tiny = makeTinyDataset();
    const equal = { ...tiny, images: new Uint8Array(tiny.images.length) };
    const { folder } = await train({ dataset: equal });
    await reopenRunFolder(folder, TINY_CONFIG.steps);
    const lines = await loadMetrics(folder);
    expect(lines.map(({ step }) => step)).toEqual([0, 5, 9]);
    expect(lines.every(({ diversity = 0 }) => Number.isNaN(diversity))).toBe(true);
    const [small, large] = await Promise.all(
      [2, 70].map(async (batchSize) =>
        readMetrics((await train({ config: { batchSize, steps: 1 } })).folder),
      ),
    );
    // The first grid, from starting weights, hardly differs.
    expect(small?.[0]?.['diversity']).toBeCloseTo(large?.[0]?.['diversity'] as number, 2);
  });

  it('ends in an animation of its pictures that another decoder reads', async () => {
    const { folder } = await train();
    await saveProgressGif(folder);
    const gif = new GifReader(await readFile(locate(folder).gif));
    expect(gif.numFrames()).toBe(3);
    const last = PNG.sync.read(await readFile(join(locate(folder).images, 'step-0000009.png')));
    expect([gif.width, gif.height]).toEqual([last.width, last.height]);
    const frame = new Uint8Array(gif.width * gif.height * 4);
    gif.decodeAndBlitFrameRGBA(2, frame);
    expect(Buffer.from(frame).equals(last.data)).toBe(true);
  });

  it('leaves no tensor behind', async () => {
    await train();
    const before = tf.memory().numTensors;
    await train();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('stops with a named error when the losses are not finite, and keeps its last good checkpoint', async () => {
    const dataset = makeTinyDataset();
    const started = await train({ config: { steps: 4, checkpointEvery: 2 }, dataset });
    // The rate is so large that the first update overflows.
    const broken = { ...TINY_CONFIG.discriminatorAdam, learningRate: 1e38 };
    const options = {
      dataset,
      folder: started.folder,
      resume: true,
      config: { steps: 10, discriminatorAdam: broken, imageEvery: 1 },
    };
    const training = train(options);
    await expect(training).rejects.toThrow(ExpectedError);
    await expect(training).rejects.toThrow(
      /the training diverged: at step \d+ the losses are D .*(NaN|Infinity)/,
    );
    expect((await loadNewestCheckpoint(locate(started.folder).checkpoints))?.checkpoint.step).toBe(
      4,
    );
    const last = (await loadMetrics(started.folder)).at(-1);
    expect(last?.warnings?.map(({ code }) => code)).toEqual(['diverged']);
  });

  it('stops with a named error when all samples have become the same picture', async () => {
    const collapsing = { ...TINY_CONFIG.generatorAdam, learningRate: 3 };
    await expect(
      train({ config: { steps: 200, imageEvery: 10, generatorAdam: collapsing } }),
    ).rejects.toThrow(/the generator collapsed: at step \d+ its 64 samples differ/);
  });
});
