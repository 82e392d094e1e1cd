/** Draws digits as outlines: sharp at any size, some hundred bytes a digit. */
import crc32 from 'crc-32';
import type { Samples } from '../../shared/model/sampler.ts';
import { formatColour, type Colour } from '../../shared/picture/colour.ts';
import { evenInk } from '../../shared/picture/ink.ts';
import { HANDWRITTEN_DIGITS, nameOne, type Subject } from '../../shared/model/subject.ts';
import { resolveColours, takeInk, type SheetColours } from '../../shared/picture/paper.ts';
import { locateSample, measureSheet } from '../../shared/picture/sheet-layout.ts';
import { traceOutlines } from '../../shared/picture/outline.ts';
import { buildDigitUrl, type PinnedDigits } from '../../shared/contract/query.ts';
import { CURVES, LINES } from './svg-path.ts';

/** Digits that a title names. */
const MAX_NAMED = 20;

/** Draws a sheet of grey digits as in PNG. `dark_fg` and `dark_bg` are for dark schemes. */
export function renderSvg(
  digits: PinnedDigits,
  samples: Samples,
  classes: readonly string[],
  subject: Subject = HANDWRITTEN_DIGITS,
): string {
  const { width, height } = measureSheet(samples, samples.count, digits);
  const size = samples.width * samples.height;
  const { write, steps } = digits.smooth ? CURVES : LINES;
  const { pixels: ink } = takeInk(samples);
  const paths = Array.from({ length: samples.count }, (_, i) => {
    const pixels = ink.subarray(i * size, (i + 1) * size);
    const even = evenInk(pixels, samples.width, samples.height);
    const data = traceOutlines(even, samples.width, samples.height).map(write).join('');
    const { left, top } = locateSample(samples, i, digits);
    const transform = `translate(${left} ${top})scale(${digits.scale / steps})`;
    return `<path transform="${transform}" d="${data}"/>`;
  });
  const { number } = digits;
  const title =
    number === undefined
      ? nameDigits(samples, classes, subject)
      : `The handwritten number ${number}`;
  const box = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  const { fg, bg } = resolveColours(digits, samples.paper);
  const { style, paperClass, inkClass } = styleForDark(digits, { fg, bg });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${box} role="img">`,
    `<title>${escapeXml(title)}</title>`,
    `<desc>${escapeXml(describeOrigin(digits))}</desc>`,
    ...style,
    `<rect${paperClass} width="100%" height="100%" ${writeAttributes(bg)}/>`,
    `<g${inkClass} ${writeAttributes(fg)}>`,
    ...paths,
    '</g>',
    '</svg>\n',
  ].join('\n');
}

/** Opacity stands apart from the colour: many programs do not know #rrggbbaa. */
function listFill([red, green, blue, alpha]: Colour): [property: string, value: string][] {
  return alpha === 0
    ? [['fill', 'none']]
    : [
        ['fill', `#${formatColour([red, green, blue, 255])}`],
        ['fill-opacity', String(Number((alpha / 255).toFixed(3)))],
      ];
}

function writeAttributes(colour: Colour): string {
  return listFill(colour)
    .filter(([property, value]) => property === 'fill' || value !== '1')
    .map(([property, value]) => `${property}="${value}"`)
    .join(' ');
}

/**
 * Writes the dark scheme's colours. They are hex digits, so no text of a caller gets in. A style
 * applies to the whole page that a picture is part of, so its class is named by the picture's URL.
 */
function styleForDark(digits: PinnedDigits, { fg, bg }: SheetColours) {
  const [darkFg, darkBg] = [findDifferent(digits.dark_fg, fg), findDifferent(digits.dark_bg, bg)];
  if (darkFg === undefined && darkBg === undefined) {
    return { style: [], paperClass: '', inkClass: '' };
  }
  const name = (crc32.str(buildDigitUrl(digits)) >>> 0).toString(16).padStart(8, '0');
  const write = (part: string, colour: Colour | undefined) =>
    colour === undefined
      ? ''
      : `.${part}${name}{${listFill(colour)
          .map((pair) => pair.join(':'))
          .join(';')}}`;
  const rules = write('p', darkBg) + write('i', darkFg);
  return {
    style: [`<style>@media(prefers-color-scheme:dark){${rules}}</style>`],
    paperClass: darkBg === undefined ? '' : ` class="p${name}"`,
    inkClass: darkFg === undefined ? '' : ` class="i${name}"`,
  };
}

/** The dark scheme's colour where it differs: canonical URLs leave an equal one out. */
function findDifferent(dark: Colour | undefined, light: Colour): Colour | undefined {
  return dark === undefined || formatColour(dark) === formatColour(light) ? undefined : dark;
}

function nameDigits(
  { count, labels }: Pick<Samples, 'count' | 'labels'>,
  classes: readonly string[],
  subject: Subject,
): string {
  const named =
    labels === null ? [] : [...labels.subarray(0, MAX_NAMED)].map((label) => classes[label]);
  const rest = count > MAX_NAMED ? ', …' : '';
  const names = named.length === 0 ? '' : `: ${named.join(', ')}${rest}`;
  return `${count === 1 ? nameOne(subject) : `${count} ${subject.many}`}${names}`;
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
