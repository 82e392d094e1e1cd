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

interface Film {
  readonly html: string;
  /** PNG files, and their names under `/assets/`. */
  readonly frames: readonly Uint8Array[];
  readonly files: readonly string[];
}

/** The words of the player. A translation gives its own in lines after the caption: `play: …`. */
const WORDS = {
  play: 'Play',
  pause: 'Pause',
  /** `{n}` stands for the step. */
  step: 'step {n}',
  alt: 'Samples after {n} steps',
  slider: 'Step of the training',
  frames: 'Frames of the training',
};

/**
 * @param text      A description of the figure, then lines with words of the player.
 * @throws Error    For a name that is not in `FILMS`, and for an unknown word.
 */
export function renderFilm(name: string, text: string): Film {
  const film = FILMS[name];
  const [caption = '', ...lines] = text.split('\n');
  const own = lines.map((line) => line.split(/: (.*)/).slice(0, 2));
  const unknown = own.find(([key = '']) => !Object.hasOwn(WORDS, key));
  if (unknown !== undefined) {
    throw new Error(
      `expected a word of ${Object.keys(WORDS).join(', ')}, got ${unknown.join(': ')}`,
    );
  }
  const words = { ...WORDS, ...(Object.fromEntries(own) as Partial<typeof WORDS>) };
  if (film === undefined) {
    throw new Error(`expected one of ${Object.keys(FILMS).join(', ')}, got the film ${name}`);
  }
  const frames = readFrames(readFileSync(join(ROOT, 'docs', film.file)));
  const files = frames.map((frame, i) => nameAsset(`${name}-${i}.png`, frame));
  const steps = files.map((_, i) => (i * film.every).toLocaleString('en'));
  const render = (i: number, attributes: string) =>
    `<img ${attributes} src="${ASSET_PATH}${files[i]}" ` +
    `alt="${escapeHtml(words.alt.replace('{n}', steps[i] ?? ''))}">`;
  const size = `width="${WIDTH}" height="${HEIGHT}" loading="lazy"`;
  const items = steps.map((step, i) => `<li>${render(i, size)}<span>${step}</span></li>`);
  const screen = `class="screen" width="${SCALE * WIDTH}" height="${SCALE * HEIGHT}"`;
  const data = (['play', 'pause', 'step', 'slider'] as const).map(
    (key) => `data-${key}="${escapeHtml(words[key])}"`,
  );
  return {
    frames,
    files,
    // The strip scrolls by itself, by keyboard too. A script plays it on the screen above.
    html:
      `<figure class="film" ${data.join(' ')}>${render(files.length - 1, screen)}` +
      `<p class="controls"></p><ol class="strip" tabindex="0" ` +
      `aria-label="${escapeHtml(words.frames)}">${items.join('')}</ol>` +
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
