/** `POST /hand`: reads the hand of a written digit. Keeps and logs nothing of it. */
import { concatBytes } from '@noble/hashes/utils.js';
import type * as z from 'zod';
import { handSchema } from '../../shared/contract/answers.ts';
import type { ApiError } from '../../shared/contract/errors.ts';
import { LIMITS } from '../../shared/contract/limits.ts';
import { ROUTES } from '../../shared/contract/parameters.ts';
import { parseParameters, type ParameterSet } from '../../shared/contract/query.ts';
import { formatHand } from '../../shared/hand/hand-text.ts';
import { openPicture, PictureError, type PictureFile } from '../../shared/hand/picture-file.ts';
import { readHand, type HandReader, type Reading } from '../../shared/hand/reader.ts';
import { describeFault, DIGIT_SIDE, normaliseDigit } from '../../shared/hand/written-digit.ts';
import type { App, AppContext } from '../context.ts';
import type { AppDependencies } from '../dependencies.ts';
import { findLabels } from '../drawing.ts';
import { doWork, measureSamples, withModel, type Work } from '../http/admission.ts';
import { API_HEADERS } from '../http/headers.ts';
import { QUERY_ERRORS, WORK_ERRORS, type OperationEntry } from '../http/operation.ts';
import { respondError } from '../http/respond-error.ts';
import type { Generator } from '../models/model-cache.ts';

const PARAMETERS = {
  label: {
    ...ROUTES.digit.label,
    about: 'Which digit it is',
    without: 'the encoder’s guess; an error when it is not sure',
  },
  refine: {
    kind: 'whole',
    min: 0,
    max: LIMITS.maxRefine,
    default: '0',
    about:
      'Steps that make the hand more like the written digit; each costs as much as drawing 70 digits',
    example: '1',
  },
  model: { ...ROUTES.digit.model, about: 'The model whose hand it becomes' },
  strict: ROUTES.digit.strict,
} as const satisfies ParameterSet;

export const HAND_OPERATION: OperationEntry = {
  id: 'readHand',
  path: '/hand',
  method: 'POST',
  tag: 'hands',
  summary: 'Reads the handwriting of one written digit, for hand= of the other paths',
  query: PARAMETERS,
  body: {
    about: `One digit of any size on dark or light paper, at most ${LIMITS.maxPictureBytes} bytes: PNG, JPEG, or a list of 784 numbers from 0 to 255`,
    types: ['image/png', 'image/jpeg', 'application/json'],
  },
  answers: { 'application/json': handSchema },
  errors: [
    ...QUERY_ERRORS,
    'body_too_large',
    'unreadable_picture',
    'no_digit',
    'label_not_supported',
    'model_not_found',
    'encoder_not_found',
    'too_expensive',
    ...WORK_ERRORS,
  ],
};

/** Draws of a step: one for each latent number, and five to choose from. */
const CANDIDATES = 5;

export function addHandRoute(app: App, dependencies: AppDependencies): void {
  app.post('/hand', async (c) => {
    const parsed = parseParameters(PARAMETERS, c.get('url').searchParams);
    if (!parsed.ok) {
      return respondError(c, parsed.error);
    }
    const { label, model, refine = 0 } = parsed.query;
    const file = await readFile(c);
    if ('code' in file) {
      return respondError(c, file);
    }
    return withModel(c, dependencies, model, async (generator) => {
      const labels = findLabels(label, undefined, generator);
      if ('code' in labels) {
        return respondError(c, labels);
      }
      const reader = await dependencies.encoders.open(generator);
      if ('code' in reader) {
        return respondError(c, reader);
      }
      const work = measureWork(file, refine, generator);
      const given = { reader, label: labels[0], refine };
      const reading = await doWork(
        c,
        dependencies,
        work,
        () => read(file, given, generator),
        () => 'a smaller picture, or less refine',
      );
      return 'code' in reading
        ? respondError(c, reading)
        : c.json(describe(reading, generator, findBase(c, dependencies)), 200, {
            ...API_HEADERS,
            'Cache-Control': 'no-store',
          });
    });
  });
}

