/**
 * The top of the page: sixteen fresh pictures, each a link to its own permanent URL.
 */
import { html } from 'hono/html';
import { listClasses } from '../../../shared/model/classes.ts';
import type { Colour } from '../../../shared/picture/colour.ts';
import {
  buildDigitUrl,
  DEFAULT_LOOK,
  type PinnedDigits,
} from '../../../shared/contract/digit-query.ts';
import type { Markup } from '../page.ts';
import { DARK_INK, INK, type ModelView } from './model-view.ts';
import { renderSnippet } from './snippet.ts';

const SHOWN = 16;

const NOTHING: Colour = [0, 0, 0, 0];

/** Outlines in the page's ink; a model of colours is shown as it draws. */
function chooseLook({
  image,
}: ModelView['manifest']): Pick<PinnedDigits, 'format' | 'fg' | 'bg' | 'darkFg' | 'smooth'> {
  return image.channels === 1
    ? { format: 'svg', fg: INK, bg: NOTHING, darkFg: DARK_INK, smooth: true }
    : { format: 'png', fg: DEFAULT_LOOK.fg, bg: DEFAULT_LOOK.bg, darkFg: undefined, smooth: false };
}

/** @param seed  What the pictures are of: a fresh one at every view. */
export function renderHero(view: ModelView, origin: string, seed: string): Markup {
  const { name, version, image, classes } = view.manifest;
  const digits: PinnedDigits = {
    model: { name, version },
    seed,
    start: 0,
    n: 1,
    label: undefined,
    number: undefined,
    cols: 1,
    ...DEFAULT_LOOK,
    ...chooseLook(view.manifest),
  };
  return html`<section class="hero">
    <div>
      <h1>Freshly minted ${name}, from a URL.</h1>
      <p class="lead">
        Pictures that nobody made: ${name}${classes.length > 0 ? ` (${listClasses(classes)})` : ''}, drawn this moment by a small
        neural network at the edge.
      </p>
      ${renderSnippet('hero-url', 'URL', `${origin}/digit.png`)}
      <p class="soft">Put it into any page: a new picture at every view, or the same for good once you name a seed.</p>
      <p class="actions">
        <a class="button" href="/" data-again>Mint sixteen more</a> <a class="quiet" href="#play">Play with it</a>
      </p>
    </div>
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
  </section>`;
}
