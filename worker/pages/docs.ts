/** `GET /docs`: the documentation for people, generated from the routes' operations. No script. */
import { html } from 'hono/html';
import { LIMITS } from '../../shared/contract/limits.ts';
import {
  describeDefault,
  describeExpected,
  type ParameterSet,
} from '../../shared/contract/query.ts';
import type { App } from '../context.ts';
import { HEADERS } from '../http/headers.ts';
import type { AppDependencies } from '../dependencies.ts';
import type { Operation, OperationEntry } from '../http/operation.ts';
import { useModel } from '../models/generator-source.ts';
import { renderPage, type Markup } from './page.ts';

export const DOCS_OPERATION: OperationEntry = {
  id: 'getDocs',
  path: '/docs',
  kind: 'page',
  tag: 'pages',
  summary: 'The documentation, for people',
  answers: { 'text/html': 'text' },
  examples: ['/docs'],
};

export function addDocsRoute(
  app: App,
  operations: readonly Operation[],
  { generators, securityContact }: AppDependencies,
): void {
  let body: Markup | undefined; // Built at the first request: no caller changes it.
  app.get('/docs', async (c) => {
    const image = await useModel(
      generators,
      undefined,
      c.get('defer'),
      ({ sampler }) => sampler.manifest.image,
    );
    return renderPage(c, {
      title: 'Documentation',
      description: 'Every URL, parameter and error of an API for handwritten digits.',
      sample: 'code' in image ? undefined : image, // The documentation needs no model.
      body: (body ??= renderDocs(operations, securityContact)),
    });
  });
}

function renderDocs(operations: readonly Operation[], securityContact?: string): Markup {
  return html`<main id="main" class="prose">
        <h1>The digitmint API</h1>
        <p class="lead">
          Every endpoint is a public GET; only <code>/jobs</code> needs the owner’s key. The same for programs:
          <a href="/openapi.json">openapi.json</a>.
        </p>
        <nav aria-label="Contents">
          <ul>
            ${operations.map(
              ({ id, path, method, summary }) =>
                html`<li>
                  <a href="#${id}"><code>${nameOperation(method, path)}</code></a> ${summary}
                </li>`,
            )}
          </ul>
        </nav>
        ${operations.map((operation, i) => renderOperation(operation, operations.slice(0, i)))}
        <h2>Everywhere</h2>
        <ul>
          <li>
            The header <code>${HEADERS.warning}</code> names parameters that a route does not know;
            <code>strict=1</code> refuses them. Cache-busters (<code>v</code>, <code>t</code>, <code>_</code>, <code>cb</code>,
            <code>r</code>, <code>random</code>, <code>utm_…</code>) are accepted and ignored.
          </li>
          <li>A value beyond its limit is a 400 that names the allowed range. A URL has at most ${LIMITS.maxUrlLength} characters.</li>
          <li>
            Errors are problem details (RFC 9457) with a <a href="/errors">stable code</a> and the names of the parameters at
            fault. A request for a picture gets the error as a picture, unless <code>Accept</code> names
            <code>application/problem+json</code>. Errors are never cached.
          </li>
        </ul>
        <h2 id="security">Security</h2>
        <p>
          ${
            securityContact === undefined
              ? 'Report a vulnerability privately to the operator of this service. One in the software: on GitHub under “Security”, “Report a vulnerability”, in the repository of digitmint.'
              : html`Report a vulnerability privately to <a href="${securityContact}">${securityContact}</a>.`
          }
        </p>
      </main>`;
}

function nameOperation(method: Operation['method'], path: string): string {
  return method === undefined ? path : `${method} ${path}`;
}

function renderOperation(operation: Operation, before: readonly Operation[]) {
  const { id, path, method, summary, answers, errors = [], examples } = operation;
  const { pathParameters, query } = operation;
  // The same query parameters are listed only once.
  const same = before.find((each) => query !== undefined && each.query === query);
  return html`<section id="${id}">
    <h2><code>${nameOperation(method, path)}</code></h2>
    <p>${summary}: ${Object.keys(answers).map((type, i) => html`${i > 0 ? ', ' : ''}<code>${type}</code>`)}.</p>
    ${renderParameters({ ...pathParameters, ...(same === undefined ? query : {}) })}
    ${
      same === undefined
        ? ''
        : html`<p>
            Query parameters as for <a href="#${same.id}"><code>${same.path}</code></a
            >.
          </p>`
    }
    <ul>
      ${examples.map(
        (example) =>
          html`<li>
            <a href="${example}"><code>${example}</code></a>
          </li>`,
      )}
    </ul>
    ${
      errors.length > 0
        ? html`<p>
            Errors: ${errors.map((code, i) => html`${i > 0 ? ', ' : ''}<a href="/errors/${code}"><code>${code}</code></a>`)}.
          </p>`
        : ''
    }
  </section>`;
}

function renderParameters(parameters: ParameterSet) {
  const entries = Object.entries(parameters);
  return entries.length === 0
    ? ''
    : html`<table>
        <thead>
          <tr>
            <th>parameter</th>
            <th>what it does</th>
            <th>takes</th>
            <th>without it</th>
          </tr>
        </thead>
        <tbody>
          ${entries.map(
            ([name, parameter]) =>
              html`<tr>
                <td><code>${name}</code></td>
                <td>${parameter.about}</td>
                <td data-label="takes">${describeExpected(parameter)}</td>
                <td data-label="without it">${describeDefault(parameter)}</td>
              </tr>`,
          )}
        </tbody>
      </table>`;
}
