/** Two loops, as /morph draws them; still pictures for whoever prefers less motion. */
import { html } from 'hono/html';
import { formatColour, type Colour } from '../../../shared/picture/colour.ts';
import type { Markup } from '../page.ts';
import { DARK_INK, hasDigits, INK, renderSnippet, type ModelView } from './model-view.ts';

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

export function renderLoops(view: ModelView, origin: string): Markup {
  const { manifest } = view;
  return html`<section id="loops" class="loops" aria-labelledby="loops-title">
    <h2 id="loops-title">Let them turn into one another</h2>
    <p class="lead">
      Seamless loops as animated PNG or GIF. The model draws every frame on the shortest way between two pictures.
    </p>
    <div class="loop-list">${listLoops(manifest).map((loop) => renderLoop(loop, view, origin))}</div>
  </section>`;
}

function renderLoop(
  { id, title, text, parameters, still }: Loop,
  { manifest }: ModelView,
  origin: string,
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
      ${renderSnippet(id, `URL of the loop: ${title}`, `${origin}/morph.gif?${shown}`)}
    </figcaption>
  </figure>`;
}
