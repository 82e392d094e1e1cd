/** Tests lengths, ranges (RFC 9110, section 14) and codings over HTTP, on both hosts. */
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { POINTER_KEY } from '../../../shared/model/artifact.ts';
import { MAX_RANGES } from '../../../shared/contract/errors.ts';
import { OPERATIONS } from '../../../worker/app.ts';
import { timesAsMany } from '../../support/fast-check.ts';
import { sendRaw } from '../../support/hosts/raw-request.ts';
import { putArtifact, startWorker, type TestWorker } from '../../support/hosts/runtime.ts';
import { buildFixture, buildPointer } from '../../support/models/fixture-artifact.ts';

const model = buildFixture({ name: 'digits' });
const { version } = model.manifest;

let worker: TestWorker;
beforeAll(async () => {
  worker = await startWorker(async (bucket) => {
    await putArtifact(bucket, model);
    await bucket.put(POINTER_KEY, buildPointer(model));
  });
});
afterAll(() => worker.close());

/** Answers with a length and ranges. */
const RANGED = [
  '/digit.png?seed=s&n=4',
  '/digit.svg?seed=s',
  '/digit.json?seed=s&n=3',
  '/digit.ndjson?seed=s&n=3',
  '/digit.npy?seed=s&n=3',
  '/number/2026.png?seed=s',
  '/morph.png?seed=s&n=2&frames=2',
  '/morph.gif?seed=s&n=2&frames=2',
  '/dataset.idx?seed=s&n=150',
  '/dataset.idx?seed=s&n=150&part=labels',
  '/dataset.npy?seed=s&n=150&start=7',
  '/dataset.npz?seed=s&n=150',
  '/dataset.parquet?seed=s&n=150',
  '/dataset.csv?seed=s&n=150',
  '/dataset.ndjson?seed=s&n=70&pixels=base64',
  `/models/digits/${version}/model.json`,
  `/models/digits/${version}/weights.bin`,
];

const ask = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
  sendRaw(worker.url, path, { method, headers });

