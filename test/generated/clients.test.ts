/**
 * The OpenAPI document, as its readers take it: linters accept it, and clients that other people's
 * programs generate from it are compiled and called. dev/openapi-clients/install.sh installs them.
 */
import { randomUUID } from 'node:crypto';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as v from 'valibot';
import { handSchema, healthSchema } from '../../shared/contract/answers.ts';
import {
  CONFIGS,
  hasOpenapiClients,
  makeWorkspace,
  runModule,
  runNode,
  runProgram,
} from '../support/hosts/openapi-clients.ts';
import { startWorker, type TestWorker } from '../support/hosts/workerd.ts';

const PNG_MAGIC = '89504e470d0a1a0a';
const ANSWERS = 'seed=Ada&n=2';

describe.skipIf(!hasOpenapiClients())('clients (dev/openapi-clients/install.sh)', () => {
  let worker: TestWorker;
  let folder: string;
  let remove: () => Promise<void>;
  beforeAll(async () => {
    worker = await startWorker(undefined, { JOBS_SECRET: randomUUID() });
    ({ folder, remove } = await makeWorkspace());
    await writeFile(join(folder, 'openapi.json'), await worker.getBytes('/openapi.json'));
  });
  afterAll(async () => {
    await worker.close();
    await remove();
  });

  const copyProgram = (path: string, name: string) =>
    copyFile(join(import.meta.dirname, path), join(folder, name));

  /** The answers as they are without a generated client. */
  const askPlainly = async () => {
    const hex = async (path: string) => (await worker.getBytes(path)).toString('hex');
    const { digits } = await worker.getDigits(`/digit.json?${ANSWERS}`);
    return {
      seed: 'Ada',
      pixels: digits.map(({ pixels }) => pixels),
      labels: digits.map(({ label }) => label),
      png: await hex(`/digit.png?${ANSWERS}`),
      npy: await hex(`/digit.npy?${ANSWERS}`),
    };
  };

  test('redocly and spectral find nothing to warn of', async () => {
    const file = join(folder, 'openapi.json');
    const redocly = await runNode(
      '@redocly/cli/bin/cli.js',
      ['lint', file, '--format=json', `--config=${join(CONFIGS, 'redocly.yml')}`],
      folder,
    );
    expect(JSON.parse(redocly)).toMatchObject({ totals: { errors: 0, warnings: 0, ignored: 0 } });
    // Fails at the least hint.
    await runNode(
      '@stoplight/spectral-cli/dist/index.js',
      ['lint', file, '--fail-severity=hint', `--ruleset=${join(CONFIGS, 'spectral.yml')}`],
      folder,
    );
  });

  test('openapi-typescript and openapi-fetch give typed JSON, bytes and problems', async () => {
    await runNode('openapi-typescript/bin/cli.js', ['openapi.json', '-o', 'openapi.d.ts'], folder);
    await copyProgram('typescript/program.ts', 'program.ts');
    await copyProgram('typescript/tsconfig.json', 'tsconfig.json');
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    await runNode('../../../node_modules/typescript/bin/tsc', ['-p', 'tsconfig.json'], folder);
    const { href } = worker.url;
    const printed = await runProgram(process.execPath, ['program.ts', href.slice(0, -1)], folder);
    const { seed, pixels, png, npy } = await askPlainly();
    const said = JSON.parse(printed) as Record<string, unknown>;
    const { status } = v.parse(healthSchema, await (await worker.fetch('/healthz')).json());
    expect(said).toMatchObject({ seed, pixels, png, npy, status });
    expect(png.startsWith(PNG_MAGIC)).toBe(true);
    expect(said['negotiated']).toEqual(await worker.getDigits(`/digit.json?${ANSWERS}`));
    const invalid = { status: 400, code: 'invalid_parameter', parameters: ['n'] };
    expect(said['problems']).toMatchObject([
      invalid,
      invalid,
      { status: 401, code: 'unauthorized' },
    ]);
    // The pixels after NumPy's header, whose length is in the bytes 8 and 9.
    const array = Buffer.from(npy, 'hex');
    const header = 10 + array.readUInt16LE(8);
    expect(array.subarray(0, header).toString('latin1')).toContain("'shape': (2, 28, 28)");
    expect([...array.subarray(header)]).toEqual(pixels.flat());
  });

  test('openapi-python-client gives typed JSON, bytes, arrays, times and problems', async () => {
    await runModule(
      'openapi_python_client',
      [
        'generate',
        '--path=openapi.json',
        '--output-path=digits_client',
        '--meta=none',
        '--fail-on-warning',
        `--config=${join(CONFIGS, 'openapi-python-client.yml')}`,
      ],
      folder,
    );
    await copyProgram('python/program.py', 'program.py');
    await copyProgram('python/mypy.ini', 'mypy.ini');
    await runModule('mypy', ['program.py'], folder);
    const said = JSON.parse(
      await runModule('program', [worker.url.href.slice(0, -1)], folder),
    ) as Record<string, unknown>;
    const { seed, pixels, labels, png } = await askPlainly();
    expect(said).toMatchObject({
      seed,
      pixels,
      labels,
      npyLabels: labels,
      png,
      negotiated: png,
      morph: PNG_MAGIC,
      svg: await (await worker.fetch('/digit.svg?seed=Ada')).text(),
      txt: await (await worker.fetch('/digit.txt?seed=Ada')).text(),
      codes: ['invalid_parameter', 'invalid_parameter', 'unauthorized'],
    });
    expect((said['npy'] as number[][][]).map((digit) => digit.flat())).toEqual(pixels);
    const body = new Uint8Array(await worker.getBytes('/digit.png?seed=Ada&label=7&scale=4'));
    const answer = await worker.fetch('/hand', { method: 'POST', body });
    const { hand } = v.parse(handSchema, await answer.json());
    expect(said['hands']).toEqual([hand, hand]);
    const { model } = v.parse(healthSchema, await (await worker.fetch('/healthz')).json());
    expect(said['loadedAt']).toBe(Date.parse(model?.loadedAt ?? '') / 1000);
  });

  test('the documentation has the settings of openapi-python-client', async () => {
    const settings = await readFile(join(CONFIGS, 'openapi-python-client.yml'), 'utf8');
    const page = await readFile(join(import.meta.dirname, '../../docs/api.md'), 'utf8');
    expect(page).toContain(settings);
  });
});
