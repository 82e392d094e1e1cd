import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planGenerator } from '../../../shared/model/generator.ts';
import { createSampler } from '../../../shared/model/sampler.ts';
import { buildEvaluateCommand } from '../../../trainer/cli/evaluate.ts';
import type { Dataset } from '../../../trainer/data/dataset.ts';
import { encodeIdx } from '../../../shared/array-headers.ts';
import { loadClassifier } from '../../../trainer/evaluation/classifier/classifier-file.ts';
import {
  drawValidationDigits,
  listOtherPlaces,
  loadTestDigits,
  pickDigits,
} from '../../../trainer/evaluation/digits.ts';
import { evaluate, type EvaluationRequest } from '../../../trainer/evaluation/evaluation.ts';
import {
  buildReference,
  computeFigures,
  computeFloor,
  type Figures,
  type Measure,
} from '../../../trainer/evaluation/figures.ts';
import { recall } from '../../../trainer/evaluation/kept.ts';
import { PROTOCOL, QUICK_PROTOCOL } from '../../../trainer/evaluation/protocol.ts';
import { CLASSIFIER_CONFIG } from '../../../trainer/evaluation/classifier/network.ts';
import { buildRows } from '../../../trainer/evaluation/figure-table.ts';
import { drawSamples, readModel } from '../../../trainer/evaluation/samples.ts';
import { formatTable } from '../../../trainer/evaluation/figure-table.ts';
import { ExpectedError } from '../../../shared/expected-error.ts';
import { instantiateKernels } from '../../../trainer/node-kernels.ts';
import { selectBackend } from '../../../trainer/tensorflow/backend.ts';
import {
  buildFixture,
  writeModel,
  type FixtureOptions,
} from '../../support/models/fixture-artifact.ts';

let folder: string;
let measure: Measure;
beforeAll(async () => {
  await selectBackend('wasm');
  folder = await mkdtemp(join(tmpdir(), 'digitmint-evaluation-'));
  const { dataset } = await loadTestDigits();
  const part = (start: number): Dataset =>
    pickDigits(
      dataset,
      Uint32Array.from({ length: 300 }, (_, i) => start + i),
    );
  // All three are test digits; the test only needs three different sets.
  measure = {
    protocol: { ...QUICK_PROTOCOL, kernelSubsets: 5, kernelSubsetSize: 100 },
    seed: '1',
    network: CLASSIFIER_CONFIG,
    weights: (await loadClassifier()).weights,
    against: part(0),
    againstPlaces: undefined,
    floorPlaces: listOtherPlaces(300, undefined),
    training: part(300),
    paper: undefined,
    canTrain: false,
    onStage: () => {},
  };
});
afterAll(() => rm(folder, { recursive: true }));

async function writeNamed(name: string, options: FixtureOptions = {}): Promise<string> {
  const path = join(folder, name);
  await writeModel(path, buildFixture(options));
  return path;
}

describe('the figures of a set', () => {
  it('are the same for the same seed, and good for real digits', async () => {
    const reference = buildReference(measure);
    const real = pickDigits(
      (await loadTestDigits()).dataset,
      Uint32Array.from({ length: 300 }, (_, i) => 600 + i),
    );
    const [once, again] = [
      await computeFigures(measure, reference, real),
      await computeFigures(measure, buildReference(measure), real),
    ];
    expect(again).toEqual(once);
    const other = await computeFigures({ ...measure, seed: '2' }, reference, real);
    expect(other.kernelDistance.mean).not.toBe(once.kernelDistance.mean);
    expect(once.precision).toBeGreaterThan(0.7);
    expect(once.classAccuracy?.accuracy).toBeGreaterThan(0.97);
    for (const ratio of [once.diversity, once.memorisation, once.sharpness]) {
      expect(ratio).toBeGreaterThan(0.9);
      expect(ratio).toBeLessThan(1.1);
    }
  });

  it('distinguish noise, copies and a single picture from real digits', async () => {
    const reference = buildReference(measure);
    const { images, labels } = measure.training;
    const copies = await computeFigures(measure, reference, { count: 300, images, labels });
    expect(copies.memorisation).toBe(0);
    expect(copies.precision).toBeGreaterThan(0.7);
    const single = images.map((_, i) => images[i % 784] as number);
    const collapsed = await computeFigures(measure, reference, {
      count: 300,
      images: single,
      labels: null,
    });
    expect(collapsed.classBalance).toBeCloseTo(Math.log(10), 10);
    expect(collapsed.diversity).toBeCloseTo(0, 5);
    expect(collapsed.recall).toBeLessThan(0.02);
    expect(collapsed.classAccuracy).toBeNull();
    expect(collapsed.frechetDistance).toBeGreaterThan(10 * copies.frechetDistance);
  });
});

