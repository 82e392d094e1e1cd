/**
 * TensorBoard's event files: TFRecords (tensorflow/core/lib/io/record_writer.h) of Event messages
 * (tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto). Pure.
 *
 * Own code on top of pbf and crc-32, because no kept npm package writes these files.
 */
import crc32c from 'crc-32/crc32c.js';
import { PbfReader, PbfWriter } from 'pbf';

/** Numbers of the fields. */
const EVENT = { wallTime: 1, step: 2, fileVersion: 3, summary: 5, sessionLog: 7 } as const;
const SUMMARY = { value: 1 } as const;
const VALUE = { tag: 1, simpleValue: 2, image: 4 } as const;
const IMAGE = { height: 1, width: 2, colorspace: 3, encoded: 4 } as const;
const SESSION_LOG = { status: 1 } as const;

const FILE_VERSION = 'brain.Event:2';
const SESSION_START = 1;

/** A record is 8 bytes of length, 4 of its checksum, the data, 4 of its checksum; little-endian. */
const HEADER_BYTES = 12;
const FOOTER_BYTES = 4;

/** A PNG with its size in pixels. */
export interface EventImage {
  readonly png: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** 1 (grey) or 3 (RGB), the same numbers as Summary.Image's colour spaces. */
  readonly channels: number;
}

/** The content of an event. */
export interface EventContent {
  /** Since 1970. */
  readonly wallTimeMs: number;
  readonly step: number;
  /** By tag. Stored as 32-bit floats. */
  readonly scalars?: Readonly<Record<string, number>>;
  /** By tag. */
  readonly images?: Readonly<Record<string, EventImage>>;
}

/**
 * Encodes the head of a file as two records: the version, and the start of a session. The latter
 * makes a running TensorBoard forget this step and later ones of earlier files.
 */
export function encodeHead({
  wallTimeMs,
  step,
}: Pick<EventContent, 'wallTimeMs' | 'step'>): Uint8Array {
  const version = encodeMessage((event) => {
    event.writeDoubleField(EVENT.wallTime, wallTimeMs / 1000);
    event.writeStringField(EVENT.fileVersion, FILE_VERSION);
  });
  const session = encodeMessage((event) => {
    event.writeDoubleField(EVENT.wallTime, wallTimeMs / 1000);
    event.writeVarintField(EVENT.step, step);
    const start = encodeMessage((log) => log.writeVarintField(SESSION_LOG.status, SESSION_START));
    event.writeBytesField(EVENT.sessionLog, start);
  });
  return Buffer.concat([encodeRecord(version), encodeRecord(session)]);
}

/** Encodes the figures and pictures of one step as one record. */
export function encodeEvent({
  wallTimeMs,
  step,
  scalars = {},
  images = {},
}: EventContent): Uint8Array {
  const values = [
    ...Object.entries(scalars).map(([tag, scalar]) =>
      encodeMessage((value) => {
        value.writeStringField(VALUE.tag, tag);
        value.writeFloatField(VALUE.simpleValue, scalar);
      }),
    ),
    ...Object.entries(images).map(([tag, image]) =>
      encodeMessage((value) => {
        value.writeStringField(VALUE.tag, tag);
        value.writeBytesField(VALUE.image, encodeImage(image));
      }),
    ),
  ];
  const summary = encodeMessage((pbf) =>
    values.forEach((value) => pbf.writeBytesField(SUMMARY.value, value)),
  );
  const event = encodeMessage((pbf) => {
    pbf.writeDoubleField(EVENT.wallTime, wallTimeMs / 1000);
    pbf.writeVarintField(EVENT.step, step);
    pbf.writeBytesField(EVENT.summary, summary);
  });
  return encodeRecord(event);
}

function encodeImage({ png, width, height, channels }: EventImage): Uint8Array {
  return encodeMessage((image) => {
    image.writeVarintField(IMAGE.height, height);
    image.writeVarintField(IMAGE.width, width);
    image.writeVarintField(IMAGE.colorspace, channels);
    image.writeBytesField(IMAGE.encoded, png);
  });
}

function encodeMessage(write: (pbf: PbfWriter) => void): Uint8Array {
  const pbf = new PbfWriter();
  write(pbf);
  return pbf.finish();
}

/**
 * Keeps the records of the steps before `step`. It drops everything after a record that is cut off,
 * which a killed process leaves.
 *
 * @param file  A whole file.
 * @returns     Null when no figure is left.
 */
export function trimEvents(file: Uint8Array, step: number): Uint8Array | null {
  const events = [...splitRecords(file)].map(({ record, message }) => ({
    record,
    ...readEvent(message),
  }));
  const kept = events.filter((event) => !event.hasSummary || event.step < step);
  return kept.some(({ hasSummary }) => hasSummary)
    ? Buffer.concat(kept.map(({ record }) => record))
    : null;
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

function encodeRecord(message: Uint8Array): Uint8Array {
  const record = new Uint8Array(HEADER_BYTES + message.length + FOOTER_BYTES);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(message.length), true);
  view.setUint32(8, computeMaskedCrc(record.subarray(0, 8)), true);
  record.set(message, HEADER_BYTES);
  view.setUint32(HEADER_BYTES + message.length, computeMaskedCrc(message), true);
  return record;
}

/** CRC-32C (RFC 3720, section 12.1), masked as in TFRecords. */
function computeMaskedCrc(bytes: Uint8Array): number {
  const crc = crc32c.buf(bytes) >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
