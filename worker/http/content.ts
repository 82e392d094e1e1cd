/** Bytes whose number is known before they are made, so that a range of them is made alone. */

/** Numbers of drawn samples, and of labels without their pictures. */
export type Drawn = Readonly<Record<'sample' | 'label', number>>;
const NONE: Drawn = { sample: 0, label: 0 };

/** Ends are exclusive. Every part lies within the content. */
export interface Content {
  readonly length: number;
  /** Counts the samples and labels that `read` draws. */
  count(first: number, end: number): Drawn;
  read(first: number, end: number): AsyncIterable<Uint8Array>;
}

export function holdBytes(bytes: Uint8Array): Content {
  return {
    length: bytes.length,
    count: () => NONE,
    async *read(first, end) {
      yield bytes.subarray(first, end);
    },
  };
}

export function addDrawn(parts: readonly Drawn[]): Drawn {
  return parts.reduce(
    (sum, { sample, label }) => ({ sample: sum.sample + sample, label: sum.label + label }),
    NONE,
  );
}

/** Encodes the records from `first` on. */
type Draw = (first: number, count: number) => Uint8Array | Promise<Uint8Array>;

/**
 * Counts the digits that are drawn and encoded at once: few of large pictures, so that no part
 * takes long.
 * @param values  Values of one digit.
 */
export function countPerPart(values: number): number {
  return Math.max(1, Math.min(128, Math.floor(2 ** 18 / values)));
}

/** Labels that are drawn at once. */
const LABEL_BATCH = 8192;

/** Makes content of equally long records. @param kind  Whether a record is a sample or a label. */
export function makeRecords(
  count: number,
  recordBytes: number,
  draw: Draw,
  kind: keyof Drawn = 'sample',
): Content {
  const batch = kind === 'label' ? LABEL_BATCH : countPerPart(recordBytes);
  return {
    length: count * recordBytes,
    count: (first, end) => ({
      ...NONE,
      [kind]: Math.ceil(end / recordBytes) - Math.floor(first / recordBytes),
    }),
    async *read(first, end) {
      const last = Math.ceil(end / recordBytes);
      for (let i = Math.floor(first / recordBytes); i < last; i += batch) {
        const drawn = await draw(i, Math.min(batch, last - i));
        const at = i * recordBytes;
        yield drawn.subarray(Math.max(0, first - at), end - at);
      }
    },
  };
}

/** Joins contents one after the other. */
export function joinContents(parts: readonly Content[]): Content {
  /** Cuts a range into the ranges of the parts that it touches. */
  function cut(first: number, end: number) {
    let at = 0;
    return parts.flatMap((part) => {
      const [from, to] = [Math.max(0, first - at), Math.min(part.length, end - at)];
      at += part.length;
      return from < to ? [{ part, from, to }] : [];
    });
  }
  return {
    length: parts.reduce((sum, { length }) => sum + length, 0),
    count: (first, end) =>
      addDrawn(cut(first, end).map(({ part, from, to }) => part.count(from, to))),
    async *read(first, end) {
      for (const { part, from, to } of cut(first, end)) {
        yield* part.read(from, to);
      }
    },
  };
}

/**
 * Makes a stream that makes a piece when its reader has taken the last one.
 * @param onFailure     Called with the error of a piece, which the reader gets, too.
 * @param isCompressed  Compresses the stream with gzip.
 */
export function streamPieces(
  pieces: AsyncIterable<Uint8Array>,
  onFailure: (cause: unknown) => void,
  isCompressed = false,
): ReadableStream {
  const iterator = pieces[Symbol.asyncIterator]();
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await iterator.next().catch((cause: unknown) => {
          onFailure(cause);
          throw cause;
        });
        if (done === true) {
          controller.close();
        } else {
          controller.enqueue(value);
        }
      },
      async cancel() {
        await iterator.return?.();
      },
    },
    { highWaterMark: 0 },
  );
  return isCompressed
    ? stream.pipeThrough<Uint8Array>(new CompressionStream('gzip') as TransformStream)
    : stream;
}
