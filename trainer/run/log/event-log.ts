/**
 * A run's log for TensorBoard: a folder with one event file for each start or resumption. A file
 * holds TFRecords (tensorflow/core/lib/io/record_writer.h) of messages (core/util/event.proto,
 * core/framework/summary.proto). Own code on pbf and crc-32: no kept npm package writes them.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import crc32c from 'crc-32/crc32c.js';
import { PbfReader, PbfWriter } from 'pbf';
import { appendToLog, writeAtomically } from '../../../storage/files.ts';
import type { MetricsLine } from './metrics.ts';

/** The figure of each tag. TensorBoard groups tags by the part before the slash. */
const TAGS = {
  'loss/discriminator': 'discriminatorLoss',
  'loss/generator': 'generatorLoss',
  'gradient_norm/discriminator': 'discriminatorGradientNorm',
  'gradient_norm/generator': 'generatorGradientNorm',
  'penalty/r1': 'r1',
  'penalty/r2': 'r2',
  'samples/diversity': 'diversity',
  'schedule/learning_rate_factor': 'learningRateFactor',
  'speed/images_per_second': 'imagesPerSecond',
  'memory/tensors': 'tensors',
  'memory/resident_bytes': 'residentBytes',
} as const satisfies Record<string, keyof MetricsLine>;
const GRID_TAG = 'samples/grid';
/** TensorBoard looks for names with "tfevents". */
const PREFIX = 'events.out.tfevents.';

/** Numbers of the messages' fields. */
const EVENT = { wallTime: 1, step: 2, fileVersion: 3, summary: 5, sessionLog: 7 } as const;
const SUMMARY = { value: 1 } as const;
const VALUE = { tag: 1, simpleValue: 2, image: 4 } as const;
const IMAGE = { height: 1, width: 2, colorspace: 3, encoded: 4 } as const;
const SESSION_LOG = { status: 1 } as const;
const SESSION_START = 1;

/** A record is 8 bytes of length, 4 of its checksum, the data, 4 of its checksum; little-endian. */
const HEADER_BYTES = 12;
const FOOTER_BYTES = 4;

/** A PNG with its size in pixels. */
interface EventImage {
  readonly png: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** 1 (grey) or 3 (RGB), the same numbers as Summary.Image's colour spaces. */
  readonly channels: number;
}

/**
 * Opens the log of a run that starts or goes on at `step`, in a folder that may be missing. It
 * removes this step and later ones, so that no step is logged twice.
 * @param clock  Milliseconds since 1970.
 */
export async function openEventLog(
  folder: string,
  step: number,
  clock: () => number = Date.now,
): Promise<{ append(line: MetricsLine, grid: EventImage | null): Promise<void> }> {
  await mkdir(folder, { recursive: true });
  for (const name of (await readdir(folder)).filter((file) => file.startsWith(PREFIX))) {
    const path = join(folder, name);
    const bytes = await readFile(path);
    const kept = trimEvents(bytes, step);
    if (kept === null) {
      await rm(path);
    } else if (kept.length < bytes.length) {
      await writeAtomically(path, kept);
    }
  }
  const path = chooseName(folder, clock());
  await appendToLog(path, encodeHead({ wallTimeMs: clock(), step }));
  return {
    append(line, grid) {
      const scalars = Object.entries(TAGS).flatMap(([tag, figure]) =>
        line[figure] === undefined ? [] : [[tag, line[figure]]],
      );
      const event = {
        wallTimeMs: clock(),
        step: line.step,
        scalars: Object.fromEntries(scalars),
        images: grid === null ? {} : { [GRID_TAG]: grid },
      };
      return appendToLog(path, encodeEvent(event));
    },
  };
}

/** TensorBoard reads files in the order of their names, which start with seconds since 1970. */
function chooseName(folder: string, nowMs: number): string {
  for (let seconds = Math.floor(nowMs / 1000); ; seconds++) {
    const path = join(folder, `${PREFIX}${String(seconds).padStart(10, '0')}.digitmint`);
    if (!existsSync(path)) {
      return path;
    }
  }
}

/**
 * Encodes the head of a file as two records: the version, and the start of a session. The latter
 * makes a running TensorBoard forget this step and later ones of earlier files.
 */
