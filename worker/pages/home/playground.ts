/** The playground: a control for every parameter, the picture, and texts to copy. */
import { html } from 'hono/html';
import { formatColour, type Colour } from '../../../shared/picture/colour.ts';
import { NUMBER } from '../../../shared/contract/parameters.ts';
import { measureSheet } from '../../../shared/picture/sheet-layout.ts';
import { hasDigits } from '../../../shared/model/subject.ts';
import { chooseScale, type Markup } from '../page.ts';
import { renderControls } from './controls.ts';
import {
  DARK_INK,
  DARK_PAPER,
  describeMany,
  describeOne,
  INK,
  nameRoute,
  PAPER,
  renderSnippet,
  TRUNCATION,
  type ModelView,
} from './model-view.ts';

/** The first settings. The script builds the same URL from the controls. */
const FIRST = { n: 9, seed: 'Ada', scale: 3, margin: 12 };
const FIRST_COLS = 3;

const writeColours = (fg: Colour, bg: Colour) => ({
  fg: formatColour(fg),
  bg: formatColour(bg),
});
const [LIGHT, DARK] = [writeColours(INK, PAPER), writeColours(DARK_INK, DARK_PAPER)];

/** Example settings by the text of their button. */
function listExamples({ classes, image }: ModelView['manifest']): [title: string, query: string][] {
  const last = classes.at(-1);
  const examples: [title: string, query: string][] = [
    ['One, large', 'scale=10&smooth=1'],
    ['A sheet of 100', `n=100&cols=10&scale=${chooseScale(10 * image.width, 560)}&seed=Ada`],
  ];
  if (last !== undefined) {
    const scale = String(chooseScale(4 * image.width, 512));
    const query = new URLSearchParams({ n: '16', scale, label: last });
    examples.push([`Only “${last}”`, query.toString()]);
  }
  if (image.channels === 1) {
    const ink = 'fg=1d2430&bg=transparent&dark_fg=e8eaee';
    examples.push(
      ['Your colours', 'n=9&seed=Ada&scale=5&gap=10&margin=20&fg=0b7a5b&bg=dff5ec&smooth=1'],
      ['Follows dark mode', `format=svg&n=12&cols=6&seed=Ada&scale=3&${ink}&smooth=1`],
    );
  }
  if (hasDigits(classes)) {
    examples.push(['A number', 'digits=31415&seed=Ada&scale=5&smooth=1&margin=10']);
  }
  return [
    ...examples,
    ['For a terminal', 'format=txt&n=4&seed=Ada'],
    ['As numbers', 'format=json&n=2&seed=Ada'],
  ];
}

/** @param models  The names of all models. */
export function renderPlayground(
  { manifest }: ModelView,
  base: string,
  models: readonly string[],
): Markup {
  const { name, version, image, classes } = manifest;
  const { n, seed, scale, margin } = FIRST;
  const alt = `${n} ${describeMany(manifest)}`;
  const { width, height } = measureSheet(image, n, { cols: FIRST_COLS, scale, margin });
  // A colour model has no ink and no paper.
  const colours = image.channels === 1 ? LIGHT : {};
  // In the order of the controls, as the script writes it.
  const values: Readonly<Record<string, string>> = {
    seed,
    n: String(n),
    scale: String(scale),
    ...colours,
    truncation: String(TRUNCATION),
    margin: String(margin),
    smooth: '1',
  };
  const route = nameRoute(manifest);
  const path = `/${route}.png?${new URLSearchParams(values).toString()}`;
  const url = base + path;
  const snippets = {
    URL: url,
    HTML: `<img src="${url.replaceAll('&', '&amp;')}" alt="${alt}" width="${width}" height="${height}" />`,
    Markdown: `![${alt}](${url})`,
    curl: `curl -o ${route}s.png "${url}"`,
  };
  return html`<section id="play" class="play" aria-labelledby="play-title">
    <h2 id="play-title">Play with the URL</h2>
    <p class="lead">Change what the URL says. When you like the picture, copy its URL.</p>
    <p class="note needs-script">
      The controls need JavaScript, and the page’s script has not loaded. The URLs need none:
      <a href="/docs/reference#parameters">the reference</a> lists every parameter.
    </p>
    <div class="examples" role="group" aria-label="Examples">
      ${listExamples(manifest).map(([title, query]) => html`<button type="button" class="quiet example" data-query="${query}">${title}</button>`)}
    </div>
    <div class="bench">
      <form
        id="play-form"
        class="controls"
        autocomplete="off"
        novalidate
        aria-label="Parameters"
        data-dark="${image.channels === 1 ? new URLSearchParams(DARK).toString() : ''}"
      >
        <div class="segments" role="radiogroup" aria-label="What to draw" ${hasDigits(classes) ? '' : 'hidden'}>
          <label
            ><input type="radio" name="route" value="${route}" checked /><span>${route === 'digit' ? 'Digits' : 'Pictures'} <code>/${route}</code></span></label
          >
          <label
            ><input type="radio" name="route" value="number" /><span>A number <code>/number</code></span></label
          >
        </div>
        ${renderControls({ classes, route, image, models: [...new Set([name, `${name}@${version}`, ...models])], values: { ...values, digits: NUMBER.example, format: 'png' } })}
      </form>
      <div class="stage">
        <figure>
          <div class="paper" id="play-paper">
            <img id="play-picture" src="${path}" alt="${alt}" width="${width}" height="${height}" />
            <pre id="play-text" tabindex="0" aria-label="The answer" hidden></pre>
          </div>
          <figcaption id="play-caption" aria-live="polite"></figcaption>
        </figure>
        <p class="fault" id="play-fault" role="alert" hidden></p>
        <fieldset class="segments pin">
          <legend>The URL to copy</legend>
          <label
            ><input type="radio" name="pin" value="floating" checked form="pin-form" /><span>Follows the newest model</span></label
          >
          <label><input type="radio" name="pin" value="pinned" form="pin-form" /><span>Never changes</span></label>
        </fieldset>
        <p class="soft" id="pin-note">The seed keeps this answer until there is a newer model.</p>
        <dl class="snippets" id="snippets" data-model="${name}" data-many="${describeMany(manifest)}" data-one="${describeOne(manifest)}" ${hasDigits(classes) ? 'data-digits' : ''}>
          ${Object.entries(snippets).map(
            ([title, text]) =>
              html`<dt>${title}</dt>
                <dd>${renderSnippet(`snippet-${title.toLowerCase()}`, title, text)}</dd>`,
          )}
        </dl>
      </div>
    </div>
  </section>`;
}
