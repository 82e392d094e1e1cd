import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Samples } from '../../shared/model/sampler.ts';
import { streamSamples } from '../../worker/drawing.ts';

/** Samples of one byte: the low byte of the index. */
async function draw(first: number, count: number): Promise<Samples> {
  const pixels = Uint8Array.from({ length: count }, (_, i) => first + i);
  return { count, height: 1, width: 1, channels: 1, pixels, labels: null };
}

test('a stream consists of the head and every sample once, in order', async () => {
  for (const count of [1, 63, 64, 65, 200]) {
    const stream = streamSamples(Uint8Array.of(9, 9), 5, count, draw, ({ pixels }) => pixels);
    const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    expect([...bytes]).toEqual([9, 9, ...Array.from({ length: count }, (_, i) => (5 + i) % 256)]);
  }
});

test('nothing is drawn before the first read, nor after the client disconnects', async () => {
  const drawn: number[] = [];
  const stream = streamSamples(
    new Uint8Array(),
    0,
    10_000,
    (first, count) => {
      drawn.push(first);
      return draw(first, count);
    },
    ({ pixels }) => pixels,
  );
  await setImmediate();
  expect(drawn).toEqual([]);
  const reader = stream.getReader();
  await reader.read();
  await reader.read();
  await setImmediate();
  expect(drawn).toEqual([0, 64]);
  await reader.cancel();
  await setImmediate();
  expect(drawn).toEqual([0, 64]);
});

test('a failure during the stream reaches the reader', async () => {
  const failing = (first: number, count: number) =>
    first === 64 ? Promise.reject(new Error('gone')) : draw(first, count);
  const stream = streamSamples(new Uint8Array(), 0, 100, failing, ({ pixels }) => pixels);
  await expect(new Response(stream).arrayBuffer()).rejects.toThrow('gone');
});
