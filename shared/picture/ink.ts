/**
 * Evens out the ink of grey pictures, so that one level separates ink from paper. Pure: it uses
 * IEEE doubles only.
 *
 * At half of full ink, faint strokes break and small loops open. Here each part of a picture gets
 * the level at which it has the shape that people see: the number of pieces and of holes that most
 * levels agree on. The levels are a geometric sequence, because a stroke is seen by its ratio to
 * the ink around it. `npm run bench -- outlines` counts what this changes.
 */

/** The level of even ink: more is ink, less is paper. */
export const HALF = 127.5;
const STEP = 1.1;
/** Fainter than this is dirt of the network. */
const FAINTEST = 16;
const DARKEST = 230;
/** A part fainter than this share of the picture's darkest pixel is dirt too. */
const DIRT = 0.25;

/** From dark to faint. */
const LEVELS = listLevels();

function listLevels(): number[] {
  const levels = [HALF];
  for (let level = HALF * STEP; level < DARKEST; level *= STEP) {
    levels.unshift(level);
  }
  for (let level = HALF / STEP; level > FAINTEST; level /= STEP) {
    levels.push(level);
  }
  return levels;
}

/**
 * Scales the ink so that the best level of each part is {@link HALF}. Parts are separated by
 * columns without any ink: a number's digits and signs.
 * @param pixels  Row-major [height, width], 0..255.
 * @returns       Row-major [height, width], >= 0.
 */
export function evenInk(pixels: Uint8Array, width: number, height: number): Float64Array {
  const even = Float64Array.from(pixels);
  const darkest = new Uint8Array(width + 1); // By column; the last column is paper.
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      darkest[x] = Math.max(darkest[x] as number, pixels[y * width + x] as number);
    }
  }
  const faint = DIRT * Math.max(...darkest);
  for (let first = 0, x = 0; x < width; x++) {
    if (darkest[x] === 0) {
      first = x + 1;
    } else if (darkest[x + 1] === 0 && Math.max(...darkest.subarray(first, x + 1)) > faint) {
      const factor = HALF / chooseLevel(pixels, width, height, first, x + 1);
      for (let y = 0; y < height; y++) {
        for (let at = y * width + first; at <= y * width + x; at++) {
          even[at] = (pixels[at] as number) * factor;
        }
      }
    }
  }
  return even;
}

/**
 * Chooses the level for the columns from `first` to `end`: one with the most common shape, as near
 * to half as possible. Ink that touches at a corner is one piece.
 */
function chooseLevel(
  pixels: Uint8Array,
  width: number,
  height: number,
  first: number,
  end: number,
): number {
  const across = end - first + 2; // Paper surrounds the part.
  /** Steps to a pixel's neighbours, in a circle from a corner. */
  const neighbours = [-across - 1, -across, -across + 1, 1, across + 1, across, across - 1, -1];
  /** A place of the same piece, or itself; 0 for paper. */
  const parents = new Int32Array(across * (height + 2));
  const findRoot = (place: number): number => {
    let root = place;
    while (parents[root] !== root) {
      root = parents[root] = parents[parents[root] as number] as number;
    }
    return root;
  };
  /** The places that each level adds. */
  const added: number[][] = LEVELS.map(() => []);
  for (let y = 0; y < height; y++) {
    for (let x = first; x < end; x++) {
      const value = pixels[y * width + x] as number;
      let rank = value > FAINTEST ? 0 : LEVELS.length;
      while (value <= (LEVELS[rank] ?? -1)) {
        rank++;
      }
      added[rank]?.push((y + 1) * across + x - first + 1);
    }
  }
  const levels = new Map<string, number[]>();
  let [pieces, euler] = [0, 0];
  for (const [rank, level] of LEVELS.entries()) {
    for (const place of added[rank] as number[]) {
      let inked = 0;
      parents[place] = place;
      pieces++;
      for (let i = 0; i < 8; i++) {
        const neighbour = place + (neighbours[i] as number);
        if (parents[neighbour] === 0) {
          continue;
        }
        inked |= 1 << i;
        const root = findRoot(neighbour);
        if (root !== place) {
          parents[root] = place;
          pieces--;
        }
      }
      euler += countEuler(inked);
    }
    if (pieces > 0) {
      const shape = `${pieces} ${pieces - euler}`; // Euler's number is pieces less holes.
      levels.set(shape, [...(levels.get(shape) ?? []), level]);
    }
  }
  let best: number[] = [HALF];
  for (const each of levels.values()) {
    best = each.length > best.length ? each : best;
  }
  const ratio = (level: number) => Math.max(level / HALF, HALF / level);
  return best.reduce((a, b) => (ratio(b) < ratio(a) ? b : a));
}

/**
 * Counts how a pixel changes Euler's number: its square adds one, less each side that is new, and
 * one more for each new corner.
 * @param inked  A bit for each neighbour that is ink, in a circle from a corner.
 */
function countEuler(inked: number): number {
  const isPaper = (neighbour: number) => (inked & (1 << (neighbour & 7))) === 0;
  let change = 1;
  for (let i = 0; i < 8; i += 2) {
    const isNewSide = isPaper(i + 1);
    const isNewCorner = isPaper(i) && isNewSide && isPaper(i + 7);
    change += (isNewCorner ? 1 : 0) - (isNewSide ? 1 : 0);
  }
  return change;
}
