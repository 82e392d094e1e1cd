/**
 * Digits as outlines: sharp at any size, some hundred bytes a digit.
 */
import type { Samples } from '../../shared/model/sampler.ts';
import { formatColour, type Colour } from '../../shared/picture/colour.ts';
import { locateSample, measureSheet } from '../../shared/picture/sheet.ts';
import { traceOutlines, type Outline } from '../../shared/picture/outline.ts';
import type { PinnedDigits } from '../../shared/contract/query.ts';

/** Steps of a path's coordinates in one pixel of a digit. */
const STEPS = 10;

/** Points that lie less than this many steps off the line of their neighbours are left out. */
const MAX_OFF_STEPS = 0.35;

/** Titles name at most so many digits. */
const MAX_NAMED = 20;

/**
 * Draws a sheet of grey digits, laid out and coloured as in PNG; in the viewer's dark scheme as `dark_fg` and `dark_bg` say.
 *
 * @param digits   What was asked for.
 * @param samples  What was drawn for it, of one channel.
 * @param classes  The model's, by label.
 */
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
    return `<path transform="translate(${left} ${top})scale(${digits.scale / STEPS})" d="${data}"/>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escapeXml(digits.number === undefined ? nameDigits(samples, classes) : `The handwritten number ${digits.number}`)}</title>`,
    `<desc>${escapeXml(describeOrigin(digits))}</desc>`,
    ...styleForDark(digits),
    `<rect class="p" width="100%" height="100%" ${paintWith(digits.bg)}/>`,
    `<g class="i" ${paintWith(digits.fg)}>`,
    ...paths,
    '</g>',
    '</svg>\n',
  ].join('\n');
}

function paintWith(colour: Colour): string {
  return colour[3] === 0 ? 'fill="none"' : `fill="#${formatColour(colour)}"`;
}

/** The dark scheme's colours, where they are asked for. Colours are hex digits here: nothing of a caller's text gets in. */
function styleForDark({ dark_fg: darkFg, dark_bg: darkBg }: PinnedDigits): string[] {
  const rules = [
    ...(darkBg === undefined ? [] : [`.p{${darkenTo(darkBg)}}`]),
    ...(darkFg === undefined ? [] : [`.i{${darkenTo(darkFg)}}`]),
  ];
  return rules.length === 0
    ? []
    : [`<style>@media(prefers-color-scheme:dark){${rules.join('')}}</style>`];
}

function darkenTo(colour: Colour): string {
  return colour[3] === 0 ? 'fill:none' : `fill:#${formatColour(colour)}`;
}

/** A closed line of straight parts. */
function writeLines(points: readonly Point[]): string {
  const [first, ...rest] = points as [Point, ...Point[]];
  return `M${joinNumbers(first)}l${writeRelative(first, rest)}z`;
}

/** A closed line of parabolas, from the middle of each part to the middle of the next, drawn to the point between. */
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

function writeRelative(first: Point, points: readonly Point[]): string {
  let [x, y] = first;
  const numbers = points.flatMap(([toX, toY]) => {
    const line = [toX - x, toY - y];
    [x, y] = [toX, toY];
    return line;
  });
  return joinNumbers(numbers);
}

/** A minus sign parts numbers as well as a space does. */
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

/** Steps from a point to the line through two others; from one of them where they are the same. */
function measureOff([ax, ay]: Point, [x, y]: Point, [bx, by]: Point): number {
  const length = Math.hypot(bx - ax, by - ay);
  return length === 0
    ? Math.hypot(x - ax, y - ay)
    : Math.abs((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / length;
}

/** What a screen reader says. */
export function nameDigits(
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
  return `Drawn by digitmint's model ${model.name}@${model.version} for the seed ${JSON.stringify(seed)}, from place ${start}`;
}

/** Escapes text for XML 1.0. Characters that it cannot hold at all become U+FFFD. */
export function escapeXml(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\t\n\r\u0020-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
