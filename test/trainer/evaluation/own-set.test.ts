/**
 * Tests the evaluation of sets that are not MNIST: of any size, colours and number of classes, with
 * a classifier that learns the set, or random features where there are no classes.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { encodeNpy } from '../../../shared/array-headers.ts';
import { loadDataFolder } from '../../../trainer/data/data-folder.ts';
import { hashDataset } from '../../../trainer/data/dataset.ts';
import { encodeIdx } from '../../../shared/array-headers.ts';
import {
  CLASSIFIER_CONFIG,
  fitClassifier,
  planClassifier,
} from '../../../trainer/evaluation/classifier/network.ts';
import { describeReport } from '../../../trainer/cli/evaluate.ts';
import {
  evaluate,
  type EvaluationReport,
  type EvaluationRequest,
} from '../../../trainer/evaluation/evaluation.ts';
import { computeGradientEnergy } from '../../../trainer/evaluation/metrics/pixels.ts';
import { pickDigits } from '../../../trainer/evaluation/digits.ts';
import { loadTrainedSet, openOwnSet } from '../../../trainer/evaluation/own-set.ts';
import { saveQuality } from '../../../trainer/evaluation/saved-quality.ts';
import { readArtifactFolder } from '../../../trainer/publish/artifact-folder.ts';
import { saveReport } from '../../../trainer/run/report/record.ts';
import { saveRunOptions, type RunOptions } from '../../../trainer/run/run-folder.ts';
import { TINY_CONFIG } from '../../support/training/tensors.ts';
import { openModel } from '../../../trainer/evaluation/samples.ts';
import { listTrainingBackends } from '../../support/training/backends.ts';
import {
  buildEncoderFixture,
  buildFixture,
  writeModel,
} from '../../support/models/fixture-artifact.ts';
import { TRAINER } from '../../support/trainer-program.ts';

const SIDE = 8;
const COUNT = 600;
const THIRD = COUNT / 3;

let parent: string;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'digitmint-own-set-'));
});
afterAll(() => rm(parent, { recursive: true, force: true }));

/** Writes pictures with a bar at a place that the class decides, in any brightness. */
async function writeSet(
  name: string,
  channels: 1 | 3,
  names: readonly string[],
  isInverted = false,
): Promise<string> {
  const folder = join(parent, name);
  await mkdir(folder);
  const classes = Math.max(1, names.length);
  const images = Uint8Array.from({ length: COUNT * SIDE * SIDE * channels }, (_, at) => {
    const pixel = Math.floor(at / channels);
    const [x, picture] = [pixel % SIDE, Math.floor(pixel / SIDE ** 2)];
    const noise = ((pixel * 2_654_435_761) >>> 8) % 40;
    const ink = x === 2 * (picture % classes) + 1 ? 255 - noise - (picture % 7) * 10 : noise;
    return isInverted ? 255 - ink : ink;
  });
  const shape = channels === 1 ? [COUNT, SIDE, SIDE] : [COUNT, SIDE, SIDE, channels];
  await writeFile(join(folder, `train-images-idx${shape.length}-ubyte`), encodeIdx(shape, images));
  const labels = Uint8Array.from({ length: COUNT }, (_, picture) => picture % classes);
  await writeFile(join(folder, 'train-labels-idx1-ubyte'), encodeIdx([COUNT], labels));
  if (names.length > 0) {
    await writeFile(join(folder, 'classes.txt'), names.join('\n'));
  }
  return folder;
}

/** Writes a model of noise in the shape of a set. */
async function writeOwnModel(
  name: string,
  channels: 1 | 3,
  names: readonly string[],
  sha256?: string,
) {
  const fixture = buildFixture({
    name,
    classes: names.length,
    layers: [
      { type: 'dense', units: SIDE * SIDE * channels, activation: 'sigmoid' },
      { type: 'reshape', shape: [SIDE, SIDE, channels] },
    ],
    alter: (content) => ({
      ...content,
      classes: [...names],
      training: {
        ...content.training,
        dataset: { images: COUNT, name: 'ink | paper', sha256: sha256 ?? '0'.repeat(64) },
      },
    }),
  });
  const folder = join(parent, `${name}-model`);
  await writeModel(folder, fixture);
  return folder;
}

