/** `GET /errors` and `/errors/{code}`: the pages that the `type` of problem details links to. */
import { html } from 'hono/html';
import { describeExample, ERROR_CODES } from '../../shared/contract/errors.ts';
import type { App } from '../context.ts';
import { OF_PAGE, type OperationEntry } from '../http/operation.ts';
import { respondFault } from '../pages/fault.ts';
import { renderPage } from '../pages/page.ts';

export const ERROR_OPERATIONS: readonly OperationEntry[] = [
  {
    id: 'listErrors',
    path: '/errors',
    ...OF_PAGE,
    summary: 'The code, HTTP status and title of every error',
    examples: ['/errors'],
  },
  {
    id: 'getError',
    path: '/errors/{code}',
    ...OF_PAGE,
    summary: 'What an error’s code means: the page that the type of problem details links to',
    pathParameters: {
      code: {
        kind: 'choice',
        choices: ERROR_CODES,
        about: 'The code of an error',
        example: 'invalid_parameter',
      },
    },
    errors: ['not_found'],
    examples: ['/errors/invalid_parameter'],
  },
];

export function addErrorRoutes(app: App): void {
  app.get('/errors', (c) => {
    const items = ERROR_CODES.map((code) => {
      const { status, title } = describeExample(code);
      return html`<li>
        <a href="/errors/${code}"><code>${code}</code></a>: ${status}, ${title}
      </li>`;
    });
    return renderPage(c, {
      title: 'Errors',
      description: 'The code of every error of the API for handwritten digits.',
      body: html`<main id="main" class="prose">
        <h1>Errors</h1>
        <p class="lead">Every error of the API: its code, HTTP status and title.</p>
        <ul>
          ${items}
        </ul>
      </main>`,
    });
  });
  app.get('/errors/:code', (c) => {
    const code = ERROR_CODES.find((each) => each === c.req.param('code'));
    if (code === undefined) {
      return respondFault(c, { code: 'not_found', path: c.req.path });
    }
    const { status, title, detail } = describeExample(code);
    return renderPage(c, {
      title,
      description: `What the error ${code} means, with an example.`,
      body: html`<main id="main" class="prose">
        <h1>${title}</h1>
        <p class="lead">Code <code>${code}</code>, HTTP status ${status}. For example:</p>
        <pre>${detail}</pre>
        <p><a href="/errors">All errors</a></p>
      </main>`,
    });
  });
}
