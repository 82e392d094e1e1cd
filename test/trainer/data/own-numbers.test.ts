/** Numbers and labels that would be misread in silence: ranges, bits, labels apart, sheets. */
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeNpy } from '../../../shared/array-headers.ts';
import { loadDataFolder, type ReadingRequest } from '../../../trainer/data/data-folder.ts';
import { normaliseLabel } from '../../../trainer/data/labels/label-column.ts';
import { readLines } from '../../../trainer/data/labels/text-encoding.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'digitmint-numbers-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const load = (reading: ReadingRequest = {}) => loadDataFolder(root, { reading });

async function write(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), content);
}

/** Two pictures of 8 x 8 whose numbers are these, again and again. */
const writeFloats = (path: string, numbers: readonly number[]): Promise<void> => {
  const all = Float32Array.from({ length: 128 }, (_, i) => numbers[i % numbers.length] as number);
  const npy = Buffer.from(encodeNpy([2, 8, 8], new Uint8Array(all.buffer)));
  npy.write('<f4', npy.indexOf('|u1'));
  return write(path, npy);
};

/** A table of 3 pictures of 4 x 4 in the classes a and b. */
const TABLE = ['a', 'b', 'a'].map((name, i) => [
  name,
  ...Array.from({ length: 16 }, () => i * 100),
]);
const HEADER = ['label', ...Array.from({ length: 16 }, (_, i) => `pixel${i}`)];

describe('a table of pixels', () => {
  it.each([
    ['an empty line', '\n'],
    ['a line of empty cells', `${','.repeat(16)}\n`],
    ['several of both', `\n${','.repeat(16)}\n\n`],
  ])('may begin with %s, and keeps its classes', async (_, before) => {
    await write('set.csv', `${before}${[HEADER, ...TABLE].map((row) => row.join()).join('\n')}\n`);
    const { dataset, findings } = await load();
    expect([dataset.classes, [...dataset.labels]]).toEqual([
      ['a', 'b'],
      [0, 1, 0],
    ]);
    expect(findings.problems).toEqual([]);
  });

  it('may lack labels in its test part, whose faults do not count', async () => {
    const lines = (table: unknown[][]) => [HEADER, ...table].map((row) => row.join()).join('\n');
    const bare = TABLE.map(([, ...cells]) => ['', ...cells]);
    await write('train.csv', lines(TABLE));
    await write('test.csv', lines([...bare, ['b', 'x']]));
    const { dataset, findings } = await load();
    expect([dataset.count, dataset.classes, findings.problems]).toEqual([3, ['a', 'b'], []]);
    await write('test.csv', lines([...TABLE, ['b', 'x']]));
    const test = loadDataFolder(root, { part: 'test' });
    await expect(test).rejects.toThrow(/1 of 4 .*test\.csv, line 5 has 2 columns/);
    await write('train.csv', lines([...TABLE, ...bare]));
    await expect(load()).rejects.toThrow(/3 of 6 .*train\.csv, line 5 has no label/);
  });

  it.each<[string, (row: readonly unknown[]) => string]>([
    ['a.csv', (row) => row.join()],
    [
      'a.jsonl',
      ([writer, char, ...image]) =>
        writer === 'writer' ? '' : JSON.stringify({ writer, char, image }),
    ],
  ])('without classes names its other columns: %s', async (path, format) => {
    const rows = TABLE.map(([char, ...cells]) => [7, char, ...cells]);
    await write(
      path,
      [['writer', 'char', ...HEADER.slice(1)], ...rows].map(format).join('\n').trim(),
    );
    expect((await load()).notes).toEqual([
      `${path}: no column has classes; not used: writer, char. Call the one with the classes "label".`,
    ]);
  });

  it('is refused when its rows of JSON have too many keys', async () => {
    const rows = Array.from({ length: 10_001 }, (_, i) => JSON.stringify({ [`k${i}`]: 1 }));
    await write('a.jsonl', rows.join('\n'));
    await expect(load()).rejects.toThrow(/a\.jsonl has 10001 rows with 10001 different keys/);
  });

  const collect = async (open: () => Promise<Readable>) => {
    const lines: string[] = [];
    for await (const line of readLines({ path: 'a.csv', size: 0, open })) {
      lines.push(line);
    }
    return lines;
  };

  it('may be in the encoding of Windows, wherever its bytes are cut', async () => {
    const bytes = Buffer.from('a,Caf\xe9\nb,\xfcber\nc,\xe9', 'latin1');
    for (let cut = 0; cut < bytes.length; cut++) {
      const parts = [bytes.subarray(0, cut), bytes.subarray(cut)];
      const open = () => Promise.resolve(Readable.from(parts.filter(({ length }) => length > 0)));
      expect(await collect(open)).toEqual(['a,Café', 'b,über', 'c,é']);
    }
    const letters = Buffer.from('é€😀\né');
    const open = () => Promise.resolve(Readable.from([...letters].map((byte) => Buffer.of(byte))));
    expect(await collect(open)).toEqual(['é€😀', 'é']);
  });

  it.each(['rows first, in the order of texts', 'columns first, in the order of pixels'])(
    'may have two numbers in the names of its pixels: %s',
    async (order) => {
      const isOfTexts = order.startsWith('rows');
      const places = Array.from({ length: 144 }, (_, k) => [Math.floor(k / 12), k % 12] as const);
      const columns = places.map(([y, x]) => ({
        name: isOfTexts ? `${y}_${x}` : `${x}_${y}`,
        value: y * 20 + x,
      }));
      const sorted = isOfTexts ? columns.toSorted((a, b) => (a.name < b.name ? -1 : 1)) : columns;
      const row = sorted.map(({ value }) => value).join();
      await write('set.csv', [sorted.map(({ name }) => name).join(), row, row].join('\n'));
      const { images } = (await load()).dataset;
      expect([...images.subarray(0, 144)]).toEqual(columns.map(({ value }) => value));
    },
  );

  it('may hold the delimiter in quoted cells', async () => {
    const rows = [HEADER, ...TABLE].map(([first, ...rest]) => [`"${first}, so"`, ...rest].join());
    await write('set.csv', `${rows.join('\n')}\n`.replace('label, so', 'label'));
    expect((await load()).dataset.classes).toEqual(['a, so', 'b, so']);
  });
});

