/**
 * Pictures of no class, from which an encoder learns what to refuse: a folder's pictures and made
 * ones. The made ones are scribbles, zigzags, shapes, hatching, noise, and written pictures that
 * touch each other.
 */
import { normaliseDigit } from '../../shared/hand/written-digit.ts';
import { drawWords, type RandomKey } from '../../shared/model/random.ts';
import { ExpectedError } from '../../shared/expected-error.ts';
import { loadAndReport } from '../data/data-folder.ts';
import { drawSubset, viewImage, type Dataset } from '../data/dataset.ts';

/** More pictures of a folder would take minutes. */
const MOST = 6000;
/** A label is a byte, and the number of the classes is the label of no class. */
const MOST_CLASSES = 255;
/** Side of a made picture before it becomes as a digit, and its margin, in pixels. */
const SIDE = 36;
const MARGIN = 4;

/**
 * Reads a folder's pictures as `POST /hand` does. The label of a picture whose class the model does
 * not have is the number of the model's classes.
 * @param part     `test`: the pictures that are kept for evaluation.
 * @param purpose  The key's stream: which pictures are read where there are many.
 */
export async function loadOtherPictures(
  folder: string,
  classes: readonly string[],
  part: 'train' | 'test',
  key: RandomKey,
  purpose: number,
): Promise<Dataset> {
  if (classes.length > MOST_CLASSES) {
    throw new ExpectedError(
      `--others ${folder}: the model has ${classes.length} classes, at most ${MOST_CLASSES} allowed with it`,
    );
  }
  const { dataset } = await loadAndReport(folder, { part, reading: { grey: true } });
  const { height, width, labels, classes: names, count } = dataset;
  const chosen = drawSubset(key, purpose, 0, count, Math.min(count, MOST));
  const read = Array.from(chosen, (i): Labelled => {
    const place = classes.indexOf(names[labels[i] as number] ?? '');
    const label = place === -1 ? classes.length : place;
    return [{ height, width, pixels: viewImage(dataset, i) }, label];
  });
  const others = collect(dataset.name, read);
  if (!others.labels.includes(classes.length)) {
    throw new ExpectedError(
      `--others ${folder}: every picture is of a class of the model; expected others, too`,
    );
  }
  return others;
}

/**
 * Makes pictures of no class.
 * @param written  Digits of the model's classes.
 * @param purpose  The key's stream.
 */
export function makeOtherPictures(
  written: Dataset,
  key: RandomKey,
  purpose: number,
  count: number,
): Dataset {
  function* makeAll(): Generator<Labelled> {
    for (let index = 0; ; index++) {
      const random = createRandom(drawWords(key, purpose, index, 512));
      const make = KINDS[index % KINDS.length] as (typeof KINDS)[number];
      yield [make(random, written), written.classes.length];
    }
  }
  return collect('made', makeAll(), count);
}

/** Writes the first written pictures again with other pens, and keeps their labels. */
export function rewritePictures(
  written: Dataset,
  key: RandomKey,
  purpose: number,
  count: number,
): Dataset {
  const rewritten = Array.from({ length: count }, (_, index): Labelled => {
    const random = createRandom(drawWords(key, purpose, index, 4));
    return [rewrite(random, written, viewImage(written, index)), written.labels[index] as number];
  });
  return collect('rewritten', rewritten);
}

type Labelled = readonly [picture: Picture, label: number];

/** Collects pictures in the form of written digits, `most` of them. */
function collect(name: string, all: Iterable<Labelled>, most = Infinity): Dataset {
  const pictures: Uint8Array[] = [];
  const labels: number[] = [];
  for (const [picture, label] of all) {
    const pixels = normaliseDigit(picture);
    // Some are refused before an encoder sees them: it need not learn those.
    if (!('reason' in pixels)) {
      pictures.push(pixels);
      labels.push(label);
    }
    if (pictures.length >= most) {
      break;
    }
  }
  const side = Math.sqrt(pictures[0]?.length ?? 0);
  return {
    name,
    count: pictures.length,
    height: side,
    width: side,
    channels: 1,
    images: Buffer.concat(pictures),
    labels: Uint8Array.from(labels),
    classes: [],
  };
}

type Random = ReturnType<typeof createRandom>;

function createRandom(words: Uint32Array) {
  let next = 0;
  const between = (low: number, high: number): number =>
    low + ((words[next++ % words.length] as number) / 2 ** 32) * (high - low);
  return { between, choose: (low: number, high: number) => Math.floor(between(low, high + 1)) };
}

type Point = readonly [x: number, y: number];
type Stroke = readonly Point[];
type Picture = Parameters<typeof normaliseDigit>[0];

const rotate = ([x, y]: Point, angle: number): Point => [
  x * Math.cos(angle) - y * Math.sin(angle),
  x * Math.sin(angle) + y * Math.cos(angle),
];

