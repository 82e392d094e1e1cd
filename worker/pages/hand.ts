/** `GET /hand`: draw one digit, and get numbers in your own hand. All of it runs in the browser. */
import { html } from 'hono/html';
import files from 'page-files';
import type { App } from '../context.ts';
import type { AppDependencies } from '../dependencies.ts';
import { withModel } from '../http/admission.ts';
import type { OperationEntry } from '../http/operation.ts';
import { renderPage, type Markup } from './page.ts';

export const HAND_PAGE_OPERATION: OperationEntry = {
  id: 'getHandPage',
  path: '/hand',
  kind: 'page',
  tag: 'pages',
  summary: 'Draw one digit, and get all ten in your hand, with a URL for any number',
  answers: { 'text/html': 'text' },
  errors: ['model_unavailable'],
  examples: ['/hand'],
};

export function addHandPageRoute(app: App, dependencies: AppDependencies): void {
  app.get('/hand', (c) =>
    withModel(c, dependencies, undefined, ({ sampler: { manifest } }) =>
      renderPage(c, {
        title: 'Your own hand',
        description: 'Draw one digit, and get numbers in your own handwriting from a URL.',
        kind: 'home',
        script: files.hand,
        sample: manifest.image,
        body: renderHand(manifest),
      }),
    ),
  );
}

function renderHand({
  name,
  version,
  classes,
}: {
  readonly name: string;
  readonly version: string;
  readonly classes: readonly string[];
}): Markup {
  return html`<main id="main" class="hand">
    <h1>Your own hand</h1>
    <p class="lead">
      Draw one digit. The network finds the hand that wrote it, and writes the others the same way: a URL for any number, for
      good.
    </p>
    <noscript><p class="note">This page needs JavaScript. <a href="/docs/reference#readHand">POST /hand</a> does the same.</p></noscript>
    <section id="hand" class="hand-desk" data-scribe="${files.scribe}" data-name="${name}" data-version="${version}" aria-label="Draw and read">
      <div class="hand-draw">
        <canvas id="hand-pad" class="hand-pad" role="img" aria-label="Draw one digit here with finger, mouse or pen, or choose a picture below"></canvas>
        <div class="hand-tools">
          <button type="button" class="quiet" id="hand-undo">Undo</button>
          <button type="button" class="quiet" id="hand-clear">Clear</button>
          <button type="button" class="quiet" id="hand-example">Example</button>
          <label class="quiet hand-file">Picture…<input type="file" id="hand-upload" accept="image/*" /></label>
          <label class="hand-which" for="hand-label">Digit
            <select id="hand-label">
              <option value="">guess</option>
              ${classes.map((each, label) => html`<option value="${label}">${each}</option>`)}
            </select>
          </label>
        </div>
        <p id="hand-status" class="soft" role="status">Loading the generator…</p>
        <p id="hand-fault" class="fault" role="alert" hidden></p>
        <p class="soft">Nothing that you draw leaves your browser, until you open or share a URL: it holds 64 numbers of your hand, no picture.</p>
      </div>
      <div class="hand-results" id="hand-results" hidden>
        <h2>All ten</h2>
        <div id="hand-digits" class="hand-digits">
          ${classes.map((each) => html`<canvas role="img" aria-label="${each} in your hand" width="28" height="28"></canvas>`)}
        </div>
        <h2><label for="hand-number">Any number</label></h2>
        <input type="text" id="hand-number" class="hand-number" value="2026" maxlength="32" inputmode="text" autocomplete="off" spellcheck="false" />
        <p id="hand-number-fault" class="fault" role="alert" hidden></p>
        <canvas id="hand-written" class="hand-written" role="img" aria-label="The number in your hand"></canvas>
        <div class="snippet">
          <pre><code id="hand-url" class="copy"></code></pre>
          <button type="button" class="copy-button" data-copies="hand-url">Copy</button>
        </div>
        <p><a id="hand-open" href="/docs/reference#readHand">Open it</a></p>
      </div>
    </section>
  </main>`;
}