/** Needs no gradients, so any backend does. */
async function run(request: Partial<EvaluationRequest>) {
  const keptFolder = join(parent, 'kept');
  const whole = { seed: '1', quick: true, backend: 'wasm' as const, keptFolder, ...request };
  const report = await evaluate(
    whole,
    () => {},
    () => 0,
  );
  return { report, text: describeReport(report) };
}

/** Evaluates in a process of its own: this one has a backend without gradients of convolutions. */
async function runOn(backend: string, ...args: string[]) {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [
    TRAINER,
    'evaluate',
    '--quick',
    '--json',
    `--backend=${backend}`,
    ...args,
  ]);
  return { report: JSON.parse(stdout) as EvaluationReport, stages: stderr };
}

it('a set of fewer pictures is refused with the number needed and a way out', async () => {
  const names = ['cat', 'dog'];
  const model = await writeOwnModel('small', 1, names);
  const data = join(parent, 'small');
  await mkdir(data);
  const images = encodeIdx([599, SIDE, SIDE], new Uint8Array(599 * SIDE ** 2).fill(9));
  await writeFile(join(data, 'train-images-idx3-ubyte'), images);
  const labels = Uint8Array.from({ length: 599 }, (_, i) => i % 2);
  await writeFile(join(data, 'train-labels-idx1-ubyte'), encodeIdx([599], labels));
  await writeFile(join(data, 'classes.txt'), names.join('\n'));
  await expect(run({ models: [model], data })).rejects.toThrow(
    /holds 599 pictures; an evaluation needs 600: .* may be its data, too: --data FOLDER/,
  );
});

const [tensorflow] = listTrainingBackends({ convolutions: true });

it.skipIf(tensorflow?.skip)(
  'a coloured set with classes is scored by a classifier of its own, which is kept',
  async () => {
    const names = ['cat', 'dog', 'cow'];
    const [data, model] = [await writeSet('zoo', 3, names), await writeOwnModel('zoo', 3, names)];
    const args = ['--model', model, '--data', data];
    const { report, stages } = await runOn('tensorflow', ...args, '--fresh');
    expect(report.classifier).toMatchObject({ kind: 'own', features: 72 });
    expect(report.classifier.testAccuracy).toBeGreaterThan(0.9);
    expect([report.n, report.reference.count, report.floor.trainingDigits]).toEqual([
      THIRD,
      THIRD,
      THIRD,
    ]);
    const [column] = report.columns;
    // Noise is far from the set; its other part is not.
    expect(report.floorFigures.frechetDistance).toBeLessThan(
      (column?.figures.frechetDistance ?? 0) / 10,
    );
    expect(report.floorFigures.classAccuracy?.accuracy).toBe(report.classifier.testAccuracy);
    expect(column?.figures.classAccuracy?.accuracy).toBeLessThan(0.7);
    expect(stages).toContain('a classifier learns the set: epoch 1 of 40');
    const text = describeReport(report);
    expect(text).toMatch(/^classifier +72 features .*right on \d+\.\d\d% of these 200; SHA-256/m);
    expect(text).toMatch(/^figure +samples +real pictures/m);
    expect(text).toMatch(
      /^worst class +\d+\.\d\d% \((?:cat|dog|cow)\) +\d+\.\d\d% \((?:cat|dog|cow)\)/m,
    );
    expect(text).toContain('only memorisation shows copies');
    expect(text).toMatch(/^box +– +– +as real +for grey pictures only$/m);

    const again = await runOn('tensorflow', ...args);
    expect(again.stages).not.toContain('a classifier learns');
    expect(again.report.columns).toEqual(report.columns);
    expect(again.report.classifier).toEqual(report.classifier);
    expect(again.report.floor.kept).toBe(true);
  },
);

