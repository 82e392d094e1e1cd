import manifestBytes from '../models/seed/manifest.json';
import weights from '../models/seed/weights.bin';
import { parseManifest } from '../shared/artifact.ts';
import { createSampler } from '../shared/sampler.ts';
import { startTensorFlow, countTensors } from './tensorflow/backend.ts';
export default { async fetch(): Promise<Response> {
  const t0 = performance.now();
  await startTensorFlow();
  const t1 = performance.now();
  const s = createSampler(parseManifest(new TextEncoder().encode(JSON.stringify(manifestBytes))), new Uint8Array(weights));
  const t2 = performance.now();
  const d = s.draw({ seed: 'a', start: 0, count: 16 });
  const t3 = performance.now();
  s.dispose();
  return Response.json({ start: t1 - t0, load: t2 - t1, draw: t3 - t2, tensors: countTensors(), px: [...d.pixels.subarray(0, 20)] });
} };
