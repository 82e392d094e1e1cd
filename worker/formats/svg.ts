/** Draws digits as outlines: sharp at any size, some hundred bytes a digit. */
import type { Samples } from '../../shared/model/sampler.ts';
import { formatColour, type Colour } from '../../shared/picture/colour.ts';
import { locateSample, measureSheet } from '../../shared/picture/sheet.ts';
import { traceOutlines, type Outline } from '../../shared/picture/outline.ts';
import type { PinnedDigits } from '../../shared/contract/query.ts';

/** Coordinates are whole steps, so many for one pixel of a digit. */
const STEPS = 10;
/** Points that are nearer to the line through their neighbours, in steps, are left out. */
const MAX_OFF_STEPS = 0.35;
/** Digits that a title names. */
const MAX_NAMED = 20;

/** Draws a sheet of grey digits as in PNG. `dark_fg` and `dark_bg` are for dark schemes. */
export function renderSvg(
  digits: PinnedDigits,
  samples: Samples,
  classes: readonly string[],
): string {
  const { width, height } = measureSheet(samples, samples.count, digits);
  const size = samples.width * samples.height;
  const write = digits.smooth ? writeCurve : writeLines;
  const paths = Array.from({ length: samples.count }, (_, i) => {
    const pixels = samples.pixels.subarray(i * size, (i + 1) * size);
    const data = traceOutlines(pixels, samples.width, samples.height)
      .map((outline) => simplify(roundPoints(outline)))
      .filter((points) => points.length >= 3) // Else it is smaller than a step.
      .map(write)
      .join('');
    const { left, top } = locateSample(samples, i, digits);
    const transform = `translate(${left} ${top})scale(${digits.scale / STEPS})`;
    return `<path transform="${transform}" d="${data}"/>`;
  });
  const { number } = digits;
  const title =
    number === undefined ? nameDigits(samples, classes) : `The handwritten number ${number}`;
  const box = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${box} role="img">`,
    `<title>${escapeXml(title)}</title>`,
    `<desc>${escapeXml(describeOrigin(digits))}</desc>`,
    ...styleForDark(digits),
    `<rect class="p" width="100%" height="100%" fill="${writeFill(digits.bg)}"/>`,
    `<g class="i" fill="${writeFill(digits.fg)}">`,
    ...paths,
    '</g>',
    '</svg>\n',
  ].join('\n');
}

function writeFill(colour: Colour): string {
  return colour[3] === 0 ? 'none' : `#${formatColour(colour)}`;
}

/** Writes the dark scheme's colours. They are hex digits, so no text of a caller gets in. */
function styleForDark({ dark_fg: darkFg, dark_bg: darkBg }: PinnedDigits): string[] {
  const rules = [
    ...(darkBg === undefined ? [] : [`.p{fill:${writeFill(darkBg)}}`]),
    ...(darkFg === undefined ? [] : [`.i{fill:${writeFill(darkFg)}}`]),
  ];
  return rules.length === 0
    ? []
    : [`<style>@media(prefers-color-scheme:dark){${rules.join('')}}</style>`];
}

/** Writes a closed polygon. */
function writeLines(points: readonly Point[]): string {
  const first = points[0] as Point;
  let [x, y] = first;
  const numbers = points.slice(1).flatMap(([toX, toY]) => {
    const line = [toX - x, toY - y];
    [x, y] = [toX, toY];
    return line;
  });
  return `M${joinNumbers(first)}l${joinNumbers(numbers)}z`;
}

/** Writes a closed curve: parabolas between the middles of edges, with the points as controls. */
function writeCurve(points: readonly Point[]): string {
  const middles = points.map(([x, y], i): Point => {
    const [nextX, nextY] = points[(i + 1) % points.length] as Point;
    return [Math.round((x + nextX) / 2), Math.round((y + nextY) / 2)];
  });
  const first = middles.at(-1) as Point;
  let from = first;
  const numbers = points.flatMap((point, i) => {
    const to = middles[i] as Point;
    const curve = [point[0] - from[0], point[1] - from[1], to[0] - from[0], to[1] - from[1]];
    from = to;
    return curve;
  });
  return `M${joinNumbers(first)}q${joinNumbers(numbers)}z`;
}

/** Joins numbers; a minus sign separates them as well as a space. */
function joinNumbers(numbers: readonly number[]): string {
  return numbers.join(' ').replaceAll(' -', '-');
}

type Point = readonly [x: number, y: number];

function roundPoints(outline: Outline): Point[] {
  return Array.from({ length: outline.length / 2 }, (_, i): Point => [
    Math.round((outline[2 * i] as number) * STEPS),
    Math.round((outline[2 * i + 1] as number) * STEPS),
  ]);
}

function simplify(points: readonly Point[]): Point[] {
  const kept: Point[] = [];
  for (const [i, point] of points.entries()) {
    const before = kept.at(-1) ?? (points.at(-1) as Point);
    const after = points[(i + 1) % points.length] as Point;
    if (measureOff(before, point, after) >= MAX_OFF_STEPS) {
      kept.push(point);
    }
  }
  return kept;
}

/** Measures the distance, in steps, from a point to the line through two others, or to both. */
function measureOff([ax, ay]: Point, [x, y]: Point, [bx, by]: Point): number {
  const length = Math.hypot(bx - ax, by - ay);
  return length === 0
    ? Math.hypot(x - ax, y - ay)
    : Math.abs((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / length;
}

function nameDigits(
  { count, labels }: Pick<Samples, 'count' | 'labels'>,
  classes: readonly string[],
): string {
  const named =
    labels === null ? [] : [...labels.subarray(0, MAX_NAMED)].map((label) => classes[label]);
  const rest = count > MAX_NAMED ? ', …' : '';
  const names = named.length === 0 ? '' : `: ${named.join(', ')}${rest}`;
  return count === 1 ? `A handwritten digit${names}` : `${count} handwritten digits${names}`;
}

function describeOrigin({ model, seed, start }: PinnedDigits): string {
  const drawer = `Drawn by digitmint's model ${model.name}@${model.version}`;
  return `${drawer} for the seed ${JSON.stringify(seed)}, from place ${start}`;
}

/** Escapes text for XML 1.0. Characters that XML cannot hold become U+FFFD. */
export function escapeXml(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\t\n\r\u0020-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
