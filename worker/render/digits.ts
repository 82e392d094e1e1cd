/**
 * Drawn digits as the bytes of an answer.
 */
import { buildDigitUrl, type PinnedDigits } from '../../shared/contract/digit-query.ts';
import type { Samples } from '../../shared/sampler.ts';
import { buildSheet, encodePng } from '../../shared/sheet.ts';

/**
 * Renders digits in their format.
 *
 * @param digits   What was asked for.
 * @param samples  What was drawn for it.
 * @param classes  The model's, by label.
 * @param origin   For absolute URLs in JSON.
 */
export function renderDigits(
  digits: PinnedDigits,
  samples: Samples,
  classes: readonly string[],
  origin: string,
): Uint8Array<ArrayBuffer> {
  switch (digits.format) {
    case 'png':
      return encodePng(buildSheet(samples, digits));
    case 'json':
      return new TextEncoder().encode(formatJson(digits, samples, classes, origin)) as Uint8Array<ArrayBuffer>;
  }
}

/** Written by hand where the numbers are: 200,000 of them take JSON.stringify several times as long as `join`. */
function formatJson(
  digits: PinnedDigits,
  { count, width, height, channels, pixels, labels }: Samples,
  classes: readonly string[],
  origin: string,
): string {
  const { model, seed, start, scale } = digits;
  const head = { model, seed, start, n: count, width, height, channels };
  const size = width * height * channels;
  const items = Array.from({ length: count }, (_, i) => {
    const index = start + i;
    const url = origin + buildDigitUrl({ ...digits, format: 'png', start: index, n: 1, cols: 1, scale });
    const label = labels?.[i] ?? null;
    const item = JSON.stringify({ index, label, class: label === null ? null : classes[label], url });
    return `${item.slice(0, -1)},"pixels":[${pixels.subarray(i * size, (i + 1) * size).join(',')}]}`;
  });
  return `${JSON.stringify(head).slice(0, -1)},"digits":[\n${items.join(',\n')}\n]}\n`;
}
