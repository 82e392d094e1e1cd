/** `GET /docs/reference`: every operation and parameter, with samples of code and results. */
import { html } from 'hono/html';
import { LIMITS } from '../../../shared/contract/limits.ts';
import { ROUTES, type Parameter } from '../../../shared/contract/parameters.ts';
import {
  describeDefault,
  describeExpected,
  type ParameterSet,
} from '../../../shared/contract/query.ts';
import { hasDigits } from '../../../shared/model/subject.ts';
import type { App } from '../../context.ts';
import type { AppDependencies } from '../../dependencies.ts';
import { HEADERS } from '../../http/headers.ts';
import { OF_PAGE, TAGS, type Operation, type OperationEntry } from '../../http/operation.ts';
import { findManifest } from '../../models/model-source.ts';
import type { Markup } from '../page.ts';
import { renderDocsPage, type Guides } from './frame.ts';
import { renderSubject } from './guides.ts';
import { writeSamples } from './samples.ts';

export const REFERENCE_OPERATION: OperationEntry = {
  id: 'getReference',
  path: '/docs/reference',
  ...OF_PAGE,
  summary: 'Every operation and parameter, with samples of code',
  examples: ['/docs/reference'],
};

export function addReferenceRoute(
  app: App,
  operations: readonly Operation[],
  guides: Guides,
  { modelSource, securityContact }: AppDependencies,
): void {
  app.get('/docs/reference', async (c) => {
    const manifest = await findManifest(modelSource, c.get('defer'));
    const areOthers = manifest !== undefined && !hasDigits(manifest.classes);
    const canShow = areOthers ? isGeneralPicture : isPicture;
    return renderDocsPage(c, guides, {
      title: 'API reference',
      description: 'Every URL, parameter and error of an API for handwritten digits.',
      path: '/docs/reference',
      body: html`${areOthers ? renderSubject(manifest) : ''}${renderReference(operations, c.get('base'), canShow, securityContact)}`,
    });
  });
}

function renderReference(
  operations: readonly Operation[],
  base: string,
  canShow: typeof isPicture,
  securityContact?: string,
): Markup {
  const groups = Object.entries(TAGS).map(([tag, about]) => ({
    tag,
    about,
    own: operations.filter((operation) => operation.tag === tag),
  }));
  return html`<h1>API reference</h1>
    <p class="lead">
      Every endpoint is public and needs no key; only <code>/jobs</code> needs the owner’s. The same for programs:
      <a href="/openapi.json">openapi.json</a>, for language models: <a href="/llms.txt">llms.txt</a>.
    </p>
    <p class="note needs-script">Requests to try need JavaScript, and the page’s script has not loaded.</p>
    <nav class="contents" aria-label="Operations">
      ${groups.map(
        ({ about, own }) =>
          html`<details>
            <summary>${about} <span class="soft">${own.length}</span></summary>
            <ul>
              ${own.map(({ id, path, method }) => html`<li><a href="#${id}"><code>${nameOperation(method, path)}</code></a></li>`)}
            </ul>
          </details>`,
      )}
      <ul>
        <li><a href="#parameters">All parameters</a></li>
        <li><a href="#everywhere">Everywhere</a></li>
      </ul>
    </nav>
    ${groups.map(
      ({ tag, about, own }) =>
        html`<h2 id="group-${tag}">${about}</h2>
          ${own.map((operation) => renderOperation(operation, base, canShow))}`,
    )}
    ${renderParameters()}
    <h2 id="everywhere">Everywhere</h2>
    <ul>
      <li>
        The header <code>${HEADERS.warning}</code> names parameters that a route does not know; <code>strict=1</code> refuses
        them. Cache-busters (<code>v</code>, <code>t</code>, <code>_</code>, <code>cb</code>, <code>r</code>,
        <code>random</code>) and trackers (<code>utm_…</code>, <code>fbclid</code>, <code>gclid</code>) are accepted and ignored.
      </li>
      <li>
        A value beyond its limit is a 400 that names the allowed range. A URL has at most ${LIMITS.maxUrlLength} characters.
        <a href="/limits">All limits</a>.
      </li>
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
    </p>`;
}

function nameOperation(method: Operation['method'], path: string): string {
  return method === undefined ? path : `${method} ${path}`;
}

/** Whether an example is a picture that a page can show. */
function isPicture(example: string): boolean {
  return /^\/(?:digit|number|morph)\S*\.(?:png|svg|gif)/.test(example);
}

/** The same where the model draws no digits. */
function isGeneralPicture(example: string): boolean {
  return isPicture(example) && !/^\/number|digits=|labels?=|\/\d/.test(example);
}