it.each(['a.pkl', 'a.p', 'a'])(
  'arrays of pickles that NumPy 2.4 keeps as they lie are turned: %s',
  async (path) => {
    const values = Uint8Array.from({ length: 192 }, (_, i) => i); // [x, picture, y]
    const text = (word: string) => ['X', word.length, 0, 0, 0, word];
    const call = (name: string, ...given: (string | number)[]) => ['c', name, '(', ...given, 'tR'];
    const tuple = (...sizes: number[]) => ['(', ...sizes.flatMap((size) => ['K', size]), 't'];
    const pickle = [
      '\x80',
      5,
      ...call(
        'numpy._core.numeric\n_frombuffer\n',
        'B',
        values.length,
        0,
        0,
        0,
        ...values,
        ...call('numpy\ndtype\n', ...text('u1')),
        ...tuple(8, 3, 8),
        ...text('K'),
        ...tuple(1, 2, 0),
      ),
      '.',
    ];
    await write(
      path,
      Buffer.concat(
        pickle.map((part) =>
          typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.of(part),
        ),
      ),
    );
    const { dataset } = await load();
    const expected = values.map((_, i) => ((i % 8) * 3 + Math.floor(i / 64)) * 8 + ((i >> 3) % 8));
    expect([dataset.count, [...dataset.images]]).toEqual([3, [...expected]]);
  },
);

