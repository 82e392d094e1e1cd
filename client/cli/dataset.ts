/**
 * `digitmint dataset --n 60000 --out digits.npy`: sets of any size, drawn as ranges of the API's
 * sets.
 */
import { pipeline, Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { DATASET_FORMATS, isInParts, type DatasetFormat } from '../../shared/contract/formats.ts';
import { LIMITS } from '../../shared/contract/limits.ts';
import { describeExpected, parseText } from '../../shared/contract/query.ts';
import { ROUTES } from '../../shared/contract/parameters.ts';
import { encodeIdxHeader, encodeNpyHeader } from '../../shared/array-headers.ts';
import { HEADERS } from '../../worker/http/headers.ts';
import { ByteReader, RANGE, readShape } from '../stream-digits.ts';
import { checkBase, readRefusal, reportWarning, writeQuery, type Flags } from './flags.ts';
import type { Ask } from './local-service.ts';
import {
  checkExtension,
  checkWritable,
  chooseFormat,
  CliError,
  isSameFile,
  refuseScreen,
  reportOutput,
  writeOutput,
} from './output.ts';

/**
 * The parameters of the API's sets. `n` has no limit of its own, since memory holds only a part.
 */
export const SET_PARAMETERS = {
  ...ROUTES.dataset,
  n: { ...ROUTES.dataset.n, max: LIMITS.maxStart + 1, about: 'How many samples' },
};

/** Bytes that are read and written at once. */
const PART_BYTES = 65_536;

const LINE_FEED = 10;

/** A set, and the facts from its first range. */
interface DrawnSet {
  readonly ask: Ask;
  readonly flags: Flags;
  readonly n: number;
  seed?: string | true | undefined;
  model?: string;
}

/**
 * Draws a set, writes it, and reports seed and model.
 * @param labels  A second file, for the labels.
 */
export async function drawSet(
  ask: Ask,
  flags: Flags,
  out: string | undefined,
  labels: string | undefined,
): Promise<void> {
  const format = chooseFormat(DATASET_FORMATS, flags['format'], out);
  if (isInParts(format)) {
    refuseScreen(out, format, 'digits');
  }
  if (labels !== undefined && (!isInParts(format) || flags['part'] !== undefined)) {
    throw new CliError(
      `--labels ${labels}: only beside idx, idx.gz and npy without --part, else they are in --out`,
    );
  }
  if (labels !== undefined && isSameFile(labels, out)) {
    throw new CliError(
      `--labels ${labels}: images and labels need two files, and --out is the same`,
    );
  }
  const count = String(flags['n'] ?? SET_PARAMETERS.n.default);
  const n = parseText(SET_PARAMETERS.n, count) as number | undefined;
  if (n === undefined) {
    throw new CliError(
      `--n is ${JSON.stringify(count)}, expected ${describeExpected(SET_PARAMETERS.n)}.`,
    );
  }
  if (isWhole(format) && n > LIMITS.maxDatasetDigits) {
    throw new CliError(
      `--n is ${JSON.stringify(count)}, expected at most ${LIMITS.maxDatasetDigits} in ${format}: the other formats have no limit.`,
    );
  }
  if (labels !== undefined) {
    checkExtension(labels, format, '--labels');
    await checkWritable(labels, '--labels'); // The images may take an hour.
  }
  checkBase(flags, format);
  // The ranges below may be asked for in another format.
  const query = writeQuery(ROUTES.dataset, { ...flags, n: '1' });
  const first = await ask(`/dataset.${format}?${query.toString()}`);
  if (!first.ok) {
    throw await readRefusal(first);
  }
  const start = String(flags['start'] ?? SET_PARAMETERS.start.default); // The API took it.
  const most = LIMITS.maxStart + 1 - Number(start);
  if (n > most) {
    throw new CliError(
      `--n is ${JSON.stringify(count)}, expected at most ${most} beside --start ${start}.`,
    );
  }
  reportWarning(first);
  const set: DrawnSet = { ask, flags, n, seed: flags['seed'] };
  await writeOutput(out, writeSet(set, format));
  if (labels !== undefined) {
    const labelSet = { ...set, flags: { ...flags, part: 'labels' } };
    await writeOutput(labels, writeSet(labelSet, format), '--labels');
  }
  reportOutput(out, `${n.toLocaleString('en')} samples, seed ${set.seed}, model ${set.model}`);
}

/** Whether a file of the format cannot be joined from ranges. */
function isWhole(format: DatasetFormat): boolean {
  return format === 'npz' || format === 'parquet';
}

/** The ranges as one file. */
async function* writeSet(set: DrawnSet, format: DatasetFormat): AsyncGenerator<Uint8Array> {
  if (format === 'idx.gz') {
    const gzip = createGzip();
    // A failure of the input reaches the reader of the output.
    pipeline(Readable.from(writeSet(set, 'idx')), gzip, () => undefined);
    yield* gzip;
    return;
  }
  let isFirst = true;
  // Both binary formats are read as IDX, whose header is the simpler one.
  for await (const answer of readRanges(set, isInParts(format) ? 'idx' : format)) {
    const body = answer.body as unknown as AsyncIterable<Uint8Array>;
    if (isInParts(format)) {
      const reader = new ByteReader(answer);
      const shape = await readShape(reader, answer, '');
      if (isFirst) {
        const whole = [set.n, ...shape.slice(1)];
        yield format === 'idx' ? encodeIdxHeader(whole) : encodeNpyHeader(whole);
      }
      const bytes = shape.reduce((product, size) => product * size, 1);
      for (let left = bytes; left > 0; left -= PART_BYTES) {
        const part = await reader.read(Math.min(left, PART_BYTES));
        if (part === undefined) {
          throw new Error('a range of the set ended too early');
        }
        yield part;
      }
    } else {
      // Only the first range's line of column names is written.
      yield* format === 'csv' && !isFirst ? skipLine(body) : body;
    }
    isFirst = false;
  }
}

/**
 * Asks for the ranges one after the other, all of the first one's seed.
 * @throws CliError  If the API refuses.
 */
async function* readRanges(set: DrawnSet, format: DatasetFormat): AsyncGenerator<Response> {
  const { ask, flags, n } = set;
  const most = isWhole(format) ? n : RANGE;
  const start = Number(flags['start'] ?? 0);
  for (let done = 0; done < n; done += most) {
    const query = writeQuery(ROUTES.dataset, {
      ...flags,
      seed: set.seed,
      n: String(Math.min(most, n - done)),
      // The first range has the text as it was given, so that the API checks it.
      ...(done > 0 && { start: String(start + done) }),
    });
    const answer = await ask(`/dataset.${format}?${query.toString()}`);
    if (!answer.ok) {
      throw await readRefusal(answer);
    }
    set.seed = decodeURIComponent(answer.headers.get(HEADERS.seed) ?? '');
    set.model = answer.headers.get(HEADERS.model) ?? '';
    yield answer;
    if (process.stderr.isTTY && n > most) {
      process.stderr.write(`\r${Math.min(done + most, n)} of ${n}\r`);
    }
  }
}

async function* skipLine(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let isSkipped = false;
  for await (const part of body) {
    const end = isSkipped ? -1 : part.indexOf(LINE_FEED);
    if (isSkipped || end >= 0) {
      yield part.subarray(end + 1);
      isSkipped = true;
    }
  }
}
