/**
 * Tests `/dataset` over HTTP in the real runtime: formats, ranges, limits and clients that
 * disconnect.
 */
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as v from 'valibot';
import { POINTER_KEY } from '../../../shared/model/artifact.ts';
import { digitSchema, digitsSchema, packedDigitSchema } from '../../../shared/contract/answers.ts';
import {
  buildFixture,
  COLOUR_LAYERS,
  buildPointer,
} from '../../support/models/fixture-artifact.ts';
import { leaveInTheMiddle } from '../../support/hosts/raw-request.ts';
import { putArtifact, startWorker, type TestWorker } from '../../support/hosts/runtime.ts';

const labelled = buildFixture({ name: 'labelled' });
const plain = buildFixture({ name: 'plain', classes: 0 });
const colour = buildFixture({ name: 'colour', layers: COLOUR_LAYERS });

let worker: TestWorker;
beforeAll(async () => {
  worker = await startWorker(async (bucket) => {
    for (const fixture of [labelled, plain, colour]) {
      await putArtifact(bucket, fixture);
    }
    await bucket.put(POINTER_KEY, buildPointer(labelled, plain, colour));
  });
});
afterAll(() => worker.close());

const getDigits = async (query: string) =>
  v.parse(digitsSchema, await (await worker.fetch(`/digit.json?${query}`)).json()).digits;

/** Parses an IDX file by its specification: magic, sizes, bytes. */
function readIdx(bytes: Buffer): { shape: number[]; data: Buffer } {
  expect([bytes[0], bytes[1], bytes[2]]).toEqual([0, 0, 8]);
  const rank = bytes[3] as number;
  return {
    shape: Array.from({ length: rank }, (_, i) => bytes.readUInt32BE(4 + 4 * i)),
    data: bytes.subarray(4 + 4 * rank),
  };
}

function readNpy(bytes: Buffer): { header: string; data: Buffer } {
  const end = 10 + bytes.readUInt16LE(8);
  return { header: bytes.toString('latin1', 10, end), data: bytes.subarray(end) };
}