it('arrays of pictures that are named as labels are no class, and pictures counted last are told', async () => {
  await writeFloats('x.npy', [0, 1]);
  await writeFloats('y.npy', [1, 0]);
  await expect(load()).rejects.toThrow(/several arrays of images .*x \[2, 8, 8\], y \[2, 8, 8\]/);
  await rm(join(root, 'y.npy'));
  for (const [first, second] of [
    ['images', 'noise'],
    ['cells', 'masks'],
  ]) {
    const names = [`${first}.npy`, `${second}.npy`] as const;
    await writeFloats(`set/${names[0]}`, [0, 1]);
    await writeFloats(`set/${names[1]}`, [1, 0]);
    await expect(loadDataFolder(join(root, 'set'))).rejects.toThrow(/several arrays of images/);
    await rm(join(root, 'set'), { recursive: true });
  }
  await write('x.npy', Buffer.from(encodeNpy([8, 8, 160], new Uint8Array(10_240))));
  await expect(load()).rejects.toThrow(/\[8, 8, 160\].*numpy\.moveaxis/);
});

it.each([
  ['3.0', '3'],
  ['3,0', '3'],
  ['3.000e+00', '3'],
  ['NaN', ''],
  ['4E01', '4E01'],
  ['007', '007'],
  ['0', '0'],
])('the label %j is %j', (cell, label) => expect(normaliseLabel(cell)).toBe(label));

it('arrays of Python 2 may have long sizes', async () => {
  const npy = Buffer.from(encodeNpy([2, 8, 8], new Uint8Array(128).fill(255)));
  npy.write('(2L, 8L, 8L), }', npy.indexOf('(2, 8, 8)'));
  await write('x.npy', npy);
  expect((await load()).dataset.count).toBe(2);
});

describe('numbers of arrays', () => {
  it.each<[string, number[], number[], RegExp]>([
    ['that resizing took beyond 0 and 1', [0, 0.5, 1, 1.06], [0, 128, 255, 255], /0 is taken/],
    ['that fall a little below 0', [-0.05, 0.5, 1, 0], [0, 128, 255, 0], /1 for white/],
    ['around 0', [-0.5, 0, 0.5, 0.25], [0, 128, 255, 191], /-0\.5 is taken for black, 0\.5 for/],
    ['around 0 that are grey', [-0.3, 0, 0.5, 0.1], [89, 128, 191, 140], /-1 is taken for black/],
    ['of 12 bits', [0, 2048, 4095, 0], [0, 128, 255, 0], /4095 for white/],
    ['of 10 bits', [0, 512, 1000, 0], [0, 128, 249, 0], /1023 for white/],
    ['of 16 bits', [0, 32768, 60000, 0], [0, 128, 233, 0], /65535 for white/],
  ])('%s keep black and white', async (_, numbers, bytes, note) => {
    await writeFloats('a.npy', numbers);
    const { dataset, notes } = await load();
    expect([...dataset.images.subarray(0, 4)]).toEqual(bytes);
    expect(notes.join('\n')).toMatch(note);
  });

  it('have one range in all parts, however dark a part is', async () => {
    await writeFloats('x_train.npy', [0, 255, 100, 3]);
    await writeFloats('x_test.npy', [0, 1, 0, 1]);
    const { dataset } = await loadDataFolder(root, { part: 'test' });
    expect(Math.max(...dataset.images)).toBe(1);
  });

  it('around 0 are asked about: they are no dark pictures of 12 bits', async () => {
    await writeFloats('centred.npy', [-142, 0, 100, 252]);
    await expect(load()).rejects.toThrow(/numbers from -142 to 252, .*--range=-142\.\.252/);
  });

  it('of an unknown scale are asked about, and --range answers', async () => {
    await writeFloats('digits.npy', [0, 8, 16, 4]);
    await expect(load()).rejects.toThrow(/numbers from 0 to 16, .*--range=0\.\.16/);
    const { dataset, reading } = await load({ range: [0, 16] });
    expect([...dataset.images.subarray(0, 4)]).toEqual([0, 128, 255, 64]);
    expect(reading.range).toEqual([0, 16]);
    await expect(load({ range: [0, 1] })).rejects.toThrow(/--range 0\.\.1: .* from 0 to 16/);
  });
});

