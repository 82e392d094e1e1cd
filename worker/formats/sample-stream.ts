/**
 * Streams samples. A part is drawn when the reader has taken the last one, so any number of samples
 * takes the memory of one part.
 */
import type { Samples } from '../../shared/model/sampler.ts';

/** Samples of a part: they go through the network at once. */
const PART = 64;

/**
 * Streams a range of samples.
 *
 * @param head    Bytes before the samples.
 * @param start   Index of the first sample.
 * @param count   How many samples, >= 1.
 * @param draw    Draws a part of the range.
 * @param encode  Encodes a part whose first sample has the index `first`.
 */
export function streamSamples(
  head: Uint8Array,
  start: number,
  count: number,
  draw: (first: number, count: number) => Promise<Samples>,
  encode: (samples: Samples, first: number) => Uint8Array,
): ReadableStream {
  let done = 0;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (done === 0 && head.length > 0) {
          controller.enqueue(head);
        }
        const part = Math.min(PART, count - done);
        controller.enqueue(encode(await draw(start + done, part), start + done));
        done += part;
        if (done === count) {
          controller.close();
        }
      },
    },
    { highWaterMark: 0 },
  );
}