/** Interpolates between the four numbers around a place. */
function interpolate(x: number, y: number, value: (x: number, y: number) => number): number {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const [a, b] = [x - left, y - top];
  return (
    (1 - b) * ((1 - a) * value(left, top) + a * value(left + 1, top)) +
    b * ((1 - a) * value(left, top + 1) + a * value(left + 1, top + 1))
  );
}

const repeat = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));

/** Draws so many strokes of a kind. */
const drawSome =
  (draw: (random: Random) => Stroke, least: number, most: number) =>
  (random: Random): Picture =>
    drawStrokes(
      repeat(random.choose(least, most), () => draw(random)),
      random,
    );

const drawBows = drawSome(bow, 3, 6);
/** Made in turns. Those that look most like written pictures stand here twice. */
const KINDS: readonly ((random: Random, written: Dataset) => Picture)[] = [
  drawSome(scribble, 1, 2),
  drawBows,
  (random) => drawStrokes([zigzag(random)], random),
  (random) => drawStrokes(figure(random), random),
  (random) => drawStrokes(hatch(random), random),
  joinWritten,
  drawBows,
  joinWritten,
  drawNoise,
];

/** A line that turns at random, long enough for loops. */
function scribble({ between, choose }: Random): Stroke {
  let [x, y, angle, turn] = [between(0, 1), between(0, 1), between(0, 7), 0];
  const wild = between(0.1, 0.6);
  return repeat(choose(40, 100), () => {
    turn = 0.8 * turn + between(-wild, wild);
    angle += turn;
    x += 0.09 * Math.cos(angle);
    y += 0.09 * Math.sin(angle);
    // Turns back at the border.
    angle += x < 0 || x > 1 || y < 0 || y > 1 ? 0.9 : 0;
    return [x, y];
  });
}

/** A straight or bent line between two points. */
function bow({ between }: Random): Stroke {
  const [a, b] = [repeat(2, () => between(0, 1)), repeat(2, () => between(0, 1))];
  const bend = repeat(2, () => between(-0.7, 0.7) * between(0, 1));
  return repeat(13, (i) => {
    const t = i / 12;
    const [x, y] = [0, 1].map(
      (k) =>
        (a[k] as number) +
        t * ((b[k] as number) - (a[k] as number)) +
        4 * t * (1 - t) * (bend[k] as number),
    );
    return [x as number, y as number];
  });
}

function zigzag({ between, choose }: Random): Stroke {
  const [corners, height, angle] = [choose(5, 10), between(0.2, 1), between(0, 7)];
  return repeat(corners, (i) => {
    const across = i / (corners - 1) + between(-0.05, 0.05);
    return rotate([across, (i % 2) * height + between(-0.1, 0.1)], angle);
  });
}

/** A closed shape, alone or with strokes in it; a round one never alone. */
function figure(random: Random): Stroke[] {
  const { between, choose } = random;
  const isRound = choose(0, 2) === 0;
  const corners = isRound ? 24 : choose(3, 7);
  // Every second or third corner of more than four makes a star.
  const leap = corners > 4 && !isRound ? 2 + choose(0, corners > 6 ? 1 : 0) : 1;
  const [angle, width, jitter] = [between(0, 7), between(0.6, 1), isRound ? 0 : 0.12];
  const ring = repeat(corners, (i): Point => {
    const at = angle + (2 * Math.PI * i) / corners;
    return [
      0.5 + 0.5 * width * Math.cos(at) + between(-jitter, jitter),
      0.5 + 0.5 * Math.sin(at) + between(-jitter, jitter),
    ];
  });
  const closed = repeat(corners + 1, (i) => ring[(i * leap) % corners] as Point);
  const inner = repeat(choose(isRound ? 2 : 0, 4), () =>
    bow(random).map(([x, y]): Point => [0.2 + 0.6 * x, 0.2 + 0.6 * y]),
  );
  return [closed, ...inner];
}

/** Lines side by side, and perhaps others across. */
function hatch({ between, choose }: Random): Stroke[] {
  const angle = between(0, 7);
  const lines = (count: number, turn: number): Stroke[] =>
    repeat(count, (i) => {
      const at = (i + 0.5) / count + between(-0.05, 0.05);
      const ends = [between(-0.1, 0.15), between(0.85, 1.1)];
      return ends.map((along) => rotate([along - 0.5, at - 0.5], angle + turn));
    });
  return [...lines(choose(2, 5), between(-0.1, 0.1)), ...lines(choose(1, 3), between(1, 2))];
}