describe('the floor', () => {
  it('is computed from training digits, which do not count as copies of themselves', async () => {
    const floor = await computeFloor(measure, buildReference(measure), 300);
    expect(floor.memorisation).toBeGreaterThan(0.8);
    expect(floor.memorisation).toBeLessThan(1.2);
  });
});

it('a result is kept by all facts that it depends on, and computed again when its file is damaged', async () => {
  const facts = { protocol: PROTOCOL, seed: '1', count: 300, testSha256: 'a', backend: 'wasm' };
  const keptFolder = join(folder, 'kept');
  let computed = 0;
  const ask = async (changed: object, fresh = false) => {
    const compute = () => Promise.resolve({ precision: ++computed / 2, diversity: NaN });
    return recall({ ...facts, ...changed }, compute, { keptFolder, fresh });
  };
  expect(await ask({})).toMatchObject({ result: { precision: 0.5 }, isKept: false });
  for (const changed of [
    { seed: '2' },
    { protocol: QUICK_PROTOCOL },
    { count: 301 },
    { testSha256: 'b' },
    { trainingSha256: 'b' },
    { backend: 'tensorflow' },
  ]) {
    expect((await ask(changed)).isKept).toBe(false);
  }
  expect(await ask({})).toMatchObject({ result: { precision: 0.5 }, isKept: true });
  expect(await ask({}, true)).toMatchObject({ result: { precision: 4 }, isKept: false });
  const files = (await readdir(keptFolder)).map((name) => join(keptFolder, name));
  expect(files).toHaveLength(7);
  for (const damage of [
    (text: string) => text.slice(0, 20),
    (text: string) => text.replace(/"precision": \d/, '"precision": 9'),
  ]) {
    for (const file of files) {
      await writeFile(file, damage(await readFile(file, 'utf8')));
    }
    expect((await ask({})).isKept).toBe(false);
    expect((await ask({})).isKept).toBe(true);
  }
  // Where it cannot be kept, as on a full disk, it still counts.
  const compute = () => Promise.resolve(1);
  const unkept = await recall(facts, compute, { keptFolder: files[0] as string });
  expect(unkept).toEqual({ result: 1, isKept: false });
});

