/** Draws an error as a picture, for callers that show any answer as an image. */
import font from 'oled-font-5x7';
import type { Picture } from '../../shared/picture/png.ts';
import { escapeXml } from './svg.ts';

const PAPER = 250;
const INK = 34;
const MARGIN = 16;
const TITLE_SCALE = 3;
const DETAIL_SCALE = 2;
/** Characters a line of detail; with the margins they make the picture's width. */
const COLUMNS = 40;
const TITLE_COLUMNS = Math.floor((COLUMNS * DETAIL_SCALE) / TITLE_SCALE);
const MAX_LINES = 12;
/** Cells are one pixel wider and two higher than the glyphs. */
const CELL_WIDTH = font.width + 1;
const CELL_HEIGHT = font.height + 2;

/** One byte for each column of a glyph, its lowest bit on top. */
const GLYPHS = new Map(
  font.lookup.map((character, i) => [
    character,
    font.fontData.slice(i * font.width, (i + 1) * font.width),
  ]),
);
const UNKNOWN = GLYPHS.get('?') ?? [];

/** Draws a title over wrapped text, dark on light. Characters that the font lacks become "?". */
export function drawErrorPicture(title: string, detail: string): Picture {
  const lines = [
    ...wrapText(title, TITLE_COLUMNS).map((text) => ({ text, scale: TITLE_SCALE, gap: 0 })),
    ...wrapText(detail, COLUMNS).map((text, i) => ({
      text,
      scale: DETAIL_SCALE,
      gap: i === 0 ? MARGIN : 0,
    })),
  ];
  const width = 2 * MARGIN + COLUMNS * CELL_WIDTH * DETAIL_SCALE;
  const height = lines.reduce((sum, { scale, gap }) => sum + CELL_HEIGHT * scale + gap, 2 * MARGIN);
  const pixels = new Uint8Array(width * height).fill(PAPER);
  const picture = { width, height, channels: 1, pixels };
  let top = MARGIN;
  for (const { text, scale, gap } of lines) {
    top += gap;
    for (const [i, character] of [...text].entries()) {
      const glyph = GLYPHS.get(character) ?? UNKNOWN;
      drawGlyph(picture, glyph, MARGIN + i * CELL_WIDTH * scale, top, scale);
    }
    top += CELL_HEIGHT * scale;
  }
  return picture;
}

function drawGlyph(
  { width, pixels }: Picture,
  glyph: readonly number[],
  left: number,
  top: number,
  scale: number,
): void {
  for (const [column, bits] of glyph.entries()) {
    for (let y = 0; y < font.height * scale; y++) {
      if ((bits >> Math.floor(y / scale)) & 1) {
        const from = (top + y) * width + left + column * scale;
        pixels.fill(INK, from, from + scale);
      }
    }
  }
}

/** Characters a line of title in SVG, where they are 13 pixels wide; those of the detail 8.4. */
const SVG_TITLE_COLUMNS = 26;

/** Draws the same as SVG. */
export function renderErrorSvg(title: string, detail: string): string {
  const lines = [
    ...wrapText(title, SVG_TITLE_COLUMNS).map((text) => ({ text, size: 22 })),
    ...wrapText(detail, COLUMNS).map((text) => ({ text, size: 14 })),
  ];
  let y = MARGIN;
  const texts = lines.map(({ text, size }) => {
    y += Math.round(size * 1.4);
    return `<text x="${MARGIN}" y="${y}" font-size="${size}">${escapeXml(text)}</text>`;
  });
  const [width, height] = [2 * MARGIN + COLUMNS * 9, y + MARGIN];
  const box = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${box} role="img">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="100%" height="100%" fill="#fafafa"/>`,
    `<g fill="#222" font-family="monospace">`,
    ...texts,
    '</g>',
    '</svg>\n',
  ].join('\n');
}

/** Wraps at spaces, and within words that are longer than a line. */
function wrapText(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/).flatMap((part) => splitWord(part, columns))) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  return lines.slice(0, MAX_LINES);
}

function splitWord(word: string, columns: number): string[] {
  const characters = [...word];
  const parts = Math.max(1, Math.ceil(characters.length / columns));
  return Array.from({ length: parts }, (_, i) =>
    characters.slice(i * columns, (i + 1) * columns).join(''),
  );
}
