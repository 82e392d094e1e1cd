/** `POST /hand`: reads the hand of one person's digits. Keeps and logs nothing of them. */
import type * as v from 'valibot';
import type { handSchema } from '../../shared/contract/answers.ts';
import { LIMITS } from '../../shared/contract/limits.ts';
import { ROUTES } from '../../shared/contract/parameters.ts';
import { orRefuse, Refusal } from '../../shared/contract/refusal.ts';
import { parseParameters, type ParameterSet } from '../../shared/contract/query.ts';
import { formatHand } from '../../shared/hand/hand-text.ts';
import type { WrittenPicture } from '../../shared/hand/digit-body.ts';
import type { PictureFile } from '../../shared/hand/picture-file.ts';
import { STEP_PARTS, TRIES } from '../../shared/hand/inversion.ts';
import {
  describeUnrecognised,
  FIRST_PARTS,
  readHand,
  type DigitReading,
  type GivenDigit,
  type HandReader,
  type Reading,
} from '../../shared/hand/reader.ts';
import { describeFault, DIGIT_SIDE, normaliseDigit } from '../../shared/hand/written-digit.ts';
import type { App, AppContext } from '../context.ts';
import type { AppDependencies } from '../dependencies.ts';
import { findBase, findLabels } from '../drawing.ts';
import { doWork, LIGHT_WORK, measureSamples, withModel, type Work } from '../http/admission.ts';
import { API_HEADERS, HEADERS, listWarnings, refuseIfMatch } from '../http/headers.ts';
import { QUERY_ERRORS, WORK_ERRORS, type OperationEntry } from '../http/operation.ts';
import { respondJson } from '../http/range.ts';
import { readBody } from '../request-body.ts';
import type { LoadedModel } from '../models/model-cache.ts';

const PARAMETERS = {
  label: {
    ...ROUTES.digit.label,
    about: 'Which digit each picture without a label of its own is',
    without: 'the encoder’s guess; an error when it is not sure',
  },
  refine: {
    kind: 'whole',
    min: 0,
    max: LIMITS.maxRefine,
    default: '0',
    about:
      'Steps that make the hand more like the written digits; each costs as much as drawing 75 digits for every picture',
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
  summary: 'Reads the handwriting of written digits, for hand= of the other paths',
  query: PARAMETERS,
  body: {
    about: `One digit of any size on dark or light paper, at most ${LIMITS.maxPictureBytes} bytes: PNG, JPEG, or, as application/json, a list of 784 numbers from 0 to 255. Or up to ${LIMITS.maxWritten} digits of one person, which one hand shall fit: fields of a form, each named picture or as the digit is`,
    // Without JSON: clients in Python would send a picture as JSON, or fail at the choice.
    types: ['image/png', 'image/jpeg', 'multipart/form-data'],
  },
  answers: { 'application/json': 'handSchema' },
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

/** The cost of the guess in drawn digits: four looks, each of encoder and generator. */
const GUESS = 10;

export function addHandRoute(app: App, dependencies: AppDependencies): void {
  app.post('/hand', async (c) => {
    const { searchParams } = c.get('url');
    const { label, model, refine = 0, unknown } = parseParameters(PARAMETERS, searchParams);
    const warnings = listWarnings(unknown, [], 'json');
    refuseIfMatch(c);
    const pictures = await doWork(c, dependencies, LIGHT_WORK, () => readPictures(c));
    return withModel(c, dependencies, model, async (loaded) => {
      const written = pictures.map((each) => ({
        file: each.file,
        label: findLabels(each.label ?? label, undefined, loaded)[0],
      }));
      const reader = orRefuse(await dependencies.encoders.open(loaded, c.get('defer')));
      const work = measureWork(pictures, refine, loaded);
      const reading = await doWork(
        c,
        dependencies,
        work,
        () => read(written, { reader, refine }, loaded),
        () => 'fewer or smaller pictures, or less refine',
      );
      return respondJson(describe(reading, loaded, findBase(c, dependencies)), {
        ...API_HEADERS,
        'Cache-Control': 'no-store',
        ...(warnings.length > 0 && { [HEADERS.warning]: warnings.join('; ') }),
      });
    });
  });
}

/** @throws Refusal */
async function readPictures(c: AppContext): Promise<WrittenPicture[]> {
  const { maxPictureBytes: maxBytes, maxDecodedPixels: maxPixels, maxWritten } = LIMITS;
  const body = await readBody(c.req.raw, maxBytes);
  const type = c.req.header('content-type');
  // Makes the tables of the decoders at the first picture: no other route needs them.
  const { openDigits } = await import('../../shared/hand/digit-body.ts');
  const pictures = await catchFault(() => openDigits(body, type, maxWritten));
  if (countPixels(pictures) > maxPixels) {
    const sizes = pictures.map(({ file }) => `${file.width} x ${file.height}`).join(' and ');
    const reason = `has ${sizes} pixels, at most ${maxPixels} are allowed`;
    throw new Refusal({ code: 'unreadable_picture', reason });
  }
  if (countDecoded(pictures) > MAX_PASSES * maxPixels) {
    const reason = 'has too many scans for its size';
    throw new Refusal({ code: 'unreadable_picture', reason });
  }
  return pictures;
}

/** Over the largest allowed picture: a progressive JPEG of full colours has 14. */
const MAX_PASSES = 24;

const countPixels = (pictures: readonly WrittenPicture[]): number =>
  pictures.reduce((sum, { file }) => sum + file.width * file.height, 0);

const countDecoded = (pictures: readonly WrittenPicture[]): number =>
  pictures.reduce((sum, { file }) => sum + file.decoded, 0);

async function catchFault<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const { PictureError } = await import('../../shared/hand/picture-file.ts');
    throw cause instanceof PictureError
      ? new Refusal({ code: 'unreadable_picture', reason: cause.message })
      : cause;
  }
}

