/** A program with types by openapi-typescript: ../clients.test.ts compiles and runs it. */
import createClient from 'openapi-fetch';
import type { components, paths } from './openapi.d.ts';

type Problem = components['schemas']['Problem'];

const [baseUrl = ''] = process.argv.slice(2);
const headers = { Accept: 'application/problem+json, */*' };
const client = createClient<paths>({ baseUrl, headers });
const query = { seed: 'Ada', n: 2 };

const { data: batch } = await client.GET('/digit.json', { params: { query } });
if (batch === undefined) {
  throw new Error('expected digits');
}
const seed: string = batch.seed;
const pixels: (number[] | string)[] = batch.digits.map((digit) => digit.pixels);
// @ts-expect-error: what has no type would be everything.
const nothing: undefined = batch.seed;

const bytes = { parseAs: 'arrayBuffer', params: { query } } as const;
const { data: png } = await client.GET('/digit.png', bytes);
const { data: npy } = await client.GET('/digit.npy', bytes);
const pngBytes: ArrayBuffer | undefined = png;
const npyBytes: ArrayBuffer | undefined = npy;

const { data: negotiated } = await client.GET('/digit', {
  headers: { Accept: 'application/json' },
  params: { query },
});
const either: string | components['schemas']['DigitBatch'] | undefined = negotiated;

const wrong = { params: { query: { n: 0 } } };
const { error } = await client.GET('/digit.json', wrong);
const problem: Problem | undefined = error;
const { error: ofPicture } = await client.GET('/digit.png', wrong);
const problemOfPicture: Problem | string | undefined = ofPicture;
const { error: ofOwner } = await client.GET('/jobs/{id}', {
  params: { path: { id: '0'.repeat(32) } },
});
const problemOfOwner: Problem | undefined = ofOwner;

const { data: health } = await client.GET('/healthz');
const status: 'ok' | 'degraded' | 'unavailable' | undefined = health?.status;

const toHex = (buffer: ArrayBuffer = new ArrayBuffer()) => Buffer.from(buffer).toString('hex');
console.log(
  JSON.stringify({
    seed,
    pixels,
    png: toHex(pngBytes),
    npy: toHex(npyBytes),
    negotiated: either,
    problems: [problem, problemOfPicture, problemOfOwner],
    status,
    nothing,
  }),
);
