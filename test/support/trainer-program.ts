/**
 * The trainer as a program that tests start, and the programs of test/support that use its code.
 * The set-up bundles them once, since a bundle starts in half the time.
 */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The bundle, or the source in a hunt. */
export const TRAINER = process.env['DIGITMINT_TRAINER'] ?? join(ROOT, 'trainer', 'main.ts');

/** Their sources. */
export const OTHERS = {
  fingerprint: 'test/trainer/tensorflow/fingerprint.ts',
  'lose-device': 'test/support/training/lose-device.ts',
  'models-child': 'test/support/models/models-child.ts',
  'null-device': 'test/support/gpu/null-device.ts',
  'publish-child': 'test/support/models/publish-child.ts',
  'run-kernels': 'test/support/gpu/run-kernels.ts',
  'step-gradients': 'test/support/training/step-gradients.ts',
  'steps-as-graph': 'test/support/training/steps-as-graph.ts',
  'train-on-backend': 'test/support/training/train-on-backend.ts',
};

export type OtherProgram = keyof typeof OTHERS;

/**
 * The path of another program: of its bundle, or of its source in a hunt.
 * @param backend  The backend of TensorFlow.js. tfjs-node has TensorFlow.js itself, so a bundle
 *   would load it twice.
 */
export function findProgram(name: OtherProgram, backend?: string): string {
  const isBundled = process.env['DIGITMINT_TRAINER'] !== undefined;
  const hasTwo = backend === 'tensorflow' || backend === 'auto';
  return isBundled && !hasTwo ? join(dirname(TRAINER), `${name}.js`) : join(ROOT, OTHERS[name]);
}
