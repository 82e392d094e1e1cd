/**
 * Tests hostile texts in every parameter and path of every route. They run in this process, because
 * there are thousands. Independent parsers read the answers: JSON, strict XML, and a browser's
 * HTML.
 */
import { parseXml, XmlElement, type XmlDocument } from '@rgrove/parse-xml';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as v from 'valibot';
import { problemSchema } from '../../shared/contract/answers.ts';
import type { ModelChoice } from '../../shared/contract/parameters.ts';
import { planGenerator } from '../../shared/model/generator.ts';
import { pngEncoder } from '../../trainer/node-kernels.ts';
import { createApp, OPERATIONS } from '../../worker/app.ts';
import type { ModelSource } from '../../worker/models/model-source.ts';
import type { LogEvent } from '../../worker/http/log.ts';
import type { ModelFiles } from '../../worker/models/model-store.ts';
import type { Lease } from '../../worker/models/model-cache.ts';
import { startBrowser } from '../support/hosts/browser.ts';
import { buildFixture } from '../support/models/fixture-artifact.ts';
import { HOSTILE_TEXTS, MARK } from '../support/hostile-texts.ts';

/** A model with hostile class names, which occur in titles, pages and JSON. */
const CLASSES = Object.values(HOSTILE_TEXTS)
  .map((text) => decodeOr(text))
  .filter((text) => text.isWellFormed() && !/\p{Cc}/u.test(text))
  .map((text) => text.slice(0, 64));
const { manifest } = buildFixture({
  name: 'digits',
  classes: CLASSES.length,
  alter: (content) => ({ ...content, classes: CLASSES }),
});

function decodeOr(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return 'x';
  }
}

const pixels = new Uint8Array(28 * 28).map((_, i) => (i % 28 > 8 && i % 28 < 16 ? 255 : 0));
const drawn = (count: number) => ({
  count,
  width: 28,
  height: 28,
  channels: 1,
  pixels: Uint8Array.from({ length: 784 * count }, (_, i) => pixels[i % 784] as number),
  labels: Uint8Array.from({ length: count }, (_, i) => i % CLASSES.length),
});
const loaded = {
  name: 'digits',
  version: manifest.version,
  origin: 'r2',
  loadedAt: 0,
  sampler: {
    manifest,
    plan: planGenerator(manifest.generator),
    draw: ({ count }: { count: number }) => drawn(count),
    drawHand: ({ labels }: { labels: Uint8Array }) => drawn(labels.length),
    drawMorph: () => ({ ...drawn(4), labels: null }),
  },
};
const lease = { loaded, release: () => undefined } as unknown as Lease;
const logged: LogEvent[] = [];
const app = createApp({
  modelSource: {
    acquire: async (choice: ModelChoice | undefined) =>
      choice === undefined || choice.name === 'digits'
        ? lease
        : { code: 'model_not_found', model: `${choice.name}@${choice.version}` },
    getHealth: async () => ({ serving: loaded, failure: undefined }),
    list: async () => ({
      default: 'digits',
      models: [{ name: 'digits', version: manifest.version, publishedAt: null }],
    }),
  } as unknown as ModelSource,
  modelFiles: {
    readManifest: async () => ({
      parsed: { manifest, plan: loaded.sampler.plan },
      bytes: new TextEncoder().encode(JSON.stringify(manifest)),
    }),
    readEncoder: async () => ({ code: 'encoder_not_found', model: 'x' }),
    readFile: async () => ({ code: 'model_not_found', model: 'x' }),
  } as unknown as ModelFiles,
  drawSeed: () => 'drawn',
  drawRequestId: () => 'request',
  png: pngEncoder,
  clock: () => 0,
  log: (event) => logged.push(event),
});

let browser: Browser;
let parser: Page;
beforeAll(async () => {
  browser = await startBrowser();
  parser = await browser.newPage();
});
afterAll(() => browser.close());

/** Lists the paths of all operations, with a text in place of each parameter in turn. */
function* listTargets(text: string): Generator<string> {
  for (const { path, pathParameters = {}, query = {}, routes } of OPERATIONS) {
    if (path.startsWith('/sample')) {
      continue; // Another name of `/digit`: the same handlers.
    }
    const names = Object.keys(pathParameters);
    const fill = (hostile?: string) =>
      names.reduce(
        (filled, name) =>
          filled.replace(
            `{${name}}`,
            name === hostile ? text : String(pathParameters[name]?.example),
          ),
        path,
      );
    for (const name of names) {
      yield fill(name);
    }
    // Each text format has its own escapes.
    const paths = routes.every((route) => !route.includes(':'))
      ? routes.filter((route) => !/\.(?:png|gif|npy|npz|idx|gz|parquet)$/.test(route))
      : [fill()];
    for (const each of paths) {
      // Each class once: a whole set takes longer than all other answers.
      const few = each.startsWith('/dataset') ? `&n=${CLASSES.length}` : '';
      for (const name of Object.keys(query)) {
        yield `${each}?${name}=${text}${name === 'n' ? '' : few}`;
      }
      yield `${each}?${text}=1&strict=1${few}`;
      yield `${each}?${text}=1${few}`;
    }
    yield `${routes[0]?.replaceAll(/:\w+/g, '7')}/${text}`;
  }
  yield `/${text}`;
  yield `/sample.json?seed=${text}`;
  yield `/digit.svg?seed=${text}&n=3&dark_fg=${text}`;
  yield `/oembed?url=${encodeURIComponent(`http://localhost/digit.svg?seed=${text}`)}`;
  yield `/oembed?url=${encodeURIComponent(`http://localhost/number/${text}.png`)}`;
}

