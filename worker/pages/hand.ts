/** `GET /hand`: draw one digit, and get numbers in your own hand. All of it runs in the browser. */
import { html } from 'hono/html';
import files from 'page-files';
import type { Manifest } from '../../shared/model/artifact.ts';
import { hasDigits } from '../../shared/model/subject.ts';
import type { App } from '../context.ts';
import type { AppDependencies } from '../dependencies.ts';
import { doWork, LIGHT_WORK, withModel } from '../http/admission.ts';
import { OF_PAGE, WORK_ERRORS, type OperationEntry } from '../http/operation.ts';
import type { LoadedModel } from '../models/model-cache.ts';
import { respondFault } from './fault.ts';
import { renderPage, type Markup } from './page.ts';

export const HAND_PAGE_OPERATION: OperationEntry = {
  id: 'getHandPage',
  path: '/hand',
  ...OF_PAGE,
  summary: 'Draw one digit, and get all ten in your hand, with a URL for any number',
  errors: WORK_ERRORS,
  examples: ['/hand'],
};

export function addHandPageRoute(app: App, dependencies: AppDependencies): void {
  app.get('/hand', (c) => {
    const render = async (loaded: LoadedModel): Promise<Response> => {
      const { manifest } = loaded.sampler;
      const { name, classes } = manifest;
      const encoder = await doWork(c, dependencies, LIGHT_WORK, () =>
        dependencies.encoders.open(loaded, c.get('defer')),
      );
      if ('code' in encoder && encoder.code !== 'encoder_not_found') {
        return respondFault(c, encoder);
      }
      const canRead = !('code' in encoder) && hasDigits(classes);
      return renderPage(c, {
        title: 'Your own hand',
        description: 'Draw one digit, and get numbers in your own handwriting from a URL.',
        kind: canRead ? 'home' : 'plain',
        script: files.hand,
        sample: manifest.image,
        body: canRead ? renderHand(manifest) : renderUnable(name),
      });
    };
    return withModel(c, dependencies, undefined, render, (error) => respondFault(c, error));
  });
}

/** The page of a model that reads no hand. */
function renderUnable(name: string): Markup {
  return html`<main id="main" class="prose">
    <h1>Your own hand</h1>
    <p>The model <a href="/models/${name}">${name}</a> cannot read a handwritten digit: it draws none, or has no encoder.</p>
    <p><a href="/docs/hand">The guide</a> says how a model gets an encoder.</p>
  </main>`;
}

/** Outlines in the page's ink, in the hand of a seed. */
const SAMPLE_LOOK = 'seed=ink&fg=1d2430&bg=transparent&dark_fg=e8eaee&smooth=1';

function renderHand({ name, version, classes, image }: Manifest): Markup {
  return html`<main id="main" class="hand">
    <h1>Your own hand</h1>
    <p class="lead">
      Draw one digit. The network writes every number in your hand, at a URL that never changes.
    </p>
    <p class="note needs-script">
      Drawing needs JavaScript, and the page’s script has not loaded.
      <a href="/docs/reference#readHand">POST /hand</a> does the same with a picture.
    </p>
    <section id="hand" class="hand-desk" data-scribe="${files.scribe}" data-name="${name}" data-version="${version}" aria-label="Draw and read">
      <div class="hand-draw">
        <div class="hand-pad">
          <canvas id="hand-pad" role="img" aria-label="Draw one digit here with finger, mouse or pen, or choose a picture below"></canvas>
        </div>
        <div class="hand-tools">
          <button type="button" class="quiet" id="hand-undo">Undo</button>
          <button type="button" class="quiet" id="hand-clear">Clear</button>
          <button type="button" class="quiet" id="hand-example">Example</button>
          <button type="button" class="quiet" id="hand-more" aria-disabled="true">Add a digit</button>
          <label class="quiet hand-file">Picture…<input type="file" id="hand-upload" accept="image/*" /></label>
          <label class="hand-which" for="hand-label">Digit
            <select id="hand-label" autocomplete="off">
              <option value="">guess</option>
              ${classes.map((each, label) => html`<option value="${label}">${each}</option>`)}
            </select>
          </label>
        </div>
        <div id="hand-kept" class="hand-kept" role="group" aria-label="Digits that the hand fits, too"></div>
        <p id="hand-status" class="soft" role="status"></p>
        <p id="hand-fault" class="fault" role="alert" hidden></p>
      </div>
      <div class="hand-results" id="hand-results" hidden>
        <h2>All ten</h2>
        <div id="hand-digits" class="hand-digits">
          ${classes.map((each) => html`<canvas role="img" aria-label="${each} in your hand" width="28" height="28"></canvas>`)}
        </div>
        <h2><label for="hand-number">Any number</label></h2>
        <input type="text" id="hand-number" class="hand-number" value="2026" maxlength="32" inputmode="text" autocomplete="off" spellcheck="false" aria-describedby="hand-number-fault" />
        <p id="hand-number-fault" class="fault" role="alert" hidden></p>
        <canvas id="hand-written" class="hand-written" role="img" aria-label="The number in your hand"></canvas>
        <div class="snippet">
          <pre id="hand-url" class="copy" tabindex="0" aria-label="URL of the number"></pre>
          <button type="button" class="copy-button" data-copies="hand-url" aria-label="Copy: URL of the number">Copy</button>
        </div>
        <p><a id="hand-open" href="/docs/reference#readHand" target="_blank">Open it in a new tab</a></p>
      </div>
      <div class="hand-sample">
        <h2>All ten</h2>
        <p class="soft">One of the network’s own hands. Yours comes here when you draw.</p>
        ${['01234', '56789'].map((digits) => html`<img src="/number/${digits}.svg?${SAMPLE_LOOK}" alt="${digits} in one hand" width="${5 * image.width}" height="${image.height}" />`)}
      </div>
      <div class="hand-notes">
        <p class="soft">A hand can fit several of your digits: <i>Add a digit</i> keeps the drawn one.</p>
        <p class="soft">What you draw stays in your browser. A URL that you open or share holds numbers of your hand, no picture.</p>
      </div>
    </section>
  </main>`;
}
