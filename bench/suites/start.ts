/**
 * A fresh isolate: its script's start-up as `wrangler check startup` measures it, and the first
 * picture, of a model in the bucket or of the one inside the worker.
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildPage } from '../../dev/build/page.ts';
import { measureBundle } from '../../dev/measure-bundle.ts';
import { POINTER_KEY } from '../../shared/model/artifact.ts';
import { buildPointer } from '../../test/support/models/fixture-artifact.ts';
import { putArtifact, type TestBucket } from '../../test/support/hosts/workerd.ts';
import { toFixture, withEdge } from '../edge-runtime.ts';
import {
  defineSuite,
  makeRow,
  makeTable,
  ROOT,
  SHIPPED_MODEL_FOLDER,
  timeOnce,
  type CommonFlags,
  type Measured,
} from '../suite.ts';
import { readArtifactFolder } from '../../trainer/publish/artifact-folder.ts';

interface Flags extends CommonFlags {
  readonly model: string;
}

export const suite = defineSuite<Flags>({
  about: 'a fresh isolate: start-up, the first picture, the size of the upload',
  addFlags: (command) =>
    command.option('--model <folder>', 'the model in the bucket', SHIPPED_MODEL_FOLDER),
  measure: ({ quick, model }) => measure(quick ? 1 : 9, model),
});

async function measure(rounds: number, folder: string): Promise<Measured> {
  await buildPage();
  const { code, kernels, model } = await measureBundle();
  const startUp = await timeScript(rounds);
  const fixture = toFixture(await readArtifactFolder(folder));
  const publish = async (bucket: TestBucket): Promise<void> => {
    await putArtifact(bucket, fixture);
    await bucket.put(POINTER_KEY, buildPointer(fixture));
  };
  const published: number[] = [];
  const bundled: number[] = [];
  let versions: Measured['versions'] = {};
  // The first round is thrown away: its requests are the first of this process too.
  for (let round = -1; round < rounds; round++) {
    for (const [times, fill, source] of [
      [published, publish, 'r2'],
      [bundled, undefined, 'bundled'],
    ] as const) {
      await withEdge(async (edge) => {
        ({ versions } = edge);
        await (await fetch(edge.floorUrl)).arrayBuffer();
        const ms = await timeOnce(() => askFirst(new URL('/digit.png', edge.url), source));
        if (round >= 0) {
          times.push(ms);
        }
      }, fill);
    }
  }
  return {
    versions,
    tables: [
      makeTable({
        id: 'start',
        title: 'A fresh isolate',
        unit: 'ms',
        notes: [
          'Start-up: the processor’s share of what `wrangler check startup` samples.',
          'The first picture: the first request to a fresh workerd, at its own socket; its script ' +
            `has started before. ${rounds} of each.`,
          'From the bucket: pointer, manifest and weights are read through the local emulation of ' +
            'R2, parsed, verified by their hashes, decoded and tried out.',
        ],
        cases: [
          'script start-up',
          'first picture, model from the bucket',
          'first picture, model bundled',
        ],
        rows: [makeRow('digitmint', [startUp, published, bundled])],
        goals: [50, 150, 150],
      }),
      makeTable({
        id: 'bundle',
        title: 'What is uploaded, gzipped',
        unit: 'KiB',
        notes: [
          'The bundled model serves where nothing is published.',
          `Code ${toKib(code)}, kernels ${toKib(kernels)}, bundled model ${toKib(model)} KiB.`,
        ],
        cases: ['without the bundled model', 'with it'],
        rows: [
          makeRow(
            'digitmint',
            [code + kernels, code + kernels + model].map((bytes) => [bytes / 1024]),
          ),
        ],
        goals: [500, 1024],
      }),
    ],
  };
}

/** @returns  Milliseconds of each run. @throws Error  When wrangler reports no time. */
async function timeScript(rounds: number): Promise<number[]> {
  const folder = await mkdtemp(join(tmpdir(), 'digitmint-start-'));
  const args = ['check', 'startup', '--outfile', join(folder, 'startup.cpuprofile')];
  const env = { ...process.env, WRANGLER_SEND_METRICS: 'false', WRANGLER_LOG: 'log' };
  try {
    return Array.from({ length: rounds }, () => {
      const ended = spawnSync('wrangler', args, { cwd: ROOT, encoding: 'utf8', env });
      const { stdout, stderr, status, signal } = ended;
      const active = /Active: ([\d.]+) ms/.exec(stdout)?.[1];
      if (active === undefined) {
        const end = `ended with ${signal ?? status}`;
        throw new Error(
          `wrangler ${args.join(' ')} reports no time and ${end}: ${stdout}${stderr}`,
        );
      }
      return Number(active);
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** @throws Error  When the picture is of another model. */
async function askFirst(url: URL, source: string): Promise<void> {
  const answer = await fetch(url);
  await answer.arrayBuffer();
  const from = answer.headers.get('digitmint-model-source');
  if (from !== source) {
    throw new Error(
      `${url.href} answers ${answer.status}, by the model from ${from}, expected ${source}`,
    );
  }
}

function toKib(bytes: number): string {
  return (bytes / 1024).toFixed(0);
}