function measureWork(
  pictures: readonly WrittenPicture[],
  refine: number,
  { sampler }: LoadedModel,
): Work {
  // A step draws one digit for each latent number, and some to choose from.
  const step = sampler.manifest.latent.size + STEP_PARTS * TRIES.length;
  const samples = GUESS + Math.ceil(step * (refine + FIRST_PARTS / STEP_PARTS));
  return {
    ...measureSamples(sampler.plan, samples * pictures.length),
    decoded: countDecoded(pictures),
  };
}

async function read(
  written: readonly { readonly file: PictureFile; readonly label: number | undefined }[],
  { reader, refine }: { readonly reader: HandReader; readonly refine: number },
  { sampler, name: model }: LoadedModel,
): Promise<Reading> {
  const { classes, image } = sampler.manifest;
  if (image.height !== DIGIT_SIDE || image.width !== DIGIT_SIDE) {
    throw new Refusal({ code: 'encoder_not_found', model });
  }
  const nameDigit = (i: number): string => (written.length > 1 ? `in picture ${i + 1} ` : '');
  const digits: GivenDigit[] = [];
  for (const [i, { file, label }] of written.entries()) {
    const digit = await catchFault(() => findDigit(file));
    if ('reason' in digit) {
      throw new Refusal({ code: 'no_digit', reason: nameDigit(i) + describeFault(digit) });
    }
    digits.push({ pixels: digit, label });
  }
  const readings = readHand(reader, sampler, digits);
  let reading = readings.next().value;
  const unknown = reading.digits.findIndex(({ isRecognised }) => !isRecognised);
  if (unknown >= 0) {
    const digit = reading.digits[unknown] as DigitReading;
    const name = classes[digit.label] as string;
    const isGiven = written[unknown]?.label !== undefined;
    const advice = isGiven ? '' : `; if it is one, say which, as label=${name}`;
    const reason = nameDigit(unknown) + describeUnrecognised(digit, name) + advice;
    throw new Refusal({ code: 'no_digit', reason });
  }
  for (let step = 0; step < refine; step++) {
    reading = readings.next().value;
  }
  return reading;
}

/** Decodes a picture on white paper and, where that shows nothing, on black. */
async function findDigit(file: PictureFile): Promise<ReturnType<typeof normaliseDigit>> {
  const digit = normaliseDigit(await file.decode(255));
  const isBlank = 'reason' in digit && digit.reason === 'blank';
  return isBlank && file.isTransparent ? normaliseDigit(await file.decode(0)) : digit;
}

function describe(
  reading: Reading,
  { name, version, sampler }: LoadedModel,
  base: string | undefined,
): v.InferOutput<typeof handSchema> {
  const model = { name, version };
  const hand = formatHand({ model, latents: reading.latents });
  const digits = reading.digits.map(({ label, certainty, error }) => ({
    label,
    class: sampler.manifest.classes[label] as string,
    certainty: Math.round(certainty * 1000) / 1000,
    error: Math.round(error * 10) / 10,
  }));
  const [first] = digits as [(typeof digits)[0]];
  const error = Math.round(reading.error * 10) / 10;
  const answer = { model, hand, ...first, error, ...(digits.length > 1 && { digits }) };
  const path = `${base}/digit.png?label=${encodeURIComponent(first.class)}&hand=${hand}`;
  return base === undefined
    ? answer
    : { ...answer, url: path, numberUrl: `${base}/number/0123456789.png?hand=${hand}` };
}
