/**
 * A walk through digits as the bytes of an animated picture.
 */
import type { Pinned } from '../../shared/contract/query.ts';
import type { PngEncoder } from '../../shared/picture/png.ts';
import type { Samples } from '../../shared/model/sampler.ts';
import { buildSheet, encodePngs } from '../../shared/picture/sheet.ts';
import { joinPngs } from './apng.ts';
import { encodeGif } from './gif.ts';

/** @param frames  What was drawn for it, in order. */
export function renderMorph(
  png: PngEncoder,
  morph: Pinned<'morph'>,
  frames: Samples,
): Uint8Array<ArrayBuffer> {
  const size = frames.height * frames.width * frames.channels;
  const pictures = Array.from({ length: frames.count }, (_, i) => {
    const pixels = frames.pixels.subarray(i * size, (i + 1) * size);
    return buildSheet({ ...frames, count: 1, pixels }, { ...morph, cols: 1 });
  });
  return morph.format === 'gif'
    ? encodeGif(pictures, morph, listDelays(morph, 100))
    : joinPngs(encodePngs(png, pictures, morph), listDelays(morph, 1000));
}

/**
 * Lists how long each frame is shown. Every end is rounded from the start, so that errors never add up.
 *
 * @param ticks  Ticks a second: 1000 for milliseconds.
 * @returns      Ticks for each frame, at least 2 hundredths of a second.
 */
export function listDelays(
  { n, frames, fps, hold }: Pick<Pinned<'morph'>, 'n' | 'frames' | 'fps' | 'hold'>,
  ticks: number,
): number[] {
  const end = (frame: number) =>
    Math.round(ticks * (frame / fps + (Math.ceil(frame / frames) * hold) / 1000));
  return Array.from({ length: n * frames }, (_, frame) => end(frame + 1) - end(frame));
}
