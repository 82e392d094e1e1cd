/** The model that is built into the worker: it serves when no good model is published. */
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
import type { BundledModel } from './model-store.ts';

const encodeJson = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

export const BUNDLED_MODEL: BundledModel = {
  name: manifest.name,
  version: manifest.version,
  read: () => ({
    parsed: parseManifest(encodeJson(manifest)),
    weights: new Uint8Array(weights),
  }),
  readFile(path) {
    switch (path) {
      case MANIFEST_FILE:
        return encodeManifest(this.read().parsed.manifest);
      case TOPOLOGY_FILE:
        // The trainer writes it without spaces too; the caller checks its hash.
        return encodeJson(topology);
      case WEIGHTS_FILE:
        return new Uint8Array(weights);
      default:
        return undefined;
    }
  },
};
