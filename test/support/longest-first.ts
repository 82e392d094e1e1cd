/**
 * Runs the longest test files first, so that no long file starts last and leaves the other test
 * workers idle.
 */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take ten seconds or more on two cores, longest first. Vitest orders all others. */
const LONG_FILES = [
  'trainer/cli/cli.test.ts',
  'page/home.test.ts',
  'worker/storage-faults.test.ts',
  'trainer/run/long-runs.test.ts',
  'server/storage-faults.test.ts',
  'trainer/run/backends.contract.test.ts',
  'worker/jobs.test.ts',
  'trainer/tensorflow/backend.test.ts',
  'client/cli.test.ts',
  'bench/jobs.test.ts',
  'worker/hostile-input.test.ts',
  'server/http-server.test.ts',
  'trainer/cli/evaluate.test.ts',
  'soak/soak.test.ts',
  'trainer/publish/processes.test.ts',
  'trainer/publish/lost-answers.test.ts',
  'launch.test.ts',
  'trainer/publish/publish.test.ts',
];

function rank({ moduleId }: TestSpecification): number {
  const place = LONG_FILES.findIndex((file) => moduleId.endsWith(`/test/${file}`));
  return place === -1 ? LONG_FILES.length : place;
}

/** Moves long files to the front. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => rank(a) - rank(b));
  }
}
