/**
 * The npm package as it is published, in a project outside of the repository: what is in it, that
 * it needs nothing else, its types, and how much of it reaches a page.
 */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build, transform } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  installClient,
  listNodes,
  type InstalledClient,
} from '../support/hosts/installed-client.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

let client: InstalledClient;
beforeAll(async () => {
  client = await installClient();
});
afterAll(() => client.remove());

const readPackage = async (path: string) =>
  JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;

test('it has what it says, depends on nothing, and has the project’s version', async () => {
  const names = client.files.map((path) => path.replace(/-[0-9A-Z]{8}\./, '.'));
  // npm lists them by their names with hashes.
  expect(names.toSorted()).toEqual(
    [
      'LICENSE',
      'README.md',
      'THIRD-PARTY.txt',
      'cli.js',
      'cli.js.LEGAL.txt',
      'element.cjs',
      'element.js',
      'encoder.bin',
      'engine-relaxed.wasm',
      'engine.wasm',
      'index.cjs',
      'index.js',
      'package.json',
      'png.wasm',
      ...[
        'api-error',
        'element',
        'fetch-digits',
        'hand-from',
        'image',
        'index',
        'options',
        'preact',
        'react',
        'request',
        'solid',
        'stream-digits',
        'url',
      ].flatMap((name) => [`types/${name}.d.cts`, `types/${name}.d.ts`]),
      'weights.bin', // of digits
      'weights.bin', // of digits-small
    ].toSorted(),
  );
  const described = await readPackage(join(client.path, 'package.json'));
  expect(described['version']).toBe((await readPackage(join(ROOT, 'package.json')))['version']);
  expect(Object.keys(described).filter((key) => /dependencies|scripts|private/i.test(key))).toEqual(
    [],
  );
  const { packages } = (await readPackage(join(client.folder, 'package-lock.json'))) as {
    packages: object;
  };
  expect(Object.keys(packages)).toEqual(['', 'node_modules/digitmint']);
});

test('the licences of what its command line holds go along', async () => {
  const text = await readFile(join(client.path, 'THIRD-PARTY.txt'), 'utf8');
  const { dependencies } = (await readPackage(join(ROOT, 'package.json'))) as {
    dependencies: Record<string, string>;
  };
  for (const name of ['hono', 'valibot', 'commander', 'gifenc']) {
    expect(text).toMatch(
      new RegExp(`^${name} ${dependencies[name]} \\((?:MIT|Apache-2\\.0)\\)$`, 'm'),
    );
  }
  // TensorFlow.js brings no text of its own; its notices are in cli.js.LEGAL.txt.
  expect(text).toContain('Apache License');
  expect(text.match(/Permission is hereby granted/g)?.length).toBeGreaterThan(5);
});

/** Bytes, gzipped: what a page pays. Raise them knowingly. */
const BUDGET = {
  index: 6.8 * 1024,
  element: 5.9 * 1024,
  urlsOnly: 3.42 * 1024,
  tarball: 800 * 1024,
};

test('it is small', async () => {
  const sizeOf = async (name: string) => gzipSync(await readFile(join(client.path, name))).length;
  const sizes = {
    index: await sizeOf('index.js'),
    element: await sizeOf('element.js'),
    tarball: client.tarballBytes,
  };
  expect(sizes.index).toBeLessThan(BUDGET.index);
  expect(sizes.element).toBeLessThan(BUDGET.element);
  expect(sizes.tarball).toBeLessThan(BUDGET.tarball);
  const urls = await bundleFor(
    "import { digitUrl } from 'digitmint'; console.log(digitUrl({ n: 4 }));",
  );
  expect(gzipSync(urls).length).toBeLessThan(BUDGET.urlsOnly);
  if (process.env['SIZES'] !== undefined) {
    console.log({ ...sizes, urlsOnly: gzipSync(urls).length });
  }
});

test('browsers of 2022 can read its modules', async () => {
  // Safari knows these since 2018.
  const supported = { 'regexp-unicode-property-escapes': true };
  for (const name of ['index.js', 'element.js']) {
    const text = await readFile(join(client.path, name), 'utf8');
    const write = async (target: string) =>
      (await transform(text, { target, supported, minify: true })).code;
    expect(await write('safari16.3')).toBe(await write('esnext'));
  }
});

test('bundlers take of it what is used', async () => {
  expect((await bundleFor("import 'digitmint';")).trim()).toBe('');
  expect(await bundleFor("import { digitUrl } from 'digitmint'; digitUrl();")).not.toMatch(
    /customElements|getReader|srcset/,
  );
  expect(await bundleFor("import 'digitmint/element';")).toContain('customElements.define');
});