const SVG_NAMES = new Set(['svg', 'title', 'desc', 'rect', 'g', 'path', 'text', 'style']);
const SVG_ATTRIBUTES = new Set(
  'xmlns width height viewBox role class fill fill-opacity transform d x y font-size font-family'.split(
    ' ',
  ),
);

function* listElements(node: XmlDocument | XmlElement): Generator<XmlElement> {
  for (const child of node.children) {
    if (child instanceof XmlElement) {
      yield child;
      yield* listElements(child);
    }
  }
}

/** Lists the names of elements, and attributes with their values, that an SVG must not have. */
function findSvgIntruders(text: string): string[] {
  return [...listElements(parseXml(text))].flatMap(({ name, attributes }) => [
    ...(SVG_NAMES.has(name) ? [] : [name]),
    ...Object.entries(attributes).flatMap(([attribute, value]) =>
      SVG_ATTRIBUTES.has(attribute) && !/hostile|javascript|evil/.test(value)
        ? []
        : [`${attribute}="${value}"`],
    ),
  ]);
}

/** Finds elements of pages that only an injection can have made. */
function findIntruders(pages: string[]): Promise<string[]> {
  return parser.evaluate(
    ({ texts, mark }) =>
      texts.flatMap((text) => {
        const ACTIVE = ['href', 'src', 'action', 'formaction', 'data', 'srcdoc'];
        const document = new DOMParser().parseFromString(text, 'text/html');
        return [...document.querySelectorAll('*')].flatMap((element) => {
          const { localName, attributes } = element;
          const isBad =
            localName === mark ||
            [...attributes].some(
              ({ name, value }) =>
                name.startsWith('on') ||
                name === mark ||
                (ACTIVE.includes(name) && /^\s*javascript:/i.test(value)),
            ) ||
            (localName === 'script' &&
              !(element.getAttribute('src') ?? '').startsWith('/assets/')) ||
            (localName === 'img' && element.getAttribute('src') === 'x');
          return isBad ? [element.outerHTML] : [];
        });
      }),
    { texts: pages, mark: MARK },
  );
}

test('no page has an element or handler from the model’s or a client’s text', async () => {
  const paths = [
    '/',
    '/docs',
    '/errors',
    '/models',
    '/models/digits',
    ...Object.values(HOSTILE_TEXTS).flatMap((text) => [
      `/?${text}=${text}`,
      `/errors/${text}`,
      `/docs/search?q=${text}`,
      `/models?${text}=${text}`,
      `/models/${text}`,
    ]),
  ];
  const pages: string[] = [];
  for (const path of paths) {
    const answer = await app.request(path, { headers: { accept: 'text/html' } });
    if (answer.headers.get('content-type')?.startsWith('text/html') === true) {
      pages.push(await answer.text());
    }
  }
  expect(pages.length).toBeGreaterThan(5 + 3 * Object.keys(HOSTILE_TEXTS).length);
  expect(pages[0]).toContain(MARK); // The class names are on the page as text.
  expect(await findIntruders(pages)).toEqual([]);
  expect(await findIntruders([`<p ${MARK}>`])).toHaveLength(1); // This element would be visible.
});

test.each(Object.entries(HOSTILE_TEXTS))(
  '%s comes out of every route only as text',
  async (_, text) => {
    const tried = { svg: 0, json: 0, html: 0, other: 0 };
    const pages: string[] = [];
    for (const path of listTargets(text)) {
      let answer: Response;
      try {
        answer = await app.request(path);
      } catch (cause) {
        throw new Error(`${path} throws`, { cause });
      }
      // One expectation for each answer: one for each header would take longer than the answer.
      const wrongHeaders = [...answer.headers].filter(
        ([name, value]) => name.includes('hostile') || !/^[\x20-\x7e]*$/.test(value),
      );
      const isServed = answer.status < 500 || answer.status === 501;
      expect([path, isServed, wrongHeaders]).toEqual([path, true, []]);
      const type = answer.headers.get('content-type') ?? '';
      const body = await answer.text();
      if (type === 'image/svg+xml') {
        tried.svg++;
        expect([path, findSvgIntruders(body)]).toEqual([path, []]);
      } else if (type.includes('json') && !type.includes('ndjson')) {
        tried.json++;
        const parsed = JSON.parse(body) as object;
        expect(Object.hasOwn(parsed, 'evil')).toBe(false);
        if (type.includes('problem')) {
          v.parse(problemSchema, parsed);
        }
      } else if (type.startsWith('text/html')) {
        tried.html++;
        pages.push(body);
      } else {
        tried.other++;
      }
    }
    expect(await findIntruders(pages)).toEqual([]);
    expect(Object.values(tried).every((count) => count > 5)).toBe(true);
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(logged.filter(({ level }) => level === 'error')).toEqual([]);
  },
);

test('names of Object.prototype are no model, class, file, error or parameter', async () => {
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf']) {
    for (const [path, status] of [
      [`/models/${name}`, 404],
      [`/models/digits/${manifest.version}/${name}`, 404],
      [`/errors/${name}`, 404],
      [`/digit.json?model=${name}`, name === 'constructor' ? 404 : 400],
      [`/digit.json?${name}=1&${name}=2`, 200],
      [`/digit.json?${name}=1&strict=1`, 400],
      [`/digit.json?format=${name}`, 400],
      [`/dataset.${name}`, 404],
    ] as const) {
      expect([path, (await app.request(path)).status]).toEqual([path, status]);
    }
  }
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});
