/**
 * `GET /`: sixteen new pictures, a playground, a walk through the latent space, loops, and facts
 * about the model. Only the model's name and classes say what the pictures show.
 */
import { html } from 'hono/html';
import type { App } from '../context.ts';
import type { AppDependencies } from '../dependencies.ts';
import { renderAboutModel } from './home/about-model.ts';
import { renderExplorer } from './home/explorer.ts';
import { renderHero } from './home/hero.ts';
import { renderLoops } from './home/loops.ts';
import type { ModelView } from './home/model-view.ts';
import { renderPlayground } from './home/playground.ts';
import { renderPage } from './page.ts';
import { withModel } from '../http/admission.ts';
import type { Operation } from '../http/operation.ts';

export const HOME_OPERATION: Operation = {
  id: 'getHome',
  path: '/',
  routes: ['/'],
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