describe('validation digits', () => {
  it('are drawn from the training digits by the seed, each once', () => {
    const count = 10_100;
    const images = Uint8Array.from({ length: count * 784 }, (_, i) =>
      i % 784 < 2 ? Math.floor(i / 784) >> (8 * (i % 784)) : 0,
    );
    const labels = Uint8Array.from({ length: count }, (_, i) => i % 10);
    const dataset: Dataset = {
      name: 'numbered',
      count,
      height: 28,
      width: 28,
      channels: 1,
      images,
      labels,
      classes: [],
    };
    const training = { dataset, sha256: 'a', source: 'here' };
    const { dataset: drawn, places, sha256 } = drawValidationDigits(training, '1', 'd', 'a');
    expect(drawn.count).toBe(10_000);
    expect(new Set(places).size).toBe(10_000);
    const numbers = Array.from(
      drawn.labels,
      (_, i) => (drawn.images[i * 784] ?? 0) + 256 * (drawn.images[i * 784 + 1] ?? 0),
    );
    expect(numbers).toEqual([...(places ?? [])]);
    expect(drawValidationDigits(training, '1', 'd', 'a').sha256).toBe(sha256);
    expect(drawValidationDigits(training, '2', 'd', 'a').sha256).not.toBe(sha256);
    expect(() => drawValidationDigits(training, '1', 'd')).toThrow(
      /--data d holds 10100 images other than MNIST's 60,000/,
    );
  });

  it('do not count as copies of themselves, are excluded from the floor, and expose their copies', async () => {
    const { dataset } = await loadTestDigits();
    const training = pickDigits(
      dataset,
      Uint32Array.from({ length: 600 }, (_, i) => i),
    );
    const againstPlaces = Uint32Array.from({ length: 300 }, (_, i) => 2 * i);
    const against = pickDigits(training, againstPlaces);
    const floorPlaces = listOtherPlaces(600, againstPlaces);
    const split: Measure = { ...measure, training, against, againstPlaces, floorPlaces };
    const reference = buildReference(split);
    expect(Math.min(...reference.nearestDistances)).toBeGreaterThan(0);
    expect(floorPlaces.length).toBe(300);
    const others = pickDigits(
      training,
      Uint32Array.from({ length: 300 }, (_, i) => 2 * i + 1),
    );
    // All remaining digits, in another order than the floor's; only the last bits of sums depend on
    // the order.
    const floor = await computeFloor(split, reference, 300);
    const direct = await computeFigures(split, reference, {
      count: 300,
      images: others.images,
      labels: others.labels,
    });
    expect(floor.frechetDistance).toBeCloseTo(direct.frechetDistance, 3);
    expect(floor.recall).toBe(direct.recall);
    expect(floor.memorisation).toBeGreaterThan(0.8);
    const copies = { count: 300, images: against.images, labels: against.labels };
    expect(await computeFigures(split, reference, copies)).toMatchObject({
      memorisation: 0,
      recall: 1,
    });
  });
});

describe('the samples of a model', () => {
  it('are the sampler’s own bytes, with labels drawn from the seed', async () => {
    const path = await writeNamed('conditional');
    const { set } = drawSamples(await readModel(path), 'a seed', 100);
    const { manifest, files } = buildFixture();
    const sampler = createSampler(
      { manifest, plan: planGenerator(manifest.generator) },
      files.get('weights.bin') as Uint8Array,
      instantiateKernels,
    );
    const { pixels, labels } = sampler.draw({ seed: 'a seed', start: 0, count: 100 });
    sampler.dispose();
    expect(set).toEqual({ count: 100, images: pixels, labels });
  });
});