function renderOperation(operation: Operation, base: string, canShow: typeof isPicture): Markup {
  const { id, path, method, summary, answers, errors = [], examples, query = {} } = operation;
  const [example] = examples;
  const picture = examples.find(canShow);
  const entries = Object.entries(query);
  const own = entries.filter(([, parameter]) => !SHARED.has(parameter));
  const shared = entries.flatMap(([name, parameter]) => (SHARED.has(parameter) ? [name] : []));
  return html`<section id="${id}" class="operation">
    <h3><a class="anchor" href="#${id}"><code>${nameOperation(method, path)}</code></a></h3>
    <p>${summary}: ${join(Object.keys(answers).map((type) => html`<code>${type}</code>`))}.</p>
    ${renderTable(operation.pathParameters ?? {})} ${renderTable(Object.fromEntries(own), describeDefault)}
    ${renderNames('Parameters', shared, (name) => `#parameter-${name}`)} ${renderNames('Errors', errors, (code) => `/errors/${code}`)}
    ${picture === undefined ? '' : html`<p><img class="result" src="${picture}" alt="The answer to ${picture}" loading="lazy" /></p>`}
    ${example === undefined || method !== undefined ? '' : renderTry(id, examples)}
    ${renderSamples(id, writeSamples(operation, example ?? writePath(operation, base), base))}
  </section>`;
}

/** The path with the parameters that it requires. A reader replaces the names in capitals. */
function writePath({ path, query = {} }: Operation, base: string): string {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => name.toUpperCase());
  const required = Object.entries(query).filter(([, parameter]) => parameter.required === true);
  const pairs = required.map(([name, { example }]) => {
    const value = String(example).replace('https://YOUR-WORKER', () => base);
    return `${name}=${encodeURIComponent(value)}`;
  });
  return pairs.length === 0 ? filled : `${filled}?${pairs.join('&')}`;
}

/** A request that the visitor can change and send; the script shows it. */
function renderTry(id: string, examples: readonly string[]): Markup {
  return html`<form class="try" data-try>
    <label for="try-${id}">Try it</label>
    <input
      type="text"
      id="try-${id}"
      value="${examples[0]}"
      list="tries-${id}"
      spellcheck="false"
      autocapitalize="none"
      autocomplete="off"
    />
    <datalist id="tries-${id}">${examples.map((example) => html`<option value="${example}"></option>`)}</datalist>
    <button class="quiet">Send</button>
    <div class="answer" role="status"></div>
  </form>`;
}

/** Tabs without a script: a radio button for each language. */
function renderSamples(id: string, samples: readonly (readonly [string, string])[]): Markup {
  return html`<div class="tabs" role="group" aria-label="Code">
    ${samples.map(
      ([name, text], i) =>
        html`<input type="radio" name="code-${id}" id="code-${id}-${i}" data-language="${name}" ${i === 0 ? 'checked' : ''} />
          <label for="code-${id}-${i}">${name}</label>
          <div class="snippet">
            <pre id="text-${id}-${i}" tabindex="0" aria-label="${name}: ${id}"><code>${text}</code></pre>
            <button type="button" class="copy-button" data-copies="text-${id}-${i}" aria-label="Copy ${name}: ${id}">
              Copy
            </button>
          </div>`,
    )}
  </div>`;
}

/** A closed list of links: most readers need none of them. */
function renderNames(
  title: string,
  names: readonly string[],
  locate: (name: string) => string,
): Markup | string {
  return names.length === 0
    ? ''
    : html`<details class="names">
        <summary>${title} <span class="soft">${names.length}</span></summary>
        <p>${join(names.map((name) => html`<a href="${locate(name)}"><code>${name}</code></a>`))}</p>
      </details>`;
}

function join(items: readonly Markup[]): Markup[] {
  return items.map((item, i) => html`${i > 0 ? ', ' : ''}${item}`);
}

/** The parameters of the drawing routes: they stand in one table. */
const SHARED = new Set<Parameter>(Object.values(ROUTES).flatMap((route) => Object.values(route)));
const SHARED_NAMES = new Set(Object.values(ROUTES).flatMap((route) => Object.keys(route)));

function renderParameters(): Markup {
  return html`<h2 id="parameters">All parameters</h2>
    <p>The parameters of the routes that draw. A route’s own text is named where it differs.</p>
    <div class="wide" tabindex="0" role="region" aria-label="Parameters">
      <table>
        <thead>
          <tr>
            <th>parameter</th>
            <th>what it does</th>
            <th>takes</th>
            <th>without it</th>
          </tr>
        </thead>
        <tbody>
          ${[...SHARED_NAMES].map(renderRow)}
        </tbody>
      </table>
    </div>`;
}

/** A parameter, and what differs in routes after the first that has it. */
function renderRow(name: string): Markup {
  const entries = Object.entries(ROUTES as Readonly<Record<string, ParameterSet>>).flatMap(
    ([route, parameters]) =>
      parameters[name] === undefined ? [] : [[route, parameters[name]] as const],
  );
  /** The texts of the routes, each text once. */
  const tell = (write: (parameter: Parameter) => string) => {
    const texts = new Map<string, string[]>();
    for (const [route, parameter] of entries) {
      const text = write(parameter);
      texts.set(text, [...(texts.get(text) ?? []), `/${route}`]);
    }
    return [...texts].map(([text, routes], i) =>
      i === 0 ? html`${text}` : html`<br /><span class="soft">${routes.join(', ')}: ${text}</span>`,
    );
  };
  return html`<tr id="parameter-${name}">
    <td><code>${name}</code></td>
    <td>${tell(({ about }) => about)}</td>
    <td>${tell(describeExpected)}</td>
    <td>${tell((parameter) => describeDefault(parameter))}</td>
  </tr>`;
}

/** @param tellDefault  Says what holds without a parameter; empty for one that is required. */
function renderTable(
  parameters: ParameterSet,
  tellDefault: (parameter: Parameter) => string = () => '',
): Markup | string {
  const entries = Object.entries(parameters);
  return entries.length === 0
    ? ''
    : html`<dl class="own">
        ${entries.map(([name, parameter]) => {
          const without = tellDefault(parameter);
          return html`<dt><code>${name}</code></dt>
              <dd>
                ${parameter.about}: ${describeExpected(parameter)}.${without === '' ? '' : ` Without it: ${without}.`}
              </dd>`;
        })}
      </dl>`;
}
