/** Tests contents of a known length: every range holds the same bytes as the whole. */
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Samples } from '../../shared/model/sampler.ts';
import { planDataset } from '../../worker/formats/dataset.ts';
import { DATASET_FORMATS, type DatasetFormat } from '../../shared/contract/formats.ts';
import { pinQuery } from '../../shared/contract/query.ts';
import { makeRecords, streamPieces, type Content } from '../../worker/http/content.ts';
import { timesAsMany } from '../support/fast-check.ts';

/** Records of two bytes: twice the low byte of the index. */
function drawPairs(first: number, count: number): Uint8Array {
  return Uint8Array.from({ length: 2 * count }, (_, i) => first + (i >> 1));
}

async function readPart(content: Content, first = 0, end = content.length): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of content.read(first, end)) {
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

describe('a stream', () => {
  const fail = () => undefined;

  test('consists of every record once, in order', async () => {
    for (const count of [1, 127, 128, 129, 300]) {
      const stream = streamPieces(makeRecords(count, 2, drawPairs).read(0, 2 * count), fail);
      const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
      expect(bytes).toEqual(drawPairs(0, count));
    }
  });

  test('draws nothing before the first read, nor after the client disconnects', async () => {
    const drawn: number[] = [];
    const content = makeRecords(10_000, 2, (first, count) => {
      drawn.push(first);
      return drawPairs(first, count);
    });
    const stream = streamPieces(content.read(0, content.length), fail);
    await setImmediate();
    expect(drawn).toEqual([]);
    const reader = stream.getReader();
    await reader.read();
    await reader.read();
    await setImmediate();
    expect(drawn).toEqual([0, 128]);
    await reader.cancel();
    await setImmediate();
    expect(drawn).toEqual([0, 128]);
  });

  test.each([
    [784, 128],
    [65_536, 4],
    [3_000_000, 1],
  ])('draws few large pictures at once: of %i bytes, %i', async (bytes, expected) => {
    const counts: number[] = [];
    const content = makeRecords(256, bytes, (_, count) => {
      counts.push(count);
      return new Uint8Array();
    });
    await readPart(content);
    expect(new Set(counts)).toEqual(new Set([expected]));
  });

  test('passes a failure on to the reader', async () => {
    const content = makeRecords(200, 2, (first, count) =>
      first === 128 ? Promise.reject(new Error('gone')) : drawPairs(first, count),
    );
    const stream = streamPieces(content.read(0, content.length), fail);
    await expect(new Response(stream).arrayBuffer()).rejects.toThrow('gone');
  });
});

describe('a range of a set', () => {
  const image = { height: 3, width: 2, channels: 1 };
  const size = 6;
  let drawn: number[] = [];

  function plan(
    format: DatasetFormat,
    n: number,
    part: 'images' | 'labels',
    classes: readonly string[],
  ) {
    const model = { name: 'm', version: '0123456789abcdef' };
    const dataset = pinQuery('dataset', { n, part }, format, model, 's');
    return planDataset({
      dataset,
      image,
      classes,
      latentSize: 2,
      base: '',
      async draw(first, count): Promise<Samples> {
        drawn.push(...Array.from({ length: count }, (_, i) => first + i));
        const pixels = Uint8Array.from({ length: count * size }, (_, i) => first * size + i);
        return { count, ...image, pixels, labels: null };
      },
      drawLabels: (first, count) =>
        Uint8Array.from({ length: count }, (_, i) => (first + i) % classes.length),
    }) as Content;
  }

  const formats = (Object.keys(DATASET_FORMATS) as DatasetFormat[]).filter(
    (format) => format !== 'csv' && format !== 'ndjson',
  );

  test.each(formats)('in %s holds the bytes of the whole', async (format) => {
    await fc.assert(
      fc.asyncProperty(
        // Two groups of Parquet, and sizes around a batch.
        fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constant(5_001)),
        fc.constantFrom('images', 'labels'),
        fc.constantFrom([], ['a'], ['a', 'b', 'c']),
        fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(300)), {
          minLength: 1,
          maxLength: 8,
        }),
        async (n, part, classes, ranges) => {
          fc.pre(part === 'images' || classes.length > 0);
          const content = plan(format, n, part, classes);
          const whole = await readPart(content);
          expect(whole.length).toBe(content.length);
          for (const [place, extra] of ranges) {
            const first = Math.min(Math.floor(place * content.length), content.length - 1);
            const end = Math.min(content.length, first + 1 + extra);
            const bytes = await readPart(content, first, end);
            expect(bytes.equals(whole.subarray(first, end))).toBe(true);
          }
        },
      ),
      { numRuns: timesAsMany(25) },
    );
  });

  test.each(formats)('in %s draws only the digits that it touches', async (format) => {
    const content = plan(format, 500, 'images', ['a', 'b']);
    const whole = await readPart(content);
    // The pixels of digit 300, which no other bytes equal.
    const pixels = Buffer.from(Array.from({ length: size }, (_, i) => 300 * size + i));
    const rows = [pixels.subarray(0, 2), pixels.subarray(2, 4), pixels.subarray(4)];
    const stored = Buffer.concat(rows.flatMap((row) => [Buffer.of(0), row]));
    const at = whole.indexOf(format === 'parquet' ? stored : pixels);
    expect(at).toBeGreaterThan(0);
    drawn = [];
    await readPart(content, at + 1, at + 3);
    expect(drawn.length).toBe(1);
    expect(content.count(at + 1, at + 3)).toEqual({ sample: 1, label: 0 });
    drawn = [];
    await readPart(content, 0, 4);
    expect([drawn, content.count(0, 4)]).toEqual([[], { sample: 0, label: 0 }]);
    // A reader of Parquet starts at the end. The end of a ZIP holds checksums of all digits.
    await readPart(content, whole.length - 8);
    const atEnd = { idx: 2, 'idx.gz': 2, npy: 2, npz: 500, parquet: 0 }[format as 'idx'];
    expect(drawn.length).toBe(atEnd);
  });
});
