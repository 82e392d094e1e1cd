/**
 * The safetensors format (huggingface/safetensors), for float32 only: named arrays in one file that
 * other tools read. A file holds the header's length in 8 little-endian bytes, a JSON header, and
 * the arrays' bytes. Pure.
 *
 * Own code, because no kept npm package writes the format.
 */

/** Named float32 arrays, and text about them. */
export interface TensorFile {
  readonly tensors: Readonly<Record<string, Float32Array>>;
  readonly metadata: Readonly<Record<string, string>>;
}

interface HeaderEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

const LENGTH_BYTES = 8;

/** Encodes flat arrays, in the order of their keys. */
export function encodeSafetensors({ tensors, metadata }: TensorFile): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let end = 0;
  for (const [name, values] of Object.entries(tensors)) {
    header[name] = {
      dtype: 'F32',
      shape: [values.length],
      data_offsets: [end, (end += values.byteLength)],
    };
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  // The format allows spaces as padding; so the arrays lie on 8-byte boundaries.
  const headerBytes = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(LENGTH_BYTES + headerBytes + end).fill(
    0x20,
    LENGTH_BYTES,
    LENGTH_BYTES + headerBytes,
  );
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.set(text, LENGTH_BYTES);
  let next = LENGTH_BYTES + headerBytes;
  for (const values of Object.values(tensors)) {
    bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), next);
    next += values.byteLength;
  }
  return bytes;
}

/**
 * Decodes float32 arrays, whichever program wrote them.
 *
 * @throws Error  When the bytes are truncated, not safetensors, or hold another type.
 */
export function decodeSafetensors(bytes: Uint8Array): TensorFile {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = bytes.length >= LENGTH_BYTES ? Number(view.getBigUint64(0, true)) : Infinity;
  const start = LENGTH_BYTES + headerBytes;
  if (start > bytes.length) {
    throw new Error(`truncated: ${bytes.length} bytes, its header alone would end at ${start}`);
  }
  const header = JSON.parse(
    new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(LENGTH_BYTES, start)),
  ) as Record<string, unknown>;
  const { __metadata__: metadata = {}, ...entries } = header;
  const tensors: Record<string, Float32Array> = {};
  for (const [name, entry] of Object.entries(entries) as [string, HeaderEntry][]) {
    const [from, to] = entry.data_offsets;
    if (
      entry.dtype !== 'F32' ||
      to - from !== 4 * entry.shape.reduce((product, size) => product * size, 1)
    ) {
      throw new Error(
        `${name} is ${entry.dtype} of shape [${entry.shape.join(', ')}] in ${to - from} bytes, expected float32 numbers`,
      );
    }
    if (start + to > bytes.length) {
      throw new Error(`truncated: ${name} ends at byte ${start + to} of ${bytes.length}`);
    }
    // Not slice(): on a Node Buffer it shares memory.
    tensors[name] = new Float32Array(
      new Uint8Array(bytes.subarray(start + from, start + to)).buffer,
    );
  }
  return { tensors, metadata: metadata as Record<string, string> };
}
