/**
 * `GET /errors` and `/errors/{code}`: where the `type` of problem details leads to.
 */
import { html } from 'hono/html';
import * as z from 'zod';
import { describeError, ERROR_EXAMPLES, type ApiErrorCode } from '../../shared/contract/errors.ts';
import type { ParameterSet } from '../../shared/contract/parameters.ts';
import type { App } from '../context.ts';
import type { Operation } from '../http/operation.ts';
import { renderPage } from '../pages/page.ts';
import { respondError } from '../http/respond-error.ts';

const CODE: ParameterSet = {
  code: {
    schema: z
      .enum(Object.keys(ERROR_EXAMPLES) as ApiErrorCode[])
      .meta({ description: 'an error’s code' }),
    about: 'The code of an error',
    without: '',
    example: 'invalid_parameter',
  },
};

export const ERROR_OPERATIONS: readonly Operation[] = [
  {
    id: 'listErrors',
    path: '/errors',
    routes: ['/errors'],
    kind: 'page',
    summary: 'The code of every error that a request can meet',
    answers: { 'text/html': 'text' },
    examples: ['/errors'],
  },
  {
    id: 'getError',
    path: '/errors/{code}',
    routes: ['/errors/:code'],
    kind: 'page',
    summary: 'What an error’s code means: where the type of problem details leads to',
    pathParameters: CODE,
    answers: { 'text/html': 'text' },
    errors: ['not_found'],
    examples: ['/errors/invalid_parameter'],
  },
];

export function addErrorRoutes(app: App): void {
  app.get('/errors', (c) => {
    const items = Object.keys(ERROR_EXAMPLES).map(
      (code) =>
        html`<li>
          <a href="/errors/${code}"><code>${code}</code></a>
        </li>`,
    );
    return renderPage(c, {
      title: 'Errors',
      body: html`<main id="main" class="prose">
        <h1>Errors</h1>
        <p class="lead">The code of every error that a request can meet.</p>
        <ul>
          ${items}
        </ul>
      </main>`,
    });
  });
  app.get('/errors/:code', (c) => {
    const code = c.req.param('code');
    if (!Object.hasOwn(ERROR_EXAMPLES, code)) {
      return respondError(c, { code: 'not_found', path: c.req.path });
    }
    const { status, title, detail } = describeError(ERROR_EXAMPLES[code as ApiErrorCode]);
    return renderPage(c, {
      title,
      body: html`<main id="main" class="prose">
        <h1>${title}</h1>
        <p class="lead">Code <code>${code}</code>, HTTP status ${status}. For example:</p>
        <pre>${detail}</pre>
        <p><a href="/errors">All errors</a></p>
      </main>`,
    });
  });
}
