/**
 * The parts of the page that are pure.
 */
import { setImmediate } from 'node:timers/promises';
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { expect, test } from 'vitest';
import { findDirections } from '../../page/explorer/directions.ts';
import {
  blend,
  buildCorners,
  listPlaces,
  sumDirections,
  weighCorners,
} from '../../page/explorer/space.ts';
import { createLatest } from '../../page/explorer/pad.ts';
import { buildAlt, buildRequestPath, buildSnippets } from '../../page/play/request.ts';
import { deriveKey, drawWords, fillUniform } from '../../shared/model/random.ts';

function drawNumbers(count: number, seed: string): Float32Array {
  const numbers = new Float32Array(count);
  fillUniform(drawWords(deriveKey('test', seed), 0, 0, count), numbers);
  return numbers;
}

test('directions are the leading eigenvectors of W Wᵀ, as another library finds them', () => {
  const [size, units] = [16, 60];
  const kernel = drawNumbers((size + 3) * units, 'kernel');
  const w = Matrix.from1DArray(size, units, kernel.subarray(0, size * units));
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(
    w.mmul(w.transpose()),
    { assumeSymmetric: true },
  );
  const order = realEigenvalues
    .map((_, i) => i)
    .sort((a, b) => realEigenvalues[b]! - realEigenvalues[a]!);
  findDirections(kernel, size, units, 3).forEach((direction, k) => {
    const expected = eigenvectorMatrix.getColumn(order[k]!);
    const cosine = direction.reduce((sum, value, i) => sum + value * expected[i]!, 0);
    expect(Math.abs(cosine)).toBeCloseTo(1, 4);
    expect(
      direction[
        direction.reduce(
          (most, value, i) => (Math.abs(value) > Math.abs(direction[most]!) ? i : most),
          0,
        )
      ],
    ).toBeGreaterThan(0);
  });
});

test('a corner’s input is the corner’s own, bit for bit, and every place is between them', () => {
  const latents = drawNumbers(4 * 8, 'latents');
  const corners = buildCorners({ latents, labels: Uint8Array.of(2, 0, 1, 2) }, 3, undefined);
  expect(corners.map((corner) => [...corner.subarray(8)])).toEqual([
    [0, 0, 1],
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ]);
  const unbent = new Float32Array(8);
  const input = blend(corners, listPlaces(2), unbent);
  corners.forEach((corner, i) => expect(input.subarray(i * 11, (i + 1) * 11)).toEqual(corner));
  const [middle] = [blend(corners, [{ x: 0.5, y: 0.5 }], unbent)];
  expect([...middle!.subarray(8)]).toEqual([0.25, 0.25, 0.5]);
  expect(weighCorners({ x: 0.25, y: 1 })).toEqual([0, 0, 0.75, 0.25]);
  expect([...buildCorners({ latents, labels: null }, 0, undefined)[3]!]).toEqual([
    ...latents.subarray(24),
  ]);
  expect([
    ...buildCorners({ latents, labels: Uint8Array.of(2, 0, 1, 2) }, 3, 1)[0]!.subarray(8),
  ]).toEqual([0, 1, 0]);
  const bent = blend(
    corners,
    [{ x: 0, y: 0 }],
    sumDirections([Float32Array.of(1, 0, 0, 0, 0, 0, 0, 0)], [9], 8),
  );
  expect(bent[0]).toBe(1);
  expect([...bent.subarray(1)]).toEqual([...corners[0]!.subarray(1)]);
});

test('of many calls only the first and the last are worked on', async () => {
  const begun: number[] = [];
  let finish = (): void => {};
  const call = createLatest<number>((n) => {
    begun.push(n);
    return new Promise((resolve) => {
      finish = resolve;
    });
  });
  [1, 2, 3, 4].forEach(call);
  expect(begun).toEqual([1]);
  finish();
  await expect.poll(() => begun).toEqual([1, 4]);
  finish();
  await setImmediate();
  expect(begun).toEqual([1, 4]);
  call(5);
  expect(begun).toEqual([1, 4, 5]);
});

test('a picture of another model than the page’s has no class of that one', () => {
  const words = { name: 'digits', one: 'A digit', many: 'digits', hasDigits: true };
  const describe = (...parameters: [string, string][]) =>
    buildAlt({ route: 'digit', digits: '', format: 'png', parameters }, words);
  expect(describe(['n', '9'], ['model', 'letters@0123456789abcdef'])).toBe('9 pictures of letters');
  expect(describe(['model', 'letters'])).toBe('A picture of letters');
  expect(describe(['label', '7'], ['model', 'digits'])).toBe('A handwritten 7');
});

test('texts to paste hold any URL unharmed', () => {
  const path = buildRequestPath({
    route: 'number',
    digits: '20 26',
    format: 'svg',
    parameters: [['seed', `a"<'(&)`]],
  });
  expect(path).toBe('/number/20%2026.svg?seed=a%22%3C%27%28%26%29');
  expect(buildRequestPath({ route: 'digit', digits: '', format: 'png', parameters: [] })).toBe(
    '/digit.png',
  );
  const url = `https://x.example/digit.png?seed=a!&n=2&x=(')`;
  const alt = 'a "b" <c>';
  expect(buildSnippets(url, 'png', alt, { width: 2, height: 3 })).toEqual({
    url,
    html: `<img src="https://x.example/digit.png?seed=a!&amp;n=2&amp;x=(&#39;)" alt="a &quot;b&quot; &lt;c&gt;" width="2" height="3" />`,
    markdown: `![a "b" <c>](https://x.example/digit.png?seed=a!&n=2&x=%28'%29)`,
    curl: `curl -o digits.png "https://x.example/digit.png?seed=a%21&n=2&x=(')"`,
  });
  expect(buildSnippets(url, 'txt', alt, undefined).curl).not.toContain('-o');
});
