/**
 * Separates ink from paper in a picture of handwriting: on dark or light paper, with noise, shade
 * and specks. Pure; it uses IEEE doubles only.
 */
import { cutOut, findBox, type Box } from '../box.ts';

/** A grey picture: row-major [height, width], 0..255, dark or light paper. */
export interface GreyPicture {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
}

/** Ink from 0 (paper) to 1, row-major [height, width]. */
export interface Ink {
  readonly width: number;
  readonly height: number;
  readonly values: Float64Array;
}

/** Longest side of the picture in which ink is looked for. */
const LONGEST = 160;
/** Levels of grey between paper and ink that a picture needs at least. */
export const MIN_CONTRAST = 24;
/** Parts of the longer side: the border that shows the paper, and the cells that follow shade. */
const BORDER = 0.06;
const CELLS = 6;
/** Parts with less ink than this share of the largest part are specks. */
const SPECK = 0.04;
/** A part along this share of the picture's border is no ink: a table, a shadow, a finger. */
const EDGE = 0.05;
/** Above this share of the picture, such parts may be the shade of the paper. */
const SHADE = 0.25;
/** The share of a cell's pixels that are darker than lit paper, where shade is strong. */
const LIT = 0.85;
/** Paper has this many times its usual deviation at most. */
const NOISE = 4;

/** Finds the ink; undefined on a blank picture. */
export function findInk(picture: GreyPicture): Ink | undefined {
  const small = shrink(picture);
  const ink = measureInk(small);
  if (ink === undefined || small === picture) {
    return ink;
  }
  // A small digit in a large picture: look again, at its own size.
  const box = findInkBox(ink, 0) as Box;
  const isSmall = Math.max(box.width, box.height) < LONGEST / 2;
  return isSmall ? measureInk(shrink(cut(picture, box, findBlock(picture)))) : ink;
}

/** Finds the side of the blocks of pixels that `shrink` makes one of. */
const findBlock = ({ width, height }: GreyPicture): number =>
  Math.ceil(Math.max(width, height) / LONGEST);

/** Shrinks a picture by the mean of blocks of pixels until its longer side fits. */
function shrink(picture: GreyPicture): GreyPicture {
  const block = findBlock(picture);
  if (block === 1) {
    return picture;
  }
  const width = Math.max(1, Math.floor(picture.width / block));
  const height = Math.max(1, Math.floor(picture.height / block));
  const pixels = new Uint8Array(width * height);
  const [across, down] = [Math.min(block, picture.width), Math.min(block, picture.height)];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let dy = 0; dy < down; dy++) {
        const row = (y * block + dy) * picture.width + x * block;
        for (let dx = 0; dx < across; dx++) {
          sum += picture.pixels[row + dx] as number;
        }
      }
      pixels[y * width + x] = Math.round(sum / (across * down));
    }
  }
  return { width, height, pixels };
}

/** @param isShaded  Whether shade is as strong as ink: then each cell has its own paper level. */
function measureInk(picture: GreyPicture, isShaded = false): Ink | undefined {
  const { width, height, pixels } = picture;
  const { isDark, levels } = estimatePaper(picture, isShaded);
  const values = levels; // The paper's levels become contrast, and that becomes ink.
  // Loops, here and below: a callback for each pixel takes several times as long.
  for (let i = 0; i < pixels.length; i++) {
    const difference = (pixels[i] as number) - (levels[i] as number);
    values[i] = Math.max(0, isDark ? difference : -difference);
  }
  const counts = countLevels(values);
  const split = splitLevels(counts);
  const full = findQuantile(counts, 0.9, split);
  // Clean paper has no deviation. A mean also sees noise that most pixels do not have.
  const noise = Math.min(full / 4, NOISE * findQuantile(counts, 0.6, -1, split));
  if (full - noise < MIN_CONTRAST) {
    return undefined;
  }
  for (let i = 0; i < values.length; i++) {
    values[i] = Math.min(1, Math.max(0, (values[i] as number) - noise) / (full - noise));
  }
  const { ink, edgeCover } = dropSpecks({ width, height, values });
  return edgeCover > SHADE && !isShaded ? measureInk(picture, true) : ink;
}

