/**
 * A fresh isolate: its script's start-up as `wrangler check startup` measures it, and the first
 * picture, of a model in the bucket or of the one inside the worker.
 */
import { join } from 'node:path';
import { buildPage } from '../../dev/build/page.ts';
import { measureBundle } from '../../dev/measure-bundle.ts';
import { POINTER_KEY } from '../../shared/model/artifact.ts';
import { putArtifact, type TestBucket } from '../../test/support/hosts/workerd.ts';
import { buildPointer } from '../../test/support/models/fixture-artifact.ts';
import { toFixture, withEdge } from '../edge-runtime.ts';
import * as harness from '../harness.ts';
import { run } from '../peers.ts';

export const measure: harness.Suite = async (quick) => {
  const rounds = quick ? 1 : 9;
  await buildPage();
  const { code, kernels, documents, model } = await measureBundle();
  const fixture = toFixture(await harness.readShippedModel());
  const publish = async (bucket: TestBucket): Promise<void> => {
    await putArtifact(bucket, fixture);
    await bucket.put(POINTER_KEY, buildPointer(fixture));
  };
  let versions: harness.Measured['versions'] = {};
  const timeFirst = (source: string, fill?: typeof publish) => () =>
    withEdge(async (edge) => {
      ({ versions } = edge);
      await (await fetch(edge.floorUrl)).arrayBuffer();
      return harness.timeRepeated(async () => {
        const answer = await fetch(new URL('/digit.png', edge.url));
        await answer.arrayBuffer();
        const from = answer.headers.get('digitmint-model-source');
        if (from !== source) {
          throw new Error(`status ${answer.status}, a model from ${from}, expected ${source}`);
        }
      });
    }, fill);
  // The first round is thrown away: its requests are the first of this process too.
  const cells = [timeScript, timeFirst('r2', publish), timeFirst('bundled')];
  const rows = await harness.measureRows(rounds, [{ subject: 'digitmint', cells }], 1);
  const own = code + kernels + documents;
  const kib = [own, own + model].map((bytes) => bytes / 1024);
  const parts = [code, kernels, documents, model].map((bytes) => (bytes / 1024).toFixed(0));
  return {
    versions,
    tables: [
      harness.makeTable({
        id: 'start',
        title: 'A fresh isolate',
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
        rows,
        goals: [50, 150, 150],
      }),
      harness.makeTable({
        id: 'bundle',
        title: 'What is uploaded, gzipped',
        unit: 'KiB',
        notes: [
          'The bundled model serves where nothing is published.',
          `Code ${parts[0]}, kernels ${parts[1]}, guides and OpenAPI ${parts[2]}, bundled model ` +
            `${parts[3]} KiB.`,
        ],
        cases: ['without the bundled model', 'with it'],
        rows: [harness.makeRow('digitmint', kib)],
        goals: [500, 1024],
      }),
    ],
  };
};

/** @throws Error  When wrangler reports no time. */
function timeScript(): Promise<number> {
  return harness.withFolder(async (folder) => {
    const file = join(folder, 'startup.cpuprofile');
    const env = { ...process.env, WRANGLER_SEND_METRICS: 'false', WRANGLER_LOG: 'log' };
    const command = ['wrangler', 'check', 'startup', '--outfile', file];
    const output = await run(command, { cwd: harness.ROOT, env });
    const active = /Active: ([\d.]+) ms/.exec(output)?.[1];
    if (active === undefined) {
      throw new Error(`wrangler check startup reports no time: ${output}`);
    }
    return Number(active);
  });
}