/** A grey picture of 16 bits whose largest number is given. */
const draw16 = (largest: number) =>
  sharp(
    Uint16Array.from({ length: 64 }, (_, i) => Math.round((largest * i) / 63)),
    { raw: { width: 8, height: 8, channels: 1 } },
  ).toColourspace('grey16');

it.each([
  ['PNG', 4095, 255],
  ['TIFF', 4095, 255],
  ['TIFF', 16_000, 249],
  ['PNG', 40_000, 156],
])(
  'pictures of 16 bits that use fewer are not dark: %s up to %i',
  async (format, largest, most) => {
    const file = draw16(largest);
    await write(
      'a.img',
      await (format === 'PNG' ? file.png() : file.tiff({ compression: 'lzw' })).toBuffer(),
    );
    await write('b.img', await draw16(100).png().toBuffer());
    const { dataset, notes } = await load();
    expect(Math.max(...dataset.images)).toBe(most);
    expect(/is taken for black/.test(notes.join('\n'))).toBe(largest < 20_000);
    const { dataset: dark } = await load({ range: [0, 65_535] });
    expect(Math.abs(Math.max(...dark.images) - largest / 257)).toBeLessThan(1);
  },
);

it('parts are read with the range and the colours of the training part', async () => {
  await write('train/a.png', await draw16(4095).png().toBuffer());
  await write('test/a.png', await draw16(1008).png().toBuffer());
  const rgb = { width: 8, height: 8, channels: 3 as const, background: 'red' };
  await write('test/b.png', await sharp({ create: rgb }).png().toBuffer());
  for (const grey of [true, false]) {
    const { dataset, reading } = await load();
    expect([dataset.channels, reading.grey, reading.range]).toEqual([
      grey ? 1 : 3,
      grey,
      [0, 4095],
    ]);
    const { dataset: other } = await loadDataFolder(root, { reading, part: 'test' });
    const white = 63 * dataset.channels;
    expect([other.channels, other.images[white]]).toEqual([dataset.channels, 63]);
    expect((await load(reading)).dataset).toEqual(dataset);
    await rm(join(root, 'test/b.png'), { force: true });
    await write('train/c.png', await sharp({ create: rgb }).png().toBuffer());
  }
});

it('--range beside pictures of 8 bits is refused', async () => {
  const picture = sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } });
  await write('a.png', await picture.png().toBuffer());
  await expect(load({ range: [0, 15] })).rejects.toThrow(/--range is for arrays, tables and/);
});

