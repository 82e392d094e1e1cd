/** `GET /`: new pictures, a playground, a walk through the latent space, loops, the model. */
import { html } from 'hono/html';
import { buildUrl, fillDefaults, type Pinned } from '../../shared/contract/query.ts';
import { listClasses } from '../../shared/model/classes.ts';
import { formatColour, type Colour } from '../../shared/picture/colour.ts';
import type { App } from '../context.ts';
import type { AppDependencies } from '../dependencies.ts';
import { renderAboutModel } from './home/about-model.ts';
import { renderExplorer } from './home/explorer.ts';
import { DARK_INK, hasDigits, INK, renderSnippet, type ModelView } from './home/model-view.ts';
import { renderPlayground } from './home/playground.ts';
import { renderPage, type Markup } from './page.ts';
import { withModel } from '../http/admission.ts';
import type { OperationEntry } from '../http/operation.ts';

export const HOME_OPERATION: OperationEntry = {
  id: 'getHome',
  path: '/',
  kind: 'page',
  tag: 'pages',
  summary: 'Sixteen new digits, a playground for every parameter, and the generator in the browser',
  answers: { 'text/html': 'text' },
  errors: ['model_unavailable'],
  examples: ['/'],
};

export function addHomeRoute(app: App, dependencies: AppDependencies): void {
  app.get('/', (c) =>
    withModel(c, dependencies, undefined, ({ sampler: { manifest, plan }, origin: source }) => {
      const view: ModelView = { manifest, plan, source };
      const base = c.get('base');
      return renderPage(c, {
        title: `Freshly minted ${manifest.name}`,
        isScripted: true,
        description: `Freshly minted ${manifest.name} from a URL, for any page.`,
        sample: manifest.image,
        head: html`<link
          rel="alternate"
          type="application/json+oembed"
          href="${base}/oembed?url=${encodeURIComponent(`${base}/`)}"
          title="digitmint"
        />`,
        body: html`<main id="main">
          ${renderHero(view, base, dependencies.drawSeed())} ${renderPlayground(view, base)} ${renderExplorer(view)}
          ${renderLoops(view, base)} ${renderAboutModel(view)}
        </main>`,
      });
    }),
  );
}

const SHOWN = 16;
const NOTHING: Colour = [0, 0, 0, 0];

/** The top of the page: sixteen new pictures, each a link to its permanent URL. */
function renderHero(view: ModelView, base: string, seed: string): Markup {
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
      ${renderSnippet('hero-url', 'URL', `${base}/digit.png`)}
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

/** A loop without `scale`: the file is small, and the browser enlarges it. */
interface Loop {
  readonly id: string;
  readonly title: string;
  readonly text: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** The parameters of the still picture. */
  readonly still: Readonly<Record<string, string>>;
}

const CLASS_BY_CLASS: Loop = {
  id: 'loop-digits',
  title: 'Class by class',
  text: 'Any sequence of digits in one handwriting: a countdown, a year, a sum that changes.',
  parameters: { digits: '0123456789', frames: '6', fps: '15' },
  still: { label: '0' },
};

function listLoops({ name, classes }: ModelView['manifest']): Loop[] {
  const last = classes.at(-1);
  const still = last === undefined ? {} : { label: last };
  const [title, text] =
    last === undefined
      ? ['From one to the next', `Every frame is one of the ${name}, never a blend of two.`]
      : ['Hand by hand', `Always “${last}”, as different people write it.`];
  const parameters = { n: '4', frames: '8', fps: '15', ...still };
  const loop = { id: 'loop-hands', title, text, parameters, still };
  return hasDigits(classes) ? [CLASS_BY_CLASS, loop] : [loop];
}

/** Two loops, as /morph draws them; still pictures for whoever prefers less motion. */
function renderLoops(view: ModelView, base: string): Markup {
  const { manifest } = view;
  return html`<section id="loops" class="loops" aria-labelledby="loops-title">
    <h2 id="loops-title">Let them turn into one another</h2>
    <p class="lead">
      Seamless loops as animated PNG or GIF. The model draws every frame on the shortest way between two pictures.
    </p>
    <div class="loop-list">${listLoops(manifest).map((loop) => renderLoop(loop, view, base))}</div>
  </section>`;
}

function renderLoop(
  { id, title, text, parameters, still }: Loop,
  { manifest }: ModelView,
  base: string,
): Markup {
  const { name, version, image } = manifest;
  const isGrey = image.channels === 1;
  const write = (path: string, told: Readonly<Record<string, string>>, ink: Colour): string =>
    `${path}?${new URLSearchParams({ seed: 'Ada', ...told, ...(isGrey && { fg: formatColour(ink), bg: 'transparent' }) }).toString()}&model=${name}@${version}`;
  const dark = '(prefers-color-scheme: dark)';
  const calm = '(prefers-reduced-motion: reduce)';
  const shown = new URLSearchParams({ seed: 'Ada', ...parameters, scale: '4' }).toString();
  return html`<figure class="loop">
    <picture>
      <source media="${calm} and ${dark}" srcset="${write('/digit.png', still, DARK_INK)}" />
      <source media="${calm}" srcset="${write('/digit.png', still, INK)}" />
      <source media="${dark}" srcset="${write('/morph.png', parameters, DARK_INK)}" />
      <img
        src="${write('/morph.png', parameters, INK)}"
        alt="${title}: a loop of ${name}"
        width="${image.width * 4}"
        height="${image.height * 4}"
        loading="lazy"
      />
    </picture>
    <figcaption>
      <h3>${title}</h3>
      <p>${text}</p>
      ${renderSnippet(id, `URL of the loop: ${title}`, `${base}/morph.gif?${shown}`)}
    </figcaption>
  </figure>`;
}