describe('an evaluation is refused', () => {
  const run = (request: Partial<EvaluationRequest>) =>
    evaluate(
      { seed: '1', keptFolder: folder, ...request },
      () => {},
      () => 0,
    );
  const refuse = async (request: Partial<EvaluationRequest>, message: RegExp): Promise<void> => {
    const refused = run(request);
    await expect(refused).rejects.toThrow(ExpectedError);
    await expect(refused).rejects.toThrow(message);
  };
  const write = async (name: string, content: Uint8Array): Promise<string> => {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  };

  it('when the model is damaged', async () => {
    const path = await writeNamed('damaged');
    const weights = await readFile(join(path, 'weights.bin'));
    weights[5] = (weights[5] as number) ^ 1;
    await writeFile(join(path, 'weights.bin'), weights);
    await refuse({ models: [path] }, /weights\.bin has SHA-256/);
    await refuse({ models: [join(folder, 'none')] }, /nothing there/);
  });

  it('when one of several models is damaged, or given twice, before anything is drawn', async () => {
    const whole = await writeNamed('whole');
    const stages: string[] = [];
    const request = { seed: '1', keptFolder: folder, models: [whole, join(folder, 'gone')] };
    const running = evaluate(
      request,
      (stage) => stages.push(stage),
      () => 0,
    );
    await expect(running).rejects.toThrow(
      /\/gone: expected a folder with manifest\.json, got nothing there/,
    );
    expect(stages).toEqual(['reading samples, pictures and the classifier']);
    await refuse({ models: [whole, `${whole}/.`] }, /--model .*whole\/\.: is given twice/);
    await refuse({ models: [] }, /expected either --model/);
  });

  it('when the model does not draw digits', async () => {
    const small = await writeNamed('small', {
      layers: [
        { type: 'dense', units: 64, activation: 'sigmoid' },
        { type: 'reshape', shape: [8, 8, 1] },
      ],
    });
    const ofOther = /draws no digits of MNIST\. Name its data by --data/;
    await refuse({ models: [small] }, ofOther);
    await refuse({ models: [await writeNamed('letters', { classes: 26 })] }, ofOther);
    await expect(readModel(small)).rejects.toThrow(
      'makes images of 8 x 8 x 1, expected 28 x 28 x 1',
    );
  });

  it('when the samples are damaged, too few, or not the requested number', async () => {
    const pictures = encodeIdx([300, 28, 28], new Uint8Array(300 * 784).fill(7));
    await refuse(
      { samples: await write('cut.idx', pictures.subarray(0, 5000)) },
      /--samples .*cut\.idx says 300 x 28 x 28, .*truncated/,
    );
    await refuse(
      { samples: await write('few.idx', encodeIdx([50, 28, 28], new Uint8Array(50 * 784))) },
      /number of samples 50: expected 200 to/,
    );
    const samples = await write('whole.idx', pictures);
    await refuse({ samples, n: 400 }, /--n 400: there are 300 samples only/);
    const labels = await write('labels.idx', encodeIdx([299], new Uint8Array(299)));
    await refuse({ samples, labels }, /--labels .*labels\.idx holds 299 labels for 300 samples/);
  });

  it('when validation digits are requested without all of MNIST', async () => {
    await refuse(
      { models: ['none'], split: 'validation' },
      /^--split validation: draws from MNIST's 60,000 .* by --data$/,
    );
  });

  it('when there are fewer training digits for the floor than samples', async () => {
    const samples = await write(
      'many.idx',
      encodeIdx([10_100, 28, 28], new Uint8Array(10_100 * 784)),
    );
    await refuse(
      { samples, n: 10_100 },
      /--n 10100: the floor takes as many training digits, there are 10000 for it; give all of MNIST with --data/,
    );
  });

  it('when --data holds anything but grey digits of ten classes', async () => {
    const samples = await write('some.idx', encodeIdx([300, 28, 28], new Uint8Array(300 * 784)));
    const writeData = async (
      name: string,
      shape: readonly number[],
      labels: Uint8Array,
    ): Promise<string> => {
      const data = join(folder, name);
      await mkdir(data);
      const images = encodeIdx(
        shape,
        new Uint8Array(shape.reduce((product, size) => product * size, 1)),
      );
      await writeFile(join(data, 'train-images-idx3-ubyte'), images);
      await writeFile(join(data, 'train-labels-idx1-ubyte'), encodeIdx([labels.length], labels));
      return data;
    };
    const small = await writeData(
      'small-data',
      [20, 8, 8],
      Uint8Array.from({ length: 20 }, (_, i) => i % 10),
    );
    await refuse(
      { samples, data: small },
      /--data .*small-data: holds images of 8 x 8 x 1, expected 28 x 28 x 1/,
    );
    const two = await writeData(
      'two-classes',
      [20, 28, 28],
      Uint8Array.from({ length: 20 }, (_, i) => i % 2),
    );
    await refuse({ samples, data: two }, /--data .*two-classes: holds 2 classes, expected 10/);
  });

  it('when flags contradict each other', async () => {
    const parse = (...flags: string[]) =>
      buildEvaluateCommand().parseAsync(['node', 'evaluate', ...flags]);
    await expect(parse()).rejects.toThrow(
      /either --model <folder>, once or more, or --samples <file>/,
    );
    await expect(parse('--model', 'm', '--samples', 's')).rejects.toThrow(/either --model/);
    await expect(parse('--model', 'm', '--labels', 'l')).rejects.toThrow(
      /--labels: only for --samples/,
    );
  });
});

