/** Tests what programs look for on any site: icon, rules for crawlers, contact, link previews. */
import { runInNewContext } from 'node:vm';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as v from 'valibot';
import { problemSchema } from '../../../shared/contract/answers.ts';
import { hasTools, runPython } from '../../support/data-tools/data-tools.ts';
import { startWorker, type TestWorker } from '../../support/hosts/runtime.ts';

let worker: TestWorker;
beforeAll(async () => {
  worker = await startWorker();
});
afterAll(() => worker.close());

const getText = async (path: string) => (await worker.fetch(path)).text();

test('/favicon.ico is a digit that browsers may keep', async () => {
  const answer = await worker.fetch('/favicon.ico');
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'image/png']);
  expect(answer.headers.get('cache-control')).toBe('public, max-age=60, must-revalidate');
  const { width, height } = PNG.sync.read(Buffer.from(await answer.arrayBuffer()));
  expect([width, height]).toEqual([28, 28]);
  const etag = answer.headers.get('etag') as string;
  const again = await worker.fetch('/favicon.ico', { headers: { 'if-none-match': etag } });
  expect(again.status).toBe(304);
  const beyond = await worker.fetch('/favicon.ico', { headers: { range: 'bytes=99999-' } });
  expect(beyond.status).toBe(416);
});

/** Python's parser of robots.txt. It takes the first rule that matches and knows no asterisk. */
const ROBOTS_READER = `
import json, sys, urllib.robotparser
text, agent, *paths = sys.argv[1:]
robots = urllib.robotparser.RobotFileParser()
robots.parse(text.splitlines())
json.dump([path for path in paths if robots.can_fetch(agent, path)], sys.stdout)
`;

describe('/robots.txt', () => {
  test('is plain text with a rule for the addresses with a query, which have no end', async () => {
    const answer = await worker.fetch('/robots.txt');
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain/);
    const text = await answer.text();
    expect(text).toMatch(/^Disallow: \/\*\?$/m);
    expect(text).toMatch(/^User-agent: Twitterbot\n/m);
  });

  test.skipIf(!hasTools('tables'))(
    'lets crawlers read pages, documents and the picture of previews, nothing endless',
    async () => {
      const picture = await findPicture('/');
      const open = ['/', '/docs', '/errors', '/models', '/llms.txt', picture];
      const closed = [
        '/digit',
        '/digit.png',
        '/digit.png?seed=Ada',
        '/digit/7.png',
        '/number/2026.svg',
        '/morph.gif',
        '/dataset.csv?n=60000',
        '/jobs',
      ];
      const robots = await getText('/robots.txt');
      const list = (agent: string): unknown =>
        JSON.parse(runPython('tables', ROBOTS_READER, robots, agent, ...open, ...closed));
      expect(list('Googlebot/2.1')).toEqual(open);
      // Programs that preview a link fetch the one picture that a person shared.
      for (const agent of ['Twitterbot/1.0', 'LinkedInBot/1.0', 'facebookexternalhit/1.1']) {
        const sets = ['/dataset.csv?n=60000', '/jobs'];
        expect(list(agent)).toEqual([...open, ...closed].filter((path) => !sets.includes(path)));
      }
    },
  );
});

test('/.well-known/security.txt has a contact, and expires within a year', async () => {
  const answer = await worker.fetch('/.well-known/security.txt');
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain; charset=utf-8$/i);
  const fields = new Map(
    (await answer.text())
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/: (.*)/) as [string, string]),
  );
  const contact = new URL(fields.get('Contact') ?? '');
  expect(await getText(contact.pathname)).toContain(`id="${contact.hash.slice(1)}"`);
  const days = (Date.parse(fields.get('Expires') ?? '') - Date.now()) / 86_400_000;
  expect(days).toBeGreaterThan(30);
  expect(days).toBeLessThan(366);
  expect(fields.get('Canonical')).toBe(answer.url);
});

async function readTags(path: string): Promise<ReadonlyMap<string, string>> {
  const found = (await getText(path)).matchAll(
    /<meta (?:property|name)="((?:og|twitter):[\w:]+)" content="([^"]*)"/g,
  );
  return new Map(
    [...found].map(([, name = '', content = '']) => [name, content.replaceAll('&amp;', '&')]),
  );
}

async function findPicture(path: string): Promise<string> {
  const { pathname, search } = new URL((await readTags(path)).get('og:image') ?? '');
  return pathname + search;
}

