/** Opens models: makes samplers of artifacts' bytes, and keeps instances of the kernels. */
import engine from '../../shared/kernels/engine-relaxed.wasm';
import {
  decodeWeights,
  findFile,
  verifyFileNatively,
  WEIGHTS_FILE,
  type ParsedManifest,
} from '../../shared/model/artifact.ts';
import type { Kernels } from '../../shared/model/engine/engine.ts';
import { createVerifiedSampler, type Sampler } from '../../shared/model/sampler.ts';

/** Bounds of the pool: instances, and bytes of memory that a pooled instance may have. */
const POOL = { instances: 3, bytes: 8 * 1024 * 1024 } as const;
/** Instances to use again, since a runtime may free an unreferenced one late. */
const pool: Kernels[] = [];

/**
 * Hands out an instance. The bundler compiled the wasm, since the edge runtime cannot. The
 * runtime has Relaxed SIMD; for Node and browsers `dev/build/bundle.ts` chooses the program.
 */
export function takeKernels(): Kernels {
  return pool.pop() ?? (new WebAssembly.Instance(engine).exports as unknown as Kernels);
}

/** Takes back an instance that nothing computes with any more. */
function giveBackKernels(kernels: Kernels): void {
  if (pool.length < POOL.instances && kernels.memory.buffer.byteLength <= POOL.bytes) {
    pool.push(kernels);
  }
}

let open = 0;

/** Counts the models that were opened and not disposed of. */
export function countOpenModels(): number {
  return open;
}

/** Opens a model, and draws samples as a last check. Dispose of it once. @throws ArtifactError */
export async function openModel(parsed: ParsedManifest, bytes: Uint8Array): Promise<Sampler> {
  await verifyFileNatively(findFile(parsed.manifest, WEIGHTS_FILE), bytes);
  const weights = decodeWeights(parsed, bytes);
  const taken: Kernels[] = [];
  const take = (): Kernels => {
    const kernels = takeKernels();
    taken.push(kernels);
    return kernels;
  };
  try {
    const sampler = createVerifiedSampler(parsed, weights, take);
    sampler.checkOutput();
    open++;
    return {
      ...sampler,
      dispose() {
        open--;
        sampler.dispose();
        taken.forEach(giveBackKernels);
      },
    };
  } catch (cause) {
    taken.forEach(giveBackKernels);
    throw cause;
  }
}