/**
 * Estimates the paper below each pixel. The border tells whether it is dark or light. Where the
 * middle levels of the cells of a grid differ, the paper is shaded.
 */
function estimatePaper({ width, height, pixels }: GreyPicture, isShaded: boolean) {
  const border = Math.max(1, Math.round(BORDER * Math.max(width, height)));
  const edge = new Float64Array(256);
  for (let y = 0; y < height; y++) {
    const isInner = y >= border && y < height - border;
    const [left, right] = isInner ? [border, width - border] : [width, width];
    const row = pixels.subarray(y * width, (y + 1) * width);
    countLevels(row.subarray(0, left), edge);
    countLevels(row.subarray(Math.max(left, right)), edge);
  }
  const middle = findQuantile(edge, 0.5);
  const counts = countLevels(pixels);
  const split = splitLevels(counts);
  const isDark = middle <= split;
  const cells = new Float64Array(CELLS * CELLS * 256);
  const sizes = new Float64Array(CELLS * CELLS);
  const findSides = (size: number): Int32Array =>
    Int32Array.from({ length: size }, (_, i) =>
      Math.min(CELLS - 1, Math.floor((i * CELLS) / size)),
    );
  const [columns, rows] = [findSides(width), findSides(height)];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const pixel = pixels[y * width + x] as number;
      const isPaper = pixel <= split === isDark;
      if (isShaded || isPaper) {
        const at = (rows[y] as number) * CELLS + (columns[x] as number);
        cells[at * 256 + pixel] = (cells[at * 256 + pixel] as number) + 1;
        sizes[at] = (sizes[at] as number) + 1;
      }
    }
  }
  const whole = isDark ? findQuantile(counts, 0.5, -1, split) : findQuantile(counts, 0.5, split);
  // In a cell with much ink the level of the paper is uncertain.
  const least = (0.6 * pixels.length) / (CELLS * CELLS);
  const part = isShaded ? (isDark ? 1 - LIT : LIT) : 0.5;
  const levels = Array.from(sizes, (size, at) =>
    size < least ? whole : findQuantile(cells.subarray(at * 256, (at + 1) * 256), part),
  );
  return { isDark, levels: spreadCells(levels, width, height) };
}

/** Interpolates between the middles of the cells. */
function spreadCells(levels: readonly number[], width: number, height: number): Float64Array {
  const spread = new Float64Array(width * height);
  const [level = 0] = levels;
  if (levels.every((each) => each === level)) {
    return spread.fill(level); // Clean paper, as of a drawing.
  }
  const findPlaces = (size: number) =>
    Array.from({ length: size }, (_, i) => {
      const at = Math.min(CELLS - 1, Math.max(0, ((i + 0.5) * CELLS) / size - 0.5));
      const first = Math.min(CELLS - 2, Math.floor(at));
      return { first, part: at - first };
    });
  const columns = findPlaces(width);
  // The levels along each row of cells' middles.
  const lines = Array.from({ length: CELLS }, (_, row) =>
    Float64Array.from(columns, ({ first, part }) => {
      const [a, b] = [
        levels[row * CELLS + first] as number,
        levels[row * CELLS + first + 1] as number,
      ];
      return a + (b - a) * part;
    }),
  );
  for (const [y, { first, part }] of findPlaces(height).entries()) {
    const [above, below] = [lines[first] as Float64Array, lines[first + 1] as Float64Array];
    for (let x = 0; x < width; x++) {
      const upper = above[x] as number;
      spread[y * width + x] = upper + ((below[x] as number) - upper) * part;
    }
  }
  return spread;
}

/** Finds the level that separates two groups of levels best (Otsu 1979). */
function splitLevels(counts: Float64Array): number {
  let [size, total] = [0, 0];
  for (let level = 0; level < 256; level++) {
    size += counts[level] as number;
    total += (counts[level] as number) * level;
  }
  let [below, sumBelow, best, split] = [0, 0, -1, 0];
  for (let level = 0; level < 256; level++) {
    below += counts[level] as number;
    sumBelow += (counts[level] as number) * level;
    const above = size - below;
    if (below > 0 && above > 0) {
      const between = below * above * (sumBelow / below - (total - sumBelow) / above) ** 2;
      if (between > best) {
        [best, split] = [between, level];
      }
    }
  }
  return split;
}

