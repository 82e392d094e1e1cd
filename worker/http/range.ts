/**
 * Sends answers: texts whole, and others whole or the range that a client asks for (RFC 9110,
 * section 14). Only an answer with a strong ETag has ranges: without a seed every answer is
 * another one, and parts of different answers make a broken file.
 */
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { MAX_RANGES } from '../../shared/contract/errors.ts';
import { Refusal } from '../../shared/contract/refusal.ts';
import type { AppContext } from '../context.ts';
import { streamPieces, type Content } from './content.ts';
import { describeLength, hasRanges, readHeader } from './headers.ts';

/** The part of an answer to send. Its end is exclusive. */
export interface ByteRange {
  readonly status: 200 | 206;
  readonly first: number;
  readonly end: number;
}

/**
 * Chooses the part that a request asks for. Ranges that touch are sent as one. For ranges with a
 * gap the whole answer is sent, as section 15.3.7.2 allows.
 * @param etag  The answer's; undefined or weak when it has no ranges.
 * @throws Refusal  For ranges that the answer does not have.
 */
export function chooseRange(c: AppContext, etag: string | undefined, length: number): ByteRange {
  const whole = { status: 200, first: 0, end: length } as const;
  const ifRange = c.req.header('if-range') ?? etag; // However long, as If-Match is.
  const [, list] = /^bytes=(.*)$/i.exec(readHeader(c, 'range')?.trim() ?? '') ?? [];
  if (c.req.method !== 'GET' || !hasRanges(etag) || ifRange !== etag || list === undefined) {
    return whole;
  }
  const texts = list.split(',').map((text) => text.trim());
  const ranges = texts.filter((text) => text !== '').map((text) => parseRange(text, length));
  const areSound = ranges.length <= MAX_RANGES && !ranges.includes(undefined);
  const [joined, ...others] = areSound ? joinRanges(ranges as Range[]) : [];
  if (joined === undefined) {
    throw new Refusal({ code: 'range_not_satisfiable', received: list, length });
  }
  return others.length > 0 ? whole : { status: 206, ...joined };
}

type Range = Omit<ByteRange, 'status'>;

/** @returns  A range that is empty when the answer ends before it; undefined if malformed. */
function parseRange(text: string, length: number): Range | undefined {
  const [, from = '', to = ''] = /^(\d*)-(\d*)$/.exec(text) ?? [];
  if (from === '') {
    return to === '' ? undefined : { first: Math.max(0, length - Number(to)), end: length };
  }
  const [first, last] = [Number(from), to === '' ? Infinity : Number(to)];
  return last < first ? undefined : { first, end: Math.min(last + 1, length) };
}

/** Joins ranges that overlap or are neighbours. Drops the empty ones. */
function joinRanges(ranges: readonly Range[]): Range[] {
  const joined: Range[] = [];
  for (const { first, end } of ranges.toSorted((a, b) => a.first - b.first)) {
    const last = joined.at(-1);
    if (last !== undefined && first <= last.end) {
      joined[joined.length - 1] = { first: last.first, end: Math.max(last.end, end) };
    } else if (first < end) {
      joined.push({ first, end });
    }
  }
  return joined;
}

/** Sends a part of an answer that is in memory, or is made as the client reads it. */
export function respondRange(
  c: AppContext,
  given: Readonly<Record<string, string>>,
  content: Uint8Array<ArrayBuffer> | Content,
  { status, first, end }: ByteRange,
): Response {
  const headers = buildRangeHeaders(given, content.length, { status, first, end });
  return content instanceof Uint8Array
    ? new Response(content.subarray(first, end), { status, headers })
    : respondPieces(c, status, headers, content.read(first, end), { length: end - first });
}

/** Writes the headers of a part. @param length  Bytes of the whole answer. */
export function buildRangeHeaders(
  headers: Readonly<Record<string, string>>,
  length: number,
  { status, first, end }: ByteRange,
): Record<string, string> {
  return {
    ...headers,
    ...describeLength(headers['ETag'], end - first),
    ...(status === 206 && { 'Content-Range': `bytes ${first}-${end - 1}/${length}` }),
  };
}

export const PLAIN_TEXT = 'text/plain; charset=UTF-8';

/** Sends a text whole. `c.text()` sends no length, and copies the headers twice. */
export function respondText(
  text: string,
  type: string,
  headers: Readonly<Record<string, string>>,
  status = 200,
): Response {
  const body = utf8ToBytes(text);
  const length = String(body.length);
  return new Response(body, {
    status,
    headers: { ...headers, 'Content-Type': type, 'Content-Length': length },
  });
}

export function respondJson(
  value: object,
  headers: Readonly<Record<string, string>>,
  status = 200,
): Response {
  return respondText(JSON.stringify(value), 'application/json', headers, status);
}

/** Sends bytes in memory. @throws Refusal  As `chooseRange` does. */
export function respondBytes(
  c: AppContext,
  headers: Readonly<Record<string, string>>,
  bytes: Uint8Array<ArrayBuffer>,
): Response {
  return respondRange(c, headers, bytes, chooseRange(c, headers['ETag'], bytes.length));
}

/** The edge runtime sends the length of such a stream only. */
declare const FixedLengthStream: (new (length: number) => TransformStream) | undefined;

/**
 * Sends pieces as the client reads them, and tells the host that they are not there yet. A failure
 * cuts the answer off, whose head is sent already, and is logged.
 * @param pieces  Not read for HEAD.
 * @param length  Undefined when it is not known.
 */
export function respondPieces(
  c: AppContext,
  status: 200 | 206,
  headers: Readonly<Record<string, string>>,
  pieces: AsyncIterable<Uint8Array>,
  { length, isCompressed }: { readonly length?: number; readonly isCompressed?: boolean },
): Response {
  c.env?.noteStream?.();
  // The edge runtime must not compress what is compressed already.
  const init = { status, headers, encodeBody: 'manual' } as const;
  if (c.req.method === 'HEAD') {
    return new Response(null, init);
  }
  const stream = streamPieces(pieces, c.get('logFailure'), isCompressed);
  return new Response(length === undefined ? stream : fixLength(stream, length), init);
}

/** Makes a stream that has `Content-Length` in the edge runtime too. */
export function fixLength(stream: ReadableStream, length: number): ReadableStream {
  return typeof FixedLengthStream === 'function'
    ? stream.pipeThrough(new FixedLengthStream(length))
    : stream;
}