describe('the table', () => {
  const figures: Figures = {
    frechetDistance: 2.6,
    kernelDistance: { mean: 0.0123, standardError: 0.0004 },
    precision: 0.826,
    recall: 0.794,
    density: 0.838,
    coverage: 0.861,
    classAccuracy: { accuracy: 0.988, worst: { label: 8, accuracy: 0.97 } },
    classBalance: 0.0016,
    classificationAccuracyScore: 0.975,
    diversity: 0.95,
    memorisation: 0.99,
    sharpness: 0.98,
    twoSample: {
      mean: 0.977,
      spread: 0.002,
      standardError: 0.001,
      heldOut: 12_000,
      accuracies: [],
    },
    twoSampleMagnified: null,
    twoSampleBinarized: null,
    valuesOf0: 0.752,
    values1To4: 0.04,
    values250To255: 0.05,
    valuesOf255: 0.013,
    boxSide: 21.9,
    largeBoxes: 0.44,
    stray: 0.45,
    strokeWidth: null,
  };
  const facts = {
    protocol: PROTOCOL,
    real: 'test digits',
    learned: 'training digits',
    classes: 10,
    features: 72,
    activeFeatures: 64,
    hasLabels: true,
    scoreMissing: undefined,
    twoSampleMissing: undefined,
    isGrey: true,
  } as const;

  it('shows every figure beside its floor, in columns', () => {
    const floor = { ...figures, frechetDistance: 1.03 };
    const [head = '', , ...body] = formatTable(buildRows([figures], floor, facts), [['a']]).split(
      '\n',
    );
    expect(body).toHaveLength(24);
    expect(body[0]).toMatch(/^Fréchet distance +2\.60 +1\.03 +lower +of Gaussians/);
    expect(body[1]).toMatch(/12\.30 ± 0\.40/);
    expect(body[7]).toMatch(/^worst class +97\.00% \(8\)/);
    const column = head.indexOf('better');
    expect(body.every((line) => /^(lower|higher|near 1|as real)/.test(line.slice(column)))).toBe(
      true,
    );
    expect(body[10]).toMatch(/^two-sample accuracy +97\.70% ± 0\.20 +97\.70% ± 0\.20 +lower/);
  });

  it('shows four models within 100 characters, and explains the figures below', () => {
    const collapsed = {
      ...figures,
      kernelDistance: { mean: 0.58758, standardError: 0.00191 },
      classAccuracy: null,
    };
    const headings = ['digits', 'seed', '00012-digits-wide', 'digits8'].map((name) => [
      name,
      '@aade1731',
      'float16',
    ]);
    const lines = formatTable(
      buildRows([figures, collapsed, figures, figures], figures, facts),
      headings,
    ).split('\n');
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(100);
    expect(lines.slice(0, 2).map((line) => line.trim().split(/ +/))).toEqual([
      ['00012-'],
      ['digits', 'seed', 'digits-wide', 'digits8'],
    ]);
    expect(lines[6]).toMatch(
      /^kernel distance ×1000 +12\.30±0\.40 +587\.58±1\.91( +12\.30±0\.40){3}  lower$/,
    );
    expect(lines.find((line) => line.startsWith('class accuracy'))).toMatch(
      /^class accuracy +98\.80% +–( +98\.80%){3} /,
    );
    expect(lines.at(-1)).toMatch(/^stroke width +of the line/);
  });

  it('omits figures that are a share of nothing, also those that were kept', () => {
    const floor = { ...figures, memorisation: Infinity, sharpness: NaN };
    const kept = JSON.parse(JSON.stringify(floor)) as typeof floor;
    for (const each of [floor, kept]) {
      const rows = buildRows([figures], each, facts);
      expect(rows.filter((row) => row.floor === '–').map(({ id }) => id)).toEqual([
        'twoSampleMagnified',
        'twoSampleBinarized',
        'memorisation',
        'sharpness',
        'strokeWidth',
      ]);
    }
  });

  it('omits figures that need labels when samples have none, and says why', () => {
    const rows = buildRows(
      [{ ...figures, classAccuracy: null, classificationAccuracyScore: null }],
      figures,
      {
        ...facts,
        hasLabels: false,
        scoreMissing: 'left out by --quick',
      },
    );
    expect(rows.filter(({ values }) => values[0] === '–').map(({ id }) => id)).toEqual([
      'classAccuracy',
      'worstClass',
      'classificationAccuracyScore',
      'twoSampleMagnified',
      'twoSampleBinarized',
      'strokeWidth',
    ]);
    expect(rows.find(({ id }) => id === 'classificationAccuracyScore')?.explanation).toBe(
      'left out by --quick',
    );
  });
});
