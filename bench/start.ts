/**
 * How long a fresh isolate takes: its script's start-up as `wrangler check startup` measures it, and the first picture after it, the
 * model from the bucket or the one inside the worker: `npm run bench:start [-- --json FILE]`.
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildPage } from '../dev/build-page.ts';
import { measureBundle } from '../dev/measure-bundle.ts';
import {
  buildKey,
  encodeManifest,
  encodePointer,
  hashBytes,
  MANIFEST_FILE,
  POINTER_KEY,
} from '../shared/model/artifact.ts';
import type { TestBucket } from '../test/support/hosts/workerd.ts';
import { readArtifactFolder } from '../trainer/publish/artifact-folder.ts';
import { startEdge } from './edge-runtime.ts';
import { takeSpread, type BenchRecord, type BenchTable } from './record.ts';
import { createSuiteCommand, runSuite } from './suite.ts';

const ROUNDS = 9;
const ROOT = join(import.meta.dirname, '..');

await runSuite(
  'start',
  createSuiteCommand('start', 'Times the start of a fresh isolate.'),
  measure,
);

async function measure(): Promise<Pick<BenchRecord, 'tables' | 'versions'>> {
  await buildPage();
  const { code, kernels, model } = await measureBundle();
  const startUp = await timeScript();
  const published: number[] = [];
  const bundled: number[] = [];
  let workerd = '';
  // The first round's requests are the first of this process too.
  for (let round = -1; round < ROUNDS; round++) {
    for (const [times, fill, source] of [
      [published, publishShipped, 'r2'],
      [bundled, undefined, 'bundled'],
    ] as const) {
      const edge = await startEdge(fill);
      try {
        workerd = edge.versions.workerd;
        await (await fetch(edge.floorUrl)).arrayBuffer();
        const ms = await timeFirst(new URL('/digit.png', edge.url), source);
        if (round >= 0) {
          times.push(ms);
        }
      } finally {
        await edge.close();
      }
    }
  }
  const table: BenchTable = {
    id: 'start',
    title: 'A fresh isolate',
    unit: 'ms',
    better: 'lower',
    notes: [
      `Start-up: the processor’s share of what \`wrangler check startup\` samples. The first picture: the first request that a fresh workerd is asked, at its own socket; its script has started then. ${ROUNDS} of each.`,
      'From the bucket: pointer, manifest and weights are read through the local emulation of R2, parsed, verified by their hashes, decoded and tried out.',
    ],
    cases: [
      'script start-up',
      'first picture, model from the bucket',
      'first picture, model bundled',
    ],
    rows: [
      { subject: 'digitmint', isOurs: true, values: [startUp, published, bundled].map(takeSpread) },
    ],
    limit: null,
    goals: [50, 150, 150],
  };
  const sizes: BenchTable = {
    id: 'bundle',
    title: 'What is uploaded, gzipped',
    unit: 'KiB',
    better: 'lower',
    notes: ['The bundled model serves where nothing is published.'],
    cases: ['without the bundled model', 'with it'],
    rows: [
      {
        subject: 'digitmint',
        isOurs: true,
        values: [code + kernels, code + kernels + model].map((bytes) => takeSpread([bytes / 1024])),
      },
    ],
    limit: null,
    goals: [500, 1024],
  };
  return { versions: { node: process.versions.node, workerd }, tables: [table, sizes] };
}

/** @returns  Milliseconds of each run. @throws Error  When wrangler cannot profile it, or says it in other words. */
async function timeScript(): Promise<number[]> {
  const folder = await mkdtemp(join(tmpdir(), 'digitmint-start-'));
  try {
    return Array.from({ length: ROUNDS }, () => {
      const args = ['check', 'startup', '--outfile', join(folder, 'startup.cpuprofile')];
      const { stdout, stderr } = spawnSync('wrangler', args, {
        cwd: ROOT,
        encoding: 'utf8',
        env: { ...process.env, WRANGLER_SEND_METRICS: 'false' },
      });
      const active = /Active: ([\d.]+) ms/.exec(stdout)?.[1];
      if (active === undefined) {
        throw new Error(`wrangler ${args.join(' ')} told no time: ${stdout}${stderr}`);
      }
      return Number(active);
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** @throws Error  When another model drew it. */
async function timeFirst(url: URL, source: string): Promise<number> {
  const began = performance.now();
  const answer = await fetch(url);
  await answer.arrayBuffer();
  const ms = performance.now() - began;
  const from = answer.headers.get('digitmint-model-source');
  if (from !== source) {
    throw new Error(
      `${url.href} answers ${answer.status}, drawn by the model from ${from}, expected ${source}`,
    );
  }
  return ms;
}

/** The model that ships, as `npm run publish` puts it. */
async function publishShipped(bucket: TestBucket): Promise<void> {
  const { manifest, files } = await readArtifactFolder(join(ROOT, 'models/digits'));
  const manifestBytes = encodeManifest(manifest);
  for (const [path, bytes] of [...files, [MANIFEST_FILE, manifestBytes] as const]) {
    await bucket.put(buildKey(manifest.name, manifest.version, path), bytes);
  }
  const { name, version } = manifest;
  const models = {
    [name]: {
      version,
      manifestSha256: hashBytes(manifestBytes),
      publishedAt: '2026-01-01T00:00:00Z',
    },
  };
  await bucket.put(POINTER_KEY, encodePointer({ schema: 1, default: name, models }));
}
