/** The playground: a control for every parameter, the picture, and texts to copy. */
import { html } from 'hono/html';
import { measureSheet } from '../../../shared/picture/sheet.ts';
import type { Markup } from '../page.ts';
import { renderControls } from './controls.ts';
import { hasDigits, renderSnippet, type ModelView } from './model-view.ts';

/** The first settings. The script builds the same URL from the controls. */
const FIRST = { n: 16, seed: 'Ada', scale: 4 };
const FIRST_COLS = 4;

/** Example settings by the text of their button. */
function listExamples({ classes, image }: ModelView['manifest']): [title: string, query: string][] {
  const last = classes.at(-1);
  const examples: [title: string, query: string][] = [
    ['One, large', 'scale=10&smooth=1'],
    ['A sheet of 100', 'n=100&cols=10&scale=2&seed=Ada'],
  ];
  if (last !== undefined) {
    const query = new URLSearchParams({ n: '16', scale: '4', label: last });
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

export function renderPlayground({ manifest }: ModelView, base: string): Markup {
  const { name, version, image, classes } = manifest;
  const alt = `${name}, made by a neural network`;
  const { n, seed, scale } = FIRST;
  const { width, height } = measureSheet(image, n, { cols: FIRST_COLS, scale });
  const path = `/digit.png?seed=${seed}&n=${n}&scale=${scale}`;
  const url = `${base}${path}`;
  const values = { n: String(n), seed, scale: String(scale), format: 'png' };
  return html`<section id="play" class="play" aria-labelledby="play-title">
    <h2 id="play-title">Play with the URL</h2>
    <p class="lead">Try every parameter of the API. When you like the picture, copy its URL.</p>
    <noscript
      ><p class="note">
        The controls need JavaScript; the URLs do not. <a href="/docs">The documentation</a> lists every parameter.
      </p></noscript
    >
    <div class="examples" role="group" aria-label="Examples">
      ${listExamples(manifest).map(([title, query]) => html`<button type="button" class="example" data-query="${query}">${title}</button>`)}
    </div>
    <div class="bench">
      <form id="play-form" class="controls" autocomplete="off" novalidate aria-label="Parameters" data-name="${name}">
        <div class="segments" role="radiogroup" aria-label="What to draw">
          <label
            ><input type="radio" name="route" value="digit" checked /><span>Digits <code>/digit</code></span></label
          >
          <label
            ><input type="radio" name="route" value="number" /><span>A number <code>/number</code></span></label
          >
        </div>
        ${renderControls({ classes, models: [name, `${name}@${version}`], values })}
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
          <label><input type="radio" name="pin" value="floating" checked form="pin-form" /><span>Floating</span></label>
          <label><input type="radio" name="pin" value="pinned" form="pin-form" /><span>Pinned</span></label>
        </fieldset>
        <p class="soft" id="pin-note">Your URL: the seed keeps the digits until a newer model redraws them.</p>
        <dl class="snippets" id="snippets" data-alt="${alt}">
          <dt>URL</dt>
          <dd>${renderSnippet('snippet-url', 'URL', url)}</dd>
          <dt>HTML</dt>
          <dd>
            ${renderSnippet('snippet-html', 'HTML', `<img src="${path.replaceAll('&', '&amp;').replace(/^/, base)}" alt="${alt}" width="${width}" height="${height}">`)}
          </dd>
          <dt>Markdown</dt>
          <dd>${renderSnippet('snippet-markdown', 'Markdown', `![${alt}](${url})`)}</dd>
          <dt>curl</dt>
          <dd>${renderSnippet('snippet-curl', 'curl', `curl -o digits.png '${url}'`)}</dd>
        </dl>
      </div>
    </div>
  </section>`;
}