describe('previews of links', () => {
  test.each(['/', '/docs'])('to %s show a picture of the announced size', async (path) => {
    const tags = await readTags(path);
    const { origin } = new URL((await worker.fetch('/robots.txt')).url);
    expect(Object.fromEntries(tags)).toMatchObject({
      'og:type': 'website',
      'og:url': `${origin}${path}`,
      'og:site_name': 'digitmint',
      'og:image:type': 'image/png',
      'twitter:card': 'summary_large_image',
    });
    expect(tags.get('og:title')).not.toBe('');
    expect(tags.get('og:description')).not.toBe('');
    const png = PNG.sync.read(Buffer.from(await worker.getBytes(await findPicture(path))));
    expect([png.width, png.height].map(String)).toEqual([
      tags.get('og:image:width'),
      tags.get('og:image:height'),
    ]);
    expect([png.width, png.height]).toEqual([1200, 640]);
  });

  test('to guides hold no placeholder and no blank of a tag', async () => {
    for (const path of ['/docs/embed', '/docs/recipe']) {
      expect((await readTags(path)).get('og:description')).not.toMatch(/YOUR-WORKER|\s[.,]/);
    }
  });

  test('to a page without a picture are a summary', async () => {
    const tags = await readTags('/errors');
    expect([tags.get('twitter:card'), tags.has('og:image')]).toEqual(['summary', false]);
  });
});

test('/oembed without url says that it is missing', async () => {
  for (const path of ['/oembed', '/oembed?format=json']) {
    const answer = await worker.fetch(path);
    expect([answer.status, v.parse(problemSchema, await answer.json())]).toEqual([
      400,
      expect.objectContaining({ code: 'missing_parameter', parameters: ['url'] }) as object,
    ]);
  }
});

describe('the name of a saved file', () => {
  test.each([
    ['/digit.png?seed=Ada', 'inline; filename="digitmint-Ada-0.png"'],
    [
      '/digit.png?seed=Åsa&n=2',
      'inline; filename="digitmint-_sa-0-1.png"; filename*=UTF-8\'\'digitmint-%C3%85sa-0-1.png',
    ],
    [
      '/number/2026.svg?seed=日本/🦊',
      'inline; filename="digitmint-2026-___-0.svg"; filename*=UTF-8\'\'digitmint-2026-%E6%97%A5%E6%9C%AC_%F0%9F%A6%8A-0.svg',
    ],
    [
      '/morph.gif?seed=é',
      'inline; filename="digitmint-morph-_-0-4.gif"; filename*=UTF-8\'\'digitmint-morph-%C3%A9-0-4.gif',
    ],
    [
      '/dataset.csv?seed=ß&n=2',
      'attachment; filename="digitmint-_-0-1.csv"; filename*=UTF-8\'\'digitmint-%C3%9F-0-1.csv',
    ],
    [
      `/digit.png?seed=${encodeURIComponent('a\u202e"\n;\\/:b')}`,
      'inline; filename="digitmint-a_b-0.png"',
    ],
  ])('of %s', async (path, disposition) => {
    const answer = await worker.fetch(path);
    expect(answer.headers.get('content-disposition')).toBe(disposition);
  });

  test('never breaks a character in two', async () => {
    const answer = await worker.fetch(`/digit.png?seed=${encodeURIComponent('🦊'.repeat(60))}`);
    const [, name = ''] = /filename\*=UTF-8''(.*)$/.exec(
      answer.headers.get('content-disposition') ?? '',
    ) ?? [''];
    expect(decodeURIComponent(name)).toBe(`digitmint-${'🦊'.repeat(40)}-0.png`);
  });
});

test('the samples of the API reference run as they stand', async () => {
  const page = await getText('/docs/reference');
  const samples = [...page.matchAll(/aria-label="JavaScript: (\w+)"><code[^>]*>(.*?)<\/code>/gs)]
    .map(([, id = '', code = '']) => [id, code.replaceAll('&#39;', "'").replaceAll('&amp;', '&')])
    .filter(([, code = '']) => !/SECRET|\/[A-Z]+\b/.test(code));
  expect(samples.length).toBeGreaterThan(30);
  const results = samples.map(async ([id, code = '']) => {
    const statuses: number[] = [];
    const ask = async (...request: Parameters<typeof fetch>) => {
      const answer = await fetch(...request);
      statuses.push(answer.status);
      return answer;
    };
    const names = { fetch: ask, console: { log: () => undefined } };
    await runInNewContext(`(async () => {${code}})()`, names);
    return [id, ...statuses];
  });
  const failures = (await Promise.all(results)).filter((result) => result.at(-1) !== 200);
  expect(failures).toEqual([]);
});
