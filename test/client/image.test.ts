/**
 * The `<img>` helper: attributes, HTML, and what is left out of a srcset.
 */
import { expect, test } from 'vitest';
import { buildImage, buildImageHtml } from '../../client/image.ts';

test('a picture for every screen, with its size and words', () => {
  expect(
    buildImage({ base: 'https://digits.example', seed: 'Ada', n: 16, scale: 2, gap: 3, margin: 5 }),
  ).toEqual({
    src: 'https://digits.example/digit.png?seed=Ada&n=16&scale=2&gap=3&margin=5',
    srcset: [1, 2, 3]
      .map(
        (x) =>
          `https://digits.example/digit.png?seed=Ada&n=16&scale=${2 * x}&gap=${3 * x}&margin=${5 * x} ${x}x`,
      )
      .join(', '),
    width: 4 * 56 + 3 * 3 + 2 * 5,
    height: 4 * 56 + 3 * 3 + 2 * 5,
    alt: '16 handwritten digits',
    loading: 'lazy',
    decoding: 'async',
  });
});

test('SVG is sharp by itself', () => {
  const image = buildImage({ format: 'svg', scale: 4, darkFg: 'abc', lazy: false });
  expect(image).toEqual({
    src: '/digit.svg?scale=4&dark_fg=aabbcc',
    width: 112,
    height: 112,
    alt: 'A handwritten digit',
    loading: 'eager',
    decoding: 'async',
  });
});

test('leaves out what would be beyond a limit', () => {
  const densities = (options: Parameters<typeof buildImage>[0]) =>
    buildImage(options)
      .srcset?.match(/ [123]x/g)
      ?.join('') ?? '';
  expect(densities({ scale: 5 })).toBe(' 1x 2x 3x');
  expect(densities({ scale: 8 })).toBe(' 1x 2x');
  expect(densities({ scale: 9 })).toBe('');
  expect(densities({ n: 4, scale: 2, gap: 100 })).toBe(' 1x 2x');
  expect(densities({ margin: 129 })).toBe('');
  expect(densities({ n: 256, scale: 4 })).toBe(''); // 3,584 pixels a side would be too many.
  expect(densities({ n: 256, scale: 2 })).toBe(' 1x 2x');
  expect(densities({ n: 256, scale: 2, sample: { width: 16, height: 16 } })).toBe(' 1x 2x 3x');
  // Twice as large it might have 4 million pixels.
  expect(densities({ number: '1'.repeat(32), scale: 6 })).toBe('');
});

test('is drawn for one kind of screen where that is asked for, in the size that it has on any', () => {
  const { src, srcset, width, height } = buildImage({ n: 4, scale: 2, gap: 3, margin: 5, dpr: 3 });
  expect([src, srcset]).toEqual(['/digit.png?n=4&scale=6&gap=9&margin=15', undefined]);
  expect([width, height]).toEqual([2 * 56 + 3 + 2 * 5, 2 * 56 + 3 + 2 * 5]);
  expect(buildImage({ number: 42, scale: 4, dpr: 2 })).toMatchObject({
    src: '/number/42.png?scale=8',
    height: 112,
  });
  expect(() => buildImage({ scale: 9, dpr: 2 })).toThrow(
    'dpr is 2, expected scale times dpr to be at most 16, not 9 x 2 = 18',
  );
});

test('says what it shows', () => {
  const alt = (options: Parameters<typeof buildImage>[0]) => buildImage(options).alt;
  expect([
    alt({ label: 7 }),
    alt({ label: 'cat' }),
    alt({ n: 4, label: '3' }),
    alt({ n: 4, label: 'cat' }),
    alt({ number: '007' }),
    alt({ alt: '' }),
  ]).toEqual([
    'A handwritten 7',
    'A handwritten digit: cat',
    '4 handwritten digits: 3',
    '4 handwritten digits: cat',
    'The handwritten number 007',
    '',
  ]);
});

test('is escaped as HTML', () => {
  const html = buildImageHtml({
    seed: `"'<&>`,
    scale: 9,
    alt: `"><script>alert('1 & 2')</script>`,
  });
  expect(html).toBe(
    '<img src="/digit.png?seed=%22&#39;%3C%26%3E&amp;scale=9" width="252" height="252" ' +
      'alt="&quot;&gt;&lt;script&gt;alert(&#39;1 &amp; 2&#39;)&lt;/script&gt;" loading="lazy" decoding="async" />',
  );
});

test('refuses what is no picture', () => {
  expect(() => buildImage({ format: 'json' as 'png' })).toThrow(
    'format is "json", expected png or svg',
  );
  expect(() => buildImage({ scale: 17 })).toThrow(RangeError);
  expect(() => buildImage({ base: 'javascript:alert(1)' })).toThrow(RangeError);
});
