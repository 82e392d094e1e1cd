/**
 * Orders the test files. Vitest keeps a process only while the next file is of the same project,
 * and each new process loads all libraries and bundles the worker. So the files of a project follow
 * each other. In a project the longest files run first, so that no long file starts last and leaves
 * the other processes idle.
 */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The projects of vitest.config.ts. The last one has the most short files, which end together. */
const PROJECTS = ['alone', 'node', 'main'];

/** Files that take 24 seconds or more on two cores, longest first. Vitest orders all others. */
const LONG_FILES = [
  'trainer/cli/cli.test.ts',
  'trainer/run/long-runs.test.ts',
  'client/cli.test.ts',
  'page/home.test.ts',
  'server/storage-faults.test.ts',
  'generated/clients.test.ts',
  'trainer/cli/evaluate.test.ts',
  'worker/hostile-input.test.ts',
  'worker/jobs.test.ts',
  'trainer/publish/lost-answers.test.ts',
  'trainer/run/stepper.test.ts',
  'trainer/publish/processes.test.ts',
  'worker/storage-faults.test.ts',
  'server/proxy.test.ts',
  'trainer/tensorflow/backend.test.ts',
  'trainer/publish/publish.test.ts',
  'pack/bundle.test.ts',
  'client/embed-guide.test.ts',
  'launch.test.ts',
  'trainer/run/backends.contract.test.ts',
  'trainer/experiments/experiment-run.test.ts',
  'client/frameworks.test.ts',
  'storage/object-store.test.ts',
  'shared/npm-flags.test.ts',
  'client/readme.test.ts',
  'trainer/gan/update.test.ts',
  'own-data.test.ts',
  'bench/jobs.test.ts',
  'trainer/tensorflow/webgpu.test.ts',
  'trainer/publish/schedules.test.ts',
  'page/hand.test.ts',
  'soak/soak.test.ts',
  'server/server.test.ts',
  'trainer/experiments/document.test.ts',
];

function rank({ moduleId, project }: TestSpecification): number {
  const place = LONG_FILES.findIndex((file) => moduleId.endsWith(`/test/${file}`));
  const length = LONG_FILES.length;
  return PROJECTS.indexOf(project.name) * (length + 1) + (place === -1 ? length : place);
}

export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => rank(a) - rank(b));
  }
}
