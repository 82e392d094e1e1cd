/**
 * A walk through digits as the bytes of an animated picture.
 */
import { listDelays, type PinnedMorph } from '../../shared/contract/morph-query.ts';
import type { PngEncoder } from '../../shared/picture/png.ts';
import type { Samples } from '../../shared/model/sampler.ts';
import { buildSheet, encodePngs } from '../../shared/picture/sheet.ts';
import { joinPngs } from './apng.ts';
import { encodeGif } from './gif.ts';

/** @param frames  What was drawn for it, in order. */
export function renderMorph(
  png: PngEncoder,
  morph: PinnedMorph,
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