describe('labels in a table of their own', () => {
  const pixels = (i: number) => Array.from({ length: 64 }, (_, k) => 100 * (i % 2) + k);
  const header = Array.from({ length: 64 }, (_, k) => `pixel${k}`).join();
  const features = (rows: number, start = header) =>
    [start, ...Array.from({ length: rows }, (_, i) => pixels(i).join())].join('\n');
  const labels = ['dog', 'cat', 'dog', 'cat', 'dog', 'cat'];

  it.each([
    ['X_train.csv', 'y_train.csv', ['label', ...labels]],
    ['train_images.csv', 'train_labels.csv', labels],
    ['X.csv', 'y.csv', ['"x"', ...labels.map((label, i) => `"${i + 1}","${label}"`)]],
    ['x.csv', 'y.csv', ['id,species', ...labels.map((label, i) => `${i},${label}`)]],
  ])('are those of the pixels in %s', async (images, beside, lines) => {
    await write(images, features(6));
    await write(beside, lines.join('\n'));
    const { dataset, notes } = await load();
    expect([dataset.classes, [...dataset.labels]]).toEqual([
      ['cat', 'dog'],
      [1, 0, 1, 0, 1, 0],
    ]);
    expect(notes.join('\n')).toContain(beside);
  });

  it.each([
    ['shuffled alike', [4, 1, 0, 3, 5, 2], [4, 1, 0, 3, 5, 2]],
    ['shuffled, and labels in order', [4, 1, 0, 3, 5, 2], [0, 1, 2, 3, 4, 5]],
    ['a part of them', [4, 1, 2, 3], [5, 0, 1, 2, 4, 3]],
  ])('are found by the numbers that Pandas gives the rows: %s', async (_, rows, order) => {
    const table = rows.map((i) => `${i},${pixels(i).join()}`);
    await write('X_train.csv', [`,${header}`, ...table].join('\n'));
    await write('y_train.csv', [',label', ...order.map((i) => `${i},${labels[i]}`)].join('\n'));
    const { dataset, notes } = await load();
    expect([...dataset.labels].map((label) => dataset.classes[label])).toEqual(
      rows.map((i) => labels[i]),
    );
    expect([...dataset.labels].map((__, i) => dataset.images[i * 64])).toEqual(
      rows.map((i) => 100 * (i % 2)),
    );
    expect(notes.join()).toContain('those of y_train.csv, by the numbers of the rows.');
  });

  it('may have names, beside pixels without any', async () => {
    await write('X.csv', features(6));
    await write(
      'y.csv',
      ['image_id,label', ...labels.map((label, i) => `a${9 - i},${label}`)].join('\n'),
    );
    expect([...(await load()).dataset.labels]).toEqual([1, 0, 1, 0, 1, 0]);
  });

  it('are found by the column that both tables have, not by another that counts rows', async () => {
    const rows = [4, 1, 0, 3, 5, 2];
    const table = rows.map((id, i) => `${i},a${id},${pixels(id).join()}`);
    await write('X.csv', [`index,image_id,${header}`, ...table].join('\n'));
    await write(
      'y.csv',
      ['image_id,label', ...labels.map((label, i) => `a${i},${label}`)].join('\n'),
    );
    const { dataset } = await load();
    expect([...dataset.labels].map((label) => dataset.classes[label])).toEqual(
      rows.map((i) => labels[i]),
    );
  });

  it('are not used in another order than that of pixels without numbers', async () => {
    await write('X_train.csv', features(6));
    await write(
      'y_train.csv',
      [',label', ...labels.map((label, i) => `${5 - i},${label}`)].join('\n'),
    );
    const { dataset, notes } = await load();
    expect([dataset.classes, notes.join()]).toEqual([[], expect.stringContaining('y_train.csv')]);
  });

  it('belong to the part that their folder tells, as the pixels do', async () => {
    for (const [part, rows] of [
      ['train', 6],
      ['test', 4],
    ] as const) {
      await write(`${part}/X.csv`, features(rows));
      await write(`${part}/y.csv`, labels.slice(0, rows).join('\n'));
    }
    const { dataset } = await load();
    expect([dataset.classes, [...dataset.labels]]).toEqual([
      ['cat', 'dog'],
      [1, 0, 1, 0, 1, 0],
    ]);
  });

  const lists = (rows: number) =>
    JSON.stringify(Array.from({ length: rows }, (_, i) => ({ pixels: pixels(i) })));
  const array = (rows: number) => encodeNpy([rows, 8, 8], new Uint8Array(64 * rows).fill(200));

  it.each<[string[], string[]]>([
    [
      ['train/cat.csv', 'train/dog.csv', 'test/cat.csv'],
      ['cat', 'dog'],
    ],
    [
      ['0.csv', '1.csv'],
      ['0', '1'],
    ],
    [
      ['train/0.csv', 'train/1.csv', 'test/1.csv'],
      ['0', '1'],
    ],
    [
      ['set/cat/a.csv', 'set/dog/a.csv'],
      ['cat', 'dog'],
    ],
    [
      ['train/cat/a.csv', 'train/dog/a.csv', 'test/dog/a.csv'],
      ['cat', 'dog'],
    ],
    [
      ['cat.json', 'dog.json'],
      ['cat', 'dog'],
    ],
    [
      ['train/0.npy', 'train/1.npy', 'test/1.npy'],
      ['0', '1'],
    ],
    [
      ['tester.npy', 'valley.npy'],
      ['tester', 'valley'],
    ],
  ])('are the names of the files: %j', async (paths, classes) => {
    for (const path of paths) {
      const content = { csv: features, json: lists, npy: array }[path.split('.')[1] as 'csv'];
      await write(path, content(3));
    }
    const { dataset } = await load();
    expect([dataset.classes, [...dataset.labels]]).toEqual([classes, [0, 0, 0, 1, 1, 1]]);
  });

  it.each([
    [['train/a.csv', 'test/b.csv'], 3],
    [['part-0.csv', 'part-1.csv'], 6],
    [['mnist_1.csv', 'mnist_2.csv'], 6],
    [['000.csv', '001.csv'], 6],
  ])('are no names of parts, or of tables that training lacks: %j', async (paths, count) => {
    for (const path of paths) {
      await write(path, features(3));
    }
    const { dataset } = await load();
    expect([dataset.classes, dataset.count]).toEqual([[], count]);
  });

  it('are no names of parts of an array', async () => {
    await write('part-0.npy', array(3));
    await write('part-1.npy', array(3));
    await expect(load()).rejects.toThrow(/several arrays .* part-0 \[3, 8, 8\], part-1/);
    await write('train/images.npy', array(3));
    await write('train/masks.npy', array(3));
    await rm(join(root, 'part-0.npy'));
    await rm(join(root, 'part-1.npy'));
    await expect(load()).rejects.toThrow(/several arrays .* train_images/);
  });

  it('may be columns of True and False, and numbers with decimal commas', async () => {
    const flags = labels.map((label) => (label === 'cat' ? 'True,False' : 'False,True'));
    const rows = flags.map((flag, i) => `${flag},${pixels(i).join()}`);
    await write('a.csv', [`class_cat,class_dog,${header}`, ...rows].join('\n'));
    expect((await load()).dataset.classes).toEqual(['class_cat', 'class_dog']);
    await write('a.csv', features(6));
    await write('y.csv', ['cat,dog', ...flags].join('\n'));
    const { dataset } = await load();
    expect([dataset.classes, [...dataset.labels]]).toEqual([
      ['cat', 'dog'],
      [1, 0, 1, 0, 1, 0],
    ]);
    await rm(join(root, 'y.csv'));
    const numbered = labels.map((_, i) => `${i % 2},0;`);
    const cells = numbered.map((label, i) => label + pixels(i).join(';'));
    await write('a.csv', [`label;${header.replaceAll(',', ';')}`, ...cells].join('\n'));
    expect((await load()).dataset.classes).toEqual(['0', '1']);
  });

  it('are not looked for in tables with a picture each', async () => {
    const row = Array.from({ length: 17 }, (_, k) => (k * 90) % 256).join();
    const picture = Array.from({ length: 17 }, () => row).join('\n');
    await write('cat/1.csv', picture);
    await write('dog/1.csv', picture);
    await expect(load()).rejects.toThrow(/2 tables with as many rows as columns \(cat\/1\.csv\)/);
  });

  it('stay with their rows when a row of pixels cannot be used', async () => {
    const rows = features(40).split('\n');
    rows[2] = 'broken';
    await write('X.csv', rows.join('\n'));
    await write('y.csv', Array.from({ length: 40 }, (_, i) => ['dog', 'cat'][i % 2]).join('\n'));
    const { dataset } = await load();
    const first = [...dataset.labels.keys()].map((i) => dataset.images[i * 64]);
    expect(first).toEqual([...dataset.labels].map((label) => (label === 0 ? 100 : 0)));
  });

  it('are also those of arrays, and refused when they are fewer', async () => {
    await write('images.npy', encodeNpy([6, 8, 8], new Uint8Array(384).fill(200)));
    await write('labels.csv', labels.join('\n'));
    expect((await load()).dataset.classes).toEqual(['cat', 'dog']);
    await write('log.txt', '');
    await truncate(join(root, 'log.txt'), 129 * 1024 * 1024);
    expect((await load()).notes).toContain(
      'log.txt is not used: it has 135,266,304 bytes, at most 134,217,728 allowed',
    );
    await write('labels.csv', labels.slice(1).join('\n'));
    await expect(load()).rejects.toThrow(/labels holds 5 labels for 6 pictures/);
  });

  it('are not taken for pixels when Pandas has written the numbers of the rows', async () => {
    const columns = ['', 'label', ...Array.from({ length: 64 }, (_, k) => k)].join();
    const rows = labels.map((label, i) => [i, label, ...pixels(i)].join());
    await write('a.csv', [columns, ...rows].join('\n'));
    const named = await load();
    expect([named.dataset.count, named.dataset.classes]).toEqual([6, ['cat', 'dog']]);
    const plain = ['', ...Array.from({ length: 64 }, (_, k) => k)].join();
    await write('a.csv', [plain, ...labels.map((_, i) => [i, ...pixels(i)].join())].join('\n'));
    const { dataset } = await load();
    expect([dataset.count, dataset.classes]).toEqual([6, []]);
    expect([...dataset.images.subarray(0, 3)]).toEqual([0, 1, 2]);
  });
});

