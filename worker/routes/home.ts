/**
 * `GET /`: sixteen fresh pictures, how to embed them, and which model drew them. What they show, only the model's name and
 * classes tell.
 */
import { html } from 'hono/html';
import { listClasses } from '../../shared/classes.ts';
import { chooseCols, measureSheet } from '../../shared/sheet.ts';
import { buildDigitUrl, DEFAULT_LOOK, type PinnedDigits } from '../../shared/contract/digit-query.ts';
import { getDefer, type App, type AppDependencies } from '../context.ts';
import { renderPage } from '../render/page.ts';
import { respondError } from '../respond-error.ts';
import type { Operation } from '../operation.ts';

export const HOME_OPERATION: Operation = {
  id: 'getHome',
  path: '/',
  routes: ['/'],
  kind: 'page',
  summary: 'Sixteen fresh digits and how to embed them',
  answers: { 'text/html': 'text' },
  errors: ['model_unavailable'],
  examples: ['/'],
};

const SHOWN = 16;

export function addHomeRoute(app: App, { generators, drawSeed }: AppDependencies): void {
  app.get('/', async (c) => {
    const acquired = await generators.acquire(undefined, getDefer(c));
    if (!acquired.ok) {
      return respondError(c, acquired.error);
    }
    const { generator, release } = acquired.lease;
    const { name, version, origin: source, sampler } = generator;
    const { training, image, classes } = sampler.manifest;
    release();
    const { origin } = new URL(c.req.url);
    const digits: PinnedDigits = {
      format: 'png',
      model: { name, version },
      seed: drawSeed(),
      start: 0,
      n: 1,
      label: undefined,
      number: undefined,
      cols: 1,
      ...DEFAULT_LOOK,
    };
    const fresh = `${origin}/digit.png?n=16&scale=4`;
    const single = `${origin}/digit.png?scale=4`;
    const example = classes.at(-1);
    const seeded = '/digit.png?seed=Ada+Lovelace&n=16&scale=4';
    const seededSize = measureSheet(image, SHOWN, { cols: chooseCols(SHOWN), scale: 4 });
    return renderPage(c, {
      title: `Freshly minted ${name}`,
      head: html`<link
        rel="alternate"
        type="application/json+oembed"
        href="${origin}/oembed?url=${encodeURIComponent(`${origin}/`)}"
        title="digitmint"
      />`,
      body: html`<header>
          <h1>digitmint</h1>
          <p class="lead">
            Pictures that nobody made: ${name}${classes.length > 0 ? ` (${listClasses(classes)})` : ''}, drawn this moment by a
            small neural network at the edge.
          </p>
        </header>
        <main>
          <ul class="digits">
            ${Array.from({ length: SHOWN }, (_, i) => {
              const url = buildDigitUrl({ ...digits, start: i });
              return html`<li>
                <a href="${url}"
                  ><img src="${url}" alt="${name}, number ${i + 1} of ${SHOWN}" width="${image.width}" height="${image.height}"
                /></a>
              </li>`;
            })}
          </ul>
          <a class="again" href="/">Mint sixteen more</a>

          <h2>Embed them</h2>
          <p>A new picture at every view. No key, no tracking; any page may show it.</p>
          <dl>
            <dt>URL</dt>
            <dd><pre class="copy">${fresh}</pre></dd>
            <dt>HTML</dt>
            <dd>
              <pre class="copy">
&lt;img src="${single}" alt="${name}, freshly minted" width="${image.width * 4}" height="${image.height * 4}"&gt;</pre>
            </dd>
            <dt>Markdown</dt>
            <dd><pre class="copy">![${name}, freshly minted](${single})</pre></dd>
            ${
              example === undefined
                ? ''
                : html`<dt>One class</dt>
                    <dd><pre class="copy">${single}&amp;label=${encodeURIComponent(example)}</pre></dd>`
            }
            <dt>JSON</dt>
            <dd><pre class="copy">${origin}/digit.json?n=16</pre></dd>
          </dl>

          <h2>Keep them</h2>
          <p>A seed gives the same pictures every time: a name, a number, anything.</p>
          <div class="example">
            <img
              src="${seeded}"
              alt="The sixteen pictures of one seed"
              width="${seededSize.width}"
              height="${seededSize.height}"
            />
            <pre class="copy">${origin}${seeded}</pre>
          </div>
          <p>The answer's <code>Link</code> header names its permanent URL, with the model's version, which never changes.</p>
        </main>
        <footer>
          Drawn by model <code>${name}@${version}</code> (${source === 'r2' ? 'published' : 'bundled with the worker'}; trained on
          ${training.dataset.name}). <a href="/docs">Documentation</a> · <a href="/healthz">Health</a> ·
          <a href="/errors">Errors</a>
        </footer>`,
    });
  });
}