describe('a range', () => {
  test.each(RANGED)('of %s has the bytes of the whole answer', async (path) => {
    const whole = await ask(path);
    const length = whole.body.length;
    expect([whole.status, whole.headers['content-length'], whole.headers['accept-ranges']]).toEqual(
      [200, String(length), 'bytes'],
    );
    await fc.assert(
      fc.asyncProperty(
        fc.nat(length - 1),
        fc.nat(length - 1),
        fc.constantFrom('both', 'open', 'suffix', 'beyond'),
        async (a, b, kind) => {
          const [first, last] = a < b ? [a, b] : [b, a];
          const [range, expected] = {
            both: [`${first}-${last}`, [first, last]],
            open: [`${first}-`, [first, length - 1]],
            suffix: [`-${last + 1}`, [length - last - 1, length - 1]],
            beyond: [`${first}-${length + last}`, [first, length - 1]],
          }[kind] as [string, [number, number]];
          const part = await ask(path, { range: `bytes=${range}` });
          const [from, to] = expected;
          expect(part.status).toBe(206);
          expect(part.headers).toMatchObject({
            'content-range': `bytes ${from}-${to}/${length}`,
            'content-length': String(to - from + 1),
            etag: whole.headers.etag,
            'content-type': whole.headers['content-type'],
          });
          expect(part.body === whole.body.slice(from, to + 1)).toBe(true);
        },
      ),
      { numRuns: timesAsMany(6) },
    );
  });

  const path = '/dataset.npy?seed=s&n=10';
  const length = 128 + 7840;

  test.each<[what: string, range: string, expected: string]>([
    ['a suffix longer than the answer', '-99999', `bytes 0-${length - 1}/${length}`],
    ['ranges that overlap', '10-20,15-30', `bytes 10-30/${length}`],
    ['ranges that touch, in any order', '21-30, 10-20', `bytes 10-30/${length}`],
    ['one that is there beside one beyond the end', `99999-,0-9`, `bytes 0-9/${length}`],
    ['empty elements of the list', ',0-9,,', `bytes 0-9/${length}`],
  ])('for %s is one range', async (_, range, expected) => {
    const answer = await ask(path, { range: `Bytes=${range}` });
    expect([answer.status, answer.headers['content-range']]).toEqual([206, expected]);
  });

  test.each<[what: string, headers: Record<string, string>, method?: string]>([
    ['ranges with a gap', { range: 'bytes=0-9,20-29' }],
    ['another unit', { range: 'items=0-9' }],
    ['no unit', { range: '0-9' }],
    ['If-Range with another ETag', { range: 'bytes=0-9', 'if-range': '"other"' }],
    ['a long If-Range', { range: 'bytes=0-9', 'if-range': `"${'x'.repeat(9000)}"` }],
    ['If-Range with a date', { range: 'bytes=0-9', 'if-range': 'Sat, 28 Nov 2026 00:00:00 GMT' }],
    ['HEAD', { range: 'bytes=0-9' }, 'HEAD'],
  ])('is ignored with %s', async (_, headers, method = 'GET') => {
    const answer = await ask(path, headers, method);
    expect([answer.status, answer.headers['content-length']]).toEqual([200, String(length)]);
    expect(answer.headers['content-range']).toBeUndefined();
  });

  test.each<[what: string, range: string]>([
    ['is beyond the end', `${length}-`],
    ['is an empty suffix', '-0'],
    ['ends before it begins', '9-1'],
    ['has no numbers', '-'],
    ['is no number', 'a-b'],
    ['is negative', '-1-5'],
    ['is missing', ''],
    ['has a malformed one beside it', '0-9,x'],
    [
      `is one of more than ${MAX_RANGES}`,
      Array(MAX_RANGES + 1)
        .fill('0-9')
        .join(','),
    ],
  ])('is refused by name when it %s', async (_, range) => {
    const answer = await ask(path, { range: `bytes=${range}` });
    expect([answer.status, answer.headers['content-range']]).toEqual([416, `bytes */${length}`]);
    const { code, detail } = JSON.parse(answer.body) as { code: string; detail: string };
    expect(code).toBe('range_not_satisfiable');
    expect(detail).toContain(`FIRST from 0 to ${length - 1}`);
  });

  test('needs the ETag that If-Range names, and a 304 goes before it', async () => {
    const { etag = '' } = (await ask(path, {}, 'HEAD')).headers;
    const range = 'bytes=5-6';
    expect((await ask(path, { range, 'if-range': etag })).status).toBe(206);
    expect((await ask(path, { range, 'if-range': `W/${etag}` })).status).toBe(200);
    expect((await ask(path, { range, 'if-none-match': etag })).status).toBe(304);
  });

  test('of an answer without a seed would be of other digits, so the answer has none', async () => {
    for (const fresh of ['/digit.png', '/dataset.npy?n=10', '/dataset.csv?n=10']) {
      const answer = await ask(fresh, { range: 'bytes=5-' });
      expect([answer.status, answer.headers['accept-ranges']]).toEqual([200, 'none']);
      expect(answer.headers['content-length']).toBe(String(answer.body.length));
    }
  });

  test('cannot be had of long sets of text, whose digits decide the length', async () => {
    for (const format of ['csv', 'ndjson']) {
      const longest = await ask(`/dataset.${format}?seed=s&n=1275`, { range: 'bytes=0-4' });
      expect([longest.status, longest.body.length]).toEqual([206, 5]);
      const answer = await ask(`/dataset.${format}?seed=s&n=1276`, { range: 'bytes=5-' });
      expect([answer.status, answer.headers['accept-ranges']]).toEqual([200, 'none']);
      expect(answer.headers['content-length']).toBeUndefined();
    }
  });
});

describe('HEAD', () => {
  const examples = OPERATIONS.filter(({ method }) => method === undefined)
    .flatMap(({ examples: paths }) => paths)
    .map((path) => (/^\/(?:digit|sample|number|morph|dataset)/.test(path) ? withSeed(path) : path));

  function withSeed(path: string): string {
    return path.includes('seed=') ? path : `${path}${path.includes('?') ? '&' : '?'}seed=s`;
  }

  test('tells the length that GET has, of every example', async () => {
    for (const path of new Set([...examples, ...RANGED])) {
      const [get, head] = [await ask(path), await ask(path, {}, 'HEAD')];
      expect([path, get.status, head.status]).toEqual([path, 200, 200]);
      const length = path.includes('.idx.gz') ? undefined : String(get.body.length);
      expect([path, head.headers['content-length']]).toEqual([path, length]);
      // The local edge runtime adds a script to pages, and drops their length.
      const isPage = get.type?.startsWith('text/html') === true;
      expect([path, get.headers['content-length'] ?? (isPage ? length : undefined)]).toEqual([
        path,
        length,
      ]);
    }
  });
});

