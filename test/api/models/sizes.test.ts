/** Tests the pages of models of other sizes than MNIST's: each URL on them is answered. */
import { PNG } from 'pngjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { POINTER_KEY } from '../../../shared/model/artifact.ts';
import { buildFixture, buildPointer } from '../../support/models/fixture-artifact.ts';
import { putArtifact, startWorker, type TestWorker } from '../../support/hosts/runtime.ts';

/** The largest that `npm run train -- --resolution` makes, and MNIST's. */
const [large, usual] = [128, 28].map((side) =>
  buildFixture({
    name: `side-${side}`,
    classes: 10,
    layers: [
      { type: 'dense', units: side ** 2, activation: 'sigmoid' },
      { type: 'reshape', shape: [side, side, 1] },
    ],
  }),
) as [ReturnType<typeof buildFixture>, ReturnType<typeof buildFixture>];

let worker: TestWorker;
beforeAll(async () => {
  worker = await startWorker(async (bucket) => {
    await putArtifact(bucket, large);
    await putArtifact(bucket, usual);
    await bucket.put(POINTER_KEY, buildPointer(large, usual));
  });
});
afterAll(() => worker.close());

const getPage = async (path: string) => {
  const answer = await worker.fetch(path, { headers: { accept: 'text/html' } });
  return (await answer.text()).replaceAll('&amp;', '&');
};

test.each(['/', '/models/side-128'])('every picture that %s names is drawn', async (path) => {
  const found = (await getPage(path)).matchAll(
    /["> ](?:https?:\/\/[^/"]+)?(\/(?:digit|number|morph)[./?][^"<> ]*)/g,
  );
  const paths = new Set([...found].map(([, each = '']) => each));
  expect(paths.size).toBeGreaterThan(5);
  for (const each of paths) {
    expect([each, (await worker.fetch(each)).status]).toEqual([each, 200]);
  }
});

test('the playground’s examples and the picture of oEmbed are drawn', async () => {
  const examples = [...(await getPage('/')).matchAll(/data-query="([^"]*)/g)].map(
    ([, q = '']) => q,
  );
  expect(examples.length).toBeGreaterThan(2);
  for (const query of examples) {
    const { digits, ...others } = Object.fromEntries(new URLSearchParams(query));
    const route = digits === undefined ? '/digit' : `/number/${digits}`;
    const { status } = await worker.fetch(`${route}?${new URLSearchParams(others).toString()}`);
    expect([query, status]).toEqual([query, 200]);
  }
  const home = encodeURIComponent(new URL('/', worker.url).href);
  expect((await worker.fetch(`/oembed?url=${home}`)).status).toBe(200);
});

test.each([128, 28])('the preview of the page of side-%d shows that model', async (side) => {
  const page = await getPage(`/models/side-${side}`);
  const [url = '', width, height] = ['', ':width', ':height'].map(
    (part) => new RegExp(`"og:image${part}" content="([^"]*)"`).exec(page)?.[1],
  );
  const { pathname, search, searchParams } = new URL(url);
  expect(searchParams.get('model')).toBe(`side-${side}`);
  const png = PNG.sync.read(await worker.getBytes(pathname + search));
  expect([png.width, png.height].map(String)).toEqual([width, height]);
});
