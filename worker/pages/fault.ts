/** An error as a page for people, whose browsers ask for HTML; as elsewhere for programs. */
import { html } from 'hono/html';
import { describeError, type ApiError } from '../../shared/contract/errors.ts';
import type { AppContext } from '../context.ts';
import { readHeader } from '../http/headers.ts';
import { asksFor } from '../http/negotiation.ts';
import { respondError } from '../http/respond-error.ts';
import { renderPage } from './page.ts';

export function respondFault(c: AppContext, error: ApiError): Response | Promise<Response> {
  return asksFor(readHeader(c, 'accept'), 'text/html')
    ? renderFault(c, error)
    : respondError(c, error);
}

async function renderFault(c: AppContext, error: ApiError): Promise<Response> {
  const { status, title, detail, retryAfterSeconds } = describeError(error);
  const isPassing = status >= 500 || retryAfterSeconds !== undefined;
  const [, said = detail, near] =
    (error.code === 'not_found' && /^(.* Try )(\/\S+)\.$/s.exec(detail)) || [];
  const page = await renderPage(c, {
    title,
    status,
    body: html`<main id="main" class="prose">
      <h1>${title}</h1>
      <p>${error.code === 'model_unavailable' ? 'The network that draws could not be loaded.' : ''} ${said}${near === undefined ? '' : html`<a href="${near}">${near}</a>.`}</p>
      ${isPassing ? html`<p><a class="button" href="">Try again</a></p>` : ''}
      <p>
        You can <a href="/learn">watch a network learn</a>, read <a href="/docs">the documentation</a>, or go to
        <a href="/">the front page</a>.
      </p>
    </main>`,
  });
  c.set('errorCode', error.code);
  page.headers.set('Vary', 'Accept');
  if (retryAfterSeconds !== undefined) {
    page.headers.set('Retry-After', String(retryAfterSeconds));
  }
  return page;
}
