/**
 * TensorBoard's event files: TFRecords (tensorflow/core/lib/io/record_writer.h) of Event messages
 * (tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto). Pure.
 */
import { PbfReader, PbfWriter } from 'pbf';

/** Numbers of the fields that are written. */
const EVENT = { wallTime: 1, step: 2, fileVersion: 3, summary: 5, sessionLog: 7 } as const;
const SUMMARY = { value: 1 } as const;
const VALUE = { tag: 1, simpleValue: 2, image: 4 } as const;
const IMAGE = { height: 1, width: 2, colorspace: 3, encoded: 4 } as const;
const SESSION_LOG = { status: 1 } as const;

const FILE_VERSION = 'brain.Event:2';
const SESSION_START = 1;

/** A record is: length in 8 bytes, its checksum in 4, the data, its checksum in 4; little-endian. */
const HEADER_BYTES = 12;
const FOOTER_BYTES = 4;

/** A PNG with its size in pixels. */
export interface EventImage {
  readonly png: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** 1 (grey) or 3 (RGB), which is what Summary.Image calls its colour space too. */
  readonly channels: number;
}

/** What an event tells. */
export interface EventContent {
  /** Since 1970. */
  readonly wallTimeMs: number;
  readonly step: number;
  /** By tag. Kept as 32-bit floats. */
  readonly scalars?: Readonly<Record<string, number>>;
  /** By tag. */
  readonly images?: Readonly<Record<string, EventImage>>;
}

/**
 * Encodes the head of a file: its version, and the start of a session, which tells a TensorBoard that is watching to
 * forget what earlier files hold of this step and later ones.
 *
 * @returns  Two records.
 */
export function encodeHead({
  wallTimeMs,
  step,
}: Pick<EventContent, 'wallTimeMs' | 'step'>): Uint8Array {
  const version = encodeMessage((pbf) => {
    pbf.writeDoubleField(EVENT.wallTime, wallTimeMs / 1000);
    pbf.writeStringField(EVENT.fileVersion, FILE_VERSION);
  });
  const session = encodeMessage((pbf) => {
    pbf.writeDoubleField(EVENT.wallTime, wallTimeMs / 1000);
    pbf.writeVarintField(EVENT.step, step);
    writeNested(pbf, EVENT.sessionLog, (log) =>
      log.writeVarintField(SESSION_LOG.status, SESSION_START),
    );
  });
  return Buffer.concat([encodeRecord(version), encodeRecord(session)]);
}

/** Encodes figures and pictures of one step as one record. */
export function encodeEvent({
  wallTimeMs,
  step,
  scalars = {},
  images = {},
}: EventContent): Uint8Array {
  const message = encodeMessage((event) => {
    event.writeDoubleField(EVENT.wallTime, wallTimeMs / 1000);
    event.writeVarintField(EVENT.step, step);
    writeNested(event, EVENT.summary, (summary) => {
      for (const [tag, number] of Object.entries(scalars)) {
        writeNested(summary, SUMMARY.value, (value) => {
          value.writeStringField(VALUE.tag, tag);
          value.writeFloatField(VALUE.simpleValue, number);
        });
      }
      for (const [tag, { png, width, height, channels }] of Object.entries(images)) {
        writeNested(summary, SUMMARY.value, (value) => {
          value.writeStringField(VALUE.tag, tag);
          writeNested(value, VALUE.image, (image) => {
            image.writeVarintField(IMAGE.height, height);
            image.writeVarintField(IMAGE.width, width);
            image.writeVarintField(IMAGE.colorspace, channels);
            image.writeBytesField(IMAGE.encoded, png);
          });
        });
      }
    });
  });
  return encodeRecord(message);
}

/**
 * Keeps the records of the steps before one.
 *
 * @param file  A whole file. What follows a record that is not whole is dropped: a killed process leaves such.
 * @returns     Null when no figure is left.
 */
export function trimEvents(file: Uint8Array, step: number): Uint8Array | null {
  const kept: Uint8Array[] = [];
  let hasFigures = false;
  for (const { record, message } of splitRecords(file)) {
    const event = readEvent(message);
    if (!event.hasSummary || event.step < step) {
      kept.push(record);
      hasFigures ||= event.hasSummary;
    }
  }
  return hasFigures ? Buffer.concat(kept) : null;
}

function* splitRecords(file: Uint8Array): Generator<{ record: Uint8Array; message: Uint8Array }> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (let start = 0; start + HEADER_BYTES <= file.length;) {
    const length = Number(view.getBigUint64(start, true));
    const end = start + HEADER_BYTES + length + FOOTER_BYTES;
    if (end > file.length) {
      return;
    }
    const message = file.subarray(start + HEADER_BYTES, end - FOOTER_BYTES);
    if (view.getUint32(end - FOOTER_BYTES, true) !== computeMaskedCrc(message)) {
      return;
    }
    yield { record: file.subarray(start, end), message };
    start = end;
  }
}

function readEvent(message: Uint8Array): { step: number; hasSummary: boolean } {
  const pbf = new PbfReader(message);
  const event = { step: 0, hasSummary: false };
  for (let field = pbf.nextField(); field !== 0; field = pbf.nextField()) {
    if (field === EVENT.step) {
      event.step = pbf.readVarint();
    } else {
      event.hasSummary ||= field === EVENT.summary;
      pbf.skip(pbf.type);
    }
  }
  return event;
}

function encodeMessage(write: (pbf: PbfWriter) => void): Uint8Array {
  const pbf = new PbfWriter();
  write(pbf);
  return pbf.finish();
}

function writeNested(pbf: PbfWriter, field: number, write: (nested: PbfWriter) => void): void {
  pbf.writeMessage(field, (content, nested) => content(nested), write);
}

function encodeRecord(message: Uint8Array): Uint8Array {
  const record = new Uint8Array(HEADER_BYTES + message.length + FOOTER_BYTES);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(message.length), true);
  view.setUint32(8, computeMaskedCrc(record.subarray(0, 8)), true);
  record.set(message, HEADER_BYTES);
  view.setUint32(HEADER_BYTES + message.length, computeMaskedCrc(message), true);
  return record;
}

/** CRC-32C (RFC 3720, section 12.1), rotated and shifted as TFRecords have it. */
function computeMaskedCrc(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc = (CRC_TABLE[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);
  }
  crc = (crc ^ 0xffffffff) >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** Of the reflected Castagnoli polynomial. */
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) {
    crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return crc;
});
