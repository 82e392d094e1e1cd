/**
 * Reads an answer's body in pieces of any size, whatever pieces the network makes of it.
 */
export class ByteReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #left: Uint8Array = new Uint8Array();

  /** @param answer  Its body is locked from now on. */
  constructor(answer: Response) {
    this.#reader = answer.body?.getReader();
  }

  /** Reads so many bytes. @returns  A copy; undefined when the body ends before. */
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

  /** Reads the end, so that nothing is left to cancel. @returns  false when there is more. */
  async isAtEnd(): Promise<boolean> {
    return this.#left.length === 0 && (await this.read(1)) === undefined;
  }

  /** Tells the sender that no more is read. Does nothing after the end, and never rejects. */
  async cancel(): Promise<void> {
    await this.#reader?.cancel().catch(() => undefined);
  }
}