/** Bundles a module of the project, as a page's build would. */
async function bundleFor(contents: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: client.folder },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    logLevel: 'silent',
  });
  return outputFiles[0]?.text ?? '';
}

describe.each(listNodes())('in %s', (node) => {
  test('its modules load, the element’s too, and work', async () => {
    const program = `
      import { buildImageHtml, digitUrl } from 'digitmint';
      import { DigitMintElement } from 'digitmint/element';
      import { version } from 'digitmint/package.json' with { type: 'json' };
      console.log(digitUrl({ seed: 'Ada', n: 4 }), buildImageHtml({ label: 7 }), DigitMintElement.name, typeof version);`;
    const named = program
      .replace('{ version }', 'described')
      .replace('typeof version', 'typeof described.version');
    const { stdout } = await run(node, ['--no-warnings', '--input-type=module', '--eval', named], {
      cwd: client.folder,
    });
    expect(stdout).toMatch(
      /^\/digit\.png\?seed=Ada&n=4 <img src="\/digit\.png\?label=7" srcset=.*> [\w$]+ string\n$/,
    );
  });
});

const CONSUMER = `
import { ApiError, buildImage, datasetUrl, digitUrl, fetchDigits, morphUrl, numberUrl, streamDigits, type Digits, type DigitOptions, type MorphOptions } from 'digitmint';
import { DigitMintElement, type DigitMintErrorDetail } from 'digitmint/element';

const options: DigitOptions = { seed: 42, fg: '1d2430', format: 'svg', base: new URL('https://digits.example') };
const loop: MorphOptions = { digits: '0123', fps: 30, hold: 0, format: 'gif', scale: 4 };
const urls: string[] = [digitUrl(options), numberUrl({ number: '007' }), datasetUrl({ format: 'npy' }), morphUrl(loop), morphUrl()];
export async function look(signal: AbortSignal): Promise<Uint8Array | string | undefined> {
  try {
    const drawn: Digits = await fetchDigits({ n: 2, label: 7, signal, retries: 1 });
    for await (const { pixels, label } of streamDigits({ n: 3 })) {
      console.log(pixels.length, label?.toFixed());
    }
    return drawn.digits[0]?.pixels;
  } catch (error) {
    return error instanceof ApiError ? error.code + error.status.toFixed() + error.requestId : String(error);
  }
}
const { srcset = '', width = 0 } = buildImage({ number: 2026, scale: 4 });
const element: DigitMintElement = document.createElement('digit-mint');
element.mint();
const report = ({ detail }: CustomEvent<DigitMintErrorDetail>) => console.log(detail.message);
element.addEventListener('error', ({ detail }) => console.log(detail.status?.toFixed()));
element.addEventListener('error', report, { once: true });
element.removeEventListener('error', report);
element.addEventListener('click', ({ clientX }) => console.log(clientX));
console.log(urls, srcset, width.toFixed(), element.src);

// @ts-expect-error: no such option
digitUrl({ scael: 4 });
// @ts-expect-error: a number's digits are all of one hand
numberUrl({ number: 1, n: 3 });
// @ts-expect-error: no such format
digitUrl({ format: 'gif' });
// @ts-expect-error: its colours are fixed
morphUrl({ darkFg: 'fff' });
// @ts-expect-error: no picture
buildImage({ format: 'json' });
// @ts-expect-error: the number to write is missing
numberUrl({});
// @ts-expect-error: read-only
(await fetchDigits()).seed = 'other';
`;

test.each([
  ['node16', 'es2022'],
  ['bundler', 'es2022'],
  ['bundler', 'es2020'],
])(
  'its types hold in a strict project of moduleResolution %s, with the library of %s',
  async (moduleResolution, library) => {
    const options = {
      target: 'es2022',
      module: moduleResolution === 'bundler' ? 'esnext' : 'node16',
      moduleResolution,
      lib: [library, 'dom', 'dom.iterable', 'dom.asynciterable'],
      strict: true,
      noEmit: true,
      exactOptionalPropertyTypes: true,
      types: [],
    };
    await writeFile(
      join(client.folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: options, files: ['consumer.ts'] }),
    );
    await writeFile(join(client.folder, 'consumer.ts'), CONSUMER);
    const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    const compiled = await run(process.execPath, [compiler, '-p', client.folder]).catch(
      (error: { stdout: string }) => error,
    );
    expect(compiled.stdout).toBe('');
  },
);
