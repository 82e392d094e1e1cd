/** Loops in which pictures turn into one another, as /morph draws them. Each can be paused. */
import { html } from 'hono/html';
import { hasDigits } from '../../../shared/model/subject.ts';
import { formatColour, type Colour } from '../../../shared/picture/colour.ts';
import { chooseScale, type Markup } from '../page.ts';
import {
  DARK_INK,
  describeMany,
  INK,
  renderSnippet,
  TRUNCATION,
  type ModelView,
} from './model-view.ts';

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
  title: 'Digit by digit',
  text: 'Any digits in one hand: a countdown, a year, a sum that changes.',
  parameters: { digits: '0123456789', frames: '6', fps: '15' },
  still: { label: '0' },
};

function listLoops(manifest: ModelView['manifest']): Loop[] {
  const { classes } = manifest;
  const last = classes.at(-1);
  const still = last === undefined ? {} : { label: last };
  const [title, text] =
    last === undefined
      ? [
          'From one to the next',
          `The network draws every frame. No frame is a blend of two pictures.`,
        ]
      : hasDigits(classes)
        ? ['Hand by hand', `Always “${last}”, as different people write it.`]
        : ['From one to the next', `Always “${last}”, each a little different.`];
  const parameters = { n: '4', frames: '8', fps: '15', ...still };
  const loop = { id: 'loop-hands', title, text, parameters, still };
  return hasDigits(classes) ? [CLASS_BY_CLASS, loop] : [loop];
}

export function renderLoops(view: ModelView, base: string): Markup {
  const { manifest } = view;
  return html`<section id="loops" class="loops" aria-labelledby="loops-title">
    <h2 id="loops-title">Let them turn into one another</h2>
    <p class="lead">
      Seamless loops as animated PNG or GIF. The model draws every frame on the shortest way between two pictures.
    </p>
    <div class="loop-list">${listLoops(manifest).map((loop) => renderLoop(loop, view, base))}</div>
  </section>`;
}

const DARK = '(prefers-color-scheme: dark)';

function renderLoop(
  { id, title, text, parameters, still }: Loop,
  { manifest }: ModelView,
  base: string,
): Markup {
  const { name, version, image } = manifest;
  const own = { seed: 'Ada', truncation: String(TRUNCATION) };
  const write = (path: string, told: Readonly<Record<string, string>>, ink: Colour): string => {
    const colours = image.channels === 1 && { fg: formatColour(ink), bg: 'transparent' };
    const query = new URLSearchParams({ ...own, ...told, ...colours }).toString();
    return `${path}?${query}&model=${name}@${version}`;
  };
  const scale = String(chooseScale(image.width, 128));
  const shown = new URLSearchParams({ ...own, ...parameters, scale }).toString();
  // The script starts a loop by giving its sources their conditions. Without it nothing moves that
  // cannot be paused.
  return html`<figure class="loop">
    <picture id="${id}-picture">
      <source data-loop="${DARK}" media="not all" srcset="${write('/morph.png', parameters, DARK_INK)}" />
      <source data-loop="all" media="not all" srcset="${write('/morph.png', parameters, INK)}" />
      <source media="${DARK}" srcset="${write('/digit.png', still, DARK_INK)}" />
      <img
        src="${write('/digit.png', still, INK)}"
        alt="${title}: a loop of ${describeMany(manifest)}"
        width="${image.width * 4}"
        height="${image.height * 4}"
        loading="lazy"
      />
    </picture>
    <figcaption>
      <h3>${title}</h3>
      <p>${text}</p>
      <p>
        <button type="button" class="quiet" data-pauses="${id}-picture" aria-label="Pause: ${title}" hidden>Pause</button>
      </p>
      ${renderSnippet(id, `URL of the loop: ${title}`, `${base}/morph.gif?${shown}`)}
    </figcaption>
  </figure>`;
}
