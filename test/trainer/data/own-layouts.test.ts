/** Pictures as people have them: labels in files beside them, archives, and what goes wrong. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { link, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { crc32, gzipSync, zstdCompressSync } from 'node:zlib';
import { binary, tableFromArrays, tableToIPC, utf8 } from '@uwdata/flechette';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeNpy } from '../../../shared/array-headers.ts';
import { ExpectedError } from '../../../shared/expected-error.ts';
import { loadDataFolder, type LoadOptions } from '../../../trainer/data/data-folder.ts';
import { openPacked } from '../../../trainer/data/layouts/archives.ts';
import { readStart } from '../../../trainer/data/layouts/tree.ts';

import { writePicture } from '../../support/pictures.ts';

const SIDE = 8;
/** A grey level for each class. */
const LEVELS = { cat: 40, dog: 90, eel: 140 } as const;
type Name = keyof typeof LEVELS;
const NAMES = Object.keys(LEVELS) as Name[];
const EACH = 4;

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'digitmint-own-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const draw = (path: string, name: Name): Promise<void> =>
  writePicture(join(root, path), SIDE, SIDE, () => [LEVELS[name], LEVELS[name], LEVELS[name]]);

async function write(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), content);
}

/** Draws some pictures of each class. @returns  Their names and classes. */
async function drawAll(place: (name: Name, i: number) => string) {
  const all = NAMES.flatMap((name) => Array.from({ length: EACH }, (_, i) => ({ name, i })));
  for (const { name, i } of all) {
    await draw(place(name, i), name);
  }
  return all.map(({ name, i }) => ({ name, file: place(name, i).split('/').at(-1) as string }));
}

const load = (options?: LoadOptions, path = '.') => loadDataFolder(join(root, path), options);

/** Names of classes with the grey levels of their pictures. */
async function readLevels(options?: LoadOptions, path?: string) {
  const { dataset, notes, findings } = await load(options, path);
  const levels = dataset.classes.map((name, label) => {
    const own = [...dataset.labels.keys()].filter((i) => dataset.labels[i] === label);
    return [name, ...new Set(own.map((i) => dataset.images[i * SIDE * SIDE]))];
  });
  return { levels, notes, findings, count: dataset.count };
}

const EXPECTED = NAMES.map((name) => [name, LEVELS[name]]);
const NUMBERED = NAMES.map((name, i) => [String(i), LEVELS[name]]);

interface Row {
  readonly name: Name;
  readonly file: string;
}
const bare = (file: string) => file.replace('.png', '');
const lines = (
  header: string,
  rows: readonly Row[],
  row: (row: Row, i: number) => string,
): string => [header, ...rows.map(row)].join('\n');

