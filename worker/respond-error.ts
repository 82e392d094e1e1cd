/**
 * An error as an answer: problem details (RFC 9457), or a picture that says the same. Never cached.
 */
import type { Context } from 'hono';
import { describeError, type ApiError } from '../shared/contract/errors.ts';
import { encodePng } from '../shared/sheet.ts';
import type { AppContext, AppEnv } from './context.ts';
import { API_HEADERS } from './headers.ts';
import { prefersImage } from './negotiate.ts';
import { drawErrorPicture } from './render/error-picture.ts';

/**
 * Tells whether an error shall be drawn: the path ends in .png; or says nothing and `format=png`; or neither says
 * anything and Accept prefers images, as `<img>` does. A browser's address bar and curl get problem details.
 */
export function wantsPicture(c: Context<AppEnv>): boolean {
  const { pathname, searchParams } = new URL(c.req.url);
  const extension = /\.([a-z0-9]+)$/.exec(pathname)?.[1];
  const format = extension ?? searchParams.get('format');
  return format === null ? prefersImage(c.req.header('accept')) : format === 'png';
}

/** Answers with an error. */
export function respondError(c: AppContext, error: ApiError): Response {
  const { status, title, detail } = describeError(error);
  const headers = new Headers({ ...API_HEADERS, 'Cache-Control': 'no-store', Vary: 'Accept' });
  if (error.code === 'method_not_allowed') {
    headers.set('Allow', error.allow.join(', '));
  }
  if (error.code === 'model_unavailable') {
    headers.set('Retry-After', String(error.retryAfterSeconds));
  }
  let body: Uint8Array<ArrayBuffer>;
  if (wantsPicture(c)) {
    headers.set('Content-Type', 'image/png');
    headers.set('Content-Disposition', `inline; filename="error-${error.code}.png"`);
    body = encodePng(drawErrorPicture(`${status} ${title}`, detail));
  } else {
    headers.set('Content-Type', 'application/problem+json');
    const type = new URL(`/errors/${error.code}`, c.req.url).href;
    const problem = { type, title, status, detail, code: error.code, requestId: c.get('requestId') };
    body = new TextEncoder().encode(`${JSON.stringify(problem)}\n`) as Uint8Array<ArrayBuffer>;
  }
  headers.set('Content-Length', String(body.length));
  return new Response(body, { status, headers });
}
