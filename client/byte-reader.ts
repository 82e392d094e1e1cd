/**
 * Reads an answer's body in pieces of any size.
 */
import { refuseAnswer } from './api-error.ts';

export class ByteReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #left: Uint8Array = new Uint8Array();

  /** @param answer  Its body gets locked. */
  constructor(answer: Response) {
    this.#reader = answer.body?.getReader();
  }

  /** Reads `count` bytes. @returns  A copy; undefined when the body ends before. */
  async read(count: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const bytes = new Uint8Array(count);
    let filled = 0;
    while (filled < count) {
      if (this.#left.length === 0) {
        const part = await this.#reader?.read();
        if (part?.value === undefined) {
          return undefined;
        }
        this.#left = part.value;
      }
      const taken = this.#left.subarray(0, count - filled);
      bytes.set(taken, filled);
      filled += taken.length;
      this.#left = this.#left.subarray(taken.length);
    }
    return bytes;
  }

  /** Reads the end of the body. @returns  false when there are more bytes. */
  async isAtEnd(): Promise<boolean> {
    return this.#left.length === 0 && (await this.read(1)) === undefined;
  }

  /** Ends the transfer. Does nothing after the end of the body, and never rejects. */
  async cancel(): Promise<void> {
    await this.#reader?.cancel().catch(() => undefined);
  }
}

/**
 * Reads the header of an IDX file of bytes: two zeros, the type, the rank, and the sizes as
 * 4 big-endian bytes.
 */
export async function readShape(
  reader: ByteReader,
  answer: Response,
  url: string,
): Promise<number[]> {
  const [zero, also, type, rank = 0] = (await reader.read(4)) ?? [];
  const sizes =
    zero === 0 && also === 0 && type === 8 && rank >= 1 && rank <= 4
      ? await reader.read(4 * rank)
      : undefined;
  if (sizes === undefined) {
    throw refuseAnswer(
      answer,
      url,
      'the answer is not an IDX file of bytes, expected that of a digitmint service',
    );
  }
  const view = new DataView(sizes.buffer);
  return Array.from({ length: rank }, (_, i) => view.getUint32(4 * i));
}
