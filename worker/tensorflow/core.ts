/**
 * The part of `@tensorflow/tfjs-core` that serving needs: wrangler.toml's `[alias]` puts this module in its place, for
 * `shared/` and for the wasm kernels alike. It leaves out gradients, optimizers, model storage and the platforms of
 * browsers and Node, which a bundler cannot prove unused. To serve a layer that needs another operation: export it here.
 */
import { getOrMakeEngine } from '@tensorflow/tfjs-core/dist/engine';
import '@tensorflow/tfjs-core/dist/flags';
import { buffer } from '@tensorflow/tfjs-core/dist/ops/buffer';
import { cast } from '@tensorflow/tfjs-core/dist/ops/cast';
import { clone } from '@tensorflow/tfjs-core/dist/ops/clone';
import { print } from '@tensorflow/tfjs-core/dist/ops/print';
import { setOpHandler } from '@tensorflow/tfjs-core/dist/tensor';

// What the library's own base_side_effects does, less the platforms; no I/O, timer or randomness.
getOrMakeEngine();
setOpHandler({ buffer, cast, clone, print });

export { DataStorage, KernelBackend } from '@tensorflow/tfjs-core/dist/backends/backend';
export * as backend_util from '@tensorflow/tfjs-core/dist/backends/backend_util';
export { env } from '@tensorflow/tfjs-core/dist/environment';
export {
  deprecationWarn,
  dispose,
  engine,
  memory,
  ready,
  registerBackend,
  setBackend,
  tidy,
} from '@tensorflow/tfjs-core/dist/globals';
export { customGrad } from '@tensorflow/tfjs-core/dist/gradients';
export * from '@tensorflow/tfjs-core/dist/kernel_names';
export { registerKernel } from '@tensorflow/tfjs-core/dist/kernel_registry';
export * as broadcast_util from '@tensorflow/tfjs-core/dist/ops/broadcast_util';
export { add } from '@tensorflow/tfjs-core/dist/ops/add';
export { depthToSpace } from '@tensorflow/tfjs-core/dist/ops/depth_to_space';
export * as fused from '@tensorflow/tfjs-core/dist/ops/fused_ops';
export { leakyRelu } from '@tensorflow/tfjs-core/dist/ops/leaky_relu';
export { mul } from '@tensorflow/tfjs-core/dist/ops/mul';
export { relu } from '@tensorflow/tfjs-core/dist/ops/relu';
export { reshape } from '@tensorflow/tfjs-core/dist/ops/reshape';
export { sigmoid } from '@tensorflow/tfjs-core/dist/ops/sigmoid';
export { tanh } from '@tensorflow/tfjs-core/dist/ops/tanh';
export { tensor } from '@tensorflow/tfjs-core/dist/ops/tensor';
export { tensor2d } from '@tensorflow/tfjs-core/dist/ops/tensor2d';
export { tensor4d } from '@tensorflow/tfjs-core/dist/ops/tensor4d';
export { transpose } from '@tensorflow/tfjs-core/dist/ops/transpose';
export * as util from '@tensorflow/tfjs-core/dist/util';