/** Draws strokes with a pen, white on black. */
function drawStrokes(strokes: readonly Stroke[], { between }: Random): Picture {
  const all = strokes.flat();
  const [xs, ys] = [all.map(([x]) => x), all.map(([, y]) => y)];
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const size = Math.max(Math.max(...xs) - left, Math.max(...ys) - top);
  const scale = (SIDE - 2 * MARGIN) / size;
  const radius = between(0.8, 3);
  const nearest = new Float64Array(SIDE * SIDE).fill(Infinity);
  for (const stroke of strokes) {
    for (let i = 1; i < stroke.length; i++) {
      const [from, to] = [stroke[i - 1], stroke[i]] as [Point, Point];
      const [x1, y1] = [MARGIN + (from[0] - left) * scale, MARGIN + (from[1] - top) * scale];
      const [dx, dy] = [(to[0] - from[0]) * scale, (to[1] - from[1]) * scale];
      const length = dx * dx + dy * dy || 1;
      const reach = radius + 1;
      const [top1, bottom1] = [Math.min(y1, y1 + dy) - reach, Math.max(y1, y1 + dy) + reach];
      const [left1, right1] = [Math.min(x1, x1 + dx) - reach, Math.max(x1, x1 + dx) + reach];
      for (let y = Math.max(0, Math.floor(top1)); y < Math.min(SIDE, bottom1); y++) {
        for (let x = Math.max(0, Math.floor(left1)); x < Math.min(SIDE, right1); x++) {
          const [ax, ay] = [x - x1, y - y1];
          const part = Math.min(1, Math.max(0, (ax * dx + ay * dy) / length));
          const distance = Math.hypot(ax - part * dx, ay - part * dy);
          const at = y * SIDE + x;
          nearest[at] = Math.min(nearest[at] as number, distance);
        }
      }
    }
  }
  const pixels = Uint8Array.from(
    nearest,
    (distance) => 255 * Math.min(1, Math.max(0, radius + 0.5 - distance)),
  );
  return { width: SIDE, height: SIDE, pixels };
}

/** Puts two or three written pictures beside or above each other, so near that most touch. */
function joinWritten({ between, choose }: Random, written: Dataset): Picture {
  const { height, width, count } = written;
  const [pieces, isAbove] = [choose(2, 3), choose(0, 3) === 0];
  const side = 3 * Math.max(height, width);
  const pixels = new Uint8Array(side * side);
  const pictures = repeat(pieces, () => viewImage(written, choose(0, count - 1)));
  let at = MARGIN;
  for (const picture of pictures) {
    const across = Math.round(side / 3 + between(-2, 2));
    const [x0, y0] = isAbove ? [across, at] : [at, across];
    for (let i = 0; i < height * width; i++) {
      const [x, y] = [x0 + (i % width), y0 + Math.floor(i / width)];
      if (x < side && y < side) {
        pixels[y * side + x] = Math.max(pixels[y * side + x] as number, picture[i] as number);
      }
    }
    at += Math.round((isAbove ? 0.7 : between(0.4, 0.75)) * width);
  }
  return { width: side, height: side, pixels };
}

/**
 * Writes a written picture again with another pen: larger, thinner or thicker, and slanted. Edges
 * of strokes do not tell such digits from made pictures.
 */
function rewrite({ between }: Random, { height, width }: Dataset, picture: Uint8Array): Picture {
  const scale = between(1.2, 2);
  const [slant, pen] = [between(-0.35, 0.35), between(-0.8, 1.2)];
  // The nearest ink within a circle makes lines thicker, the nearest paper makes them thinner.
  const reach = Math.abs(pen);
  const [across, down] = [width / 2, height / 2];
  const side = Math.ceil(1.3 * scale * Math.max(width, height));
  const read = (column: number, row: number): number =>
    column < 0 || row < 0 || column >= width || row >= height
      ? 0
      : (picture[row * width + column] as number);
  const pixels = new Uint8Array(side * side).map((_, i) => {
    const y = (Math.floor(i / side) - side / 2) / scale;
    const x = ((i % side) - side / 2) / scale + slant * y + across;
    const around = repeat(8, (k) => {
      const angle = (k * Math.PI) / 4;
      return interpolate(x + reach * Math.cos(angle), y + down + reach * Math.sin(angle), read);
    });
    return pen > 0 ? Math.max(...around) : Math.min(...around);
  });
  return { width: side, height: side, pixels };
}

/** Draws clouds: smooth noise above a threshold, in a circle. */
function drawNoise({ between, choose }: Random): Picture {
  const cells = choose(4, 9);
  const levels = repeat((cells + 1) ** 2, () => between(0, 1));
  const threshold = between(0.45, 0.65);
  const level = (column: number, row: number): number =>
    levels[row * (cells + 1) + column] as number;
  const middle = SIDE / 2;
  const pixels = new Uint8Array(SIDE * SIDE).map((_, i) => {
    const [x, y] = [i % SIDE, Math.floor(i / SIDE)];
    const value = interpolate((x * cells) / SIDE, (y * cells) / SIDE, level);
    const isInside = Math.hypot(x - middle, y - middle) < middle - MARGIN;
    return isInside ? 255 * Math.min(1, Math.max(0, 8 * (value - threshold))) : 0;
  });
  return { width: SIDE, height: SIDE, pixels };
}
