/**
 * The top of the page: sixteen new pictures, each a link to its permanent URL.
 */
import { html } from 'hono/html';
import { listClasses } from '../../../shared/model/classes.ts';
import type { Colour } from '../../../shared/picture/colour.ts';
import { buildUrl, fillDefaults, type Pinned } from '../../../shared/contract/query.ts';
import type { Markup } from '../page.ts';
import { DARK_INK, INK, type ModelView } from './model-view.ts';
import { renderSnippet } from './snippet.ts';

const SHOWN = 16;

const NOTHING: Colour = [0, 0, 0, 0];

/** @param seed  A new one for every view. */
export function renderHero(view: ModelView, origin: string, seed: string): Markup {
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
