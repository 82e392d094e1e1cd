/**
 * Prints the files of this repository whose functions run for one plain step of training with its
 * checkpoint, as JSON. The display of losses runs only now and then, so the shortest step counts.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { Session, type Profiler } from 'node:inspector';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { hashDataset } from '../../../trainer/data/dataset.ts';
import { SILENT_REPORTER } from '../../../trainer/run/log/reporter.ts';
import { createRunFolder, hashRun } from '../../../trainer/run/run-folder.ts';
import { runTraining } from '../../../trainer/run/training-loop.ts';
import { makeTinyDataset, TINY_CONFIG } from './tensors.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
/** Steps without logged figures or a grid. */
const PLAIN_STEPS = { first: 11, last: 19 };

await tf.setBackend('cpu');
const session = new Session();
session.connect();
session.post('Profiler.enable');
session.post('Profiler.startPreciseCoverage', { callCount: true });

/** The files whose functions ran since the last call. */
function takeFiles(): string[] {
  let scripts: Profiler.ScriptCoverage[] = [];
  session.post('Profiler.takePreciseCoverage', (_, { result }) => (scripts = result));
  return scripts
    .filter(({ functions }) => functions.some(({ ranges }) => (ranges[0]?.count ?? 0) > 0))
    .filter(({ url }) => url.startsWith('file:') && !url.includes('/node_modules/'))
    .map(({ url }) => relative(ROOT, fileURLToPath(url)).replaceAll('\\', '/'))
    .filter((path) => !path.startsWith('test/'));
}

const dataset = makeTinyDataset();
const config = {
  ...TINY_CONFIG,
  steps: 21,
  imageEvery: 1000,
  checkpointEvery: 1,
  emaHalfLifeImages: 1000,
};
const facts = { name: dataset.name, images: dataset.count, sha256: hashDataset(dataset) };
const folder = await mkdtemp(join(tmpdir(), 'digitmint-batch-path-'));
await createRunFolder(folder, { config, dataset: facts });
const paths: string[][] = [];
let step = -1;
// The loop reads the signal before each step.
const signal = {
  get aborted() {
    const files = takeFiles();
    if (step >= PLAIN_STEPS.first && step <= PLAIN_STEPS.last) {
      paths.push(files);
    }
    step++;
    return false;
  },
} as AbortSignal;
await runTraining({
  config,
  dataset,
  runSha256: hashRun({ config, dataset: facts }),
  folder,
  checkpoint: null,
  reporter: SILENT_REPORTER,
  signal,
  clock: () => 0, // The observer also reads steps that take long, as on a busy machine.
});
await rm(folder, { recursive: true });
const [shortest = []] = paths.toSorted((a, b) => a.length - b.length);
process.stdout.write(JSON.stringify(shortest.toSorted()));