test('HEAD of a fresh picture tells no length, since GET gives another picture', async () => {
  const head = await ask('/digit.png', {}, 'HEAD');
  expect([head.status, head.headers['content-length']]).toEqual([200, undefined]);
});

describe('If-None-Match: *', () => {
  test('gives a 304 for an answer that can be had again', async () => {
    for (const path of [...RANGED, `/digit.png?seed=s&model=digits@${version}`]) {
      const answer = await ask(path, { 'if-none-match': '*' });
      expect([path, answer.status]).toEqual([path, 304]);
    }
  });

  test('changes nothing for errors and for fresh answers', async () => {
    for (const [path, status] of [
      ['/digit.png', 200],
      ['/digit.png?seed=s&label=x', 400],
      [`/digit.png?seed=s&model=digits@0123456789abcdef`, 404],
      ['/models/digits/0123456789abcdef/model.json', 404],
      ['/number/88888888888888888888888888888888.png?seed=s&scale=16', 400],
    ] as const) {
      expect([path, (await ask(path, { 'if-none-match': '*' })).status]).toEqual([path, status]);
    }
  });
});

test('If-Match gives a 412 unless it names the answer’s strong ETag', async () => {
  const [path = ''] = RANGED;
  const { etag = '' } = (await ask(path)).headers;
  for (const [value, status, more] of [
    [etag, 200],
    [`"x", ${etag}`, 206, { range: 'bytes=0-1' }],
    ['*', 304, { 'if-none-match': etag }],
    [`W/${etag}`, 412],
    ['"x"', 412, { 'if-none-match': etag }],
    [`"${'x'.repeat(9000)}"`, 412],
  ] as const) {
    expect([value, (await ask(path, { 'if-match': value, ...more })).status]).toEqual([
      value,
      status,
    ]);
  }
  expect((await ask('/digit.png', { 'if-match': '"x"' })).status).toBe(412);
  expect((await ask('/nowhere', { 'if-match': '"x"' })).status).toBe(404);
  const hand = { method: 'POST', headers: { 'if-match': '"x"' } };
  expect((await worker.fetch('/hand', hand)).status).toBe(412);
});

describe('gzip', () => {
  const path = '/dataset.csv?seed=s&n=20';
  const gzip = { 'accept-encoding': 'br, gzip;q=0.5' };

  test.each(['/dataset.csv?seed=s&n=1300', '/dataset.ndjson?seed=s&n=20', '/digit.ndjson?seed=s'])(
    'is a coding of %s with an ETag of its own',
    async (each) => {
      const plain = await ask(each, { 'accept-encoding': 'identity' });
      const coded = await ask(each, gzip);
      expect([plain.headers['content-encoding'], coded.headers['content-encoding']]).toEqual([
        undefined,
        'gzip',
      ]);
      for (const answer of [plain, coded]) {
        expect(answer.headers.vary?.split(', ')).toContain('Accept-Encoding');
      }
      expect(gunzipSync(Buffer.from(coded.body, 'latin1')).toString('latin1')).toBe(plain.body);
      expect(coded.body.length).toBeLessThan(plain.body.length);
      const { etag = '' } = coded.headers;
      expect(etag).toBe(`W/${plain.headers.etag?.slice(0, -1)}-gzip"`);
      expect((await ask(each, { ...gzip, 'if-none-match': etag })).status).toBe(304);
      const other = { ...gzip, 'if-none-match': plain.headers.etag ?? '' };
      expect((await ask(each, other)).status).toBe(200);
    },
  );

  test('is not sent when it is refused, nor beside a range', async () => {
    for (const headers of [
      { 'accept-encoding': 'gzip;q=0, *;q=0' },
      { 'accept-encoding': 'deflate' },
      { ...gzip, range: 'bytes=0-9' },
    ]) {
      expect((await ask(path, headers)).headers['content-encoding']).toBeUndefined();
    }
  });

  test('is part of .idx.gz, whatever is accepted', async () => {
    const plain = await ask('/dataset.idx?seed=s&n=100&part=labels');
    const answer = await ask('/dataset.idx.gz?seed=s&n=100&part=labels', {
      'accept-encoding': 'identity',
    });
    expect(answer.headers).toMatchObject({
      'content-type': 'application/gzip',
      'content-disposition': 'attachment; filename="digitmint-s-0-99-labels.idx.gz"',
      'accept-ranges': 'none',
    });
    expect(answer.headers['content-encoding']).toBeUndefined();
    expect(gunzipSync(Buffer.from(answer.body, 'latin1')).toString('latin1')).toBe(plain.body);
  });
});
