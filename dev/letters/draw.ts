/**
 * Draws letters in handwriting fonts, as an example of a data set (docs/own-data.md):
 *
 *   npm install --prefix dev/letters
 *   node launch.mjs dev/letters/draw.ts FOLDER [--letters ABC] [--fonts 1-25]
 *
 * FOLDER gets MNIST's four files, 28 x 28 and white on black, and classes.txt. The letters are A to
 * Z by default. The fonts are in package.json beside this file. Equal fonts give equal bytes.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { deriveKey, drawWords } from '../../shared/model/random.ts';
import { encodeIdx } from '../../shared/array-headers.ts';

/** A command of an outline: M, L, Q, C or Z with the points that it has. */
type Command = Readonly<Record<string, string | number>>;

/** The part of opentype.js that this uses. */
interface Opentype {
  parse(file: ArrayBuffer): {
    charToGlyph(letter: string): {
      index: number;
      getPath(x: number, y: number, size: number): { commands: Command[] };
    };
  };
}

const SIDE = 28;
/** Pictures of each letter of a font; every tenth is kept for evaluation. */
const EACH = 60;

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    letters: { type: 'string', default: 'ABCDEFGHIJKLMNOPQRSTUVWXYZ' },
    fonts: { type: 'string', default: '1-' },
  },
});
const [outFolder] = positionals;
const letters = [...flags.letters];
const [, from = NaN, to = Infinity] = (/^(\d+)-(\d*)$/.exec(flags.fonts) ?? []).map((part) =>
  part === '' ? undefined : Number(part),
);
if (!(from >= 1 && from <= to)) {
  throw new Error(`--fonts ${flags.fonts}: expected a range such as 1-25 or 26-`);
}
if (outFolder === undefined) {
  throw new Error('expected a folder to write to: node launch.mjs dev/letters/draw.ts FOLDER');
}
const opentype = createRequire(import.meta.url)('opentype.js') as Opentype;
const fontFolder = join(import.meta.dirname, 'node_modules', '@fontsource');
const fonts = readdirSync(fontFolder)
  .toSorted()
  .slice(from - 1, to);
const parts = [
  { name: 'train', pictures: [] as Uint8Array[], labels: [] as number[] },
  { name: 't10k', pictures: [] as Uint8Array[], labels: [] as number[] },
] as const;
for (const [fontIndex, name] of fonts.entries()) {
  const file = join(fontFolder, name, 'files', `${name}-latin-400-normal.woff`);
  const font = opentype.parse(new Uint8Array(readFileSync(file)).buffer);
  for (const [label, letter] of letters.entries()) {
    const glyph = font.charToGlyph(letter);
    if (glyph.index === 0) {
      throw new Error(`${file} has no letter ${letter}`);
    }
    const { commands } = glyph.getPath(0, 0, 1);
    const first = (fontIndex * letters.length + label) * EACH;
    const indices = Array.from({ length: EACH }, (_, n) => n);
    const drawn = await Promise.all(indices.map((n) => drawLetter(commands, first + n)));
    for (const [n, pixels] of drawn.entries()) {
      const part = parts[n % 10 === 9 ? 1 : 0];
      part.pictures.push(pixels);
      part.labels.push(label);
    }
  }
  process.stderr.write(`Drew ${fontIndex + 1} of ${fonts.length} fonts\n`);
}
mkdirSync(outFolder, { recursive: true });
writeFileSync(join(outFolder, 'classes.txt'), `${letters.join('\n')}\n`);
for (const { name, pictures, labels } of parts) {
  const images = encodeIdx([pictures.length, SIDE, SIDE], Buffer.concat(pictures));
  writeFileSync(join(outFolder, `${name}-images-idx3-ubyte`), images);
  const bytes = encodeIdx([labels.length], Uint8Array.from(labels));
  writeFileSync(join(outFolder, `${name}-labels-idx1-ubyte`), bytes);
}

/** Draws an outline slanted, turned, stretched, bent and thickened a little, in the middle. */
async function drawLetter(commands: readonly Command[], index: number): Promise<Uint8Array> {
  const words = [...drawWords(deriveKey('letters', '1'), 0, index, 9)];
  const between = (low: number, high: number): number =>
    low + ((words.pop() as number) / 2 ** 32) * (high - low);
  const [slant, turn, stretch] = [between(-0.25, 0.25), between(-0.15, 0.15), between(0.85, 1.2)];
  const [bend, phaseX, phaseY] = [between(0, 0.04), between(0, 7), between(0, 7)];
  const [size, thickness] = [between(18, 22), between(0.3, 1.5)];
  const move = (x: number, y: number): [number, number] => {
    const bentX = (x + bend * Math.sin(6 * y + phaseX)) * stretch - slant * y;
    const bentY = y + bend * Math.sin(6 * x + phaseY);
    const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
    return [cos * bentX - sin * bentY, sin * bentX + cos * bentY];
  };
  const moved = commands.map(({ type, ...at }) => ({
    type,
    points: ['1', '2', ''].flatMap((n) =>
      at[`x${n}`] === undefined ? [] : [move(Number(at[`x${n}`]), Number(at[`y${n}`]))],
    ),
  }));
  const [xs, ys] = [0, 1].map((axis) =>
    moved.flatMap(({ points }) => points.map((point) => point[axis] as number)),
  ) as [number[], number[]];
  const [left, right, top, bottom] = [
    Math.min(...xs),
    Math.max(...xs),
    Math.min(...ys),
    Math.max(...ys),
  ];
  const scale = (size - thickness) / Math.max(right - left, bottom - top);
  const place = ([x, y]: [number, number]): string =>
    [x - (left + right) / 2, y - (top + bottom) / 2]
      .map((value) => (value * scale + SIDE / 2).toFixed(3))
      .join(' ');
  const path = moved.map(({ type, points }) => `${type}${points.map(place).join(' ')}`).join('');
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${SIDE}" height="${SIDE}">
    <path d="${path}" fill="#fff" stroke="#fff" stroke-width="${thickness}" stroke-linejoin="round"/>
  </svg>`;
  const picture = sharp(Buffer.from(svg)).flatten({ background: '#000' }).extractChannel(0);
  return await picture.raw().toBuffer();
}
