/**
 * An error as a picture, for callers that show whatever comes as an image.
 */
import font from 'oled-font-5x7';
import type { Picture } from '../../shared/picture/sheet.ts';
import { escapeXml } from './svg.ts';

const PAPER = 250;
const INK = 34;
const MARGIN = 16;
const TITLE_SCALE = 3;
const DETAIL_SCALE = 2;
/** Characters a line of detail; with the margins this makes the picture's width. */
const COLUMNS = 40;
const MAX_LINES = 12;
/** Cells are one pixel wider and two higher than the glyphs. */
const CELL_WIDTH = font.width + 1;
const CELL_HEIGHT = font.height + 2;

const GLYPHS = new Map(
  font.lookup.map((character, i) => [
    character,
    font.fontData.slice(i * font.width, (i + 1) * font.width),
  ]),
);

/** Draws a title over wrapped text, dark on light. Characters that the font lacks become "?". */
export function drawErrorPicture(title: string, detail: string): Picture {
  const titleLines = wrapText(title, Math.floor((COLUMNS * DETAIL_SCALE) / TITLE_SCALE));
  const detailLines = wrapText(detail, COLUMNS);
  const width = 2 * MARGIN + COLUMNS * CELL_WIDTH * DETAIL_SCALE;
  const height =
    3 * MARGIN +
    CELL_HEIGHT * (titleLines.length * TITLE_SCALE + detailLines.length * DETAIL_SCALE);
  const picture = {
    width,
    height,
    channels: 1,
    pixels: new Uint8Array(width * height).fill(PAPER),
  };
  const next = drawLines(picture, titleLines, MARGIN, TITLE_SCALE);
  drawLines(picture, detailLines, next + MARGIN, DETAIL_SCALE);
  return picture;
}

/** In SVG, whose title has 13 pixels a character where the detail has 8.4. */
const SVG_TITLE_COLUMNS = 26;

/** The same as SVG, for callers that asked for that. */
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
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="100%" height="100%" fill="#fafafa"/>`,
    `<g fill="#222" font-family="monospace">`,
    ...texts,
    '</g>',
    '</svg>\n',
  ].join('\n');
}

/** Breaks at spaces, and within words that are longer than a line. */
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
  return Array.from({ length: Math.max(1, Math.ceil(word.length / columns)) }, (_, i) =>
    word.slice(i * columns, (i + 1) * columns),
  );
}

/** @returns  Where the next line would begin. */
function drawLines(picture: Picture, lines: readonly string[], top: number, scale: number): number {
  let y = top;
  for (const line of lines) {
    for (const [i, character] of [...line].entries()) {
      drawGlyph(
        picture,
        GLYPHS.get(character) ?? (GLYPHS.get('?') as number[]),
        MARGIN + i * CELL_WIDTH * scale,
        y,
        scale,
      );
    }
    y += CELL_HEIGHT * scale;
  }
  return y;
}

/** @param glyph  A byte a column, its lowest bit on top. */
function drawGlyph(
  { width, pixels }: Picture,
  glyph: readonly number[],
  left: number,
  top: number,
  scale: number,
): void {
  for (const [column, bits] of glyph.entries()) {
    for (let row = 0; row < font.height; row++) {
      if ((bits >> row) & 1) {
        for (let dy = 0; dy < scale; dy++) {
          const from = (top + row * scale + dy) * width + left + column * scale;
          pixels.fill(INK, from, from + scale);
        }
      }
    }
  }
}
