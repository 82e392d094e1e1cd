/**
 * A program of its own: loads a tfjs-node and multiplies two matrices, so that a library which crashes takes only
 * this process with it. Prints one line of JSON.
 *
 *   node probe.ts TFJS_NODE_FOLDER
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { restoreNodeUtil } from '../node-util.ts';

/** What the probe prints. */
export interface ProbeReport {
  /** libtensorflow's version. */
  readonly version: string;
  readonly usesGpu: boolean;
}

interface NodeBackend {
  readonly binding: { readonly TF_Version: string };
  readonly isUsingGpuDevice: boolean;
}

restoreNodeUtil();
const [folder = '.'] = process.argv.slice(2);
const tf = createRequire(join(folder, 'package.json'))(folder) as typeof import('@tensorflow/tfjs');
const product = tf
  .matMul(tf.tensor2d([1, 2, 3, 4], [2, 2]), tf.tensor2d([5, 6, 7, 8], [2, 2]))
  .dataSync();
if (product.join() !== '19,22,43,50') {
  throw new Error(`wrong product: expected 19,22,43,50, got ${product.join()}`);
}
const backend = tf.backend() as unknown as NodeBackend;
const report: ProbeReport = {
  version: backend.binding.TF_Version,
  usesGpu: backend.isUsingGpuDevice,
};
process.stdout.write(`${JSON.stringify(report)}\n`);
