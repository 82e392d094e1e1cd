/** Encodes drawn digits. To add a format: entries of `DIGIT` and `MEDIA_TYPES`, and a case here. */
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { encodeBase64 } from 'hono/utils/encode';
import { buildDigitUrl, type PinnedDigits } from '../../shared/contract/query.ts';
import type { PixelForm } from '../../shared/contract/parameters.ts';
import { encodeNpy } from '../../shared/array-headers.ts';
import { truncate } from '../../shared/model/random.ts';
import { TextWriter } from '../../shared/text-writer.ts';
import { resolveColours } from '../../shared/picture/paper.ts';
import type { Subject } from '../../shared/model/subject.ts';
import type { PngEncoder } from '../../shared/picture/png.ts';
import { placeLatents, type Samples } from '../../shared/model/sampler.ts';
import { readHand } from '../hand.ts';
import { buildSheet, encodePng } from '../../shared/picture/sheet.ts';
import { renderSvg } from './svg.ts';
import { renderText } from './text.ts';

interface RenderContext {
  readonly digits: PinnedDigits;
  /** The scale, if the picture's width or height decides it; default: the scale of `digits`. */
  readonly scale?: number;
  /** The model's class names, by label. */
  readonly classes: readonly string[];
  readonly subject: Subject | undefined;
  /** Numbers of a latent vector. */
  readonly latentSize: number;
  /** The start of absolute URLs in JSON; undefined where none is to be named. */
  readonly base: string | undefined;
  readonly png: PngEncoder;
}

/** Encodes digits. For `ndjson`, `samples` may be any part of them, from index `first` on. */
export function renderDigits(
  context: RenderContext,
  samples: Samples,
  first: number,
): Uint8Array<ArrayBuffer> {
  const { digits, classes, png } = context;
  const look = { ...digits, scale: context.scale ?? digits.scale };
  switch (digits.format) {
    case 'png':
      return encodePng(png, buildSheet(samples, look), resolveColours(digits, samples.paper));
    case 'json':
      return encodeJson(context, samples, first);
    case 'ndjson':
      return encodeLines(describeItems(context), samples, first);
    case 'svg':
      return utf8ToBytes(renderSvg(look, samples, classes, context.subject));
    case 'txt':
      return utf8ToBytes(renderText(samples, digits.cols));
    case 'npy': {
      const { count, height, width, channels } = samples;
      const shape = channels === 1 ? [count, height, width] : [count, height, width, channels];
      return encodeNpy(shape, samples.pixels) as Uint8Array<ArrayBuffer>;
    }
  }
}

function encodeJson(
  context: RenderContext,
  samples: Samples,
  first: number,
): Uint8Array<ArrayBuffer> {
  const { model, seed, start } = context.digits;
  const { count: n, width, height, channels } = samples;
  const head = JSON.stringify({ model, seed, start, n, width, height, channels });
  const text = new TextWriter();
  text.write(`${head.slice(0, -1)},"digits":[\n`);
  writeItems(text, describeItems(context), samples, first, ',\n');
  text.write('\n]}\n');
  return text.finish();
}

function describeItems({ digits, classes, latentSize, base }: RenderContext): ItemContext {
  const { number, pixels } = digits;
  const writeUrl = (start: number) =>
    base === undefined
      ? undefined
      : base + buildDigitUrl({ ...digits, format: 'png', start, n: 1, cols: 1 });
  return { classes, number, pixels, drawLatents: planLatents(digits, latentSize), writeUrl };
}

interface ItemContext {
  /** The model's class names, by label. */
  readonly classes: readonly string[];
  /** The class of samples without labels: a number. */
  readonly number?: string | undefined;
  readonly pixels: PixelForm;
  /** Draws the latent vectors that JSON has too, [count, latentSize]. */
  readonly drawLatents?: ((first: number, count: number) => Float32Array) | undefined;
  /** Writes the URL of the picture with an index; JSON has none where it is undefined. */
  readonly writeUrl: (index: number) => string | undefined;
}

/** Encodes a line of JSON for each digit. @param first  Index of the first. */
export function encodeLines(
  context: ItemContext,
  samples: Samples,
  first: number,
): Uint8Array<ArrayBuffer> {
  const text = new TextWriter();
  writeItems(text, context, samples, first, '\n');
  text.write('\n');
  return text.finish();
}

/** Writes each digit as JSON. */
function writeItems(
  text: TextWriter,
  context: ItemContext,
  samples: Samples,
  first: number,
  separator: string,
): void {
  const { classes, number = null, writeUrl } = context;
  const { count, width, height, channels, labels } = samples;
  const size = width * height * channels;
  const latents = context.drawLatents?.(first, count);
  for (let i = 0; i < count; i++) {
    const index = first + i;
    const label = labels?.[i] ?? null;
    const className = label === null ? number : classes[label];
    const item = JSON.stringify({ index, label, class: className, url: writeUrl(index) });
    // A float32 is written as the equal double, so that no reader rounds it.
    const latent = latents?.subarray(
      (i * latents.length) / count,
      ((i + 1) * latents.length) / count,
    );
    const told = latent === undefined ? '' : `,"latent":[${latent.join(',')}]`;
    text.write(`${i === 0 ? '' : separator}${item.slice(0, -1)}${told},"pixels":`);
    const pixels = samples.pixels.subarray(i * size, (i + 1) * size);
    if (context.pixels === 'base64') {
      text.write(`"${encodeBase64(pixels.slice().buffer)}"}`);
    } else {
      text.write('[');
      text.writeValues(pixels);
      text.write(']}');
    }
  }
}

/** How to draw the latent vectors that the network gets; undefined without latent=1. */
export function planLatents(
  digits: Pick<PinnedDigits, 'seed' | 'truncation' | 'latent' | 'hand' | 'vary'>,
  latentSize: number,
): ItemContext['drawLatents'] {
  const { seed, truncation, hand: text, vary } = digits;
  return digits.latent
    ? (first, count) => {
        const hand = text === undefined ? undefined : readHand(text, vary);
        const place = { seed, start: 0, hand };
        return truncate(placeLatents(place, latentSize, first, count), truncation);
      }
    : undefined;
}
