/**
 * The model that is built into the worker: it serves when nothing is published, or nothing that is good.
 */
import manifest from '../models/digits/manifest.json';
import weights from '../models/digits/weights.bin';
import { parseManifest } from '../shared/artifact.ts';
import type { StoredModel } from './model-store.ts';

export const BUNDLED_MODEL = {
  name: manifest.name,
  version: manifest.version,
  /**
   * Parses and checks it, as if it came from the bucket.
   * @throws ArtifactError  When the repository's own model is broken.
   */
  read(): StoredModel {
    const bytes = new TextEncoder().encode(JSON.stringify(manifest));
    return { parsed: parseManifest(bytes), weights: new Uint8Array(weights) };
  },
} as const;
