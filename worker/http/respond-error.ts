/**
 * An error as an answer: problem details (RFC 9457), or a picture or text that says the same. Never cached.
 */
import type { Context } from 'hono';
import { BLACK, WHITE } from '../../shared/picture/colour.ts';
import { describeError, type ApiError } from '../../shared/contract/errors.ts';
import { encodePng } from '../../shared/picture/sheet.ts';
import type { AppContext, AppEnv } from '../context.ts';
import { API_HEADERS } from './headers.ts';
import { asksFor, prefersImage } from './negotiate.ts';
import { encodeGif } from '../formats/gif.ts';
import { drawErrorPicture, renderErrorSvg } from '../formats/error-picture.ts';

/** How an error is told: drawn or written in the format that was asked for, or as problem details. */
type ErrorForm = 'png' | 'gif' | 'svg' | 'txt' | 'problem';

const PROBLEM = 'application/problem+json';

/**
 * Chooses it: whoever names problem details in Accept gets them; else the path's extension decides; then `format=`; and
 * where neither says anything, whether Accept prefers images, as `<img>` does. A browser's address bar and curl get
 * problem details.
 */
function chooseErrorForm(c: Context<AppEnv>): ErrorForm {
  if (asksFor(c.req.header('accept'), PROBLEM)) {
    return 'problem';
  }
  const { pathname, searchParams } = new URL(c.req.url);
  const extension = /\.([a-z][a-z0-9]*)$/.exec(pathname)?.[1]; // Not the 14 of 3.14.
  const format =
    extension ??
    searchParams.get('format') ??
    (prefersImage(c.req.header('accept')) ? 'png' : null);
  return format === 'png' || format === 'gif' || format === 'svg' || format === 'txt'
    ? format
    : 'problem';
}

/** Answers with an error. */
export function respondError(c: AppContext, error: ApiError): Response {
  const { status, title, detail, parameters, retryAfterSeconds } = describeError(error);
  const headers = new Headers({ ...API_HEADERS, 'Cache-Control': 'no-store', Vary: 'Accept' });
  if (error.code === 'method_not_allowed') {
    headers.set('Allow', error.allow.join(', '));
  }
  if (error.code === 'unauthorized') {
    headers.set('WWW-Authenticate', 'Bearer realm="jobs"');
  }
  if (retryAfterSeconds !== undefined) {
    headers.set('Retry-After', String(retryAfterSeconds));
  }
  c.set('errorCode', error.code);
  const form = chooseErrorForm(c);
  const heading = `${status} ${title}`;
  let body: Uint8Array<ArrayBuffer>;
  switch (form) {
    case 'png':
      headers.set('Content-Type', 'image/png');
      body = encodePng(c.get('png'), drawErrorPicture(heading, detail));
      break;
    case 'gif':
      headers.set('Content-Type', 'image/gif');
      body = encodeGif([drawErrorPicture(heading, detail)], { bg: BLACK, fg: WHITE });
      break;
    case 'svg':
      headers.set('Content-Type', 'image/svg+xml');
      headers.set('Content-Security-Policy', "default-src 'none'");
      body = encodeText(renderErrorSvg(heading, detail));
      break;
    case 'txt':
      headers.set('Content-Type', 'text/plain; charset=utf-8');
      body = encodeText(`${heading} (${error.code})\n${detail}\n`);
      break;
    case 'problem': {
      headers.set('Content-Type', PROBLEM);
      const type = new URL(`/errors/${error.code}`, c.req.url).href;
      const problem = {
        type,
        title,
        status,
        detail,
        code: error.code,
        ...(parameters.length > 0 && { parameters }),
        requestId: c.get('requestId'),
      };
      body = encodeText(`${JSON.stringify(problem)}\n`);
      break;
    }
  }
  if (form !== 'problem') {
    headers.set('Content-Disposition', `inline; filename="error-${error.code}.${form}"`);
  }
  headers.set('Content-Length', String(body.length));
  return new Response(body, { status, headers });
}

function encodeText(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>;
}
