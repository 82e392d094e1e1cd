/** Keeps the encoders of models that hands were read with. */
import {
  decodeEncoderWeights,
  ENCODER_FILE,
  ENCODER_WEIGHTS_FILE,
  parseEncoder,
} from '../../shared/model/encoder.ts';
import type { ApiError } from '../../shared/contract/errors.ts';
import { createHandReader, type HandReader } from '../../shared/hand/reader.ts';
import type { Log } from '../http/log.ts';
import { keepNewest } from '../newest.ts';
import type { Generator } from './model-cache.ts';
import { RETRY_AFTER_SECONDS, type ModelFiles } from './model-store.ts';
import { takeKernels } from './open-model.ts';

/** Encoders that are kept, each with some 2 MB of memory. */
const KEPT = 3;

export type EncoderSource = ReturnType<typeof createEncoderSource>;

export function createEncoderSource(files: Pick<ModelFiles, 'read'>, log: Log) {
  const readers = new Map<string, HandReader>();

  /** Opens the encoder of a model. @returns  The error when the model has none. */
  async function open({ name, version, sampler }: Generator): Promise<HandReader | ApiError> {
    const key = `${name}@${version}`;
    const known = readers.get(key);
    if (known !== undefined) {
      return known;
    }
    const description = await files.read(name, version, ENCODER_FILE);
    if ('code' in description) {
      return description;
    }
    const weights = await files.read(name, version, ENCODER_WEIGHTS_FILE);
    if ('code' in weights) {
      return weights;
    }
    let reader: HandReader;
    try {
      const parsed = parseEncoder(description, sampler);
      const decoded = decodeEncoderWeights(parsed, weights);
      reader = createHandReader(parsed.plan, decoded, takeKernels());
    } catch (cause) {
      log({ level: 'error', event: 'model_file_failed', model: key, path: ENCODER_FILE, cause });
      return { code: 'model_unavailable', retryAfterSeconds: RETRY_AFTER_SECONDS };
    }
    keepNewest(readers, key, reader, KEPT);
    return reader;
  }

  return { open };
}