describe('a sheet', () => {
  it('is cut into its pictures on request, without the empty ones', async () => {
    const tile = (level: number) =>
      Buffer.from(Array.from({ length: 64 }, (_, i) => (i % 8 < 4 ? level : 255)));
    const composite = [10, 20, 30, 40, 50].map((level, i) => ({
      input: tile(level),
      raw: { width: 8, height: 8, channels: 1 as const },
      left: (i % 3) * 8,
      top: Math.floor(i / 3) * 8,
    }));
    const create = { width: 24, height: 16, channels: 3 as const, background: '#fff' };
    await write('sheet.png', await sharp({ create }).composite(composite).png().toBuffer());
    const { dataset, notes, reading } = await load({ cut: [8, 8] });
    const first = Array.from({ length: dataset.count }, (_, i) => dataset.images[i * 64]);
    expect(first).toEqual([10, 20, 30, 40, 50]);
    expect(notes.join('\n')).toMatch(/1 sheets are cut into 5 pictures of 8 x 8; 1 of one colour/);
    expect(reading.cut).toEqual([8, 8]);
    await expect(load({ cut: [7, 8] })).rejects.toThrow(/24 x 16 pixels, no whole number of 7 x 8/);
  });

  it('in an array becomes pictures of the size that was asked for, with their pixels', async () => {
    const values = Uint8Array.from({ length: 512 }, (_, i) => i % 251);
    await write('sheets.npy', encodeNpy([2, 16, 16], values));
    const { dataset, notes } = await load({ cut: [8, 8] });
    expect([dataset.count, dataset.width, dataset.images[8 * 8]]).toEqual([8, 8, values[8]]);
    expect(notes.join()).not.toContain('enlarged');
  });

  it.each([
    [4095, 255],
    [65_535, 255],
    [65_000, 253],
  ])('of 16 bits has the range of its numbers, up to %i', async (largest, most) => {
    await write('sheet.png', await draw16(largest).png().toBuffer());
    const { dataset } = await load({ cut: [4, 4] });
    expect([dataset.count, Math.max(...dataset.images)]).toEqual([4, most]);
    const { dataset: same } = await load({ cut: [4, 4], range: [0, largest] });
    expect(Math.max(...same.images)).toBe(255);
  });
});