/** Adds to `counts` how often each whole level of 0 to 255 comes. @returns  `counts` */
function countLevels(values: Uint8Array | Float64Array, counts = new Float64Array(256)) {
  for (let i = 0; i < values.length; i++) {
    const level = Math.round(values[i] as number);
    counts[level] = (counts[level] as number) + 1;
  }
  return counts;
}

/** Finds a quantile of levels above `above` and up to `upTo`. @returns  0 without any. */
function findQuantile(counts: Float64Array, part: number, above = -1, upTo = 255): number {
  let sum = 0;
  for (let level = above + 1; level <= upTo; level++) {
    sum += counts[level] as number;
  }
  let rest = part * sum;
  for (let level = above + 1; level <= upTo; level++) {
    rest -= counts[level] as number;
    if (rest <= 0 && (counts[level] as number) > 0) {
      return level;
    }
  }
  return 0;
}

/**
 * Removes parts of ink that are tiny beside the largest one, such as dust and noise, and what lies
 * along the border where there is other ink.
 */
function dropSpecks({ width, height, values }: Ink) {
  const parts = new Int32Array(values.length);
  const amounts = [0];
  const contacts = [0];
  const stack: number[] = [];
  for (let start = 0; start < values.length; start++) {
    if ((values[start] as number) === 0 || parts[start] !== 0) {
      continue;
    }
    const part = amounts.length;
    let [amount, contact] = [0, 0];
    parts[start] = part;
    stack.push(start);
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      amount += values[at] as number;
      const [x, y] = [at % width, Math.floor(at / width)];
      const isSide = x === 0 || x === width - 1;
      if (isSide || y === 0 || y === height - 1) {
        // The ends of ruled lines are short.
        const along = 2 * (isSide ? width : 1);
        const isLong = Math.min(values[at - along] ?? 1, values[at + along] ?? 1) > 0;
        contact += isLong ? 1 : 0;
      }
      const [right, bottom] = [Math.min(width - 1, x + 1), Math.min(height - 1, y + 1)];
      for (let row = Math.max(0, y - 1); row <= bottom; row++) {
        for (let column = Math.max(0, x - 1); column <= right; column++) {
          const next = row * width + column;
          if (parts[next] === 0 && (values[next] as number) > 0) {
            parts[next] = part;
            stack.push(next);
          }
        }
      }
    }
    amounts.push(amount);
    contacts.push(contact);
  }
  const isEdge = contacts.map((contact) => contact >= EDGE * 2 * (width + height));
  const inner = amounts.map((amount, part) => (isEdge[part] === true ? 0 : amount));
  const most = Math.max(...amounts);
  const counted = Math.max(...inner) >= SPECK * most ? inner : amounts;
  const least = SPECK * Math.max(...counted);
  let edges = 0;
  for (let i = 0; i < values.length; i++) {
    const part = parts[i] as number;
    edges += isEdge[part] === true ? 1 : 0;
    if ((counted[part] as number) < least) {
      values[i] = 0;
    }
  }
  return { ink: { width, height, values }, edgeCover: edges / values.length };
}

/** Finds the box of all ink above a share of full ink; undefined without any. */
export function findInkBox({ width, height, values }: Ink, above: number): Box | undefined {
  return findBox(width, height, (pixel) => (values[pixel] as number) > above);
}

/** Cuts a picture to the ink that was found in a smaller one, with paper around it. */
function cut(picture: GreyPicture, box: Box, factor: number): GreyPicture {
  const margin = (Math.max(box.width, box.height) * factor) / 2;
  const clamp = (value: number, max: number) => Math.round(Math.min(max, Math.max(0, value)));
  const left = clamp(box.left * factor - margin, picture.width);
  const right = clamp((box.left + box.width) * factor + margin, picture.width);
  const top = clamp(box.top * factor - margin, picture.height);
  const bottom = clamp((box.top + box.height) * factor + margin, picture.height);
  const around = { left, top, width: right - left, height: bottom - top };
  return { ...around, pixels: cutOut(picture.pixels, picture.width, 1, around) };
}
