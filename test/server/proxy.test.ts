/**
 * Tests the built server behind the proxies of docs/self-host.md, as the page configures them: what
 * they keep, whom they believe, and a service below a path of its host.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { fetchDigits, streamDigits } from '../../client/index.ts';
import { startBrowser, collectComplaints } from '../support/hosts/browser.ts';
import { startServer, type TestServer } from '../support/hosts/node-server.ts';
import {
  hasProxy,
  startProxy,
  type Answer,
  type ProxyName,
  type TestProxy,
} from '../support/hosts/proxy.ts';
import { findFreePort } from '../support/storage/s3-server.ts';

const running: { stop: () => Promise<unknown> }[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map(({ stop }) => stop()));
});

/**
 * Starts proxy and server.
 * @param path  The path of the public URL; null to set none.
 */
async function start(
  name: ProxyName,
  path: string | null,
  edit?: (config: string) => string,
): Promise<{ server: TestServer; proxy: TestProxy; base: string }> {
  const port = await findFreePort();
  const base = `https://localhost:${port}${path ?? ''}`;
  const server = await startServer({ env: path === null ? {} : { PUBLIC_URL: base } });
  running.push({ stop: () => server.stop('SIGKILL') });
  const proxy = await startProxy(name, { port, server: server.url, ...(edit && { edit }) });
  running.push(proxy);
  return { server, proxy, base };
}

const EVIL = {
  host: 'evil.example',
  forwarded: 'host=evil.example;proto=gopher',
  'x-forwarded-host': 'evil.example',
  'x-forwarded-proto': 'gopher',
  'x-forwarded-port': '666',
  'x-forwarded-prefix': '/evil.example',
  'x-original-url': '/evil.example',
  'x-rewrite-url': '/evil.example',
};
const tellAll = ({ headers, body }: Answer) => JSON.stringify(headers) + body.toString('latin1');

/** One URL of every kind of answer that holds URLs. */
const WITH_URLS = (base: string) => [
  '/',
  '/docs',
  '/learn',
  '/errors',
  '/errors/not_found',
  '/digit.png?seed=a',
  '/digit.json?seed=a&n=2',
  '/digit.ndjson?seed=a&n=2',
  '/number/3.14.json?seed=a',
  '/dataset.ndjson?seed=a&n=2',
  '/morph.gif?seed=a&n=2&frames=2',
  '/models',
  '/models/digits',
  '/openapi.json',
  '/llms.txt',
  `/oembed?url=${encodeURIComponent(`${base}/number/7.png`)}`,
  `/oembed?url=${encodeURIComponent(`${base}/`)}`,
  '/nothing',
];