it('a set without classes is scored by random features, named as such; dark ink on light paper is ink', async () => {
  const [data, model] = [await writeSet('plain', 1, []), await writeOwnModel('plain', 1, [])];
  const { report, text } = await run({ models: [model], data });
  expect(report.classifier).toMatchObject({ kind: 'random', testAccuracy: null });
  const [column] = report.columns;
  expect([column?.figures.classAccuracy, column?.figures.classBalance]).toEqual([null, null]);
  expect(report.floorFigures.frechetDistance).toBeLessThan(column?.figures.frechetDistance ?? 0);
  expect(text).toMatch(/^features +72 features .* of a fixed random network/m);
  expect(text).toMatch(/^class accuracy +– +– .*the set has no classes$/m);

  const light = await writeSet('light', 1, [], true);
  const { floorFigures } = (await run({ models: [model], data: light })).report;
  for (const figure of [
    'valuesOf0',
    'values1To4',
    'values250To255',
    'valuesOf255',
    'boxSide',
    'largeBoxes',
    'stray',
    'strokeWidth',
  ] as const) {
    expect(floorFigures[figure], figure).toBe(report.floorFigures[figure]);
  }
});

it('saved figures are in the manifest, the card and the report of the run', async () => {
  const data = await writeSet('saved', 1, []);
  const folder = join(parent, 'run');
  await mkdir(folder);
  await rename(await writeOwnModel('saved', 1, []), join(folder, 'model'));
  const config = { ...TINY_CONFIG, steps: 1 };
  const dataset = { name: 'saved', images: COUNT, sha256: '' };
  await saveRunOptions(folder, { config, dataset, data } as unknown as RunOptions);
  const before = (await readArtifactFolder(folder)).manifest;
  const { report } = await run({ models: [folder] });
  const saved = await saveQuality(report, 'some features');
  const { manifest } = await readArtifactFolder(folder); // Whole and consistent.
  expect(saved.get(folder)).toBe(`saved@${manifest.version}`);
  expect(manifest.version).not.toBe(before.version);
  expect(manifest.figures).toMatchObject({
    'quality.samples': THIRD,
    'quality.frechetDistance': report.columns[0]?.figures.frechetDistance,
    'quality.frechetDistance.real': report.floorFigures.frechetDistance,
    'quality.kernelDistance.real': report.floorFigures.kernelDistance.mean,
    'quality.valuesOf0': report.columns[0]?.figures.valuesOf0,
    'quality.boxSide.real': report.floorFigures.boxSide,
  });
  expect(Object.keys(manifest.figures).some((name) => name.includes('class'))).toBe(false);
  const card = await readFile(join(folder, 'model', 'README.md'), 'utf8');
  expect(card).toContain(`| version | \`saved@${manifest.version}\` |`);
  expect(card).toMatch(/^\| data \| ink \\\| paper, .* \|$/m);
  expect(card).toMatch(
    /^\| Fréchet distance \| [\d.]+ \| [\d.]+ \| of Gaussians fitted to .* \|$/m,
  );
  expect(card).toMatch(/^\| values of 0 \| [\d.]+% \| [\d.]+% \| .*paper \|$/m);
  expect(card).toContain('| two-sample accuracy | – | – | left out by --quick |');
  const html = await readFile(await saveReport(folder), 'utf8');
  expect(html).toContain(`<title>saved@${manifest.version}, run: training report</title>`);
  expect(html).toMatch(/Fréchet distance<\/th><td>[\d.]+ \(real: [\d.]+\)/);
  await expect(saveQuality(report, 'some features')).rejects.toThrow(
    `holds saved@${manifest.version} now, and version ${before.version} when the command began`,
  );
});

it('saved figures leave a model its encoder, and a card written by hand', async () => {
  const fixture = buildFixture({ classes: 10 });
  const folder = join(parent, 'with encoder');
  await mkdir(folder);
  const files = [...fixture.files, ...buildEncoderFixture(fixture), ['README.md', 'mine'] as const];
  for (const [path, content] of files) {
    await writeFile(join(folder, path), content);
  }
  const { version } = fixture.manifest;
  const report = {
    columns: [{ samples: { folder, version }, figures: { recall: 0.5 } }],
    floorFigures: { recall: 0.6 },
    n: 1,
    reference: { source: 'nothing' },
    rows: [],
  } as unknown as EvaluationReport;
  const { ino } = await stat(folder);
  await saveQuality(report, 'some features');
  // Manifest and encoder change at once, with their folder.
  expect((await stat(folder)).ino).not.toBe(ino);
  const saved = await readArtifactFolder(folder);
  expect(saved.manifest.figures).toMatchObject({ 'quality.recall': 0.5 });
  expect(saved.encoder.size).toBe(2);
  expect(await readFile(join(folder, 'README.md'), 'utf8')).toBe('mine');
});

