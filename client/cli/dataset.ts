/**
 * `digitmint dataset --n 60000 --out digits.npy`: sets of any size, drawn range by range through the API's own sets.
 */
import { extname } from 'node:path';
import {
  DATASET_FORMATS,
  DATASET_PARAMETERS,
  type DatasetFormat,
} from '../../shared/contract/dataset-query.ts';
import { LIMITS } from '../../shared/contract/limits.ts';
import { wholeNumber } from '../../shared/contract/parameters.ts';
import { encodeIdxHeader, encodeNpyHeader } from '../../shared/array-headers.ts';
import { HEADERS } from '../../worker/http/headers.ts';
import { CliError } from './cli-error.ts';
import { RANGE } from '../stream-digits.ts';
import { readRefusal, writeQuery, type Flags } from './flags.ts';
import type { Ask } from './local-service.ts';
import { isScreen, isStandard, writeOutput } from './output.ts';

const DEFAULT_COUNT = 1000;

/** Any number up to the end of a seed's row: nothing is held in memory but a range's next part. */
const COUNT = wholeNumber(1, LIMITS.maxStart);

/** Its parameters, less what the API limits for its own sake. */
export const SET_PARAMETERS = {
  ...DATASET_PARAMETERS,
  n: { ...DATASET_PARAMETERS.n, schema: COUNT, about: 'How many digits' },
};

/** Draws a set, writes it, and says on standard error what was drawn. @param labels  Another file, for the labels alone. */
export async function drawSet(
  ask: Ask,
  flags: Flags,
  out: string | undefined,
  labels: string | undefined,
): Promise<void> {
  const format = chooseFormat(flags, out);
  const isInParts = format === 'idx' || format === 'npy';
  if (isInParts && isScreen(out)) {
    throw new CliError(
      `--format ${format}: not to a screen. Write it to a file: --out digits.${format}, or into a pipe`,
    );
  }
  if (labels !== undefined && (!isInParts || flags['part'] !== undefined)) {
    throw new CliError(
      `--labels ${labels}: only beside idx and npy without --part, else they are in --out`,
    );
  }
  const count = String(flags['n'] ?? DEFAULT_COUNT);
  const parsed = COUNT.safeParse(count);
  if (!parsed.success) {
    throw new CliError(`--n is ${JSON.stringify(count)}, expected ${COUNT.description}.`);
  }
  const set = new RangeReader(ask, flags, parsed.data);
  await writeOutput(out, write(set, format));
  if (labels !== undefined) {
    await writeOutput(
      labels,
      write(
        new RangeReader(ask, { ...flags, seed: set.seed, part: 'labels' }, parsed.data),
        format,
      ),
    );
  }
  if (!isStandard(out) || isScreen(out)) {
    const where = isStandard(out) ? '' : `${out}: `;
    process.stderr.write(
      `${where}${parsed.data.toLocaleString('en')} digits, seed ${set.seed}, model ${set.model}\n`,
    );
  }
}

/** Reads a set as the API's ranges, all of one seed. */
class RangeReader {
  seed: string | undefined;
  model: string | undefined;
  readonly n: number;
  readonly #ask: Ask;
  readonly #flags: Flags;

  constructor(ask: Ask, flags: Flags, n: number) {
    this.#ask = ask;
    this.#flags = flags;
    this.n = n;
    this.seed = flags['seed'] as string | undefined;
  }

  /** Gives the body of each range. @throws CliError  What the API refuses. */
  async *read(format: DatasetFormat): AsyncGenerator<AsyncIterable<Uint8Array>> {
    const start = Number(this.#flags['start'] ?? 0);
    for (let done = 0; done < this.n; done += RANGE) {
      const query = writeQuery(DATASET_PARAMETERS, {
        ...this.#flags,
        seed: this.seed,
        n: String(Math.min(RANGE, this.n - done)),
        // The first as it was given, so that the API says what is wrong with it.
        ...(done > 0 && { start: String(start + done) }),
      });
      const answer = await this.#ask(`/dataset.${format}?${query.toString()}`);
      if (!answer.ok) {
        throw await readRefusal(answer);
      }
      this.seed = decodeURIComponent(answer.headers.get(HEADERS.seed) ?? '');
      this.model = answer.headers.get(HEADERS.model) ?? '';
      yield answer.body as unknown as AsyncIterable<Uint8Array>;
      if (process.stderr.isTTY && this.n > RANGE) {
        process.stderr.write(`\r${Math.min(done + RANGE, this.n)} of ${this.n}\r`);
      }
    }
  }
}

/** The ranges as one file of their format. */
async function* write(set: RangeReader, format: DatasetFormat): AsyncGenerator<Uint8Array> {
  // Both of the binary ones from IDX, whose head is the easier to read.
  const isBinary = format === 'idx' || format === 'npy';
  let isFirst = true;
  for await (const body of set.read(isBinary ? 'idx' : format)) {
    if (isBinary) {
      const { head, rest } = await splitHead(body, (bytes) =>
        bytes.length < 4 ? undefined : 4 + 4 * (bytes[3] as number),
      );
      if (isFirst) {
        const shape = [set.n, ...readSizes(head).slice(1)];
        yield format === 'idx' ? encodeIdxHeader(shape) : encodeNpyHeader(shape);
      }
      yield* rest;
    } else if (format === 'csv' && !isFirst) {
      const { rest } = await splitHead(body, (bytes) =>
        bytes.includes(LINE_FEED) ? bytes.indexOf(LINE_FEED) + 1 : undefined,
      );
      yield* rest; // Its first line names the columns, once.
    } else {
      yield* body;
    }
    isFirst = false;
  }
}

const LINE_FEED = 10;

/** @param measure  Tells the head's length from the first bytes; undefined when it needs more of them. */
async function splitHead(
  body: AsyncIterable<Uint8Array>,
  measure: (bytes: Uint8Array) => number | undefined,
): Promise<{ head: Uint8Array; rest: AsyncIterable<Uint8Array> }> {
  const parts = body[Symbol.asyncIterator]();
  let bytes = new Uint8Array();
  for (;;) {
    const length = measure(bytes);
    if (length !== undefined && bytes.length >= length) {
      const [head, left] = [bytes.slice(0, length), bytes.slice(length)];
      return { head, rest: chain(left, parts) };
    }
    const { value, done } = (await parts.next()) as IteratorResult<Uint8Array, undefined>;
    if (done === true) {
      throw new Error('a set ended within its head');
    }
    bytes = Uint8Array.from([...bytes, ...value]);
  }
}

async function* chain(
  first: Uint8Array,
  parts: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield first;
  yield* { [Symbol.asyncIterator]: () => parts };
}

function readSizes(head: Uint8Array): number[] {
  const view = new DataView(head.buffer);
  return Array.from({ length: head[3] as number }, (_, i) => view.getUint32(4 + 4 * i));
}

/** `--format`, then the file's extension. */
function chooseFormat({ format }: Flags, out: string | undefined): DatasetFormat {
  const text = String(format ?? (isStandard(out) ? '' : extname(out).slice(1).toLowerCase()));
  if (!Object.hasOwn(DATASET_FORMATS, text)) {
    const known = Object.keys(DATASET_FORMATS).join(', ');
    throw new CliError(
      `--format is ${JSON.stringify(text)}, expected one of ${known}, or a file with such an extension as --out`,
    );
  }
  return text as DatasetFormat;
}
