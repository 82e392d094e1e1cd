/**
 * Reads TensorBoard's event files as their formats are specified (TFRecord, protobuf's wire format,
 * event.proto and summary.proto). It shares no code with the writer.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The used fields of a message in event.proto. */
export interface ReadEvent {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step: number;
  readonly fileVersion: string | undefined;
  /** 1 for the start of a session. */
  readonly sessionStatus: number | undefined;
  readonly values: readonly ReadValue[];
}

export interface ReadValue {
  readonly tag: string;
  readonly scalar: number | undefined;
  readonly image:
    | { height: number; width: number; colorspace: number; encoded: Uint8Array }
    | undefined;
}

/** Reads a folder's event files in the order of their names, as TensorBoard does. */
export async function readAllEvents(folder: string): Promise<ReadEvent[]> {
  const names = (await readdir(folder)).sort();
  const files = await Promise.all(names.map((name) => readFile(join(folder, name))));
  return files.flatMap((file) => readEvents(file));
}

/**
 * Reads one file.
 * @throws Error  When a length or a checksum is wrong.
 */
export function readEvents(file: Buffer): ReadEvent[] {
  const events: ReadEvent[] = [];
  for (let at = 0; at < file.length;) {
    const length = file.readUInt32LE(at) + file.readUInt32LE(at + 4) * 2 ** 32;
    expectCrc(file.subarray(at, at + 8), file.readUInt32LE(at + 8));
    const data = file.subarray(at + 12, at + 12 + length);
    expectCrc(data, file.readUInt32LE(at + 12 + length));
    events.push(readEvent(data));
    at += 16 + length;
  }
  return events;
}

/** CRC-32C, bit by bit. */
export function computeCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc >>> 1) ^ (0x82f63b78 & -(crc & 1));
    }
  }
  return ~crc >>> 0;
}

function expectCrc(bytes: Uint8Array, stored: number): void {
  // Reverts the mask of tensorflow/tsl/lib/hash/crc32c.h.
  const rotated = (stored - 0xa282ead8) >>> 0;
  const crc = ((rotated >>> 17) | (rotated << 15)) >>> 0;
  if (crc !== computeCrc32c(bytes)) {
    throw new Error(`checksum ${crc} does not fit ${bytes.length} bytes`);
  }
}

function readEvent(data: Buffer): ReadEvent {
  const fields = readFields(data);
  const session = fields.get(7)?.[0];
  return {
    wallTime: (fields.get(1)?.[0] as Buffer | undefined)?.readDoubleLE() ?? NaN,
    step: Number(fields.get(2)?.[0] ?? 0),
    fileVersion: fields.get(3)?.[0]?.toString(),
    sessionStatus:
      session === undefined ? undefined : Number(readFields(session as Buffer).get(1)?.[0]),
    values: (fields.get(5) ?? []).flatMap((summary) =>
      (readFields(summary as Buffer).get(1) ?? []).map((value) => readValue(value as Buffer)),
    ),
  };
}

function readValue(data: Buffer): ReadValue {
  const fields = readFields(data);
  const image = fields.get(4)?.[0];
  const parts = image === undefined ? undefined : readFields(image as Buffer);
  return {
    tag: String(fields.get(1)?.[0]),
    scalar: (fields.get(2)?.[0] as Buffer | undefined)?.readFloatLE(),
    image: parts && {
      height: Number(parts.get(1)?.[0]),
      width: Number(parts.get(2)?.[0]),
      colorspace: Number(parts.get(3)?.[0]),
      encoded: new Uint8Array(parts.get(4)?.[0] as Buffer),
    },
  };
}

/** Fields by number: varints as bigint, all others as their bytes. */
function readFields(data: Buffer): Map<number, (bigint | Buffer)[]> {
  const fields = new Map<number, (bigint | Buffer)[]>();
  let at = 0;
  const readVarint = (): bigint => {
    let [value, shift] = [0n, 0n];
    for (;;) {
      const byte = data[at++] as number;
      value |= BigInt(byte & 0x7f) << shift;
      shift += 7n;
      if (byte < 0x80) {
        return value;
      }
    }
  };
  while (at < data.length) {
    const key = Number(readVarint());
    const [number, wire] = [key >>> 3, key & 7];
    const sizes: Record<number, () => number> = {
      1: () => 8,
      2: () => Number(readVarint()),
      5: () => 4,
    };
    let value: bigint | Buffer;
    if (wire === 0) {
      value = readVarint();
    } else {
      const size = (sizes[wire] as () => number)();
      value = data.subarray(at, at + size);
      at += size;
    }
    fields.set(number, [...(fields.get(number) ?? []), value]);
  }
  return fields;
}
