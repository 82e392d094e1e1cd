/**
 * Tests the whole way with real parts: train, export, publish over S3, serve from R2 in the edge
 * runtime, sample offline, and load the exported model in a browser.
 */
import { execFile } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publishArtifact } from '../trainer/publish/publish.ts';
import { LOCAL_BUCKET } from '../storage/local-r2.ts';
import { createS3Store } from '../storage/s3-store.ts';
import { startBrowser } from './support/hosts/browser.ts';
import { startWorker, waitUntil, type TestWorker } from './support/hosts/workerd.ts';
import { TRAINER } from './support/trainer-program.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

function runTrainer(...args: string[]): Promise<{ stdout: string }> {
  return promisify(execFile)(process.execPath, [TRAINER, ...args], { cwd: root });
}

let folder: string;
let worker: TestWorker;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'digitmint-pipeline-'));
  [worker] = await Promise.all([
    startWorker(),
    runTrainer(
      'train',
      '--preset',
      'seed',
      '--backend',
      'wasm',
      '--steps',
      '2',
      '--batch',
      '32',
      '--out',
      join(folder, 'run'),
      '--no-publish',
    ),
  ]);
});
afterAll(async () => {
  await worker.close();
  await rm(folder, { recursive: true, force: true });
});

interface DigitJson {
  readonly model: { readonly name: string; readonly version: string };
  readonly digits: readonly { readonly pixels: readonly number[] }[];
}

describe('a trained model', () => {
  let version: string;

  it('is published and served without a restart', async () => {
    const before = (await (await worker.fetch('/digit.json')).json()) as DigitJson;
    const store = createS3Store({
      endpoint: new URL('/cdn-cgi/local/r2/s3', worker.url).href,
      region: 'auto',
      ...LOCAL_BUCKET,
    });
    const published = await publishArtifact({
      store,
      folder: join(folder, 'run', 'model'),
      makeDefault: true,
      now: () => new Date(),
    });
    await store.close();
    version = published.version;
    expect(version).not.toBe(before.model.version);
    const after = await waitUntil(
      async () => (await (await worker.fetch('/digit.json')).json()) as DigitJson,
      ({ model }) => model.version === version,
    );
    expect(after.model.name).toBe('seed');
  });

  it.each([
    ['n=16&seed=hello', ['--n', '16', '--seed', 'hello']],
    ['n=5&seed=ünï&cols=3&scale=4', ['--n', '5', '--seed', 'ünï', '--cols', '3', '--scale', '4']],
    ['n=256&seed=1', ['--n', '256', '--seed', '1']],
  ])('gives offline the same PNG as /digit?%s', async (query, args) => {
    const out = join(folder, 'sheet.png');
    await runTrainer(
      'sample',
      '--force',
      '--model',
      join(folder, 'run', 'model'),
      '--out',
      out,
      ...args,
    );
    const served = await worker.fetch(`/digit?${query}`);
    expect(served.status).toBe(200);
    expect(Buffer.from(await served.arrayBuffer()).equals(await readFile(out))).toBe(true);
  });

  it('gives offline the same pixels as /digit.json, at any index', async () => {
    const out = join(folder, 'digits.idx');
    await runTrainer(
      'sample',
      '--model',
      join(folder, 'run', 'model'),
      '--format',
      'idx',
      '--n',
      '20',
      '--start',
      '7',
      '--seed',
      'x',
      '--out',
      out,
    );
    const { digits } = (await (
      await worker.fetch('/digit.json?n=20&seed=x&start=7')
    ).json()) as DigitJson;
    expect([...(await readFile(out)).subarray(16)]).toEqual(digits.flatMap(({ pixels }) => pixels));
  });

  describe('in a browser', () => {
    let server: Server;
    let browser: Browser;
    beforeAll(async () => {
      const files: Record<string, string> = {
        '/tf.js': join(root, 'node_modules/@tensorflow/tfjs/dist/tf.min.js'),
        '/model/model.json': join(folder, 'run/model/model.json'),
        '/model/weights.bin': join(folder, 'run/model/weights.bin'),
      };
      server = createServer((request, response) => {
        const path = files[request.url ?? ''];
        if (path === undefined) {
          response.writeHead(request.url === '/' ? 200 : 404, { 'content-type': 'text/html' });
          response.end(
            '<!doctype html><link rel="icon" href="data:," /><script src="/tf.js"></script>',
          );
        } else {
          createReadStream(path).pipe(response);
        }
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      browser = await startBrowser();
    });
    afterAll(async () => {
      await browser.close();
      server.close();
    });

    it('is loaded unchanged by tf.loadLayersModel, and draws what the API draws', async () => {
      const page = await browser.newPage();
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      const { deriveSeedKey, drawLatents } = await import('../shared/model/random.ts');
      const latents = [...drawLatents(deriveSeedKey('x'), 0, 3, 128)];
      const drawn = await page.evaluate(async (values) => {
        const { tf } = globalThis as unknown as { tf: typeof import('@tensorflow/tfjs') };
        await tf.setBackend('cpu');
        const model = await tf.loadLayersModel('/model/model.json');
        const output = model.predict(
          tf.tensor2d(values, [3, 128]),
        ) as import('@tensorflow/tfjs').Tensor;
        return { shape: output.shape, values: [...(await output.data())] };
      }, latents);
      expect(drawn.shape).toEqual([3, 28, 28, 1]);
      const { digits } = (await (await worker.fetch('/digit.json?n=3&seed=x')).json()) as DigitJson;
      const served = digits.flatMap(({ pixels }) => pixels);
      // The engine computes in integers, so a value may differ by one level beyond rounding.
      drawn.values.forEach((value, i) =>
        expect(Math.abs(value * 255 - (served[i] as number))).toBeLessThan(1.5),
      );
    });
  });
});