it('says what is missing or does not fit', async () => {
  const names = ['cat', 'dog', 'cow'];
  const model = await writeOwnModel('other', 1, names);
  const zoo = await writeSet('zoo again', 3, names);
  await expect(run({ models: [model] })).rejects.toThrow('Name its data by --data');
  await expect(
    run({ models: [await writeOwnModel('birds', 3, ['owl'])], data: zoo }),
  ).rejects.toThrow(/makes images of 8 x 8 x 3 in 1 classes, --data .* holds 8 x 8 x 3 in 3/);
  await expect(run({ models: [model], data: zoo, split: 'validation' })).rejects.toThrow(
    '--split validation: only for MNIST',
  );
});

it('networks fit pictures of every size that can be trained on', () => {
  for (const side of [8, 12, 13, 16, 28, 32, 64, 128]) {
    for (const [channels, classes] of [
      [1, 1],
      [3, 256],
    ] as const) {
      const specs = planClassifier(fitClassifier(CLASSIFIER_CONFIG, side, channels, classes));
      expect(specs[0]?.shape[2]).toBe(channels);
      expect(specs.at(-1)?.shape).toEqual([classes]);
    }
  }
  const { convolutions } = fitClassifier(CLASSIFIER_CONFIG, 28, 1, 10);
  expect(convolutions).toEqual(CLASSIFIER_CONFIG.convolutions);
});

it('sharpness counts neighbours of the same colour', () => {
  const grey = Uint8Array.from([0, 255, 0, 255]);
  const rgb = Uint8Array.from([...grey].flatMap((value) => [value, value, value]));
  expect(computeGradientEnergy(rgb, 2, 3)).toBe(computeGradientEnergy(grey, 2));
});

it('the part for evaluation has the class numbers of the training part', async () => {
  const data = join(parent, 'three');
  await mkdir(join(data, 'train'), { recursive: true });
  await mkdir(join(data, 'test'));
  for (const [value, name] of ['a', 'b', 'c'].entries()) {
    for (const part of ['train', 'test']) {
      const images = new Uint8Array(400 * SIDE ** 2).fill(127 * value);
      await writeFile(join(data, part, `${name}.npy`), encodeNpy([400, SIDE, SIDE], images));
    }
  }
  const loaded = await loadDataFolder(data);
  // As if all training pictures of b were unusable.
  const places = Uint32Array.from({ length: 800 }, (_, i) => (i < 400 ? i : i + 400));
  const picked = pickDigits(loaded.dataset, places);
  const labels = picked.labels.map((label) => label >> 1);
  const dataset = { ...picked, labels, classes: ['a', 'c'] };
  const { reference } = await openOwnSet(data, [], { ...loaded, dataset });
  const { images, count, classes } = reference.dataset;
  expect([count, classes]).toEqual([800, ['a', 'c']]);
  const values = Array.from(reference.dataset.labels, (label, i) => [label, images[i * SIDE ** 2]]);
  expect(new Set(values.map(String))).toEqual(new Set(['0,0', '1,254']));
});

it('a set of digits is its own only when the model was trained on it', async () => {
  const names = ['0', '1'];
  const data = await writeSet('numbers', 1, names);
  const { dataset } = await loadDataFolder(data);
  const sha256 = hashDataset(dataset);
  const open = async (name: string, hash: string) => [
    await openModel(await writeOwnModel(name, 1, names, hash)),
  ];
  expect([
    (await loadTrainedSet(await open('numbers', sha256), data))?.dataset.count,
    await loadTrainedSet(await open('stranger', 'a'.repeat(64)), data),
  ]).toEqual([dataset.count, null]);
});