describe('labels beside pictures', () => {
  it.each<[string, string, (rows: readonly Row[]) => string | Uint8Array]>([
    [
      'of Kaggle',
      'train.csv',
      (rows) => lines('id,breed', rows, (r) => `${bare(r.file)},${r.name}`),
    ],
    [
      'with paths, semicolons and a mark of UTF-8',
      'labels.csv',
      (rows) => lines('\ufeffpath;label', rows, (r) => `images\\${r.file};${r.name}`),
    ],
    [
      'with quotes, other columns, and numbers of rows that are names of pictures, too',
      'labels.csv',
      (rows) =>
        lines(
          ',"file","class"',
          rows,
          (r) => `${(Number(bare(r.file)) + 1) % rows.length},"${r.file}","${r.name}"`,
        ),
    ],
    [
      'without a header',
      'labels.tsv',
      (rows) => rows.map((r) => `${r.file}\t${r.name}`).join('\n'),
    ],
    [
      'in a list of text',
      'train.txt',
      (rows) => rows.map((r) => `images/${r.file} ${r.name}`).join('\n'),
    ],
    [
      'of write.table in R',
      'labels.txt',
      (rows) => lines('"file" "label"', rows, (r, i) => `"${i + 1}" "${r.file}" "${r.name}"`),
    ],
    [
      'with more cells in some rows',
      'labels.csv',
      (rows) =>
        lines('file,label', rows, (r, i) => `${r.file},${r.name}${i === 0 ? ',blurred' : ''}`),
    ],
    [
      'in lists of one label',
      'labels.csv',
      (rows) => lines('file,label', rows, (r) => `${r.file},['${r.name}']`),
    ],
    [
      'in UTF-16',
      'labels.csv',
      (rows) =>
        Buffer.from(`\ufeff${lines('file,label', rows, (r) => `${r.file},${r.name}`)}`, 'utf16le'),
    ],
    [
      'of Excel, which names the delimiter',
      'labels.csv',
      (rows) => `sep=;\r\n${lines('file;label', rows, (r) => `${r.file};${r.name}`)}`,
    ],
    [
      'with the line ends of old Macs',
      'labels.csv',
      (rows) => lines('file,label', rows, (r) => `${r.file},${r.name}`).replaceAll('\n', '\r'),
    ],
    [
      'in JSON',
      'labels.json',
      (rows) => JSON.stringify(Object.fromEntries(rows.map((r) => [r.file, r.name]))),
    ],
    [
      'in JSON, a list for each column',
      'labels.json',
      (rows) => JSON.stringify({ file: rows.map((r) => r.file), label: rows.map((r) => r.name) }),
    ],
    [
      'with columns that are named like pixels',
      'labels.csv',
      (rows) => {
        const numbers = Array.from({ length: 20 }, (_, i) => i);
        const header = `file,label,${numbers.map((i) => `x${i}`).join()}`;
        return lines(header, rows, (r) => `${r.file},${r.name},${numbers.join()}`);
      },
    ],
    [
      'of numbers and measures',
      'train.csv',
      (rows) => {
        const numbers = Array.from({ length: 64 }, (_, i) => i + 2);
        const header = `id,species,${numbers.map((i) => `margin${i}`).join()}`;
        return lines(header, rows, (r) => `${bare(r.file)},${r.name},${numbers.join()}`);
      },
    ],
    [
      'of an annotation tool',
      'export.csv',
      (rows) =>
        lines('image,id,choice,took', rows, (r, i) => `/data/1/${r.file},${i + 90},${r.name},3.5`),
    ],
    [
      'below a comment',
      'labels.csv',
      (rows) => `# mine\n${lines('file,label', rows, (r) => `${r.file},${r.name}`)}`,
    ],
    [
      'in Hugging Face’s metadata',
      'images/metadata.jsonl',
      (rows) =>
        rows
          .map((r) => JSON.stringify({ file_name: r.file, text: `a ${r.file}`, label: r.name }))
          .join('\n'),
    ],
    [
      'in JSON, a list of files for each class',
      'labels.json',
      (rows) =>
        JSON.stringify(
          Object.groupBy(
            rows.map(({ file, name }) => ({ file, name })),
            (r) => r.name,
          ),
          (_key, value: unknown) =>
            Array.isArray(value) ? value.map((one: Row) => one.file) : value,
        ),
    ],
    [
      'in JSON, a list of files for each class, whose names are like those of columns',
      'labels.json',
      (rows) =>
        JSON.stringify(
          Object.fromEntries(
            NAMES.map((name) => [
              `class_${name}`,
              rows.flatMap((r) => (r.name === name ? [r.file] : [])),
            ]),
          ),
        ),
    ],
    [
      'in JSON, by file, with other names of the files',
      'labels.json',
      (rows) =>
        JSON.stringify(
          Object.fromEntries(rows.map((r) => [r.file, { file: `old-${r.file}`, label: r.name }])),
        ),
    ],
    [
      'in JSON, a list within an object',
      'labels.json',
      (rows) => JSON.stringify({ samples: rows.map((r) => ({ file: r.file, label: r.name })) }),
    ],
    [
      'with blanks before quotes',
      'labels.csv',
      (rows) => lines('"file", "label"', rows, (r) => `"${r.file}", "${r.name}"`),
    ],
    [
      'of Label Studio on another machine, with % for other characters',
      'labels.csv',
      (rows) =>
        lines(
          'image,choice',
          rows,
          (r) => `http://localhost:8080/data/local-files/?d=my%20set%2F${r.file},${r.name}`,
        ),
    ],
    [
      'of Vertex AI, with parts and without a header',
      'import.csv',
      (rows) => rows.map((r) => `TRAIN,gs://bucket/${r.file},${r.name}`).join('\n'),
    ],
    [
      'with other capitals',
      'labels.csv',
      (rows) => lines('file,label', rows, (r) => `${r.file.toUpperCase()},${r.name}`),
    ],
    [
      'with numbers and names of the classes',
      'labels.csv',
      (rows) =>
        lines('file,label,label_name', rows, (r) => `${r.file},${NAMES.indexOf(r.name)},${r.name}`),
    ],
    [
      'in columns of ones and zeros',
      'train.csv',
      (rows) =>
        lines(
          `image,${NAMES.join()}`,
          rows,
          (r) => `${r.file},${NAMES.map((name) => Number(name === r.name)).join()}`,
        ),
    ],
  ])('are read from a table %s', async (_, path, format) => {
    const rows = await drawAll((name, i) => `images/${NAMES.indexOf(name) * EACH + i}.png`);
    await write(path, format(rows));
    const { levels, notes } = await readLevels();
    const prefix = levels[0]?.[0] === 'class_cat' ? 'class_' : '';
    expect(levels).toEqual(EXPECTED.map(([name, level]) => [`${prefix}${name}`, level]));
    expect(notes).toEqual([expect.stringContaining(`The classes are those of ${path}, `)]);
  });

  it('are found by names of macOS, which takes letters apart, and by the end of a URL', async () => {
    await drawAll((name, i) => `${'é'.normalize('NFD')} ${name}${i}.png`);
    const rows = NAMES.flatMap((name, label) =>
      Array.from({ length: EACH }, (_, i) => {
        const file = `é ${name}${i}.png`;
        const escaped = label === 0 ? file : encodeURIComponent(file);
        return `https://example.com/${escaped}?size=8,${name}`;
      }),
    );
    await write('labels.csv', ['url,label', ...rows].join('\n'));
    expect((await readLevels()).levels).toEqual(EXPECTED);
  });

  it('are found by the end of a path of another machine, also where folders are no classes', async () => {
    const rows = await drawAll((name, i) => `s${i % 2}/${NAMES.indexOf(name)}${i >> 1}.png`);
    const table = lines('file,label', rows, (r, i) => `/home/me/s${i % 2}/${r.file},${r.name}`);
    await write('labels.csv', table);
    expect((await readLevels({ reading: { folders: 'none' } })).levels).toEqual(EXPECTED);
    expect((await load({ reading: { folders: 'classes' } })).dataset.classes).toEqual(['s0', 's1']);
  });

  it('may lack in the first lines of JSON', async () => {
    const rows = await drawAll((name, i) => `${name}${i}.png`);
    const all = [
      { file_name: 'gone.png' },
      ...rows.map((r) => ({ file_name: r.file, label: r.name })),
    ];
    await write('metadata.jsonl', all.map((row) => JSON.stringify(row)).join('\n'));
    expect((await readLevels()).levels).toEqual(EXPECTED);
  });

  it('are read from tables in old encodings, and that is told', async () => {
    const rows = await drawAll((name, i) => `${name}${i}.png`);
    const bytes = { cat: '94 4c', dog: '8c a2', eel: '95 5c 8e a6' };
    const encode = (name: Name) => Buffer.from(bytes[name].replaceAll(' ', ''), 'hex');
    const table = rows.map(({ file, name }) => [Buffer.from(`\n${file},`), encode(name)]);
    await write('labels.csv', Buffer.concat([Buffer.from('file,label'), ...table.flat()]));
    const { levels, notes } = await readLevels();
    expect(new Map(levels as [string, number][])).toEqual(
      new Map(NAMES.map((name) => [NAMES_OF.japan[name], LEVELS[name]])),
    );
    expect(notes[0]).toBe(
      'labels.csv is no UTF-8, and is read as Shift-JIS: cat0.png,猫. If that is wrong, save it as UTF-8.',
    );
  });

  it('say which file is too large', async () => {
    await drawAll((name, i) => `${name}${i}.png`);
    await write('cat0.cls', 'x'.repeat(2000));
    await expect(load()).rejects.toThrow(/cat0\.cls has 2,000 bytes, at most 1,024 allowed/);
  });

  it('are found by numbers whose zeros a spreadsheet took', async () => {
    const rows = await drawAll((name, i) => `0${NAMES.indexOf(name)}0${i}.png`);
    await write(
      'labels.csv',
      lines('id,label', rows, (r) => `${Number(bare(r.file))},${r.name}`),
    );
    expect((await readLevels()).levels).toEqual(EXPECTED);
  });

  it('are read from a .json file for each picture', async () => {
    for (const { file, name } of await drawAll((one, i) => `${one}${i}.png`)) {
      const old = `IMG_5${file}`;
      await write(`${bare(file)}.json`, JSON.stringify({ file: old, label: name, caption: file }));
    }
    expect((await readLevels()).levels).toEqual(EXPECTED);
  });

  it('are read from WebDataset’s .cls files, also in shards', async () => {
    const rows = await drawAll((name, i) => `in/${name}${i}.png`);
    for (const { file, name } of rows) {
      await write(`in/${bare(file)}.cls`, `${NAMES.indexOf(name)}\n`);
    }
    const pack = (tar: string, inside: readonly string[]) =>
      execFileSync('tar', ['cf', join(root, tar), '-C', join(root, 'in'), ...inside]);
    const files = await readdir(join(root, 'in'));
    await mkdir(join(root, 'alone'));
    pack('digits-000000.tar', files.slice(0, 10));
    pack('digits-000001.tar', files.slice(10));
    pack('alone/train-000000.tar', files);
    await rm(join(root, 'in'), { recursive: true });
    expect((await readLevels({}, 'alone')).levels).toEqual(NUMBERED);
    await rm(join(root, 'alone'), { recursive: true });
    expect((await readLevels()).levels).toEqual(NUMBERED);
  });

  it.each(['Training_set.csv', 'labels.csv'])(
    'are of the table’s own part, or for training, when files of several parts have one name: %s',
    async (path) => {
      const rows = await drawAll((name, i) => `train/${NAMES.indexOf(name) * EACH + i}.png`);
      await draw('test/0.png', 'eel');
      await write(
        path,
        lines('filename,label', rows, (r) => `${r.file},${r.name}`),
      );
      await write('Testing_set.csv', 'filename\n0.png');
      const { levels, findings } = await readLevels();
      expect([levels, findings.parts]).toEqual([EXPECTED, { train: 12 }]);
    },
  );

  it('are told where several pictures have the name of one', async () => {
    const rows = await drawAll((name, i) => `a/${name}${i}.png`);
    await write(
      'labels.csv',
      lines('file,label', rows, (r) => `${r.file},${r.name}`),
    );
    const note = 'labels.csv has names that several pictures have';
    const advice = 'Put their folders before them: folder/name.';
    const reading = { folders: 'none' } as const;
    await draw('b/cat0.png', 'eel');
    await expect(load({ reading })).rejects.toMatchObject({
      findings: { notes: [`${note} (1): cat0.png. ${advice}`, expect.anything()] },
    });
    await drawAll((name, i) => `b/${name}${i}.png`);
    expect((await load({ reading })).notes[0]).toBe(
      `${note} (12): cat0.png, cat1.png, cat2.png, cat3.png, dog0.png, and 7 more. ${advice}`,
    );
  });

  it.each<[string, (name: Name, i: number) => string, (i: number) => string]>([
    ['', (name, i) => `images/${name}${i}.png`, (i) => `gone${i}.png`],
    [
      ', by numbers without endings',
      (name, i) => `images/${NAMES.indexOf(name) * EACH + i}.png`,
      (i) => String(1000 + i),
    ],
  ])('may name many pictures that are not there%s', async (_, nameFile, nameMissing) => {
    const rows = await drawAll(nameFile);
    const isBare = nameMissing(0) === '1000';
    const table = lines('id,label', rows, (r) => `${isBare ? bare(r.file) : r.file},${r.name}`);
    const missing = Array.from({ length: 100 }, (__, i) => nameMissing(i));
    await write('labels.csv', [table, ...missing.map((id) => `${id},cow`)].join('\n'));
    const { levels, notes } = await readLevels();
    expect([levels, notes[0]]).toEqual([
      EXPECTED,
      `labels.csv names pictures that are not there (100): ${missing.slice(0, 5).join(', ')}, and 95 more.`,
    ]);
  });

  it('are those of the first table, and another with other classes is named', async () => {
    const rows = await drawAll((name, i) => `${NAMES.indexOf(name) * EACH + i}.png`);
    await write(
      'a.csv',
      lines('file,label', rows, (r) => `${r.file},${r.name}`),
    );
    await write(
      'b.csv',
      lines('file,label', rows, (r) => `${r.file},${r.name}s`),
    );
    const { levels, notes } = await readLevels();
    expect([levels, notes.slice(0, 2)]).toEqual([
      EXPECTED,
      [
        'b.csv is not used: it gives other classes than a.csv. Keep the table that you mean.',
        'The classes are those of a.csv, column label.',
      ],
    ]);
  });

  it('do not count where folders are the classes', async () => {
    const rows = await drawAll((name, i) => `images/${name}${i}.png`);
    const table = lines('file,label', rows, (r) => `${r.file},${r.name}`);
    await write('labels.csv', `${table}\ngone.png,cat`);
    await rm(join(root, 'images'), { recursive: true });
    await drawAll((name, i) => `${name}/${name}${i}.png`);
    const { levels, notes } = await readLevels();
    expect([levels, notes]).toEqual([
      EXPECTED,
      ['The folders are the classes; not used: labels.csv'],
    ]);
  });

  it.each<[string, string, (rows: readonly Row[]) => string, RegExp]>([
    [
      'measures',
      'ages.csv',
      (rows) => lines('file,age', rows, (r, i) => `${r.file},${i % 3}.5`),
      /ages\.csv names the pictures, but which column .* not clear \(age\)/,
    ],
    [
      'columns that are named like pixels',
      'points.csv',
      (rows) => {
        const header = Array.from({ length: 20 }, (_, i) => `x${i}`);
        return lines(
          `file,${header.join()}`,
          rows,
          (r) => `${r.file},${header.map(() => 3).join()}`,
        );
      },
      /points\.csv names the pictures, but which column/,
    ],
    [
      'several columns',
      'meta.csv',
      (rows) => lines('file,age,dx', rows, (r) => `${r.file},7,${r.name}`),
      /meta\.csv names the pictures, but which column .* not clear \(age, dx\): call it "label"/,
    ],
    [
      'counts above the names',
      'list.txt',
      (rows) => lines('12', rows, (r) => `${r.file} 1 -1`),
      /list\.txt names (?:the )?pictures, but/,
    ],
    [
      'boxes of objects',
      'boxes.csv',
      (rows) => lines('file,label', [...rows, ...rows], (r) => `${r.file},${Math.random()}`),
      /boxes\.csv is not used: it names .* twice with different classes/,
    ],
    [
      'YOLO',
      'labels/cat0.txt',
      () => '0 0.5 0.5 0.2 0.2',
      /Labels of objects .* not read \(labels\/cat0/,
    ],
    [
      'a table without names of files',
      'labels.csv',
      (rows) => lines('label', rows, (r) => r.name),
      /labels\.csv: not used for classes\. Expected .* a column of file names/,
    ],
    [
      'numbers of parts',
      'list.csv',
      (rows) => lines('image_id,partition', rows, (r, i) => `${r.file},${i % 3}`),
      /list\.csv, column partition: .* not understood.*: 0, 1, 2\. Call/,
    ],
    [
      'numbers of parts without a header',
      'list_eval_partition.txt',
      (rows) => rows.map((r, i) => `${r.file} ${i % 3}`).join('\n'),
      /list_eval_partition\.txt, column partition: .*: 0, 1, 2\. Call/,
    ],
    [
      'folds',
      'folds.csv',
      (rows) => lines('image,fold', rows, (r, i) => `${r.file},${i % 3}`),
      /which column .* not clear \(fold\)/,
    ],
    [
      'points',
      'points.csv',
      (rows) => lines('image,x,y', rows, (r, i) => `${r.file},${i % 3},${i % 2}`),
      /which column .* not clear \(x, y\)/,
    ],
    [
      'a number in JSON',
      'version.json',
      () => '5',
      /Passed over what is no picture: version\.json/,
    ],
    [
      'CreateML',
      '_annotations.createml.json',
      (rows) => JSON.stringify(rows.map((r) => ({ image: r.file, annotations: [{ x: 1 }] }))),
      /Labels of objects .* not read \(_annotations\.createml\.json\)/,
    ],
    [
      'a table of too few pixels',
      'features.csv',
      () => Array.from({ length: 20 }, (_, i) => `f${i}`).join(),
      /Not used: features\.csv has 20 columns of pixels/,
    ],
    [
      'CVAT',
      'annotations.xml',
      () => '<annotations/>',
      /Labels of .* not read \(annotations\.xml\)/,
    ],
    [
      'COCO',
      'annotations.json',
      () => JSON.stringify({ images: [], annotations: [] }),
      /Labels of objects in pictures and captions are not read \(annotations\.json\)/,
    ],
  ])('are not guessed from %s', async (_, path, format, note) => {
    const rows = await drawAll((name, i) => `images/${name}${i}.png`);
    await write(path, format(rows));
    const { levels, notes } = await readLevels();
    expect(levels).toEqual([['images', ...Object.values(LEVELS)]]);
    expect(notes.some((one) => note.test(one))).toBe(true);
  });

  it('may lie beside lists of the parts', async () => {
    const rows = await drawAll((name, i) => `images/${name}${i}.png`);
    await write(
      'labels.csv',
      lines('file,label', rows, (r) => `${r.file},${r.name}`),
    );
    await write('test.txt', rows.flatMap((r, i) => (i % 4 === 3 ? r.file : [])).join('\n'));
    const { levels, findings } = await readLevels();
    expect([levels, findings.parts]).toEqual([EXPECTED, { train: 9, test: 3 }]);
  });

  it.each<[string, string, (rows: readonly Row[]) => string]>([
    [
      'is_valid',
      'labels.csv',
      (rows) =>
        lines(
          'file,label,is_valid',
          rows,
          (r, i) => `${r.file},${r.name},${i % 4 === 3 ? 'True' : 'False'}`,
        ),
    ],
    [
      'isTrain',
      'labels.jsonl',
      (rows) =>
        rows
          .map((r, i) => JSON.stringify({ file: r.file, label: r.name, isTrain: i % 4 !== 3 }))
          .join('\n'),
    ],
    [
      'partition',
      'labels.csv',
      (rows) =>
        lines(
          'file,label,partition',
          rows,
          (r, i) => `${r.file},${r.name},${i % 4 === 3 ? 'PublicTest' : 'Training'}`,
        ),
    ],
  ])('keep rows of other parts for evaluation, as the column %s tells', async (_, path, format) => {
    await write(path, format(await drawAll((name, i) => `images/${name}${i}.png`)));
    const { levels, findings, count } = await readLevels();
    expect([levels, count]).toEqual([EXPECTED, 9]);
    expect(Object.values(findings.parts)).toEqual([9, 3]);
  });

  it.each([
    [(name: Name, i: number) => `${NAMES.indexOf(name)}_${i}.png`, NUMBERED, '0, 1, 2'],
    [
      (name: Name, i: number) => `digit_${NAMES.indexOf(name)}_000${i}.png`,
      NAMES.map((name, i) => [`digit_${i}`, LEVELS[name]]),
      'digit_0, digit_1, digit_2',
    ],
  ])('may be a number before the last one, on request: %s', async (place, expected, listed) => {
    await drawAll(place);
    expect((await load()).notes.join()).toContain(`begin like classes (${listed}): --folders`);
    expect((await readLevels({ reading: { folders: 'names' } })).levels).toEqual(expected);
  });

  it('may be the beginnings of file names, on request', async () => {
    await drawAll((name, i) => `train/${name}.${i}.png`);
    await draw('test1/1.png', 'cat');
    expect((await load()).notes).toContain(
      'Names of files begin like classes (cat, dog, eel): --folders names takes these.',
    );
    expect((await readLevels({ reading: { folders: 'names' } })).levels).toEqual(EXPECTED);
  });
});

/** A ZIP archive without compression, whose names have no mark of UTF-8. */
function storeZip(entries: readonly (readonly [string | Buffer, Uint8Array])[]): Uint8Array {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of entries) {
    const path = Buffer.from(name);
    const header = Buffer.alloc(30);
    header.writeUInt32LE(0x04034b50);
    header.writeUInt16LE(20, 4);
    header.writeUInt32LE(crc32(content), 14);
    header.writeUInt32LE(content.length, 18);
    header.writeUInt32LE(content.length, 22);
    header.writeUInt16LE(path.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50);
    entry.writeUInt16LE(20, 4);
    header.copy(entry, 6, 4, 30);
    entry.writeUInt32LE(offset, 42);
    parts.push(header, path, Buffer.from(content));
    directory.push(entry, path);
    offset += 30 + path.length + content.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(Buffer.concat(directory).length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

const NAMES_OF = {
  japan: { cat: '猫', dog: '犬', eel: '表示' },
  china: { cat: '猫', dog: '狗', eel: '率' },
  old: { cat: 'kät', dog: 'dö', eel: 'èm' },
} as const;

describe('an archive', () => {
  const zip = async (folder: string, to: string, rename = (path: string) => path) => {
    const paths = (await readdir(join(root, folder), { recursive: true })).filter((path) =>
      path.endsWith('.png'),
    );
    const files = paths.map(
      async (path) => [rename(path), await readFile(join(root, folder, path))] as const,
    );
    await write(to, storeZip(await Promise.all(files)));
  };

  it.each(['pics', 'pics/deeper'])(
    'with all pictures in %s is read as that folder',
    async (inside) => {
      await drawAll((name, i) => `in/${inside}/${name}${i}.png`);
      await zip('in', 'one.zip');
      execFileSync('tar', ['czf', join(root, 'one.tar.gz'), '-C', join(root, 'in'), 'pics']);
      const unpacked = await load({}, 'in');
      for (const path of ['one.zip', 'one.tar.gz']) {
        const { dataset } = await load({}, path);
        expect([dataset.name, dataset.classes]).toEqual([
          'one (PNG files)',
          unpacked.dataset.classes,
        ]);
        expect(dataset.images).toEqual(unpacked.dataset.images);
      }
    },
  );

  it('that is one of several parts of a set is read with the others, unless they are classes', async () => {
    await drawAll((name, i) => `in/${name === 'eel' ? 2 : 1}/set/${name}/${i}.png`);
    const parts = [1, 2].map((part) => `set-20260101T120000Z-1-00${part}.zip`);
    await zip('in/1', parts[0] as string);
    await zip('in/2', parts[1] as string);
    await rm(join(root, 'in'), { recursive: true });
    const { levels, notes } = await readLevels();
    expect([levels, notes]).toEqual([
      EXPECTED,
      [`The archives ${parts.join(', ')} are read as parts of one set (else: --folders classes).`],
    ]);
    const { dataset } = await load({ reading: { folders: 'classes' } });
    expect(dataset.classes).toEqual(parts.map((path) => path.replace('.zip', '')));
    // Two pictures of one path: either of them would be lost.
    await draw('in/cat/0.png', 'cat');
    await zip('in', 'set-20260101T120000Z-1-003.zip', (path) => `set/${path}`);
    await rm(join(root, 'in'), { recursive: true });
    await expect(load()).rejects.toThrow(/1-003 are named like shards of one set/);
  });

  it('whose files cannot be unpacked is refused by their names', async () => {
    await drawAll((name, i) => `in/${name}/${i}.png`);
    await zip('in', 'locked.zip');
    const bytes = await readFile(join(root, 'locked.zip'));
    for (
      let at = bytes.indexOf('PK\x01\x02');
      at !== -1;
      at = bytes.indexOf('PK\x01\x02', at + 1)
    ) {
      bytes.writeUInt16LE(97, at + 10); // WavPack
    }
    await write('locked.zip', bytes);
    await rm(join(root, 'in'), { recursive: true });
    await expect(load()).rejects.toThrow(
      /it holds nothing\. Not read: (?:cat|dog|eel)\/\d\.png is packed in an unknown way: unpack it \(and 11 more:/,
    );
  });

  it('may name its files from "./" on', async () => {
    await drawAll((name, i) => `in/${name}/${i}.png`);
    const entries: [string, Uint8Array][] = [];
    for (const name of NAMES) {
      entries.push([`./${name}/0.png`, await readFile(join(root, `in/${name}/0.png`))]);
    }
    await write('a.zip', storeZip(entries));
    expect((await readLevels({}, 'a.zip')).levels).toEqual(EXPECTED);
  });

  it('with a link tells what it is', async () => {
    await drawAll((name, i) => `in/${name}/${i}.png`);
    await zip('in', 'links.zip');
    const bytes = await readFile(join(root, 'links.zip'));
    bytes.writeUInt32LE(0o120777 * 65_536, bytes.indexOf('PK\x01\x02') + 38);
    await write('links.zip', bytes);
    await expect(load({}, 'links.zip')).rejects.toThrow(
      /1 of 12 pictures cannot be used: \S+ is a link in the archive: pack what it points to/,
    );
  });

  it('of macOS has names in UTF-8, and one of Windows may have backslashes', async () => {
    await drawAll((name, i) => `in/${name}/${i}.png`);
    await zip('in', 'names.zip', (path) => path.replace('cat', 'kätzchen').replaceAll('/', '\\'));
    const { levels } = await readLevels({}, 'names.zip');
    expect(levels.map(([name]) => name)).toEqual(['dog', 'eel', 'kätzchen']);
  });

  // 表 in Shift-JIS ends with the byte of a backslash.
  it.each<[string, Record<Name, string>, Record<Name, string>, RegExp]>([
    ['Shift-JIS', { cat: '94 4c', dog: '8c a2', eel: '95 5c 8e a6' }, NAMES_OF.japan, /Shift-JIS/],
    [
      'GBK',
      { cat: 'c3 a8', dog: 'b9 b7', eel: 'c2 ca' },
      NAMES_OF.china,
      /GBK: .*If that is wrong/,
    ],
    ['Windows-1252', { cat: '6b e4 74', dog: '64 f6', eel: 'e8 6d' }, NAMES_OF.old, /Windows-1252/],
    ['CP437', { cat: '6b 84 74', dog: '64 94', eel: '8a 6d' }, NAMES_OF.old, /CP437/],
  ])('with names in %s keeps its classes, and says so', async (_, bytes, names, note) => {
    const entries: [Buffer, Uint8Array][] = [];
    for (const name of NAMES) {
      await draw('a.png', name);
      const path = Buffer.from(bytes[name].replaceAll(' ', ''), 'hex');
      entries.push([path, await readFile(join(root, 'a.png'))]);
    }
    await rm(join(root, 'a.png'));
    const file = (path: Buffer) => Buffer.concat([path, Buffer.from('/1.png')]);
    await write('old.zip', storeZip(entries.map(([path, png]) => [file(path), png])));
    const { levels, notes } = await readLevels({}, 'old.zip');
    expect(new Map(levels as [string, number][])).toEqual(
      new Map(NAMES.map((name) => [names[name], LEVELS[name]])),
    );
    expect(notes.join('\n')).toMatch(note);
    for (const [path, png] of entries) {
      await mkdir(Buffer.concat([Buffer.from(join(root, 'in/')), path]), { recursive: true });
      await writeFile(Buffer.concat([Buffer.from(join(root, 'in/')), file(path)]), png);
    }
    execFileSync('tar', ['cf', join(root, 'old.tar'), '-C', join(root, 'in'), '.']);
    expect((await load({}, 'old.tar')).dataset.classes).toHaveLength(3);
  });
});

it('a tar file has hard links, as of pictures that lie there twice, and names what it lacks', async () => {
  await drawAll((name, i) => `in/${name}/${i}.png`);
  for (const i of [0, 1]) {
    await link(join(root, `in/cat/${i}.png`), join(root, `in/eel/twin${i}.png`));
  }
  await symlink('../cat/0.png', join(root, 'in/dog/link.png'));
  await symlink('nowhere', join(root, 'in/dog/away.png'));
  execFileSync('tar', ['cf', join(root, 'set.tar'), '-C', join(root, 'in'), 'cat', 'dog', 'eel']);
  const problems = ['dog/away.png', 'dog/link.png'];
  // Two of fourteen would be too many.
  const refusal = expect(load({}, 'set.tar')).rejects;
  await refusal.toThrow(
    /2 of 16 .*(?:away|link)\.png is a link in the archive: .*tar -h.*\(and 1 more/,
  );
  await Promise.all(problems.map((path) => rm(join(root, 'in', path))));
  execFileSync('tar', ['cf', join(root, 'set.tar'), '-C', join(root, 'in'), 'cat', 'dog', 'eel']);
  // A newer file of the same name replaces the older one, as when they are unpacked.
  execFileSync('tar', ['rf', join(root, 'set.tar'), '-C', join(root, 'in'), 'cat/3.png']);
  expect((await load({}, 'set.tar')).dataset.count).toBe(NAMES.length * EACH + 2);
  const tar = await readFile(join(root, 'set.tar'));
  const frames = [tar.subarray(0, 2000), tar.subarray(2000)].map((part) => zstdCompressSync(part));
  await write('set.tar.zst', Buffer.concat(frames));
  expect((await load({}, 'set.tar.zst')).dataset.count).toBe(NAMES.length * EACH + 2);
  execFileSync('tar', ['cPf', 'out.tar', '../in/cat/0.png'], { cwd: join(root, 'in') });
  await expect(load({}, 'in/out.tar')).rejects.toThrow(/cat\/0\.png has ".." in its path/);
});

it('a packed file of which the start is read is closed', async () => {
  await write('a.csv.gz', gzipSync(randomBytes(1024 * 1024)));
  const packed = createReadStream(join(root, 'a.csv.gz'));
  const file = { path: 'a.csv.gz', size: 0, open: () => Promise.resolve(packed) };
  expect(await readStart(openPacked(file), 10)).toHaveLength(10);
  await (packed.closed || once(packed, 'close'));
  expect(packed.readableEnded).toBe(false);
});

const LFS = 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n';
const PAGE = '<!DOCTYPE html><html><body>Sign in</body></html>';

describe('what lies in the place of pictures is named', () => {
  it.each([
    ['set.zip', PAGE, /set\.zip is a web page: its download failed/],
    ['set.npz', LFS, /set\.npz is only a pointer of Git LFS: fetch the file with git lfs pull/],
    ['train.parquet', LFS, /train\.parquet is only a pointer of Git LFS/],
    ['labels.csv', PAGE, /labels\.csv is a web page/],
    ['set', Buffer.from('\x89HDF\r\n', 'latin1'), /set is not read: read it in Python/],
    ['a.tfrecord-00000-of-00001', 'x', /is not read: read it in Python, and save numpy\.savez/],
    ['set.zip.001', 'x', /set\.zip\.001 is not read: join its parts/],
    ['set.mat', Buffer.from('\x89HDF\r\n', 'latin1'), /set\.mat is no \.mat of level 5.*-v7/],
    ['set.csv', Buffer.from('label,pixel0\n', 'utf16le'), /set\.csv is UTF-16 or UTF-32 without/],
    ['set.csv', `${'<!-- a -->\n'.repeat(40)}<html>`, /set\.csv is a web page/],
    ['set.csv', `${'<!-- a -->\n'.repeat(40)}a,b`, /set\.csv is no table of pixels/],
    ['.a.png.icloud', 'bplist00', /\.a\.png\.icloud is not downloaded from iCloud yet/],
  ])('%s', async (path, content, message) => {
    await write(path, content);
    await expect(load()).rejects.toThrow(message);
    await expect(load()).rejects.toThrow(ExpectedError);
  });

  it('once for each reason', async () => {
    for (const name of ['a.jpg', 'b.jpg', 'c.jpg']) {
      await write(`cat/${name}`, PAGE);
    }
    await write('cat/d.jpg', LFS);
    await expect(load()).rejects.toThrow(
      /4 of 4 pictures cannot be used: cat\/a\.jpg is a web page: its download failed \(and 2 more: cat\/b\.jpg, cat\/c\.jpg\); cat\/d\.jpg is only a pointer of Git LFS: fetch the file with git lfs pull\./,
    );
  });
});

it.each([
  ['https://example.com/set.zip', /nothing is downloaded: download it/],
  ['hf://datasets/mnist', /download it first: hf download OWNER\/NAME --repo-type dataset/],
  ['file:///home/me/set', /give the path without the scheme: \/home\/me\/set/],
  ['~/pictures', /The shell replaces ~ only without quotes/],
  ['pictures/*.png', /Give a folder or a file, no pattern/],
])('a path such as %s gets advice', async (path, message) => {
  await expect(loadDataFolder(path)).rejects.toThrow(message);
});

describe('folders that are no classes', () => {
  it.each([
    [['images', 'masks'], /subfolders masks seem to belong to the pictures of the others/],
    [['JPEGImages', 'SegmentationClass'], /subfolders SegmentationClass seem to belong/],
    [['cat/images', 'cat/masks', 'dog/images'], /subfolders masks seem to belong/],
    [
      ['teste/cat', 'teste/dog', 'treino/cat', 'treino/dog'],
      /teste, treino hold subfolders of the same names \(cat, dog\)\. .*--folders classes/,
    ],
    [
      ['amazon/images/cat', 'amazon/images/dog', 'dslr/images/cat', 'dslr/images/dog'],
      /amazon, dslr hold subfolders of the same names \(cat, dog\)\. .*--folders classes/,
    ],
    [
      ['test/ann/cat', 'train/ann/cat', 'train/ann/dog', 'train/bo/cat', 'train/bo/dog'],
      /ann, bo hold subfolders of the same names \(cat, dog\)\. .*--folders splits/,
    ],
    [['train', 'train_masks', 'test'], /subfolders train_masks seem to belong/],
    [['val_images', 'val_labels'], /subfolders val_labels seem to belong/],
    [['fold1', 'fold2'], /subfolders fold1, fold2 are named like shards/],
    [['09000', '10000'], /subfolders 09000, 10000 are named like shards/],
    [['digits_009', 'digits_010'], /subfolders digits_009, digits_010 are named like shards/],
    [['HAM_part_1', 'HAM_part_2'], /are named like shards of one set/],
  ])('raise a question: %j', async (folders, message) => {
    for (const folder of folders) {
      await draw(`${folder}/a.png`, 'cat');
    }
    await expect(load()).rejects.toThrow(message);
  });

  it.each([
    ['trainA', 'trainB', 'testA', 'testB'],
    ['tr', 'trn', 'te', 'tst'],
    ['trainset', 'trainset_b', 'testset', 'testset_b'],
  ])('are parts when they are named %s, %s, %s and %s, and are told', async (...folders) => {
    for (const folder of folders) {
      await draw(`${folder}/a.png`, 'cat');
    }
    const { dataset, findings, notes } = await load();
    expect([dataset.classes, findings.parts]).toEqual([[], { train: 2, test: 2 }]);
    expect(notes).toEqual([expect.stringContaining('are taken for parts of the set')]);
  });

  it.each([
    ['mask_incorrect', 'with_mask', 'without_mask'],
    ['train/Mask', 'train/No Mask', 'train/Scarf'],
  ])('are not seen in classes of masks: %s, %s, %s', async (...folders) => {
    for (const folder of folders) {
      await draw(`${folder}/a.png`, 'cat');
    }
    expect((await load()).dataset.classes).toHaveLength(3);
  });

  it('are not seen in the numbers of WordNet', async () => {
    for (const folder of ['n02084071', 'n02121808']) {
      await draw(`${folder}/a.png`, 'cat');
    }
    expect((await load()).dataset.classes).toEqual(['n02084071', 'n02121808']);
  });

  it.each(['', 'train/'])('are copies of the set within it: %s', async (folder) => {
    await drawAll((name, i) => `${folder}${name}/${i}.png`);
    await drawAll((name, i) => `${folder}set/${name}/${i}.png`);
    await draw('test/cat/0.png', 'cat');
    await rm(join(root, folder === '' ? 'test' : 'none'), { recursive: true, force: true });
    await expect(load()).rejects.toThrow(
      /set holds subfolders of the same names as those beside it \(cat, dog, eel\)/,
    );
    const { levels } = await readLevels({ reading: { folders: 'classes' } }, folder || '.');
    expect(levels.map(([name]) => name)).toEqual([...NAMES, 'set']);
  });

  it('are told when they lie within the classes', async () => {
    await drawAll((name, i) => `${name === 'cat' ? 'pets' : 'others'}/${name}/${i}.png`);
    expect((await load()).notes).toEqual([
      'The classes are the upper folders; those within are joined (others/dog, others/eel, pets/cat).',
    ]);
  });

  it('are warned of when they differ only by upper and lower case', async () => {
    await draw('Cat/a.png', 'cat');
    await draw('cat/a.png', 'dog');
    const { findings } = await load();
    expect(findings.warnings).toContain(
      'Names of classes differ only by upper and lower case: Cat, cat.',
    );
  });
});

describe('a table of pixels', () => {
  const PIXELS = Array.from({ length: SIDE * SIDE }, (_, k) => k);
  /** Pixels that repeat seldom, and a label for each of the classes. */
  const rows = NAMES.flatMap((name) =>
    Array.from({ length: EACH }, (_, i) => ({
      name,
      cells: PIXELS.map((k) => LEVELS[name] + ((i * 7 + k) % 5)),
    })),
  );
  const labels = NAMES.flatMap((_, label) => Array.from({ length: EACH }, () => label));

  it.each<[string, string, string | Uint8Array]>([
    [
      'label last, without a header',
      'a.csv',
      rows.map(({ name, cells }) => [...cells, NAMES.indexOf(name)].join()).join('\n'),
    ],
    [
      'names of the rows, as of write.table in R',
      'a.txt',
      [
        ['label', ...PIXELS.map((k) => `p${k}`)].join(' '),
        ...rows.map(({ name, cells }, i) => [i + 1, NAMES.indexOf(name), ...cells].join(' ')),
      ].join('\n'),
    ],
    [
      'lists of pixels, below what write.table in R writes',
      'a.csv',
      [
        '"label","pixels"',
        ...rows.map(({ name, cells }, i) => `"${i}",${NAMES.indexOf(name)},"${cells.join(' ')}"`),
      ].join('\n'),
    ],
    [
      'tabs',
      'a.tsv',
      [
        [...PIXELS.map((k) => `p${k}`), 'label'],
        ...rows.map(({ name, cells }) => [...cells, NAMES.indexOf(name)]),
      ]
        .map((row) => row.join('\t'))
        .join('\n'),
    ],
    [
      'a label of another name, and pixels such as 0_1',
      'a.csv',
      [
        ['animal', ...PIXELS.map((k) => `${k >> 3}_${k & 7}`)],
        ...rows.map(({ name, cells }) => [name, ...cells]),
      ]
        .map((row) => row.join())
        .join('\n'),
    ],
    [
      'columns in the order of texts, blanks around the names, and pipes',
      'a.csv',
      [
        ['label', ...PIXELS.map((k) => `pixel${k}`).sort()].join(' | '),
        ...rows.map(({ name, cells }) =>
          [
            NAMES.indexOf(name),
            ...PIXELS.map((k) => `pixel${k}`)
              .sort()
              .map((pixel) => cells[Number(pixel.slice(5))]),
          ].join('|'),
        ),
      ].join('\n'),
    ],
    [
      'labels in Windows’s own encoding',
      'a.csv',
      Buffer.from(
        [
          ['label', ...PIXELS].join(),
          ...rows.map(({ name, cells }) =>
            [{ cat: 'à', dog: 'é', eel: 'ü' }[name], ...cells].join(),
          ),
        ].join('\n'),
        'latin1',
      ),
    ],
    [
      'a column that keeps the last row for evaluation',
      'a.csv',
      [
        ['is_test', 'label', ...PIXELS.map((k) => `p${k}`)],
        ...rows.map(({ name, cells }) => ['False', NAMES.indexOf(name), ...cells]),
        ['True', 0, ...PIXELS],
      ]
        .map((row) => row.join())
        .join('\n'),
    ],
    ...['\r', '\r\n'].map((end): [string, string, string] => [
      `a line that names the delimiter, and lines that end with ${JSON.stringify(end)}`,
      'a.csv',
      ['sep=;', ['label', ...PIXELS].join(';')]
        .concat(rows.map(({ name, cells }) => [NAMES.indexOf(name), ...cells].join(';')))
        .join(end),
    ]),
    [
      'two frames of Zstandard, as pzstd writes them',
      'a.csv.zst',
      Buffer.concat([
        Buffer.from('502a4d180400000001020304', 'hex'), // A frame to skip.
        zstdCompressSync(`${['label', ...PIXELS].join()}\n`),
        zstdCompressSync(
          rows.map(({ name, cells }) => [NAMES.indexOf(name), ...cells].join()).join('\n'),
        ),
      ]),
    ],
    [
      'gzip',
      'a.csv.gz',
      gzipSync(
        [['label', ...PIXELS], ...rows.map(({ name, cells }) => [NAMES.indexOf(name), ...cells])]
          .map((row) => row.join())
          .join('\n'),
      ),
    ],
  ])('may have %s', async (_, path, content) => {
    await write(path, content);
    const { dataset } = await load();
    expect([...dataset.labels]).toEqual(labels);
    expect([...dataset.images]).toEqual(rows.flatMap(({ cells }) => cells));
  });

  it('is refused when its packed file is cut off', async () => {
    const table = zstdCompressSync(rows.map(({ cells }) => cells.join()).join('\n'));
    for (const end of [-1, -table.length >> 1]) {
      await write('a.csv.zst', table.subarray(0, end));
      await expect(load()).rejects.toThrow(/a\.csv is damaged/);
    }
  });

  it('may lie in a partition that is named by a column and its class', async () => {
    for (const name of ['cat', 'dog']) {
      await write(`label=${name}/a.csv`, [PIXELS, PIXELS.map((k) => 4 * k)].join('\n'));
    }
    expect((await load()).dataset.classes).toEqual(['cat', 'dog']);
  });

  it('is told with the others of one set, which may be parts', async () => {
    const table = [['label', ...PIXELS], ...rows.map(({ name, cells }) => [name, ...cells])];
    for (const name of ['teste', 'treino']) {
      await write(`${name}.csv`, table.join('\n'));
    }
    const told = /^Trained on together: teste\.csv, treino\.csv\. Call parts of a set train/;
    expect((await load()).notes).toEqual([expect.stringMatching(told)]);
  });

  it('may have all red pixels before the green and blue ones', async () => {
    const header = ['r', 'g', 'b'].flatMap((letter) => PIXELS.map((k) => `${letter}${k}`));
    await write(
      'a.csv',
      [header, header.map((name) => ({ r: 200, g: 100, b: 50 })[name[0] as 'r'])]
        .map((row) => row.join())
        .join('\n'),
    );
    const { dataset } = await load();
    expect([...dataset.images.subarray(0, 6)]).toEqual([200, 100, 50, 200, 100, 50]);
  });
});

it('a file that lies packed beside itself is read once, and that is told', async () => {
  const table = [
    'label,pixels',
    ...NAMES.map((name) => `${name},"[${Array(64).fill(200).join()}]"`),
  ];
  await write('train.csv', table.join('\n'));
  await write('train.csv.gz', gzipSync(table.join('\n')));
  const { dataset, notes } = await load();
  expect([dataset.count, dataset.classes]).toEqual([3, NAMES]);
  expect(notes).toContain('Not read, because they lie here unpacked, too: train.csv.gz');
});

it('CIFAR needs no test file, names what is not read, and is asked about when there are two', async () => {
  const batch = Buffer.alloc(3073 * 4, 200);
  [0, 1, 0, 1].forEach((label, i) => (batch[3073 * i] = label));
  await write('a/data_batch_1.bin', batch);
  await write('a/test_batch.bin', batch.subarray(1));
  await write('a/batches.meta.txt', 'cat\ndog\n');
  await draw('b.png', 'cat');
  const { dataset, notes } = await load();
  expect([dataset.count, dataset.classes, notes]).toEqual([
    4,
    ['cat', 'dog'],
    [
      expect.stringMatching(/^The test file is left out: a\/test_batch\.bin is no file of CIFAR/),
      'Only the CIFAR files are read; not used: b.png',
    ],
  ]);
  await expect(load({ part: 'test' })).rejects.toThrow(/test_batch\.bin is no file of CIFAR/);
  await write('b/data_batch_1.bin', batch);
  await write('b/batches.meta.txt', 'cat\ndog\n');
  await expect(load()).rejects.toThrow(/holds several sets of CIFAR: give one of a\/, b\//);
});

describe('colours in flat rows', () => {
  /** Smooth pictures with red, green and blue of each pixel, or with all red numbers first. */
  const shade = (i: number, at: number, colour: number): number =>
    [40 + 9 * (at >> 3) + i, 200 - 8 * (at & 7), 120 + (at >> 3) * (at & 7)][colour] as number;
  const draw3 = (isPlanar: boolean) =>
    Array.from({ length: 12 }, (_, i) =>
      Array.from({ length: 192 }, (__, k) =>
        isPlanar ? shade(i, k % 64, Math.floor(k / 64)) : shade(i, Math.floor(k / 3), k % 3),
      ),
    );
  const formats: [string, (rows: number[][]) => string | Uint8Array][] = [
    ['a.npy', (rows) => encodeNpy([12, 192], Uint8Array.from(rows.flat()))],
    ['a.csv', (rows) => rows.join('\n')],
    ['named.csv', (rows) => [rows[0]?.map((_, k) => `pixel${k}`), ...rows].join('\n')],
    ['lists.csv', (rows) => ['pixels,n', ...rows.map((row) => `"[${row.join()}]",1`)].join('\n')],
    ['a.json', (rows) => JSON.stringify(rows.map((image) => ({ image })))],
  ];
  it.each(formats)('are ordered by what the pixels show: %s', async (path, format) => {
    for (const isPlanar of [false, true]) {
      await write(path, format(draw3(isPlanar)));
      const { dataset, notes } = await load();
      expect([...dataset.images]).toEqual(draw3(false).flat());
      expect(notes.join()).toMatch(
        isPlanar ? /192 numbers .* all red ones first/ : /192 numbers .* of each pixel together/,
      );
    }
  });

  it('are features beside pictures', async () => {
    await write('images.npy', encodeNpy([12, 8, 8], new Uint8Array(768).fill(200)));
    await write('features.npy', encodeNpy([12, 192], new Uint8Array(12 * 192).fill(9)));
    expect((await load()).dataset).toMatchObject({ count: 12, width: 8, channels: 1 });
  });
});

it('a file of Arrow may have the names of WebDataset', async () => {
  await drawAll((name, i) => `${name}${i}.png`);
  const files = NAMES.map((name) => readFile(join(root, `${name}0.png`)));
  const columns = { jpg: await Promise.all(files), cls: NAMES, __key__: ['a', 'b', 'c'] };
  const types = { jpg: binary(), cls: utf8(), __key__: utf8() };
  const table = tableToIPC(tableFromArrays(columns, { types }), { format: 'file' });
  await write('in/a.arrow', table as Uint8Array);
  expect((await readLevels({}, 'in')).levels).toEqual(EXPECTED);
});

it('a file of Arrow may have masks before the pictures, which is told', async () => {
  await drawAll((name, i) => `${name}${i}.png`);
  const [image, mask] = [
    await readFile(join(root, 'cat0.png')),
    await readFile(join(root, 'eel0.png')),
  ];
  const types = { mask: binary(), image: binary(), label: utf8() };
  const columns = { mask: [mask, mask], image: [image, image], label: ['cat', 'cat'] };
  const table = tableToIPC(tableFromArrays(columns, { types }), { format: 'file' });
  await write('in/a.arrow', table as Uint8Array);
  const { levels, notes } = await readLevels({}, 'in');
  expect([levels, notes]).toEqual([
    [['cat', LEVELS.cat]],
    ['The column label has the classes, image the pictures; not used: mask.'],
  ]);
});

it('texts as labels in a file of Arrow lack blanks, and may lack in a few rows', async () => {
  await draw('a.png', 'cat');
  const png = await readFile(join(root, 'a.png'));
  await rm(join(root, 'a.png'));
  const label = Array.from({ length: 40 }, (_, i) => ['cat', 'dog ', 'dog'][i % 3] as string);
  const image = label.map(() => png);
  label[7] = '';
  const types = { image: binary(), label: utf8() };
  for (const name of ['a', 'b', 'c']) {
    const table = tableToIPC(tableFromArrays({ image, label }, { types }), { format: 'file' });
    await write(`${name}.arrow`, table as Uint8Array);
  }
  const { dataset, findings, notes } = await load();
  expect([dataset.count, dataset.classes]).toEqual([117, ['cat', 'dog']]);
  expect(notes).toEqual([
    expect.stringContaining('Trained on together: a.arrow, b.arrow, c.arrow'),
  ]);
  expect(findings.problems[0]).toEqual({ name: 'a.arrow, row 7', reason: 'has no label' });
});

it('Parquet is told by its content, and a name of a file is no pattern in advice', async () => {
  await write('a.pq', 'PAR1');
  await expect(load()).rejects.toThrow(/a\.pq cannot be read/);
  await write("in/$'.xz", 'a');
  await expect(load({}, 'in')).rejects.toThrow("unpack it: xz -dk $'.xz");
  await write('wget/a.npy?download=1', 'a');
  await expect(load({}, 'wget')).rejects.toThrow("take its URL's query off its name");
});

it.each([
  ['a.csv', 'image,label\niVBORw0KGgoAAAANSUhEUg,cat', /a\.csv has pictures as text \(base64\)/],
  ['a.json', '[{"image": "data:image/png;base64,iVBO"}]', /a\.json has pictures as text/],
  ['a.json', '[[1, 2], [3, 4]]', /a\.json is no table of pixels: expected rows such as/],
  ['a.pkl', '\x80\x04\x95\x8c\x13joblib.numpy_pickle\x94', /a\.pkl is a file of joblib: numpy/],
])('a file %s of another kind is refused with advice: %j', async (path, content, message) => {
  await write(path, Buffer.from(content, 'latin1'));
  await expect(load()).rejects.toThrow(message);
});

it('pictures that are named like masks of others are told', async () => {
  await drawAll((name, i) => `${name}${i}.png`);
  await draw('a/cat0_mask.png', 'cat');
  const { notes } = await readLevels({ reading: { folders: 'none' } });
  expect(notes.join()).toMatch(/1 pictures are named like masks of others \(a\/cat0_mask\.png\)/);
});

it('raw files of cameras are passed over, and named when they are alone', async () => {
  await drawAll((name, i) => `in/${name}${i}.png`);
  await write('in/IMG_1.DNG', 'II*\0');
  const { count, notes } = await readLevels({}, 'in');
  expect([count, notes.at(-1)]).toEqual([12, 'Passed over what is no picture: IMG_1.DNG']);
  await write('IMG_1.NEF', 'II*\0');
  await rm(join(root, 'in'), { recursive: true });
  await expect(load()).rejects.toThrow(/IMG_1\.NEF is not read: save its picture as PNG or JPEG/);
});

it('a ZIP archive with a path out of it keeps its other pictures', async () => {
  await draw('in/cat0.png', 'cat');
  const png = await readFile(join(root, 'in/cat0.png'));
  const entries = Array.from({ length: 40 }, (_, i) => [`${i}.png`, png] as const);
  await write('a.zip', storeZip([...entries, ['../up.txt', png]]));
  const { dataset, findings } = await load({}, 'a.zip');
  expect([dataset.count, findings.problems]).toEqual([
    40,
    [{ name: '../up.txt', reason: 'has a path out of the archive: pack it without' }],
  ]);
});

describe('arrays', () => {
  it('of labels may be several, of which the one with the shortest name counts', async () => {
    await write('x.npy', encodeNpy([12, 8, 8], new Uint8Array(768).fill(200)));
    for (const [name, classes] of [
      ['coarse_labels', 2],
      ['labels', 3],
    ] as const) {
      const values = new Uint8Array(12).map((_, i) => i % classes);
      await write(`${name}.npy`, encodeNpy([12], values));
    }
    const { dataset, notes } = await load();
    expect([dataset.classes, notes]).toEqual([
      ['0', '1', '2'],
      ['Used: x, labels; not used: coarse_labels [12]'],
    ]);
  });

  it('named classes are the names of the classes where they are fewer than the pictures', async () => {
    await write('x.npy', encodeNpy([12, 8, 8], new Uint8Array(768).fill(200)));
    await write(
      'labels.npy',
      encodeNpy(
        [12],
        new Uint8Array(12).map((_, i) => i % 3),
      ),
    );
    const header = "{'descr': '|S3', 'fortran_order': False, 'shape': (3,), }".padEnd(117);
    const start = Buffer.from([0x93, 78, 85, 77, 80, 89, 1, 0, 118, 0]);
    await write('classes.npy', Buffer.concat([start, Buffer.from(`${header}\ncatdogeel`)]));
    expect((await load()).dataset.classes).toEqual(NAMES);
  });

  it.each([
    [[16, 16, 3], /shape \[16, 16, 3\].*one picture: stack them/],
    [
      [64, 200, 10],
      /shape \[64, 200, 10\].*pixels, pictures, classes.*reshape\(-1, 64\).*range\(10\), 200\)/,
    ],
  ])('of another order are refused, not taken for thin ones: %j', async (shape, message) => {
    const size = shape.reduce((a, b) => a * b);
    await write('a.npy', encodeNpy(shape, new Uint8Array(size).fill(9)));
    await expect(load()).rejects.toThrow(message);
  });

  it.each([
    [50, 1, 64],
    [50, 64, 1],
  ])(
    'may have an axis for their only colour beside flat pixels: [%i, %i, %i]',
    async (...shape) => {
      await write('a.npy', encodeNpy(shape, new Uint8Array(3200).fill(200)));
      expect((await load()).dataset).toMatchObject({ count: 50, width: 8, height: 8, channels: 1 });
    },
  );

  it.each<[string, string, string]>([
    ['the labels as numbers', 'class_names.json', '{"1": "A", "2": "B", "3": "C"}'],
    ['the names before the labels', 'class_names.json', '{"A": 1, "B": 2, "C": 3}'],
    ['the name of Keras', 'class_indices.json', '{"A": 1, "B": 2, "C": 3}'],
    ['the name of TorchServe', 'index_to_name.json', '{"1": "A", "2": "B", "3": "C"}'],
    ['the name of Udacity', 'cat_to_name.json', '{"1": "A", "2": "B", "3": "C"}'],
    ['numbered lines', 'classes.txt', '1 A\n2 B\n3 C\n'],
    ['an empty line for label 0', 'classes.txt', '\nA\nB\nC\n'],
  ])('with labels from 1 are named by a list with %s', async (_, path, content) => {
    await write('x.npy', encodeNpy([12, 8, 8], new Uint8Array(768).fill(200)));
    await write(
      'y.npy',
      encodeNpy(
        [12],
        new Uint8Array(12).map((__, i) => 1 + (i % 3)),
      ),
    );
    await write(path, content);
    const { dataset, notes } = await load();
    expect([dataset.classes, notes.at(-1)]).toEqual([
      ['A', 'B', 'C'],
      `The classes are named by ${path}: 1 is A.`,
    ]);
    await write(path, 'A\nB\nC\n');
    expect((await load()).notes.join()).toMatch(
      /is not used for the names of classes: it has no name for the label/,
    );
  });

  it('with a picture for each name are refused, not read as rows of small ones', async () => {
    for (const name of ['ada', 'bob']) {
      await write(`${name}.npy`, encodeNpy([16, 16], new Uint8Array(256).fill(200)));
    }
    await expect(load()).rejects.toThrow(
      /2 arrays with as many rows as columns \(ada \[16, 16\], bob \[16, 16\]\): each seems/,
    );
  });

  it('have their labels in a list of JSON', async () => {
    const labels = ['cat', 'dog', 'cat', 'dog'];
    await write('images.npy', encodeNpy([4, 8, 8], new Uint8Array(256).fill(200)));
    await write('labels.json', JSON.stringify(labels));
    const { dataset } = await load();
    expect([...dataset.labels].map((label) => dataset.classes[label])).toEqual(labels);
  });

  it('of labels beside pictures are refused with what to write instead', async () => {
    await draw('images/0.png', 'cat');
    await write('labels.npy', encodeNpy([1], new Uint8Array(1)));
    await expect(load()).rejects.toThrow(
      /name the file or the folder.*CSV table with file names: file,label/,
    );
  });

  it('of one name in several folders are refused, not joined', async () => {
    for (const folder of ['cat', 'dog']) {
      await write(`${folder}/0.npy`, encodeNpy([2, 8, 8], new Uint8Array(128).fill(9)));
    }
    await expect(load()).rejects.toThrow(
      /several arrays named 0: expected one file for each class/,
    );
  });
});

it('reads PGM and PPM files, with 8 or 16 bits', async () => {
  const header = (kind: string, largest: number) =>
    Buffer.from(`${kind}\n# old\n8 8\n${largest}\n`);
  await write('a.pgm', Buffer.concat([header('P5', 255), Buffer.alloc(64, 70)]));
  await write('b.pgm', Buffer.concat([header('P5', 65535), Buffer.alloc(128, 0x80)]));
  await write('c.ppm', Buffer.concat([header('P6', 15), Buffer.alloc(192, 15)]));
  const { dataset } = await load();
  expect([0, 64, 128].map((at) => dataset.images[at])).toEqual([70, 128, 255]);
  await write('d.ppm', Buffer.concat([header('P6', 255), Buffer.alloc(10)]));
  await expect(load()).rejects.toThrow(/d\.ppm is truncated/);
});
