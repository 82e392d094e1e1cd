import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import {
  chmod,
  mkdir,
  mkdtemp,
  readFile,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PNG } from 'pngjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ExpectedError } from '../../../shared/expected-error.ts';
import { loadAndReport, loadDataFolder } from '../../../trainer/data/data-folder.ts';
import { describeProblems } from '../../../trainer/data/findings.ts';
import { decodePngPicture } from '../../../shared/picture/png-picture.ts';
import { buildRawPng, writePicture, type RawPng } from '../../support/pictures.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'digitmint-png-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A picture whose pixels encode their positions. */
const draw = (path: string, red = 0, size = 4): Promise<void> =>
  writePicture(join(folder, path), size, size, (x, y) => [red, x * 10, y * 20]);
const drawGrey = (path: string, grey: number): Promise<void> =>
  writePicture(join(folder, path), 4, 4, (x) => [grey + x, grey + x, grey + x]);

describe('a folder of PNG pictures', () => {
  it('has a class for each subfolder, sorted, with unchanged pixels', async () => {
    await draw('dog/b.png', 2);
    await draw('dog/a.png', 1);
    await draw('cat/only.PNG', 3);
    const { dataset, notes } = await loadDataFolder(folder);
    expect(dataset).toMatchObject({
      count: 3,
      width: 4,
      height: 4,
      channels: 3,
      classes: ['cat', 'dog'],
    });
    expect([...dataset.labels]).toEqual([0, 1, 1]);
    const reds = [0, 1, 2].map((i) => dataset.images[i * 48]);
    expect(reds).toEqual([3, 1, 2]);
    // Picture 1, pixel (x 2, y 3).
    expect([...dataset.images.subarray(48 + (3 * 4 + 2) * 3, 48 + (3 * 4 + 3) * 3)]).toEqual([
      1, 20, 60,
    ]);
    expect(notes).toEqual([]);
  });

  it('sorts numeric class names by value', async () => {
    for (const name of ['10', '9', '2']) {
      await draw(`${name}/a.png`);
    }
    expect((await loadDataFolder(folder)).dataset.classes).toEqual(['2', '9', '10']);
  });

  it('has no classes when it has no subfolders', async () => {
    await draw('b.png', 2);
    await draw('a.png', 1);
    const { dataset } = await loadDataFolder(folder);
    expect(dataset).toMatchObject({ count: 2, classes: [] });
    expect([...dataset.labels]).toEqual([0, 0]);
    expect(dataset.images[48]).toBe(2);
  });

  it('is grey when no pixel is coloured, even from RGB files', async () => {
    await drawGrey('a.png', 100);
    await drawGrey('b.png', 200);
    const { dataset } = await loadDataFolder(folder);
    expect(dataset.channels).toBe(1);
    expect([...dataset.images.subarray(16, 20)]).toEqual([200, 201, 202, 203]);
    await draw('c.png');
    expect((await loadDataFolder(folder)).dataset.channels).toBe(3);
  });

  it('skips what systems leave there silently, and all that is no picture with a note', async () => {
    await draw('cat/a.png');
    await draw('cat/deeper/b.png');
    await draw('dog/a.png');
    for (const junk of ['.DS_Store', 'cat/Thumbs.db', '__MACOSX/cat/._a.png', '.hidden/a.png']) {
      await mkdir(dirname(join(folder, junk)), { recursive: true });
      await writeFile(join(folder, junk), 'x');
    }
    await writeFile(join(folder, 'cat', 'names'), 'no picture');
    await writeFile(join(folder, 'notes.txt'), '');
    await mkdir(join(folder, 'empty'));
    const { dataset, notes } = await loadDataFolder(folder);
    expect(dataset).toMatchObject({ count: 3, classes: ['cat', 'dog'] });
    expect(notes).toEqual(['Passed over what is no picture: cat/names, notes.txt']);
  });

  it('skips a pipe with a note, and does not wait for its writer', async () => {
    await draw('a.png');
    execFileSync('mkfifo', [join(folder, 'b.png')]);
    const { dataset, notes } = await loadDataFolder(folder);
    expect([dataset.count, notes]).toEqual([1, ['Passed over what is no picture: b.png']]);
  });

  it('follows links', async () => {
    await draw('real/a.png', 5);
    await mkdir(join(folder, 'linked'));
    await symlink(join(folder, 'real', 'a.png'), join(folder, 'linked', 'b.png'));
    await symlink(join(folder, 'linked'), join(folder, 'third'));
    expect((await loadDataFolder(folder)).dataset.classes).toEqual(['linked', 'real', 'third']);
  });

  it('names links out of it, folders within themselves, and names that are no UTF-8', async () => {
    for (let i = 0; i < 80; i++) {
      await draw(`a/${i}.png`, i);
    }
    await symlink('/etc', join(folder, 'a', 'out'));
    await symlink('..', join(folder, 'a', 'up'));
    await writeFile(
      Buffer.concat([Buffer.from(`${folder}/a/`), Buffer.of(0xff), Buffer.from('.png')]),
      'x',
    );
    await writeFile(join(folder, 'a', 'line\n\u001b[31m.png'), 'x');
    const { dataset, findings } = await loadDataFolder(folder);
    expect(dataset.count).toBe(80);
    expect(findings.problems.map(({ reason }) => reason).sort()).toEqual([
      'has a name that is no UTF-8: rename it',
      'is a folder within itself, or too deep',
      'is a link out of the folder: copy what it points to (cp -rL)',
      'is no picture',
    ]);
    expect(describeProblems(findings).join()).toContain('a/line\\n\\u001b[31m.png is no picture');
  });

  it('tells what is left out to those who print no plan', async () => {
    for (let i = 0; i < 40; i++) {
      await draw(`a/${i}.png`, i);
    }
    await writeFile(join(folder, 'a', 'broken.png'), 'x');
    await writeFile(join(folder, 'notes.txt'), '');
    const told = vi.spyOn(console, 'error').mockReturnValue();
    expect((await loadAndReport(folder)).dataset.count).toBe(40);
    expect(told.mock.calls).toEqual([
      [`${folder}: Passed over what is no picture: notes.txt`],
      [`${folder}: LEFT OUT: 1 of 41 pictures (2.4%): a/broken.png is no picture`],
    ]);
    told.mockRestore();
  });

  it('leaves out what goes away or changes while it is read', async () => {
    for (let i = 0; i < 80; i++) {
      await draw(`${i}.png`, i);
    }
    const onProgress = (_done: number, _total: number, verb: string): void => {
      if (verb === 'Measured') {
        rmSync(join(folder, '3.png'), { force: true });
        writeFileSync(join(folder, '4.png'), 'another');
      }
    };
    const { dataset, findings } = await loadDataFolder(folder, { onProgress });
    expect([dataset.count, findings.problems]).toEqual([
      78,
      [
        { name: '3.png', reason: 'cannot be read (ENOENT)' },
        { name: '4.png', reason: 'is no picture' },
      ],
    ]);
  });

  it('reports its progress', async () => {
    await draw('a.png');
    await draw('b.png');
    const told: unknown[] = [];
    await loadDataFolder(folder, {
      onProgress: (...progress) => told.push(progress),
    });
    expect(told).toEqual([
      [2, 2, 'Measured'],
      [2, 2, 'Read'],
    ]);
  });

  it.each([
    [
      'nothing',
      () => Promise.resolve(),
      /expected pictures \(PNG, JPEG.*IDX files.*Parquet.*it holds nothing/,
    ],
    [
      'other files',
      () => writeFile(join(folder, 'a.mp4'), 'x'),
      /expected pictures .*; it holds a\.mp4\. a\.mp4 is not read: save its pictures/,
    ],
    [
      'pictures beside subfolders of pictures',
      () => draw('a.png').then(() => draw('cat/b.png')),
      /holds pictures \(a\.png, \.\.\.\) beside subfolders of pictures \(cat, \.\.\.\)/,
    ],
    [
      'a picture that is none',
      () => draw('a.png').then(() => writeFile(join(folder, 'b.png'), 'none')),
      /1 of 2 pictures cannot be used: b\.png is no picture\. Repair/,
    ],
    ['an empty file', () => writeFile(join(folder, 'b.png'), ''), /b\.png is empty/],
    [
      'a file cut short',
      () => draw('a.png').then(() => truncate(join(folder, 'a.png'), 60)),
      /a\.png cannot be decoded \(it is truncated\)/,
    ],
    [
      'a file cut within its header',
      () => draw('a.png').then(() => truncate(join(folder, 'a.png'), 20)),
      /a\.png is truncated/,
    ],
    [
      'a damaged file',
      () => draw('a.png').then(() => damage('a.png')),
      /a\.png cannot be decoded \(/,
    ],
    [
      'a link to nothing',
      () => draw('a.png').then(() => symlink('/nowhere/at/all', join(folder, 'b.png'))),
      /b\.png cannot be read \(ENOENT\)/,
    ],
    [
      'many bad pictures, of which it names some',
      () =>
        Promise.all(Array.from({ length: 9 }, (_, i) => writeFile(join(folder, `${i}.png`), 'x'))),
      /9 of 9 pictures cannot be used: 0\.png is no picture \(and 8 more: 1\.png, 2\.png, …\)/,
    ],
    [
      'a name of a class that is too long',
      () => draw(`${'x'.repeat(65)}/a.png`),
      /names a class "x+": expected 1 to 64 printable characters/,
    ],
    [
      'a picture that would take all memory',
      () =>
        writeFile(join(folder, 'a.png'), buildRawPng({ ...GREY_8, width: 30_000, height: 30_000 })),
      /a\.png has 30000 x 30000 pixels, at most 100,000,000 allowed/,
    ],
    [
      'a file in its place',
      () => rm(folder, { recursive: true }).then(() => writeFile(folder, '')),
      /expected pictures .*; it holds digitmint-png-/,
    ],
  ] as [string, () => Promise<unknown>, RegExp][])(
    'is refused with %s',
    async (_, prepare, message) => {
      await prepare();
      await expect(loadDataFolder(folder)).rejects.toThrow(message);
      await expect(loadDataFolder(folder)).rejects.toThrow(ExpectedError);
    },
  );

  it('is refused with an unreadable picture', async () => {
    await draw('a.png');
    await chmod(folder, 0o755);
    await chmod(join(folder, 'a.png'), 0o000);
    // Root may read everything, so root becomes nobody for a moment.
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) {
      process.seteuid?.(65_534);
    }
    try {
      await expect(loadDataFolder(folder)).rejects.toThrow(/a\.png cannot be read \(EACCES\)/);
    } finally {
      if (isRoot) {
        process.seteuid?.(0);
      }
    }
  });
});

async function damage(path: string): Promise<void> {
  const bytes = await readFile(join(folder, path));
  bytes[50] = (bytes[50] as number) ^ 0xff;
  await writeFile(join(folder, path), bytes);
}

/** Rows of 4 x 2 pixels, each after the filter byte 0. */
const rows = (bytesPerRow: number): Uint8Array =>
  Uint8Array.from({ length: 2 * (bytesPerRow + 1) }, (_, i) =>
    i % (bytesPerRow + 1) === 0 ? 0 : (i * 89 + 31) % 256,
  );
const SIZE = { width: 4, height: 2 };
const GREY_8: RawPng = { ...SIZE, depth: 8, colourType: 0, rows: rows(4) };
const PALETTE = Array.from({ length: 16 * 3 }, (_, i) => (i * 47) % 256);

describe('a PNG picture', () => {
  it.each<[string, RawPng]>([
    ['grey', GREY_8],
    ['grey of 1 bit', { ...SIZE, depth: 1, colourType: 0, rows: rows(1) }],
    ['grey of 2 bits', { ...SIZE, depth: 2, colourType: 0, rows: rows(1) }],
    ['grey of 4 bits', { ...SIZE, depth: 4, colourType: 0, rows: rows(2) }],
    ['grey of 16 bits', { ...SIZE, depth: 16, colourType: 0, rows: rows(8) }],
    ['grey with a transparent shade', { ...GREY_8, transparency: [0, GREY_8.rows[2] as number] }],
    ['grey with alpha', { ...SIZE, depth: 8, colourType: 4, rows: rows(8) }],
    ['grey with alpha of 16 bits', { ...SIZE, depth: 16, colourType: 4, rows: rows(16) }],
    ['RGB', { ...SIZE, depth: 8, colourType: 2, rows: rows(12) }],
    [
      'RGB with a suggested palette',
      { ...SIZE, depth: 8, colourType: 2, palette: PALETTE, rows: rows(12) },
    ],
    ['RGB of 16 bits', { ...SIZE, depth: 16, colourType: 2, rows: rows(24) }],
    [
      'RGB with a transparent colour',
      {
        ...SIZE,
        depth: 8,
        colourType: 2,
        transparency: [...rows(12).subarray(1, 4)].flatMap((c) => [0, c]),
        rows: rows(12),
      },
    ],
    ['RGBA', { ...SIZE, depth: 8, colourType: 6, rows: rows(16) }],
    ['RGBA of 16 bits', { ...SIZE, depth: 16, colourType: 6, rows: rows(32) }],
    ['a palette', { ...SIZE, depth: 4, colourType: 3, palette: PALETTE, rows: rows(2) }],
    [
      'a palette of 1 bit',
      { ...SIZE, depth: 1, colourType: 3, palette: PALETTE.slice(0, 6), rows: rows(1) },
    ],
    [
      'a palette with alpha',
      {
        ...SIZE,
        depth: 4,
        colourType: 3,
        palette: PALETTE,
        transparency: Array.from({ length: 9 }, (_, i) => i * 30),
        rows: rows(2),
      },
    ],
  ])('%s is read as by another decoder, over white', (_, raw) => {
    const bytes = buildRawPng(raw);
    const { data } = PNG.sync.read(bytes);
    const expected = Array.from({ length: 8 }, (__, pixel) => {
      const alpha = (data[pixel * 4 + 3] as number) / 255;
      return [0, 1, 2].map((c) => (data[pixel * 4 + c] as number) * alpha + 255 * (1 - alpha));
    }).flat();
    // The other decoder rounds 16 bits before alpha is applied, this one after.
    const tolerance = raw.depth === 16 ? 1 : 0.5001;
    [...decodePngPicture(bytes).pixels].forEach((value, i) => {
      expect(Math.abs(value - (expected[i] as number))).toBeLessThanOrEqual(tolerance);
    });
  });

  it('is read interlaced, and refused interlaced with packed pixels, which the decoder garbles', async () => {
    // Adam7 of 4 x 2 pixels: pass 1 (1 row), 4 (1), 5 (none), 6 (2) and 7 (4), each with a filter
    // byte and pixels.
    const interlaced = Uint8Array.of(0, 11, 0, 33, 0, 22, 44, 0, 51, 52, 53, 54);
    const bytes = buildRawPng({ ...GREY_8, interlace: 1, rows: interlaced });
    const { data } = PNG.sync.read(bytes);
    expect([...decodePngPicture(bytes).pixels].filter((__, i) => i % 3 === 0)).toEqual(
      Array.from({ length: 8 }, (__, i) => data[i * 4]),
    );
    const packed = buildRawPng({
      ...SIZE,
      depth: 1,
      colourType: 0,
      interlace: 1,
      rows: Uint8Array.of(0, 128, 0, 0, 0, 128, 0, 16),
    });
    expect(() => decodePngPicture(packed)).toThrow(
      /interlaced with 1 bits a pixel: save it without interlacing/,
    );
  });
});
