/** Tests the files of the pages: they come whole even when the server can open no file. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { addSite } from '../../server/site.ts';

const folder = mkdtempSync(join(tmpdir(), 'digitmint-site-'));
mkdirSync(join(folder, 'assets'));
writeFileSync(join(folder, 'assets', 'page.js'), 'let a;');
writeFileSync(join(folder, 'assets', 'page.js.br'), 'packed');
writeFileSync(join(folder, 'secret.js'), 'secret');
const fetch = addSite(() => new Response('the app'), folder);
// A missing file fails to open, as any file does with no descriptor left.
rmSync(join(folder, 'assets'), { recursive: true });
afterAll(() => rmSync(folder, { recursive: true }));

const ask = async (path: string, headers: Record<string, string> = {}) => {
  const answer = await fetch(new Request(`http://localhost${path}`, { headers }), {});
  return { text: await answer.text(), headers: answer.headers };
};

test('a file comes whole, and compressed where the client accepts that', async () => {
  const plain = await ask('/assets/page.js');
  expect(plain.text).toBe('let a;');
  expect(plain.headers.get('content-type')).toContain('text/javascript');
  expect(plain.headers.get('cache-control')).toContain('immutable');
  expect(plain.headers.get('vary')).toBe('Accept-Encoding');
  const packed = await ask('/assets/page.js', { 'Accept-Encoding': 'gzip, br' });
  expect([packed.text, packed.headers.get('content-encoding')]).toEqual(['packed', 'br']);
  expect(packed.headers.get('vary')).toBe('Accept-Encoding');
});

test.each([
  '/assets/other.js',
  '/assets/',
  '/assets/../secret.js',
  '/assets/%2e%2e/secret.js',
  '/assets/..%2fsecret.js',
  '/digit',
])('the app answers %s', async (path) => {
  expect((await ask(path)).text).toBe('the app');
});
