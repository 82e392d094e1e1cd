/** Writes UTF-8 without a string for each number, of which a set has millions. Pure. */

/** Made at the first use, since each fresh isolate interprets this loop. */
let table: ReturnType<typeof makeTable> | undefined;

/** "0," to "255,": four bytes of UTF-8, little-endian, and how many of them count. */
function makeTable() {
  const [words, lengths] = [new Uint32Array(256), new Uint8Array(256)];
  for (let number = 0; number < 256; number++) {
    const text = `${number},`;
    lengths[number] = text.length;
    words[number] = [...text].reduceRight((word, sign) => (word << 8) | sign.charCodeAt(0), 0);
  }
  return { words, lengths };
}

export class TextWriter {
  readonly #encoder = new TextEncoder();
  #bytes = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  write(text: string): void {
    this.#reserve(3 * text.length);
    this.#length += this.#encoder.encodeInto(text, this.#bytes.subarray(this.#length)).written;
  }

  /** Writes at least one value, in decimal, with commas between them. */
  writeValues(values: Uint8Array): void {
    this.#reserve(4 * values.length);
    const { words, lengths } = (table ??= makeTable());
    const view = this.#view;
    let at = this.#length;
    for (let i = 0; i < values.length; i++) {
      const value = values[i] as number;
      view.setUint32(at, words[value] as number, true);
      at += lengths[value] as number;
    }
    this.#length = at - 1; // The last comma.
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(2 * needed);
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
  }
}
