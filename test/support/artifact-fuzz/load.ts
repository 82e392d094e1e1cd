/**
 * Loads an artifact from a bucket as the worker does (pointer, manifest, weights, sampler, one
 * sample) and reports the outcome.
 */
import { ArtifactError, POINTER_KEY, type Pointer } from '../../../shared/model/artifact.ts';
import { createSampler } from '../../../shared/model/sampler.ts';
import { instantiateKernels } from '../../../trainer/node-kernels.ts';
import { createModelStore, type ObjectReader } from '../../../worker/models/model-store.ts';
import { createDice } from '../dice.ts';
import { draw, pick, store, type Stored } from './draft.ts';
import { MUTATION_NAMES, MUTATIONS, type MutationName } from './mutations.ts';

/**
 * `drawn` or `drawn, one colour`: the artifact serves. A reason: an ArtifactError with that reason
 * refused it. `FAULT …`: an outcome that must never happen.
 */
export type Outcome = string;

export interface Verdict {
  readonly mutation: MutationName;
  readonly outcome: Outcome;
  /** Processor time from the first read to the last byte of the picture, or to the refusal. */
  readonly ms: number;
}

/** Length of the error message in characters. The message goes into logs and to /healthz. */
const MAX_MESSAGE_LENGTH = 2000;

export function isFault({ outcome }: Pick<Verdict, 'outcome'>): boolean {
  return outcome.startsWith('FAULT');
}

/** Makes the artifact of a case without loading it. */
function buildCase(
  seed: string,
  index: number,
): { readonly mutation: MutationName; readonly stored: Stored } {
  const dice = createDice(seed, index);
  const mutation = dice.pick(MUTATION_NAMES);
  const draft = draw(dice);
  MUTATIONS[mutation](draft, dice);
  return { mutation, stored: store(draft) };
}

/** Makes an artifact and loads it. */
export async function judgeCase(seed: string, index: number): Promise<Verdict> {
  const { mutation, stored } = buildCase(seed, index);
  const before = process.cpuUsage();
  const outcome = await tryToServe(stored);
  const { user, system } = process.cpuUsage(before);
  const ms = (user + system) / 1000;
  return { mutation, outcome, ms };
}

async function tryToServe(stored: Stored): Promise<Outcome> {
  try {
    return await serve(stored);
  } catch (error) {
    if (!(error instanceof ArtifactError)) {
      const { name, message } = error as Error;
      return `FAULT ${name}: ${message.slice(0, 200)}`;
    }
    if (error.message.length > MAX_MESSAGE_LENGTH) {
      return `FAULT refused with a text of ${error.message.length} characters`;
    }
    return error.failure.reason;
  }
}

async function serve(stored: Stored): Promise<Outcome> {
  const models = createModelStore(createReader(stored), 60_000);
  const reading = await models.readPointer(undefined);
  if (typeof reading === 'string') {
    return reading;
  }
  const { default: name, models: listed }: Pointer = reading.pointer;
  const { version, manifestSha256 } = listed[name] as Pointer['models'][string];
  const { parsed, weights } = await models.readModel(name, version, manifestSha256);
  // Follows worker/models/open-model.ts, but loads the kernels as another runtime does.
  const sampler = createSampler(parsed, weights, instantiateKernels);
  try {
    sampler.checkOutput();
    const { pixels, height, width, channels } = sampler.draw({ seed: 'fuzz', start: 0, count: 1 });
    if (pixels.length !== height * width * channels) {
      return `FAULT drew ${pixels.length} bytes`;
    }
    return pixels.every((pixel) => pixel === pixels[0]) ? 'drawn, one colour' : 'drawn';
  } finally {
    sampler.dispose();
  }
}

/**
 * Refuses objects that are too large without reading them, as the readers of R2, S3 and folders do.
 */
function createReader(stored: Stored): ObjectReader {
  return {
    async read(key, maxBytes) {
      const bytes = pick(stored, key === POINTER_KEY ? '' : key);
      if (bytes === undefined) {
        return 'missing';
      }
      if (bytes.length > maxBytes) {
        throw new ArtifactError({ reason: 'too_large', what: key, bytes: bytes.length, maxBytes });
      }
      return { etag: 'etag', bytes };
    },
  };
}