export function encodeHead({ wallTimeMs, step }: { wallTimeMs: number; step: number }): Uint8Array {
  const version = encodeRecord(wallTimeMs, (event) =>
    event.writeStringField(EVENT.fileVersion, 'brain.Event:2'),
  );
  const session = encodeRecord(wallTimeMs, (event) => {
    event.writeVarintField(EVENT.step, step);
    writeMessage(event, EVENT.sessionLog, (log) =>
      log.writeVarintField(SESSION_LOG.status, SESSION_START),
    );
  });
  return Buffer.concat([version, session]);
}

/** Encodes one step's figures, as 32-bit floats, and pictures, both by tag, as one record. */
export function encodeEvent(content: {
  readonly wallTimeMs: number;
  readonly step: number;
  readonly scalars: Readonly<Record<string, number>>;
  readonly images: Readonly<Record<string, EventImage>>;
}): Uint8Array {
  const writeValue = (summary: PbfWriter, tag: string, write: (value: PbfWriter) => void): void =>
    writeMessage(summary, SUMMARY.value, (value) => {
      value.writeStringField(VALUE.tag, tag);
      write(value);
    });
  return encodeRecord(content.wallTimeMs, (event) => {
    event.writeVarintField(EVENT.step, content.step);
    writeMessage(event, EVENT.summary, (summary) => {
      for (const [tag, scalar] of Object.entries(content.scalars)) {
        writeValue(summary, tag, (value) => value.writeFloatField(VALUE.simpleValue, scalar));
      }
      for (const [tag, { png, width, height, channels }] of Object.entries(content.images)) {
        writeValue(summary, tag, (value) =>
          writeMessage(value, VALUE.image, (image) => {
            image.writeVarintField(IMAGE.height, height);
            image.writeVarintField(IMAGE.width, width);
            image.writeVarintField(IMAGE.colorspace, channels);
            image.writeBytesField(IMAGE.encoded, png);
          }),
        );
      }
    });
  });
}

function writeMessage(pbf: PbfWriter, field: number, write: (inner: PbfWriter) => void): void {
  pbf.writeMessage(field, (_, inner) => write(inner), null);
}

/** Encodes an event as a record with its checksums. */
function encodeRecord(wallTimeMs: number, write: (event: PbfWriter) => void): Uint8Array {
  const event = new PbfWriter();
  event.writeDoubleField(EVENT.wallTime, wallTimeMs / 1000);
  write(event);
  const message = event.finish();
  const record = new Uint8Array(HEADER_BYTES + message.length + FOOTER_BYTES);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(message.length), true);
  view.setUint32(8, computeMaskedCrc(record.subarray(0, 8)), true);
  record.set(message, HEADER_BYTES);
  view.setUint32(HEADER_BYTES + message.length, computeMaskedCrc(message), true);
  return record;
}

/**
 * Keeps the records of the steps before `step`; null when no figure is left. It drops everything
 * after a record that is cut off, which a killed process leaves.
 */
function trimEvents(file: Uint8Array, step: number): Uint8Array | null {
  const kept = [...readRecords(file)].filter((event) => !event.hasSummary || event.step < step);
  return kept.some(({ hasSummary }) => hasSummary)
    ? Buffer.concat(kept.map(({ record }) => record))
    : null;
}

function* readRecords(
  file: Uint8Array,
): Generator<{ record: Uint8Array; step: number; hasSummary: boolean }> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (let start = 0; start + HEADER_BYTES <= file.length;) {
    const length = Number(view.getBigUint64(start, true));
    const end = start + HEADER_BYTES + length + FOOTER_BYTES;
    const message = file.subarray(start + HEADER_BYTES, end - FOOTER_BYTES);
    const isWhole = end <= file.length;
    if (!isWhole || view.getUint32(end - FOOTER_BYTES, true) !== computeMaskedCrc(message)) {
      return;
    }
    const event = { record: file.subarray(start, end), step: 0, hasSummary: false };
    const pbf = new PbfReader(message);
    for (let field = pbf.nextField(); field !== 0; field = pbf.nextField()) {
      if (field === EVENT.step) {
        event.step = pbf.readVarint();
      } else {
        event.hasSummary ||= field === EVENT.summary;
        pbf.skip(pbf.type);
      }
    }
    yield event;
    start = end;
  }
}

/** CRC-32C (RFC 3720, section 12.1), masked as in TFRecords. */
function computeMaskedCrc(bytes: Uint8Array): number {
  const crc = crc32c.buf(bytes) >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
