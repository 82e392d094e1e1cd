/**
 * `node probe.ts TFJS_NODE_FOLDER` multiplies two matrices by tfjs-node and prints a ProbeReport as
 * JSON. A library that crashes ends only this process.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { NodeBackend } from '../graph/graph.ts';
import { restoreNodeUtil } from '../tfjs-node.ts';

export type ProbeReport = typeof report;

restoreNodeUtil();
const [folder = '.'] = process.argv.slice(2);
const tf = createRequire(join(folder, 'package.json'))(folder) as typeof import('@tensorflow/tfjs');
const product = tf
  .matMul(tf.tensor2d([1, 2, 3, 4], [2, 2]), tf.tensor2d([5, 6, 7, 8], [2, 2]))
  .dataSync();
if (product.join() !== '19,22,43,50') {
  throw new Error(`wrong product: expected 19,22,43,50, got ${product.join()}`);
}
const { binding, isUsingGpuDevice } = tf.backend() as unknown as NodeBackend;
const report = { version: binding.TF_Version, usesGpu: isUsingGpuDevice };
process.stdout.write(`${JSON.stringify(report)}\n`);
