/** Answers with an error: problem details (RFC 9457), or a picture or text. Never cached. */
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { BLACK, WHITE } from '../../shared/picture/colour.ts';
import { describeError, type ApiError } from '../../shared/contract/errors.ts';
import { encodePng } from '../../shared/picture/sheet.ts';
import type { AppContext } from '../context.ts';
import { API_HEADERS, readHeader } from './headers.ts';
import { asksFor, prefersImage, PROBLEM } from './negotiation.ts';
import { encodeGif } from '../formats/gif.ts';
import { drawErrorPicture, renderErrorSvg } from '../formats/error-picture.ts';

/** Media types of the formats that an error is drawn or written in. All others get the problem. */
const MEDIA_TYPES: Readonly<Record<string, string>> = {
  png: 'image/png',
  gif: 'image/gif',
  svg: 'image/svg+xml',
  txt: 'text/plain; charset=utf-8',
};

/**
 * Chooses the format. Callers that name problem details in Accept get them. Otherwise the path's
 * extension decides, then `format=`, then whether Accept prefers images, as `<img>` does.
 * @returns  undefined for problem details.
 */
function chooseFormat(c: AppContext): string | undefined {
  const accept = readHeader(c, 'accept');
  if (asksFor(accept, PROBLEM)) {
    return undefined;
  }
  const { pathname, searchParams } = c.get('url');
  const extension = /\.([a-z][a-z0-9]*)$/.exec(pathname)?.[1]; // 14 in 3.14 is no extension.
  const format =
    extension ?? searchParams.get('format') ?? (prefersImage(accept) ? 'png' : 'problem');
  return Object.hasOwn(MEDIA_TYPES, format) ? format : undefined;
}

export function respondError(c: AppContext, error: ApiError): Response {
  const { status, retryAfterSeconds } = describeError(error);
  const format = chooseFormat(c);
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
      return encodePng(c.get('png'), drawErrorPicture(heading, detail));
    case 'gif':
      return encodeGif([drawErrorPicture(heading, detail)], { bg: BLACK, fg: WHITE });
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
