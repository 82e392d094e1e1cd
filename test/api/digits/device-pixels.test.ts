/**
 * Tests `dpr` over HTTP in the real runtime. A picture for a dense screen has the canonical URL,
 * the ETag and the bytes of the picture with multiplied factors.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as v from 'valibot';
import { oembedSchema, problemSchema } from '../../../shared/contract/answers.ts';
import { startWorker, type TestWorker } from '../../support/hosts/runtime.ts';

let worker: TestWorker;
beforeAll(async () => {
  worker = await startWorker();
});
afterAll(() => worker.close());

const getProblem = async (path: string) =>
  v.parse(
    problemSchema,
    await (await worker.fetch(path, { headers: { accept: 'application/problem+json' } })).json(),
  );

test.each([
  [
    '/digit.png?seed=a&n=5&scale=2&gap=3&margin=7&dpr=3&smooth=1',
    '/digit.png?seed=a&n=5&scale=6&gap=9&margin=21&smooth=1',
  ],
  ['/digit.png?seed=a&dpr=2', '/digit.png?seed=a&scale=2'],
  ['/digit.png?seed=a&scale=4&margin=5&dpr=1.5', '/digit.png?seed=a&scale=6&margin=8'],
  ['/digit.png?seed=a&scale=4&dpr=2.625', '/digit.png?seed=a&scale=11'],
  // As Chrome and Firefox tell them of zoomed pages.
  ['/digit.png?seed=a&scale=4&dpr=1.100000023841858', '/digit.png?seed=a&scale=4'],
  ['/digit.png?seed=a&scale=4&dpr=1.3333333333333333', '/digit.png?seed=a&scale=5'],
  ['/digit.png?seed=a&width=100&dpr=1.5', '/digit.png?seed=a&width=150'],
  ['/digit.png?seed=a&dpr=1&scale=5', '/digit.png?seed=a&scale=5'],
  ['/digit/7.png?seed=a&dpr=4&scale=4', '/digit/7.png?seed=a&scale=16'],
  ['/number/42.png?seed=a&dpr=2&margin=3', '/number/42.png?seed=a&scale=2&margin=6'],
  [
    '/morph.gif?seed=a&n=2&frames=3&dpr=2&margin=1',
    '/morph.gif?seed=a&n=2&frames=3&scale=2&margin=2',
  ],
  [
    '/morph.png?seed=a&n=2&frames=3&dpr=2&scale=2&strict=1',
    '/morph.png?seed=a&n=2&frames=3&scale=4',
  ],
])('%s equals %s', async (dense, equal) => {
  const [answer, expected] = [await worker.fetch(dense), await worker.fetch(equal)];
  expect([answer.status, answer.headers.get('digitmint-warning')]).toEqual([200, null]);
  for (const name of ['etag', 'content-location', 'content-type', 'content-length']) {
    expect([name, answer.headers.get(name)]).toEqual([name, expected.headers.get(name)]);
  }
  expect(answer.headers.get('content-location')).not.toContain('dpr');
  expect(
    Buffer.from(await answer.arrayBuffer()).equals(Buffer.from(await expected.arrayBuffer())),
  ).toBe(true);
  const pinned = `${dense}&model=${answer.headers.get('digitmint-model')}`;
  const headers = { 'if-none-match': expected.headers.get('etag') as string };
  expect((await worker.fetch(pinned, { headers, cache: 'no-store' })).status).toBe(304);
});

test.each(['svg', 'json', 'txt', 'npy', 'ndjson'])(
  'dpr has no effect in %s: the answer warns, and strict=1 refuses',
  async (format) => {
    const path = `/digit.${format}?seed=a&dpr=4`;
    const [answer, plain] = [
      await worker.fetch(path),
      await worker.fetch(path.replace('&dpr=4', '')),
    ];
    expect([answer.status, answer.headers.get('digitmint-warning')]).toEqual([
      200,
      `without effect in ${format}: dpr`,
    ]);
    expect(answer.headers.get('etag')).toBe(plain.headers.get('etag'));
    expect(await answer.text()).toBe(await plain.text());
    expect(await getProblem(`${path}&strict=1`)).toMatchObject({
      code: 'parameter_without_effect',
      parameters: ['dpr'],
    });
    // The products with dpr are not checked in these formats.
    expect((await worker.fetch(`${path}&margin=256`)).status).toBe(200);
  },
);

test.each([
  [
    '/digit.png?dpr=3&scale=6',
    'dpr is "3", expected scale times dpr to be at most 16, not 6 x 3 = 18.',
  ],
  [
    '/digit.png?dpr=2&n=4&gap=129',
    'dpr is "2", expected gap times dpr to be at most 256, not 129 x 2 = 258.',
  ],
  [
    '/number/1.png?dpr=4&margin=65',
    'dpr is "4", expected margin times dpr to be at most 256, not 65 x 4 = 260.',
  ],
  [
    '/morph.gif?dpr=2&scale=9',
    'dpr is "2", expected scale times dpr to be at most 16, not 9 x 2 = 18.',
  ],
  ['/digit.png?dpr=5', 'dpr is "5", expected a number from 1 to 4.'],
  ['/digit.png?dpr=.5', 'dpr is ".5", expected a number from 1 to 4.'],
])('a request beyond a limit is refused, %s: %s', async (path, detail) => {
  expect(await getProblem(path)).toMatchObject({
    status: 400,
    code: 'invalid_parameter',
    detail,
    parameters: ['dpr'],
  });
});

test('the size of the whole picture is limited', async () => {
  expect(await getProblem('/digit.png?n=256&scale=3&dpr=2')).toMatchObject({
    code: 'picture_too_large',
    detail:
      'The picture would have 2688 x 2688 pixels, at most 4000000 allowed: lower n, scale or dpr.',
  });
});

test.each([
  ['/morph.png?n=16&frames=32&scale=2&dpr=2', ['n', 'frames', 'scale', 'dpr']],
  ['/morph.png?digits=0123456789012345&frames=32&scale=4', ['frames', 'scale', 'dpr']],
  ['/digit.png?n=256&width=6000', ['n', 'width', 'dpr']],
  [`/number/${'8'.repeat(32)}.png?model=digits&scale=16&margin=256`, ['scale', 'dpr']],
])('of %s these can be lowered: %s', async (path, parameters) => {
  expect(await getProblem(path)).toMatchObject({
    code: 'picture_too_large',
    detail: expect.stringMatching(
      new RegExp(`: lower ${parameters.join(', ').replace(/, (?=dpr$)/, ' or ')}\\.$`),
    ) as unknown,
    parameters,
  });
});

test.each([
  ['/digit.png?seed=a&scale=2&margin=3&dpr=2', '', 124, 'scale=4', 'margin=6'],
  ['/digit.png?seed=a&scale=2&margin=3&dpr=2', '&maxwidth=100', 96, 'scale=3', 'margin=6'],
  ['/digit.svg?seed=a&scale=2&margin=3&dpr=2', '', 62, 'scale=2', 'margin=3'],
  ['/morph.gif?seed=a&frames=1&scale=2&margin=3&dpr=2', '', 124, 'scale=4', 'margin=6'],
])(
  '/oembed describes %s%s as a picture that is %i pixels wide',
  async (pasted, more, width, scale, margin) => {
    const url = encodeURIComponent(new URL(pasted, worker.url).href);
    const photo = v.parse(
      oembedSchema,
      await (await worker.fetch(`/oembed?url=${url}${more}`)).json(),
    );
    expect([photo.width, photo.height]).toEqual([width, width]);
    const query = new URL(photo.url).search.slice(1).split('&');
    expect(query).toEqual(expect.arrayContaining([scale, margin]));
    expect(query.some((pair) => pair.startsWith('dpr='))).toBe(false);
    const answer = await fetch(photo.url);
    const bytes = Buffer.from(await answer.arrayBuffer());
    const told = pasted.includes('.png')
      ? bytes.readUInt32BE(16)
      : pasted.includes('.gif')
        ? bytes.readUInt16LE(6)
        : Number(/ width="(\d+)"/.exec(bytes.toString())?.[1]);
    expect(told).toBe(width);
  },
);
