/** Answers with an error: problem details (RFC 9457), or a picture or text. Never cached. */
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { BLACK, WHITE } from '../../shared/picture/colour.ts';
import { describeError, type ApiError } from '../../shared/contract/errors.ts';
import { FORMATS } from '../../shared/contract/formats.ts';
import { encodePng } from '../../shared/picture/sheet.ts';
import type { AppContext } from '../context.ts';
import { API_HEADERS, readHeader } from './headers.ts';
import { asksFor, prefersImage, PROBLEM } from './negotiation.ts';
import { encodeGif } from '../../shared/animation/gif.ts';
import { drawErrorPicture, renderErrorSvg } from '../formats/error-picture.ts';
import { keepNewest } from '../../shared/newest.ts';

/** Media types of the formats that an error is drawn or written in. */
const MEDIA_TYPES: Readonly<Record<string, string>> = {
  png: 'image/png',
  gif: 'image/gif',
  svg: 'image/svg+xml',
  txt: 'text/plain; charset=utf-8',
};

/**
 * Chooses the format. Callers that name problem details in Accept get them. Otherwise the path's
 * extension decides, then `format=`, then whether Accept prefers images, as `<img>` does. Formats
 * that do not exist decide nothing.
 * @returns  undefined for problem details.
 */
function chooseFormat(c: AppContext, error: ApiError): string | undefined {
  const accept = readHeader(c, 'accept');
  if (asksFor(accept, PROBLEM)) {
    return undefined;
  }
  const { pathname, searchParams } = c.get('url');
  const extension = /\.([a-z][a-z0-9]*)$/.exec(pathname)?.[1]; // 14 in 3.14 is no extension.
  const named = extension ?? searchParams.get('format') ?? '';
  if (Object.hasOwn(MEDIA_TYPES, named)) {
    return named;
  }
  const isKnown = Object.values<readonly string[]>(FORMATS).some((known) => known.includes(named));
  const isData = isKnown && !describeError(error).parameters.includes('format');
  return !isData && prefersImage(accept) ? 'png' : undefined;
}

/** Answers with an error. A picture costs as much as a digit, so its request is counted. */
export function respondError(c: AppContext, error: ApiError): Response | Promise<Response> {
  const format = chooseFormat(c, error);
  const counting = format === 'png' || format === 'gif' ? c.get('countPicture')() : undefined;
  return (
    counting?.then((refused) => answerError(c, refused ?? error, format)) ??
    answerError(c, error, format)
  );
}

function answerError(c: AppContext, error: ApiError, format: string | undefined): Response {
  const { status, retryAfterSeconds } = describeError(error);
  const body = renderError(c, error, format);
  const headers: Record<string, string> = {
    ...API_HEADERS,
    'Cache-Control': 'no-store',
    'Content-Type': (format && MEDIA_TYPES[format]) ?? PROBLEM,
    'Content-Length': String(body.length),
    Vary: 'Accept',
  };
  if (format !== undefined) {
    headers['Content-Disposition'] = `inline; filename="error-${error.code}.${format}"`;
  }
  if (format === 'svg') {
    headers['Content-Security-Policy'] = "default-src 'none'";
  }
  if (error.code === 'method_not_allowed') {
    headers['Allow'] = error.allow.join(', ');
  }
  if (error.code === 'range_not_satisfiable') {
    headers['Content-Range'] = `bytes */${error.length}`;
  }
  if (error.code === 'unauthorized') {
    headers['WWW-Authenticate'] = 'Bearer realm="jobs"';
  }
  if (retryAfterSeconds !== undefined) {
    headers['Retry-After'] = String(retryAfterSeconds);
  }
  c.set('errorCode', error.code);
  return new Response(body, { status, headers });
}

function renderError(
  c: AppContext,
  error: ApiError,
  format: string | undefined,
): Uint8Array<ArrayBuffer> {
  const { status, title, detail, parameters } = describeError(error);
  const { code } = error;
  const heading = `${status} ${title}`;
  switch (format) {
    case 'png':
      return recall(`png ${heading} ${detail}`, () =>
        encodePng(c.get('png'), drawErrorPicture(heading, detail)),
      );
    case 'gif':
      return recall(`gif ${heading} ${detail}`, () =>
        encodeGif([drawErrorPicture(heading, detail)], { bg: BLACK, fg: WHITE }),
      );
    case 'svg':
      return utf8ToBytes(renderErrorSvg(heading, detail));
    case 'txt':
      return utf8ToBytes(`${heading} (${code})\n${detail}\n`);
    default: {
      const problem = {
        type: `${c.get('base')}/errors/${code}`,
        title,
        status,
        detail,
        code,
        ...(parameters.length > 0 && { parameters }),
        requestId: c.get('requestId'),
      };
      return utf8ToBytes(`${JSON.stringify(problem)}\n`);
    }
  }
}

/** Pictures of errors that are kept: those of a rate limit or a full queue come in floods. */
const MAX_KEPT = 16;
const kept = new Map<string, Uint8Array<ArrayBuffer>>();

/** Draws a picture once while it is among those that were asked for last. */
function recall(key: string, draw: () => Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const picture = kept.get(key) ?? draw();
  keepNewest(kept, key, picture, MAX_KEPT);
  return picture;
}