/** The start of absolute URLs; undefined where no service answers. */
function findBase(c: AppContext, { isOffline }: AppDependencies): string | undefined {
  return isOffline === true ? undefined : c.get('base');
}

/** Reads the body, no more of it than is allowed. */
async function readFile(c: AppContext): Promise<PictureFile | ApiError> {
  const { maxPictureBytes: maxBytes, maxDecodedPixels } = LIMITS;
  const tooLarge = { code: 'body_too_large', maxBytes } as const;
  if (Number(c.req.header('content-length') ?? 0) > maxBytes) {
    return tooLarge;
  }
  const pieces: Uint8Array[] = [];
  let length = 0;
  const reader = c.req.raw.body?.getReader();
  for (let piece = await reader?.read(); piece?.done === false; piece = await reader?.read()) {
    const bytes = piece.value as Uint8Array;
    pieces.push(bytes);
    length += bytes.length;
    if (length > maxBytes) {
      await reader?.cancel();
      return tooLarge;
    }
  }
  const file = await catchFault(() => openPicture(concatBytes(...pieces)));
  const isLarge = !('code' in file) && file.width * file.height > maxDecodedPixels;
  return isLarge
    ? {
        code: 'unreadable_picture',
        reason: `has ${file.width} x ${file.height} pixels, at most ${maxDecodedPixels} are allowed`,
      }
    : file;
}

async function catchFault<T>(work: () => T | Promise<T>): Promise<T | ApiError> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof PictureError) {
      return { code: 'unreadable_picture', reason: cause.message };
    }
    throw cause;
  }
}

function measureWork(file: PictureFile, refine: number, { sampler }: Generator): Work {
  const samples = 3 + refine * (sampler.manifest.latent.size + CANDIDATES + 1);
  return { ...measureSamples(sampler.plan, samples), decoded: file.width * file.height };
}

async function read(
  file: PictureFile,
  given: {
    readonly reader: HandReader;
    readonly label: number | undefined;
    readonly refine: number;
  },
  { sampler, name }: Generator,
): Promise<Reading | ApiError> {
  const { height, width } = sampler.manifest.image;
  if (height !== DIGIT_SIDE || width !== DIGIT_SIDE) {
    return { code: 'encoder_not_found', model: name };
  }
  let digit: ReturnType<typeof normaliseDigit> = { reason: 'blank' };
  for (const paper of file.isTransparent ? [255, 0] : [255]) {
    const picture = await catchFault(() => file.decode(paper));
    if ('code' in picture) {
      return picture;
    }
    digit = normaliseDigit(picture);
    if (!('reason' in digit) || digit.reason !== 'blank') {
      break;
    }
  }
  if ('reason' in digit) {
    return { code: 'no_digit', reason: describeFault(digit) };
  }
  const readings = readHand(given.reader, sampler.drawInk, digit, given.label);
  let reading = readings.next().value;
  if (!reading.isRecognised) {
    const { certainty, label, error } = reading;
    const nearest = `nearest is ${sampler.manifest.classes[label]} with ${Math.round(100 * certainty)}%`;
    const reason = `${nearest}, and its drawing differs by ${Math.round(error)} of 255`;
    return { code: 'no_digit', reason };
  }
  for (let step = 0; step < given.refine; step++) {
    reading = readings.next().value;
  }
  return reading;
}

function describe(
  { label, certainty, error, latents }: Reading,
  { name, version, sampler }: Generator,
  base: string | undefined,
): z.output<typeof handSchema> {
  const model = { name, version };
  const hand = formatHand({ model, latents });
  const className = sampler.manifest.classes[label] as string;
  const answer = {
    model,
    hand,
    label,
    class: className,
    certainty: Math.round(certainty * 1000) / 1000,
    error: Math.round(error * 10) / 10,
  };
  const path = `${base}/digit.png?label=${encodeURIComponent(className)}&hand=${hand}`;
  return base === undefined
    ? answer
    : { ...answer, url: path, numberUrl: `${base}/number/0123456789.png?hand=${hand}` };
}
