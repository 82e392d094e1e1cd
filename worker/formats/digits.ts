/**
 * Drawn digits as the bytes of an answer. To add a format: an entry of `DIGIT_FORMATS`, and a case here.
 */
import { encodeBase64 } from 'hono/utils/encode';
import { buildDigitUrl, type PinnedDigits } from '../../shared/contract/query.ts';
import type { PixelForm } from '../../shared/contract/parameters.ts';
import { encodeNpy } from '../../shared/npy.ts';
import type { PngEncoder } from '../../shared/picture/png.ts';
import type { Samples } from '../../shared/model/sampler.ts';
import { buildSheet, encodePng } from '../../shared/picture/sheet.ts';
import { renderSvg } from './svg.ts';
import { renderText } from './text.ts';

/** What a rendering needs beside the samples. */
export interface RenderContext {
  /** What was asked for. */
  readonly digits: PinnedDigits;
  /** The model's, by label. */
  readonly classes: readonly string[];
  /** For absolute URLs in JSON. */
  readonly origin: string;
  readonly png: PngEncoder;
}

/**
 * Renders digits in their format.
 * @param samples  What was drawn for it: all of it, or for `ndjson` any part of it.
 * @param first    Index of the first sample.
 */
export function renderDigits(
  context: RenderContext,
  samples: Samples,
  first: number,
): Uint8Array<ArrayBuffer> {
  const { digits, classes } = context;
  switch (digits.format) {
    case 'png':
      return encodePng(context.png, buildSheet(samples, digits), digits);
    case 'json':
      return encodeText(formatJson(context, samples, first));
    case 'ndjson':
      return encodeText(
        listItems(context, samples, first)
          .map((item) => `${item}\n`)
          .join(''),
      );
    case 'svg':
      return encodeText(renderSvg(digits, samples, classes));
    case 'txt':
      return encodeText(renderText(samples, digits.cols));
    case 'npy': {
      const { count, height, width, channels } = samples;
      const shape = channels === 1 ? [count, height, width] : [count, height, width, channels];
      return encodeNpy(shape, samples.pixels) as Uint8Array<ArrayBuffer>;
    }
  }
}

function encodeText(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>;
}

function formatJson(context: RenderContext, samples: Samples, first: number): string {
  const { model, seed, start } = context.digits;
  const { count, width, height, channels } = samples;
  const head = { model, seed, start, n: count, width, height, channels };
  return `${JSON.stringify(head).slice(0, -1)},"digits":[\n${listItems(context, samples, first).join(',\n')}\n]}\n`;
}

/** What digits as JSON need beside the samples. */
export interface ItemContext {
  /** The model's, by label. */
  readonly classes: readonly string[];
  /** The class of samples without labels: a number's digits. */
  readonly number?: string | undefined;
  readonly pixels: PixelForm;
  /** Writes the URL of the picture with an index. */
  readonly writeUrl: (index: number) => string;
}

/** Digits as JSON, by hand where the numbers are: 200,000 of them take JSON.stringify several times as long as `join`. */
export function formatItems(context: ItemContext, samples: Samples, first: number): string[] {
  const { classes, number, writeUrl } = context;
  const { count, width, height, channels, labels } = samples;
  const size = width * height * channels;
  return Array.from({ length: count }, (_, i) => {
    const index = first + i;
    const label = labels?.[i] ?? null;
    const item = JSON.stringify({
      index,
      label,
      class: label === null ? (number ?? null) : classes[label],
      url: writeUrl(index),
    });
    const bytes = samples.pixels.subarray(i * size, (i + 1) * size);
    const pixels =
      context.pixels === 'base64'
        ? `"${encodeBase64(bytes.slice().buffer)}"`
        : `[${bytes.join(',')}]`;
    return `${item.slice(0, -1)},"pixels":${pixels}}`;
  });
}

function listItems(
  { digits, classes, origin }: RenderContext,
  samples: Samples,
  first: number,
): string[] {
  const writeUrl = (start: number) =>
    origin + buildDigitUrl({ ...digits, format: 'png', start, n: 1, cols: 1 });
  return formatItems(
    { classes, number: digits.number, pixels: digits.pixels, writeUrl },
    samples,
    first,
  );
}
