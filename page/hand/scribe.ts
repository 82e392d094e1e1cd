/**
 * The worker that reads a written digit and writes in its hand, outside the page's thread: the same
 * encoder and generator as at the edge. No picture leaves the browser.
 */
import { HAND_SEED } from '../../shared/contract/parameters.ts';
import { pickDigits } from '../../shared/contract/query.ts';
import { formatHand, parseHand } from '../../shared/hand/hand-text.ts';
import type { GreyPicture } from '../../shared/hand/ink-map.ts';
import {
  createHandReader,
  describeUnrecognised,
  readHand,
  type GivenDigit,
  type HandReader,
  type Reading,
} from '../../shared/hand/reader.ts';
import { describeFault, normaliseDigit } from '../../shared/hand/written-digit.ts';
import { findClass } from '../../shared/model/classes.ts';
import {
  decodeEncoderWeights,
  ENCODER_FILE,
  ENCODER_WEIGHTS_FILE,
  parseEncoder,
} from '../../shared/model/encoder.ts';
import { createVerifiedSampler, type Sampler } from '../../shared/model/sampler.ts';
import { writeNumber } from '../../shared/picture/number.ts';
import { buildSheet } from '../../shared/picture/sheet.ts';
import { takeKernels } from '../../worker/models/open-model.ts';
import { answerTasks, fetchFile, fetchModel, type ModelVersion } from '../worker-tasks.ts';

/** Grey pictures side by side or one: row-major, 0 for paper to 255. */
export type Drawn = GreyPicture;

/** A digit on the canvas. Without a label the encoder guesses its class. */
export interface DrawnDigit {
  readonly picture: GreyPicture;
  readonly label: number | undefined;
}

/** A hand, and what it draws. */
export interface Written {
  /** The text for `hand=`. */
  readonly hand: string;
  /** The label and the certainty of each digit that was read, in order. */
  readonly read: readonly { readonly label: number; readonly certainty: number }[];
  /** Grey levels of 255: see `Reading.error`. */
  readonly error: number;
  /** A picture for each class, in order. */
  readonly digits: readonly Drawn[];
}

/** Pixels of the screen for one of a number. */
const SCALE = 4;

let opened: { readonly sampler: Sampler; readonly reader: HandReader } | undefined;
let readings: Generator<Reading, never> | undefined;

function getOpened() {
  if (opened === undefined) {
    throw new Error('no model is open');
  }
  return opened;
}

const tasks = {
  /** Loads a published model and its encoder. */
  open: async (model: ModelVersion): Promise<void> => {
    const [{ parsed, weights }, description, encoder] = await Promise.all([
      fetchModel(model),
      fetchFile(model, ENCODER_FILE),
      fetchFile(model, ENCODER_WEIGHTS_FILE),
    ]);
    const read = parseEncoder(description, parsed);
    opened = {
      sampler: createVerifiedSampler(parsed, weights, takeKernels),
      reader: createHandReader(read.plan, decodeEncoderWeights(read, encoder), takeKernels()),
    };
  },
  /** Reads the digits of one hand. @returns  A fault is a sentence about the last digit. */
  read: (drawn: readonly DrawnDigit[]): Written | { readonly fault: string } => {
    const { sampler, reader } = getOpened();
    const digits: GivenDigit[] = [];
    for (const { picture, label } of drawn) {
      const pixels = normaliseDigit(picture);
      if ('reason' in pixels) {
        return { fault: `Not read: ${describeFault(pixels)}.` };
      }
      digits.push({ pixels, label });
    }
    const all = readHand(reader, sampler, digits);
    const reading = all.next().value;
    const unknown = reading.digits.find(({ isRecognised }) => !isRecognised);
    if (unknown !== undefined) {
      const reason = describeUnrecognised(unknown, sampler.manifest.classes[unknown.label]);
      return { fault: `No digit recognised; ${reason}. Draw on, or say which digit it is.` };
    }
    readings = all;
    return describe(reading);
  },
  /** Improves the hand that was read last, by one step. */
  improve: (): Written => {
    if (readings === undefined) {
      throw new Error('nothing was read');
    }
    return describe(readings.next().value);
  },
  /** Writes a number in a hand, as the API does, enlarged by 4. */
  write: ({ hand, number }: { readonly hand: string; readonly number: string }): Drawn => {
    const { sampler } = getOpened();
    const { classes } = sampler.manifest;
    const labels = Uint8Array.from(pickDigits(number), (text) => findClass(classes, text) ?? 0);
    const place = { seed: HAND_SEED, start: 0 };
    const samples = sampler.drawHand({ ...place, labels, hand: readGiven(hand) });
    const layout = { cols: 1, gap: 0, margin: 0, scale: SCALE, smooth: true };
    const { width, height, pixels } = buildSheet(writeNumber(number, samples, place), layout);
    return { width, height, pixels };
  },
};

export type Scribe = typeof tasks;
answerTasks(tasks);

function readGiven(hand: string) {
  const parsed = parseHand(hand);
  if ('expected' in parsed) {
    throw new Error(`expected ${parsed.expected}`);
  }
  return { latents: parsed.latents, vary: 0 };
}

function describe(reading: Reading): Written {
  const { sampler } = getOpened();
  const { name, version, classes } = sampler.manifest;
  const hand = formatHand({ model: { name, version }, latents: reading.latents });
  const samples = sampler.drawHand({
    seed: HAND_SEED,
    start: 0,
    labels: Uint8Array.from(classes, (_, label) => label),
    hand: readGiven(hand),
  });
  const { width, height } = samples;
  const digits = classes.map((_, i): Drawn => ({
    width,
    height,
    pixels: samples.pixels.slice(i * width * height, (i + 1) * width * height),
  }));
  return { hand, read: reading.digits, error: reading.error, digits };
}