describe('a labelled set', () => {
  test('has the digits of /digit in every format', async () => {
    const query = 'seed=s&start=5&n=150';
    const digits = await getDigits(query);
    const [pixels, labels] = [
      digits.flatMap((digit) => digit.pixels),
      digits.map(({ label }) => label),
    ];

    const images = readIdx(await worker.getBytes(`/dataset.idx?${query}`));
    expect(images.shape).toEqual([150, 28, 28]);
    expect([...images.data]).toEqual(pixels);
    const named = readIdx(await worker.getBytes(`/dataset.idx?${query}&part=labels`));
    expect([named.shape, [...named.data]]).toEqual([[150], labels]);

    const array = readNpy(await worker.getBytes(`/dataset.npy?${query}`));
    expect(array.header).toContain("'shape': (150, 28, 28)");
    expect([...array.data]).toEqual(pixels);
    const names = readNpy(await worker.getBytes(`/dataset.npy?${query}&part=labels`));
    expect(names.header).toContain("'shape': (150,)");
    expect([...names.data]).toEqual(labels);

    const [head, ...rows] = (await worker.getBytes(`/dataset.csv?${query}`))
      .toString()
      .trimEnd()
      .split('\n');
    expect(head).toBe(['label', ...Array.from({ length: 784 }, (_, i) => `pixel${i}`)].join(','));
    expect(rows.map((row) => row.split(',').map(Number))).toEqual(
      digits.map(({ label, pixels: own }) => [label, ...own]),
    );

    const lines = (await worker.getBytes(`/dataset.ndjson?${query}`))
      .toString()
      .trimEnd()
      .split('\n');
    expect(lines.map((line) => v.parse(digitSchema, JSON.parse(line)))).toEqual(digits);
  });

  test('has the same digits for an index in every range', async () => {
    const whole = readNpy(await worker.getBytes('/dataset.npy?seed=s&n=300')).data;
    for (const [start, n] of [
      [0, 1],
      [63, 2],
      [100, 200],
      [299, 1],
    ] as const) {
      const part = readNpy(await worker.getBytes(`/dataset.npy?seed=s&start=${start}&n=${n}`)).data;
      expect(part.equals(whole.subarray(start * 784, (start + n) * 784))).toBe(true);
    }
  });

  test('respects a label, and models in colour or without classes', async () => {
    const named = readIdx(
      await worker.getBytes('/dataset.idx?seed=s&n=70&label=3&part=labels'),
    ).data;
    expect(new Set(named)).toEqual(new Set([3]));
    const sevens = readNpy(await worker.getBytes('/dataset.npy?seed=s&n=2&label=7')).data;
    expect([...sevens]).toEqual(
      (await getDigits('seed=s&n=2&label=7')).flatMap(({ pixels }) => pixels),
    );
    expect(readIdx(await worker.getBytes('/dataset.idx?model=colour&n=3')).shape).toEqual([
      3, 16, 16, 3,
    ]);
    const [head, row] = (await worker.getBytes('/dataset.csv?model=plain&n=1'))
      .toString()
      .split('\n');
    expect([head?.startsWith('pixel0,'), row?.split(',').length]).toEqual([true, 784]);
  });

  test('has one file of images and labels, without labels where there are no classes', async () => {
    const listNames = async (path: string) => {
      const text = (await worker.getBytes(path)).toString('latin1');
      return [...new Set(text.match(/(?:labels|images)\.npy|"ClassLabel"|"Image"/g))].toSorted();
    };
    expect(await listNames('/dataset.npz?seed=s&n=2')).toEqual(['images.npy', 'labels.npy']);
    expect(await listNames('/dataset.npz?seed=s&n=2&model=plain')).toEqual(['images.npy']);
    expect(await listNames('/dataset.parquet?seed=s&n=2')).toEqual(['"ClassLabel"', '"Image"']);
    expect(await listNames('/dataset.parquet?seed=s&n=2&model=plain')).toEqual(['"Image"']);
  });

  test('has pictures in Parquet that are the pixels, in colour too', async () => {
    for (const model of ['labelled', 'colour']) {
      const query = `seed=s&n=3&model=${model}`;
      const pixels = readNpy(await worker.getBytes(`/dataset.npy?${query}`)).data;
      const file = await worker.getBytes(`/dataset.parquet?${query}`);
      const size = pixels.length / 3;
      let at = 0;
      for (let i = 0; i < 3; i++) {
        at = file.indexOf('\x89PNG', at + 1, 'latin1');
        const { data } = PNG.sync.read(file.subarray(at, at + file.readUInt32LE(at - 4)));
        // pngjs gives red, green, blue and opacity.
        const channels = data.length / 4 === size ? [0] : [0, 1, 2];
        const read = Array.from({ length: data.length / 4 }, (_, j) =>
          channels.map((channel) => data[4 * j + channel]),
        ).flat();
        expect(read).toEqual([...pixels.subarray(i * size, (i + 1) * size)]);
      }
    }
  });

  test('has pixels as base64 in NDJSON on request', async () => {
    const answer = await worker.fetch('/dataset.ndjson?seed=s&n=66&pixels=base64');
    expect(answer.headers.get('content-location')).toContain('&pixels=base64&model=');
    const packed = (await answer.text())
      .trimEnd()
      .split('\n')
      .map((line) => v.parse(packedDigitSchema, JSON.parse(line)));
    expect(
      packed.map((digit) => ({ ...digit, pixels: [...Buffer.from(digit.pixels, 'base64')] })),
    ).toEqual(await getDigits('seed=s&n=66'));
  });

  test('has at most as many digits as MNIST in one answer', async () => {
    const answer = await worker.fetch('/dataset.npy?seed=s&n=60000');
    const data = readNpy(Buffer.from(await answer.arrayBuffer())).data;
    expect(data.length).toBe(60_000 * 784);
    const last = readNpy(await worker.getBytes('/dataset.npy?seed=s&n=10&start=59990')).data;
    expect(data.subarray(-784 * 10).equals(last)).toBe(true);
    expect(
      data
        .subarray(0, 784 * 10)
        .equals(readNpy(await worker.getBytes('/dataset.npy?seed=s&n=10')).data),
    ).toBe(true);
  });

  test('may be aborted by the client', async () => {
    for (const extension of ['csv', 'npy', 'npz', 'parquet', 'idx.gz']) {
      await leaveInTheMiddle(new URL(`/dataset.${extension}?n=10000`, worker.url));
    }
    expect((await worker.fetch('/dataset.npy?n=1')).status).toBe(200);
    expect(worker.readLogs().filter((line) => line.includes('request_failed'))).toEqual([]);
  });
});

