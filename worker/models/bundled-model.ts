/**
 * The model that is built into the worker: it serves when nothing is published, or nothing that is good.
 */
import manifest from '../../models/digits/manifest.json';
import topology from '../../models/digits/model.json';
import weights from '../../models/digits/weights.bin';
import {
  encodeManifest,
  MANIFEST_FILE,
  parseManifest,
  TOPOLOGY_FILE,
  WEIGHTS_FILE,
} from '../../shared/model/artifact.ts';
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
  /**
   * Reads one of its files as it was published.
   * @returns  undefined when there is no such file.
   */
  readFile(path: string): Uint8Array | undefined {
    switch (path) {
      case MANIFEST_FILE:
        return encodeManifest(this.read().parsed.manifest);
      case TOPOLOGY_FILE:
        return new TextEncoder().encode(JSON.stringify(topology)); // As the trainer writes it; its hash is checked.
      case WEIGHTS_FILE:
        return new Uint8Array(weights);
      default:
        return undefined;
    }
  },
} as const;