describe.skipIf(!hasProxy('nginx'))('behind the documented nginx (package nginx-light)', () => {
  test('what may be kept is kept, and nothing else', async () => {
    const { proxy } = await start('nginx', '');
    const get = async (path: string, headers?: Record<string, string>) => {
      const { headers: told, body } = await proxy.ask(path, headers);
      return { kept: told['x-cache'], body, headers: told };
    };
    const { headers } = await get('/digit.json?seed=a');
    const pinned = new URL(/<([^<>]*)>/.exec(String(headers['link']))?.[1] ?? '');
    const long = `/digit.png?seed=${encodeURIComponent('🦊'.repeat(128))}`;
    for (const path of [pinned.pathname + pinned.search, '/digit.png?seed=b', long, '/llms.txt']) {
      const [first, second] = [await get(path), await get(path)];
      expect([path, first.kept, second.kept]).toEqual([path, 'MISS', 'HIT']);
      expect(second.body.equals(first.body)).toBe(true);
    }
    const [one, other] = [await get('/digit.png'), await get('/digit.png')];
    expect([one.kept, other.kept, one.body.equals(other.body)]).toEqual(['MISS', 'MISS', false]);
    // A request for another format of the same URL gets that format.
    for (const type of ['image/png', 'application/json', 'image/png', 'application/json']) {
      const answer = await get('/digit?seed=c', { accept: type });
      expect(answer.headers['content-type']).toBe(type);
    }
    expect((await get('/digit?seed=c', { accept: 'image/png' })).kept).toBe('HIT');
  });

  test('no caller puts a host of its own into what others get', async () => {
    const { proxy, base } = await start('nginx', '');
    for (const path of WITH_URLS(base)) {
      expect([path, tellAll(await proxy.ask(path, EVIL)).includes('evil')]).toEqual([path, false]);
      expect([path, tellAll(await proxy.ask(path)).includes('evil')]).toEqual([path, false]);
    }
  });

  test('nor does it without PUBLIC_URL, even where the proxy passes the caller’s host on', async () => {
    const { proxy, base } = await start('nginx', null, (config) => {
      const edited = config.replace('Host $server_name;', 'Host $http_host;');
      expect(edited).not.toBe(config);
      return edited;
    });
    for (const path of WITH_URLS(base)) {
      const mean = await proxy.ask(path, EVIL);
      expect([path, mean.headers['cache-control']]).toEqual([
        path,
        expect.stringMatching(/^(?:private|no-store)/),
      ]);
      const good = await proxy.ask(path);
      expect([path, tellAll(good).includes('evil'), good.headers['x-cache']]).toEqual([
        path,
        false,
        'MISS',
      ]);
    }
    // The pages' files hold no URL of the service.
    const [asset = ''] = /\/assets\/[^"]+\.css/.exec(String((await proxy.ask('/')).body)) ?? [];
    expect((await proxy.ask(asset)).headers['cache-control']).toContain('public');
  });
});

/** Every URL in an answer that names the service or starts at its root. */
function listUrls({ headers, body }: Answer, base: string): string[] {
  const text = `${String(headers['link'])}\nhref="${headers['content-location'] ?? base}"\n${body.toString('latin1')}`;
  const { origin } = new URL(base);
  const found = [
    ...text.matchAll(/https:\/\/localhost:[0-9]+[^\s"'<>)\\]*/g),
    ...text.matchAll(/(?<=\b(?:href|src|srcset|data-[a-z]+)=")\/[^"\s]*/g),
  ];
  return found.map(([url]) => url.replaceAll('&amp;', '&').replace(/^(?=\/)/, origin));
}

const BELOW: [name: ProxyName, what: string, edit: (config: string) => string][] = [
  [
    'nginx',
    'passes the path on',
    (config) => config.replace('location / {', 'location /digits/ {'),
  ],
  [
    'nginx',
    'removes the path',
    (config) =>
      config
        .replace('location / {', 'location /digits/ {')
        .replace('proxy_pass http://127.0.0.1:8787;', 'proxy_pass http://127.0.0.1:8787/;'),
  ],
  [
    'caddy',
    'passes the path on',
    (config) => config.replace('reverse_proxy ', 'reverse_proxy /digits/* '),
  ],
];

describe.each(BELOW)(
  'below a path of its host, behind %s (a package of Debian) that %s',
  (name, _what, edit) => {
    test.skipIf(!hasProxy(name))('every URL in answers has that path and works', async () => {
      const unlimited = (config: string) => edit(config).replace('rate=20r/s', 'rate=2000r/s');
      const { proxy, base } = await start(name, '/digits', unlimited);
      const links = new Set<string>();
      for (const path of WITH_URLS(base)) {
        const answer = await proxy.ask(`/digits${path}`);
        expect([path, answer.status]).toEqual([path, path === '/nothing' ? 404 : 200]);
        const urls = listUrls(answer, base);
        expect([path, urls.length > 0]).toEqual([path, true]);
        const others = urls.filter((url) => url !== base && !url.startsWith(`${base}/`));
        expect([path, others]).toEqual([path, []]);
        // OpenAPI's examples name versions that are not there.
        urls.forEach((url) => path !== '/openapi.json' && links.add(url));
      }
      links.delete(base);
      expect(links.size).toBeGreaterThan(50);
      for (const link of links) {
        const { pathname, search } = new URL(link);
        expect([link, (await proxy.ask(pathname + search)).status]).toEqual([link, 200]);
      }
    });
  },
);

test('the client works with a service below a path of its host', async () => {
  const port = await findFreePort();
  const base = `http://127.0.0.1:${port}/digits`;
  const server = await startServer({ env: { PORT: String(port), PUBLIC_URL: base } });
  running.push({ stop: () => server.stop('SIGKILL') });
  const { digits } = await fetchDigits({ base, seed: 'a' });
  const url = digits[0]?.url ?? '';
  expect(url).toMatch(new RegExp(`^${base}/digit\\.png\\?`));
  expect((await fetch(url)).status).toBe(200);
  for await (const { index } of streamDigits({ base, seed: 'a', n: 1 })) {
    expect(index).toBe(0);
  }
  await expect(fetchDigits({ base, label: 'none' })).rejects.toMatchObject({
    type: `${base}/errors/label_not_supported`,
  });
});

test.skipIf(!hasProxy('nginx'))('the page works below a path of its host', async () => {
  const { proxy, base } = await start('nginx', '/digits', (config) =>
    config.replace('location / {', 'location /digits/ {').replace('rate=20r/s', 'rate=2000r/s'),
  );
  const browser = await startBrowser();
  running.push({ stop: () => browser.close() });
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  const complaints = collectComplaints(page);
  await page.goto(`${base}/`);
  await page.waitForSelector('#play-picture[src^="blob:"]');
  await page.locator('input[name=pin][value=pinned]').check();
  expect(await page.locator('#snippet-url').textContent()).toMatch(
    new RegExp(`^${base}/digit\\.png\\?.*model=digits@`),
  );
  await page.locator('#explore').scrollIntoViewIfNeeded();
  await page.waitForSelector('#explore[data-drawn]');
  await page.locator('#compare').click();
  await page.waitForFunction(() => document.querySelector('#compare-result')?.textContent);
  expect(await page.locator('#compare-result').textContent()).toMatch(/^All .* are the same\.$/);
  await page.goto(`${base}/docs`);
  await page.getByRole('searchbox').fill('collapse');
  await page.getByRole('button', { name: 'Search' }).click();
  await page.getByRole('link', { name: /What collapse looks like/ }).click();
  await page.getByRole('button', { name: 'Play' }).first().click();
  expect(page.url()).toBe(`${base}/learn#what-collapse-looks-like`);
  expect(complaints).toEqual([]);
  expect((await proxy.ask('/digit.png')).status).toBe(404); // The rest of the host is not ours.
});

test.skipIf(!hasProxy('caddy'))(
  'behind the documented Caddy (package caddy) the service answers',
  async () => {
    const { proxy, base } = await start('caddy', '');
    for (const path of WITH_URLS(base)) {
      const { status, headers } = await proxy.ask(path, { 'accept-encoding': 'gzip' });
      expect([path, status]).toEqual([path, path === '/nothing' ? 404 : 200]);
      if (path === '/docs') {
        expect(headers['content-encoding']).toBe('gzip');
      }
    }
  },
);