describe('the headers of a labelled set', () => {
  test('name the canonical URL, the seed and the file, and allow other origins', async () => {
    const answer = await worker.fetch('/dataset.idx?seed=s&n=2&part=labels&label=4&start=3');
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-disposition': 'attachment; filename="digitmint-s-3-4-labels.idx"',
      'content-location': `/dataset.idx?seed=s&start=3&n=2&label=4&part=labels&model=labelled@${labelled.manifest.version}`,
      'cache-control': 'public, max-age=60, must-revalidate',
      'access-control-allow-origin': '*',
      'digitmint-seed': 's',
    });
    const canonical = answer.headers.get('content-location') as string;
    const again = await worker.fetch(canonical);
    expect(again.headers.get('cache-control')).toContain('immutable');
    expect(await again.arrayBuffer()).toEqual(await answer.arrayBuffer());
    const headers = { 'if-none-match': again.headers.get('etag') as string };
    expect((await worker.fetch(canonical, { headers, cache: 'no-store' })).status).toBe(304);
    const head = await worker.fetch('/dataset.csv?seed=s', { method: 'HEAD' });
    expect([
      head.status,
      head.headers.get('content-type'),
      (await head.arrayBuffer()).byteLength,
    ]).toEqual([200, 'text/csv; charset=utf-8; header=present', 0]);
  });

  test('name the drawn seed, from which the labels follow', async () => {
    const answer = await worker.fetch('/dataset.idx?n=3');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const seed = answer.headers.get('digitmint-seed') as string;
    const again = await worker.getBytes(`/dataset.idx?n=3&seed=${seed}`);
    expect(again.equals(Buffer.from(await answer.arrayBuffer()))).toBe(true);
  });

  test('warn of parameters without effect', async () => {
    const answer = await worker.fetch('/dataset.csv?n=1&part=labels&cols=3');
    expect(answer.headers.get('digitmint-warning')).toBe(
      'unknown parameters: cols; without effect in csv: part',
    );
  });
});

test.each<[path: string, status: number, code: string]>([
  ['/dataset.idx?n=60001', 400, 'invalid_parameter'],
  ['/dataset.idx?n=0', 400, 'invalid_parameter'],
  ['/dataset.idx?part=all', 400, 'invalid_parameter'],
  ['/dataset.idx?label=x', 400, 'label_not_supported'],
  ['/dataset.idx?model=plain&part=labels', 400, 'parameter_not_supported'],
  ['/dataset.csv?part=images&strict=1', 400, 'parameter_without_effect'],
  ['/dataset.npy?pixels=base64&strict=1', 400, 'parameter_without_effect'],
  ['/dataset.idx?cols=1&strict=1', 400, 'unknown_parameter'],
  ['/dataset.idx?model=none', 404, 'model_not_found'],
  ['/dataset', 404, 'not_found'],
])('answers %s with status %i', async (path, status, code) => {
  const answer = await worker.fetch(path);
  expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([status, code]);
});
