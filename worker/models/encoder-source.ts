/** Keeps the encoders of models that hands were read with. */
import { decodeEncoderWeights, ENCODER_FILE } from '../../shared/model/encoder.ts';
import type { ApiError } from '../../shared/contract/errors.ts';
import { createHandReader, type HandReader } from '../../shared/hand/reader.ts';
import type { Defer } from '../context.ts';
import type { Log } from '../http/log.ts';
import { keepNewest } from '../../shared/newest.ts';
import { WAITS } from './model-source.ts';
import type { LoadedModel } from './model-cache.ts';
import { limitTime, RETRY_AFTER_SECONDS, type ModelFiles } from './model-store.ts';
import { takeKernels } from './open-model.ts';

/** Encoders that are kept, each with some 2 MB of memory. */
const KEPT = 3;

export type EncoderSource = ReturnType<typeof createEncoderSource>;

export function createEncoderSource(files: Pick<ModelFiles, 'readEncoder' | 'readFile'>, log: Log) {
  const readers = new Map<string, Promise<HandReader | ApiError>>();

  async function load({ sampler }: LoadedModel): Promise<HandReader | ApiError> {
    const encoder = await files.readEncoder(sampler);
    if ('code' in encoder) {
      return encoder;
    }
    const weights = await files.readFile(sampler, encoder.parsed.description.file);
    return 'code' in weights
      ? weights
      : createHandReader(
          encoder.parsed.plan,
          decodeEncoderWeights(encoder.parsed, weights),
          takeKernels(),
        );
  }

  /**
   * Opens the encoder of a model. All callers share one load.
   * @returns  The error when the model has none, or when it cannot be loaded.
   */
  async function open(loaded: LoadedModel, defer: Defer): Promise<HandReader | ApiError> {
    const key = `${loaded.name}@${loaded.version}`;
    let reader = readers.get(key);
    if (reader === undefined) {
      reader = load(loaded);
      defer(reader);
    }
    keepNewest(readers, key, reader, KEPT);
    let opened: HandReader | ApiError;
    try {
      opened = await limitTime(reader, WAITS.loadMs, `opening the encoder of ${key}`);
    } catch (cause) {
      log({ level: 'error', event: 'model_file_failed', model: key, path: ENCODER_FILE, cause });
      opened = { code: 'model_unavailable', retryAfterSeconds: RETRY_AFTER_SECONDS };
    }
    if ('code' in opened && readers.get(key) === reader) {
      readers.delete(key); // The next caller loads anew.
    }
    return opened;
  }

  return { open };
}
