/** Labels of pictures in files that labelling tools and Pandas export: one class for each. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadDataFolder } from '../../../trainer/data/data-folder.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'digitmint-exports-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function write(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), content);
}

const NAMES = ['cat', 'dog', 'eel'];
/** Twelve grey pictures, of which a third has each class and its grey level. */
const ROWS = Array.from({ length: 12 }, (_, i) => ({
  i,
  number: i % 3,
  name: NAMES[i % 3] as string,
  file: `${100 + i}.pgm`,
}));
const drawAll = async (folder: string): Promise<void> => {
  for (const { file, number } of ROWS) {
    const header = Buffer.from('P5 4 4 255\n');
    await write(folder + file, Buffer.concat([header, Buffer.alloc(16, 40 + 50 * number)]));
  }
};

/** Each class with the grey levels of its pictures. */
async function readLevels() {
  const { dataset, notes } = await loadDataFolder(root);
  const levels = dataset.classes.map((name, label) => {
    const own = [...dataset.labels.keys()].filter((i) => dataset.labels[i] === label);
    return [name, ...new Set(own.map((i) => dataset.images[i * 16]))];
  });
  return { levels, notes };
}
const EXPECTED = NAMES.map((name, number) => [name, 40 + 50 * number]);

type Row = (typeof ROWS)[number];
const list = (row: (one: Row) => unknown): string => JSON.stringify(ROWS.map(row));
const lines = (row: (one: Row) => unknown): string =>
  ROWS.map((one) => `${JSON.stringify(row(one))}\n`).join('');
const collect = <T>(row: (one: Row) => readonly [string, T]) => Object.fromEntries(ROWS.map(row));
const via = collect(({ file, name }) => [
  `${file}900`,
  { filename: file, size: 900, regions: [], file_attributes: { class: name } },
]);

it.each<[string, string, string]>([
  [
    'Label Studio’s JSON',
    'export.json',
    list(({ i, file, name }) => ({
      id: i,
      annotations: [
        {
          id: i,
          result: [{ value: { choices: [name] }, id: 'a', from_name: 'choice', type: 'choices' }],
          was_cancelled: false,
          lead_time: 1.5,
        },
      ],
      predictions: [],
      data: { image: `/data/upload/1/${file}` },
      meta: {},
      inner_id: i,
    })),
  ],
  ['VGG Image Annotator’s JSON', 'via_export_json.json', JSON.stringify(via)],
  [
    'VGG Image Annotator’s project',
    'via_project.json',
    JSON.stringify({
      _via_settings: { ui: {}, core: { filepath: {} } },
      _via_img_metadata: via,
      _via_attributes: { file: { class: { type: 'dropdown' } } },
      _via_data_format_version: '2.0.10',
      _via_image_id_list: Object.keys(via),
    }),
  ],
  [
    'VGG Image Annotator’s CSV',
    'via_export_csv.csv',
    [
      'filename,file_size,file_attributes,region_count,region_shape_attributes',
      ...ROWS.map(({ file, name }) => `${file},900,"{""class"":""${name}""}",0,"{}"`),
    ].join('\n'),
  ],
  [
    'SageMaker Ground Truth',
    'output.manifest',
    lines(({ file, number, name }) => ({
      'source-ref': `s3://bucket/in/${file}`,
      pets: number,
      'pets-metadata': { confidence: 0.9, 'class-name': name, 'human-annotated': 'yes' },
    })),
  ],
  [
    'Azure’s Custom Vision',
    'images.json',
    list(({ i, file, name }) => ({
      id: `a${i}`,
      width: 4,
      imageUri: `https://example.com/${file}?sv=1`,
      tags: [{ tagId: 't', tagName: name }],
      regions: [],
    })),
  ],
  [
    'Vertex AI',
    'import.jsonl',
    lines(({ file, name }) => ({
      imageGcsUri: `gs://bucket/${file}`,
      classificationAnnotation: { displayName: name, annotationResourceLabels: { set: 'a' } },
    })),
  ],
  [
    'Labelbox',
    'export.ndjson',
    lines(({ i, file, name }) => ({
      data_row: { id: `r${i}`, external_id: file },
      projects: {
        p1: {
          name: 'pets',
          labels: [
            {
              id: `l${i}`,
              label_kind: 'Default',
              annotations: {
                objects: [],
                classifications: [{ name: 'pet', radio_answer: { name, classifications: [] } }],
              },
            },
          ],
        },
      },
    })),
  ],
  [
    'Create ML',
    'annotations.json',
    list(({ file, name }) => ({ image: file, annotations: [{ label: name }] })),
  ],
  [
    'FiftyOne',
    'labels.json',
    JSON.stringify({
      classes: NAMES,
      labels: collect(({ file, number }) => [file.replace('.pgm', ''), number]),
    }),
  ],
  [
    'FiftyOne with confidences',
    'labels.json',
    JSON.stringify({
      classes: NAMES,
      labels: collect(({ file, number }) => [file, { label: number, confidence: 0.5 }]),
    }),
  ],
  [
    'Pandas by the names of the files',
    'labels.json',
    JSON.stringify({ label: collect(({ file, name }) => [file, name]) }),
  ],
  [
    'Pandas, split, by the names of the files',
    'labels.json',
    JSON.stringify({
      columns: ['label'],
      index: ROWS.map(({ file }) => file),
      data: ROWS.map(({ name }) => [name]),
    }),
  ],
  ['Pandas, lines', 'labels.json', lines(({ file, name }) => ({ file, label: name }))],
  ['Pandas, values', 'labels.json', list(({ file, name }) => [file, name])],
  [
    'a tool with names and numbers of the classes',
    'labels.json',
    list(({ file, number, name }) => ({ file, label: { id: number, name } })),
  ],
])('an export of %s has the classes', async (_, path, content) => {
  await drawAll('images/');
  await write(path, content);
  const { levels, notes } = await readLevels();
  expect(levels).toEqual(EXPECTED);
  expect(notes).toEqual([expect.stringContaining(`The classes are those of ${path}, `)]);
});

