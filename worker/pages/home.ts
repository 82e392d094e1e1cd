/** `GET /`: new pictures, a playground, a walk through the latent space, loops, the model. */
import { html } from 'hono/html';
import { buildUrl, fillDefaults, type Pinned } from '../../shared/contract/query.ts';
import type { Colour } from '../../shared/picture/colour.ts';
import type { App } from '../context.ts';
import type { AppDependencies } from '../dependencies.ts';
import { respondFault } from './fault.ts';
import { renderAboutModel } from './home/about-model.ts';
import { renderExplorer } from './home/explorer.ts';
import { renderLoops } from './home/loops.ts';
import {
  DARK_INK,
  describeClasses,
  describeTitle,
  describeTraining,
  INK,
  nameRoute,
  renderSnippet,
  TRUNCATION,
  type ModelView,
} from './home/model-view.ts';
import { renderPlayground } from './home/playground.ts';
import { renderTiles } from './home/tiles.ts';
import { renderPage, type Markup } from './page.ts';
import { withModel } from '../http/admission.ts';
import { OF_PAGE, type OperationEntry } from '../http/operation.ts';
import type { LoadedModel } from '../models/model-cache.ts';

export const HOME_OPERATION: OperationEntry = {
  id: 'getHome',
  path: '/',
  ...OF_PAGE,
  summary: 'Sixteen new digits, a playground for every parameter, and the generator in the browser',
  errors: ['model_unavailable'],
  examples: ['/'],
};

export function addHomeRoute(app: App, dependencies: AppDependencies): void {
  app.get('/', (c) => {
    const renderHome = async ({ sampler: { manifest, plan }, origin: source }: LoadedModel) => {
      const { models } = await dependencies.modelSource.list(c.get('defer'));
      const names = models.map((model) => model.name);
      const view: ModelView = { manifest, plan, source };
      const base = c.get('base');
      return renderPage(c, {
        title: `${describeTitle(manifest)}, from a URL`,
        kind: 'home',
        description: `${describeTitle(manifest)} from a small neural network, for any page, data set or lesson. No key.`,
        sample: manifest.image,
        head: html`<link
          rel="alternate"
          type="application/json+oembed"
          href="${base}/oembed?url=${encodeURIComponent(`${base}/`)}"
          title="digitmint"
        />`,
        body: html`<main id="main">
          ${renderHero(view, base, dependencies.drawSeed())} ${renderTiles(view, base)} ${renderPlayground(view, base, names)}
          ${renderExplorer(view)} ${renderLoops(view, base)} ${renderAboutModel(view)}
        </main>`,
      });
    };
    return withModel(c, dependencies, undefined, renderHome, (error) => respondFault(c, error));
  });
}

const SHOWN = 16;
const NOTHING: Colour = [0, 0, 0, 0];

/** The top of the page: sixteen new pictures, each a link to its permanent URL. */
function renderHero({ manifest }: ModelView, base: string, seed: string): Markup {
  const { name, version, image } = manifest;
  // A grey model draws outlines in the page's ink; another keeps its own colours.
  const look =
    image.channels === 1
      ? ({ format: 'svg', fg: INK, bg: NOTHING, dark_fg: DARK_INK, smooth: true } as const)
      : ({ format: 'png' } as const);
  const digit: Pinned<'digit'> = {
    ...fillDefaults('digit', {}),
    model: { name, version },
    seed,
    truncation: TRUNCATION,
    ...look,
  };
  return html`<section class="hero">
    <div class="say">
      <h1>${describeTitle(manifest)}, from a URL.</h1>
      <p class="lead">
        A small neural network draws them${describeClasses(manifest)}. It learned from ${describeTraining(manifest)}. Every view shows new ones; with a
        seed they stay the same.
      </p>
    </div>
    <ul class="digits" id="digits" data-moves>
      ${Array.from({ length: SHOWN }, (_, i) => {
        const url = buildUrl('digit', { ...digit, start: i });
        return html`<li>
          <a href="${url}"
            ><img
              src="${url}"
              alt="${describeTitle(manifest)}: number ${i + 1} of ${SHOWN}"
              width="${image.width}"
              height="${image.height}"
          /></a>
        </li>`;
      })}
    </ul>
    <div class="do">
      ${renderSnippet('hero-url', 'URL', `${base}/${nameRoute(manifest)}.png`)}
      <p class="actions">
        <a class="button" href="/" data-again>Draw new ones</a> <a class="quiet" href="#play">Play with it</a>
        <button type="button" class="quiet" data-pauses="digits" hidden>Pause</button>
      </p>
    </div>
  </section>`;
}
