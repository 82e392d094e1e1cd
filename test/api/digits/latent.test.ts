/** Tests the latent vector as a part of the interface: `latent` in JSON, and `truncation`. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as v from 'valibot';
import { digitSchema, digitsSchema, problemSchema } from '../../../shared/contract/answers.ts';
import { deriveSeedKey, drawLatents } from '../../../shared/model/random.ts';
import { startWorker, type TestWorker } from '../../support/hosts/runtime.ts';

const LATENT_SIZE = 64; // The shipped model's.

let worker: TestWorker;
beforeAll(async () => {
  worker = await startWorker();
});
afterAll(() => worker.close());

async function readLines(path: string) {
  const text = await (await worker.fetch(path)).text();
  return text
    .trimEnd()
    .split('\n')
    .map((line) => v.parse(digitSchema, JSON.parse(line)));
}

async function readDigits(path: string) {
  return v.parse(digitsSchema, await (await worker.fetch(path)).json()).digits;
}

const askPath = async (path: string) => (await worker.fetch(path)).headers.get('content-location');
const getBytes = async (path: string) => Buffer.from(await worker.getBytes(path));

describe('latent=1', () => {
  const expected = [5, 6, 7].map((index) => [
    ...drawLatents(deriveSeedKey('Ada'), index, 1, LATENT_SIZE),
  ]);

  test('adds each digit’s latent vector, exactly, to JSON and NDJSON', async () => {
    const query = 'seed=Ada&start=5&n=3&latent=1';
    for (const digits of [
      await readDigits(`/digit.json?${query}`),
      await readDigits(`/digit.json?${query}&pixels=array&strict=1`),
      await readLines(`/digit.ndjson?${query}`),
      await readLines(`/dataset.ndjson?${query}`),
    ]) {
      expect(digits.map(({ latent }) => latent)).toEqual(expected);
    }
    const [number] = await readDigits('/number/2026.json?seed=Ada&start=5&latent=1');
    expect(number?.latent).toEqual(expected[0]);
    expect((await readDigits('/digit.json?seed=Ada'))[0]).not.toHaveProperty('latent');
  });

  test('is part of the canonical URL of JSON, and has no effect elsewhere', async () => {
    expect(await askPath('/digit.json?seed=Ada&latent=1')).toMatch(/^\/digit\.json\?.*&latent=1/);
    expect(await askPath('/digit.json?seed=Ada&latent=0')).not.toContain('latent');
    expect(await askPath('/digit.png?seed=Ada&latent=1')).not.toContain('latent');
    const [digit] = await readDigits('/digit.json?seed=Ada&latent=1');
    expect(digit?.url).not.toContain('latent');
    const refused = await worker.fetch('/digit.npy?latent=1&strict=1');
    expect(v.parse(problemSchema, await refused.json()).code).toBe('parameter_without_effect');
    const unknown = await worker.fetch('/morph.gif?latent=1');
    expect(unknown.headers.get('digitmint-warning')).toBe('unknown parameters: latent');
  });
});

describe('truncation', () => {
  test('multiplies the latent vectors, and the digits change with it', async () => {
    const query = '/digit.json?seed=Ada&n=4&latent=1';
    const [plain, calm] = [await readDigits(query), await readDigits(`${query}&truncation=0.7`)];
    expect(calm.map(({ latent }) => latent)).toEqual(
      plain.map(({ latent = [] }) => latent.map((value) => Math.fround(value * 0.7))),
    );
    expect(calm.map(({ label }) => label)).toEqual(plain.map(({ label }) => label));
    expect(calm[0]?.pixels).not.toEqual(plain[0]?.pixels);
    expect(calm[0]?.url).toContain('&truncation=0.7');
  });

  test.each([
    '/digit.png?n=2',
    '/digit.ndjson?n=2',
    '/number/12.png?scale=2',
    '/morph.png?n=2&frames=1',
    '/dataset.npy?n=2',
  ])('changes %s, and 1 is what there was without it', async (path) => {
    const url = `${path}&seed=Ada&model=digits`;
    const plain = await getBytes(url);
    expect((await getBytes(`${url}&truncation=1`)).equals(plain)).toBe(true);
    expect((await getBytes(`${url}&truncation=0.5`)).equals(plain)).toBe(false);
    expect(await askPath(`${url}&truncation=1`)).toBe(await askPath(url));
    expect(await askPath(`${url}&truncation=0.5`)).toContain('truncation=0.5');
    const tags = await Promise.all(
      ['', '&truncation=0.50', '&truncation=0.5', '&truncation=0.500000000000004'].map(
        async (more) => (await worker.fetch(url + more)).headers.get('etag'),
      ),
    );
    expect([tags[1] === tags[2], tags[1] === tags[3], tags[0] === tags[1]]).toEqual([
      true,
      true,
      false,
    ]);
  });

  test('of 0 leaves one digit of each class', async () => {
    const digits = await readDigits('/digit.json?seed=Ada&n=40&truncation=0');
    const pictures = new Set(digits.map(({ label, pixels }) => `${label}: ${pixels.join()}`));
    expect(pictures.size).toBe(new Set(digits.map(({ label }) => label)).size);
  });

  test('moves the frames of a loop too', async () => {
    const still = await getBytes('/morph.png?seed=Ada&label=7&n=3&frames=2&truncation=0');
    const one = await getBytes('/morph.png?seed=Bob&label=7&n=3&frames=2&truncation=0');
    expect(still.equals(one)).toBe(true);
  });

  test.each(['1.01', '1.00001', '-0.1', 'much', '', '0,5', '1e999', 'NaN'])(
    'of %j is refused',
    async (text) => {
      const answer = await worker.fetch(`/digit.json?truncation=${text}`);
      expect([answer.status, v.parse(problemSchema, await answer.json()).detail]).toEqual([
        400,
        expect.stringMatching(/^truncation is ".*", expected a number from 0 to 1\.$/) as string,
      ]);
    },
  );

  test('gives oEmbed the width that a truncated number has', async () => {
    const { origin } = new URL((await worker.fetch('/healthz')).url);
    for (const truncation of ['1', '0.5']) {
      const picture = `${origin}/number/1111.png?seed=Ada&truncation=${truncation}`;
      const answer = await worker.fetch(`/oembed?url=${encodeURIComponent(picture)}`);
      const { url, width } = (await answer.json()) as { url: string; width: number };
      const png = await getBytes(url.slice(origin.length));
      expect(png.readUInt32BE(16)).toBe(width);
    }
  });
});
