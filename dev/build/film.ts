/** The pictures of a training as frames that a page can show one by one: from the run's GIF. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encode } from 'fast-png';
import { GifReader } from 'omggif';
import { escapeHtml } from '../../shared/escape-html.ts';
import { ASSET_PATH } from '../../worker/http/asset-headers.ts';
import { nameAsset, ROOT } from './bundle.ts';

/** Runs whose GIF is in docs/: a square of 64 digits, 56 pixels each, a frame every few steps. */
const FILMS: Readonly<Record<string, { readonly file: string; readonly every: number }>> = {
  digits: { file: 'digits-progress.gif', every: 1000 },
  seed: { file: 'seed-progress.gif', every: 2000 },
};

/** The frames keep three of the eight rows of digits, one pixel for each of theirs. */
const [WIDTH, HEIGHT, SCALE] = [224, 84, 2];
/** Shades of grey are 17 levels apart: a third fewer bytes, and no eye sees it. */
const SHADE = 17;

export interface Film {
  readonly html: string;
  /** PNG files, and their names under `/assets/`. */
  readonly frames: readonly Uint8Array[];
  readonly files: readonly string[];
}

/** @param caption  What the figure shows. @throws Error  For a name that is not in `FILMS`. */
export function renderFilm(name: string, caption: string): Film {
  const film = FILMS[name];
  if (film === undefined) {
    throw new Error(`expected one of ${Object.keys(FILMS).join(', ')}, got the film ${name}`);
  }
  const frames = readFrames(readFileSync(join(ROOT, 'docs', film.file)));
  const files = frames.map((frame, i) => nameAsset(`${name}-${i}.png`, frame));
  const items = files.map((file, i) => {
    const step = (i * film.every).toLocaleString('en');
    return (
      `<li><img src="${ASSET_PATH}${file}" alt="Samples after ${step} steps" width="${WIDTH}" ` +
      `height="${HEIGHT}" loading="lazy"><span>${step}</span></li>`
    );
  });
  return {
    frames,
    files,
    // The strip scrolls by itself, by keyboard too; a script adds a slider above it.
    html:
      `<figure class="film" data-film><ol class="strip" tabindex="0" ` +
      `aria-label="Frames of the training">${items.join('')}</ol>` +
      `<figcaption>${escapeHtml(caption)}</figcaption></figure>\n`,
  };
}

function readFrames(gif: Uint8Array): Uint8Array[] {
  const reader = new GifReader(gif as Buffer);
  return Array.from({ length: reader.numFrames() }, (_, frame) => {
    const rgba = new Uint8Array(reader.width * reader.height * 4);
    reader.decodeAndBlitFrameRGBA(frame, rgba);
    const data = new Uint8Array(WIDTH * HEIGHT);
    for (let y = 0; y < HEIGHT; y++) {
      for (let x = 0; x < WIDTH; x++) {
        const grey = rgba[(y * SCALE * reader.width + x * SCALE) * 4] as number;
        data[y * WIDTH + x] = Math.round(grey / SHADE) * SHADE;
      }
    }
    return encode({ width: WIDTH, height: HEIGHT, data, channels: 1, depth: 8 });
  });
}
