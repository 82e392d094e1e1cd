/** `GET /`: new pictures, a playground, a walk through the latent space, loops, the model. */
import { html } from 'hono/html';
import { buildUrl, fillDefaults, type Pinned } from '../../shared/contract/query.ts';
import { listClasses } from '../../shared/model/classes.ts';
import type { Colour } from '../../shared/picture/colour.ts';
import type { App } from '../context.ts';
import type { AppDependencies } from '../dependencies.ts';
import { renderAboutModel } from './home/about-model.ts';
import { renderExplorer } from './home/explorer.ts';
import { renderLoops } from './home/loops.ts';
import { DARK_INK, INK, renderSnippet, type ModelView } from './home/model-view.ts';
import { renderPlayground } from './home/playground.ts';
import { renderPage, type Markup } from './page.ts';
import { withModel } from '../http/admission.ts';
import type { OperationEntry } from '../http/operation.ts';

export const HOME_OPERATION: OperationEntry = {
  id: 'getHome',
  path: '/',
  kind: 'page',
  summary: 'Sixteen new digits, a playground for every parameter, and the generator in the browser',
  answers: { 'text/html': 'text' },
  errors: ['model_unavailable'],
  examples: ['/'],
};

export function addHomeRoute(app: App, dependencies: AppDependencies): void {
  app.get('/', (c) =>
    withModel(c, dependencies, undefined, ({ sampler: { manifest, plan }, origin: source }) => {
      const view: ModelView = { manifest, plan, source };
      const { origin } = c.get('url');
      return renderPage(c, {
        title: `Freshly minted ${manifest.name}`,
        isScripted: true,
        head: html`<meta name="description" content="Freshly minted ${manifest.name} from a URL, for any page." />
          <link
            rel="alternate"
            type="application/json+oembed"
            href="${origin}/oembed?url=${encodeURIComponent(`${origin}/`)}"
            title="digitmint"
          />`,
        body: html`<main id="main">
          ${renderHero(view, origin, dependencies.drawSeed())} ${renderPlayground(view, origin)} ${renderExplorer(view)}
          ${renderLoops(view, origin)} ${renderAboutModel(view)}
        </main>`,
      });
    }),
  );
}

const SHOWN = 16;
const NOTHING: Colour = [0, 0, 0, 0];

/** The top of the page: sixteen new pictures, each a link to its permanent URL. */
function renderHero(view: ModelView, origin: string, seed: string): Markup {
  const { name, version, image, classes } = view.manifest;
  // A grey model draws outlines in the page's ink; another keeps its own colours.
  const look =
    image.channels === 1
      ? ({ format: 'svg', fg: INK, bg: NOTHING, dark_fg: DARK_INK, smooth: true } as const)
      : ({ format: 'png' } as const);
  const digit: Pinned<'digit'> = {
    ...fillDefaults('digit', {}),
    model: { name, version },
    seed,
    ...look,
  };
  return html`<section class="hero">
    <div>
      <h1>Freshly minted ${name}, from a URL.</h1>
      <p class="lead">
        Pictures from a small neural network: ${name}${classes.length > 0 ? ` (${listClasses(classes)})` : ''}. Every request
        draws new ones.
      </p>
      ${renderSnippet('hero-url', 'URL', `${origin}/digit.png`)}
      <p class="soft">Put it into any page: every view shows a new picture. With a seed it is always the same one.</p>
      <p class="actions">
        <a class="button" href="/" data-again>Mint sixteen more</a> <a class="quiet" href="#play">Play with it</a>
      </p>
    </div>
    <ul class="digits">
      ${Array.from({ length: SHOWN }, (_, i) => {
        const url = buildUrl('digit', { ...digit, start: i });
        return html`<li>
          <a href="${url}"
            ><img src="${url}" alt="${name}, number ${i + 1} of ${SHOWN}" width="${image.width}" height="${image.height}"
          /></a>
        </li>`;
      })}
    </ul>
  </section>`;
}
