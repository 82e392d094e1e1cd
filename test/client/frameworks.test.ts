/**
 * The npm package in the hands of its users' tools: TypeScript with every way of resolving modules,
 * the JSX of React, Preact and Solid, and Jest.
 */
import { execFile } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasNpmClients, NPM_CLIENTS } from '../support/clients/installed.ts';
import { installClient, type InstalledClient } from '../support/hosts/installed-client.ts';

let client: InstalledClient;
/** A project of CommonJS, as most projects with Jest are. */
let project: string;
beforeAll(async () => {
  client = await installClient();
  for (const name of ['@types', 'preact', 'react', 'react-dom', 'solid-js']) {
    await symlink(join(NPM_CLIENTS, name), join(client.folder, 'node_modules', name));
  }
  project = join(client.folder, 'app');
  await mkdir(project);
  await writeFile(join(project, 'package.json'), '{ "name": "app", "private": true }');
});
afterAll(() => client.remove());

interface Ended {
  readonly code: number;
  readonly output: string;
}

/** Runs a script of an installed package in the project. */
function run(script: string, ...args: readonly string[]): Promise<Ended> {
  const command = [join(NPM_CLIENTS, script), ...args];
  return new Promise((resolve) => {
    execFile(process.execPath, command, { cwd: project }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr }),
    );
  });
}

async function compile(files: Readonly<Record<string, string>>, options: object): Promise<string> {
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(project, name), text);
  }
  const compilerOptions = {
    target: 'es2022',
    strict: true,
    noEmit: true,
    exactOptionalPropertyTypes: true,
    types: [],
    ...options,
  };
  const config = { compilerOptions, files: Object.keys(files) };
  await writeFile(join(project, 'tsconfig.json'), JSON.stringify(config));
  return (await run('typescript/bin/tsc', '-p', project)).output;
}

/** Fails to compile where an import is untyped, since `noImplicitAny` is on. */
const MODULE = `
import { buildImageProps, digitUrl, type Digits } from 'digitmint';
import { DigitMintElement, type DigitMintErrorDetail } from 'digitmint/element';
const text: string = digitUrl({ seed: 'Ada', truncation: 0.7 });
const set: string | undefined = buildImageProps({ label: 7 }).srcSet;
export const all: [string, string | undefined, Digits?, DigitMintErrorDetail?] = [text, set];
export const url: string = new DigitMintElement().src;
// @ts-expect-error: no such option
digitUrl({ scael: 4 });
`;

/** Uses the element in a framework's JSX. @param load  The framework's attribute for an event. */
const useElement = (entry: string, framework: string, load: string) => `
/** @jsxImportSource ${framework} */
import type {} from 'digitmint/${entry}';
export const one = <digit-mint base="https://digits.example" label={7} seed="Ada" scale={4} truncation={0.7} dark-fg="fff" smooth id="x" />;
export const two = <digit-mint number="2026" format="svg" loading="eager" ${load}={(event: Event) => console.log(event.type)} />;
// @ts-expect-error: no such format
export const three = <digit-mint format="gif" />;
// @ts-expect-error: no such attribute
export const four = <digit-mint lable="7" />;
`;

describe.skipIf(!hasNpmClients())('the package', () => {
  // package.test.ts has the others.
  test.each([
    ['node10', { moduleResolution: 'node10', module: 'commonjs' }, 'app.ts'],
    ['node16, CommonJS', { moduleResolution: 'node16', module: 'node16' }, 'app.cts'],
  ])('has types for moduleResolution %s', async (_, options, file) => {
    expect(await compile({ [file]: MODULE }, options)).toBe('');
  });

  test('has types of <digit-mint> for React, Preact and Solid', async () => {
    const files = {
      'react.tsx': useElement('react', 'react', 'onload'),
      'preact.tsx': useElement('preact', 'preact', 'onload'),
      'solid.tsx': useElement('solid', 'solid-js', 'on:load'),
    };
    const options = { moduleResolution: 'bundler', module: 'esnext', jsx: 'react-jsx' };
    // The frameworks' own declarations are not strict enough for every option.
    expect(await compile(files, { ...options, skipLibCheck: true })).toBe('');
  });

  test('is what arethetypeswrong wants', async () => {
    const { code, output } = await run(
      '@arethetypeswrong/cli/dist/index.js',
      client.tarball,
      '--no-color',
      '--no-emoji',
    );
    expect([code, output]).toEqual([0, expect.stringContaining('No problems found') as string]);
  });

  test('works in Jest, which requires it', async () => {
    await writeFile(
      join(project, 'digits.test.js'),
      `const { buildImageProps, digitUrl, ApiError } = require('digitmint');
const { DigitMintElement } = require('digitmint/element');
jest.mock('digitmint', () => ({ ...jest.requireActual('digitmint'), fetchDigits: () => 'mocked' }));
test('it is there', () => {
  expect(digitUrl({ seed: 'Ada', n: 4 })).toBe('/digit.png?seed=Ada&n=4');
  expect(buildImageProps({ label: 7 }).srcSet).toContain(' 2x');
  expect(require('digitmint').fetchDigits()).toBe('mocked');
  expect([typeof ApiError, typeof DigitMintElement]).toEqual(['function', 'function']);
});`,
    );
    const { code, output } = await run('jest/bin/jest.js', '--no-cache', '--rootDir', project);
    expect([code, output]).toEqual([0, expect.stringContaining('1 passed') as string]);
  });

  test('gives React 19 props and an element that it renders without a warning', async () => {
    await writeFile(
      join(project, 'render.js'),
      `const { createElement } = require('react');
const { renderToStaticMarkup } = require('react-dom/server');
const { buildImage, buildImageHtml, buildImageProps } = require('digitmint');
const options = { base: 'https://digits.example', label: 7, scale: 4 };
const image = renderToStaticMarkup(createElement('img', buildImageProps(options)));
const read = (html) => Object.fromEntries([...html.matchAll(/([a-zA-Z]+)="([^"]*)"/g)].map(([, name, value]) => [name.toLowerCase(), value]));
console.log(JSON.stringify([read(image), read(buildImageHtml(options)), renderToStaticMarkup(createElement('digit-mint', { label: 7, smooth: true, 'dark-fg': 'fff' }))]));`,
    );
    const { code, output } = await new Promise<Ended>((resolve) => {
      execFile(process.execPath, ['render.js'], { cwd: project }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : 1, output: stdout + stderr }),
      );
    });
    expect(code).toBe(0);
    const [props, html, element] = JSON.parse(output) as [object, object, string];
    expect(props).toEqual(html);
    expect(element).toBe('<digit-mint label="7" smooth="" dark-fg="fff"></digit-mint>');
  });
});
