/**
 * Samples as a stream: drawn a chunk at a time when the reader has taken the last one, so that any number of them takes
 * the memory of a chunk.
 */
import type { Samples } from '../../shared/model/sampler.ts';

/** Samples a chunk: what goes through the network at once. */
const CHUNK = 64;

/**
 * Streams a range of samples.
 *
 * @param head    What stands before them.
 * @param start   Index of the first.
 * @param count   How many, >= 1.
 * @param draw    Draws a part of the range.
 * @param encode  Writes a part, whose first sample has the index `first`.
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
        const part = Math.min(CHUNK, count - done);
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