it.each<[string, string, (name: string) => unknown]>([
  [
    'LabelMe',
    'img/#.json',
    (name) => ({
      flags: Object.fromEntries(NAMES.map((one) => [one, one === name])),
      shapes: [],
      imageHeight: 4,
    }),
  ],
  [
    'Supervisely',
    'ann/#.pgm.json',
    (name) => ({ tags: [{ id: 1, name, value: null }], size: { height: 4 }, objects: [] }),
  ],
])('a file of %s for each picture has its class', async (_, path, describe) => {
  await drawAll('img/');
  for (const { file, name } of ROWS) {
    await write(path.replace('#', file.replace('.pgm', '')), JSON.stringify(describe(name)));
  }
  expect((await readLevels()).levels).toEqual(EXPECTED);
});

it.each([
  [
    'boxes',
    (name: string) => ({ annotations: [{ label: name, coordinates: { x: 1, y: 1 }, x: 1 }] }),
  ],
  ['several objects', (name: string) => ({ objects: [{ label: name }, { label: 'eel' }] })],
])('classes of %s are none of the pictures', async (_, describe) => {
  await drawAll('images/');
  await write(
    'a.json',
    list(({ file, name }) => ({ file, ...describe(name) })),
  );
  expect((await readLevels()).levels).toEqual([['images', 40, 90, 140]]);
});

it('lists of several labels are no one-hot labels', async () => {
  const labels = (number: number, i: number) => (i === 3 ? [0, 1] : [number]);
  const image = Array.from({ length: 16 }, (_, k) => k * 15);
  await write(
    'a.json',
    list(({ i, number }) => ({ image, label: labels(number, i) })),
  );
  await expect(readLevels()).rejects.toThrow('1 of 12 pictures cannot be used: a.json, row 3 has');
  await drawAll('images/');
  await write(
    'a.json',
    list(({ i, file, number }) => ({ file, label: labels(number, i) })),
  );
  await expect(readLevels()).rejects.toThrow(/1 of 12 .*: images\/103\.pgm has no label/);
});

it.each([
  ['an index', ',image_id,label\n'],
  ['an index with a name', 'index,image_id,label\n'],
])('files are not named by the numbers of the rows: %s', async (_, header) => {
  await drawAll('images/');
  const rows = ROWS.map(({ i }) => `${100 + i},${111 - i},${ROWS[11 - i]?.name}`);
  await write('a.csv', header + rows.join('\n'));
  expect((await readLevels()).levels).toEqual(EXPECTED);
});

it('numbers of files may have a decimal point', async () => {
  await drawAll('images/');
  await write(
    'a.csv',
    ['id,label', ...ROWS.map(({ i, name }) => `${100 + i}.0,${name}`)].join('\n'),
  );
  expect((await readLevels()).levels).toEqual(EXPECTED);
});

it('pixels in lines of a file that is called .json are read', async () => {
  const image = (number: number) => Array.from({ length: 16 }, () => 40 + 50 * number);
  await write(
    'a.json',
    lines(({ number, name }) => ({ image: image(number), label: name })),
  );
  expect((await readLevels()).levels).toEqual(EXPECTED);
  await write('a.json', `${lines(({ number }) => ({ image: image(number) }))}{"image": [`);
  await expect(readLevels()).rejects.toThrow(/a\.json is no table of pixels/);
});

it('a list of classes by CVAT names their numbers', async () => {
  await drawAll('images/');
  await write('default.txt', ROWS.map(({ file, number }) => `${file} ${number}`).join('\n'));
  await write('synsets.txt', NAMES.join('\n'));
  expect((await readLevels()).levels).toEqual(EXPECTED);
});
