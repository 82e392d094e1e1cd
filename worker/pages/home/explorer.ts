/** The explorer's frame, with the button that loads the generator into the browser. */
import { html } from 'hono/html';
import files from 'page-files';
import { findFile, WEIGHTS_FILE } from '../../../shared/model/artifact.ts';
import type { Markup } from '../page.ts';
import { DICE } from './controls.ts';
import type { ModelView } from './model-view.ts';

const CORNERS = 4;

export function renderExplorer({ manifest }: ModelView): Markup {
  const { name, version, classes, image, latent } = manifest;
  const kilobytes = Math.round(
    (files.bytes.painter + findFile(manifest, WEIGHTS_FILE).bytes) / 1000,
  );
  return html`<section
    id="explore"
    class="explore"
    aria-labelledby="explore-title"
    data-painter="${files.painter}"
    data-name="${name}"
    data-version="${version}"
    data-channels="${image.channels}"
    data-width="${image.width}"
    data-height="${image.height}"
  >
    <h2 id="explore-title">Walk between four of them</h2>
    <p class="lead">
      Every picture is a point in a space of ${latent.size} dimensions. This map shows the plane between four of them. Your
      browser draws it with the same generator that serves this site.
    </p>
    <noscript><p class="note">This needs JavaScript.</p></noscript>
    <div class="explore-start" id="explore-start">
      <div class="corners-preview" aria-hidden="true">
        ${Array.from(
          { length: CORNERS },
          (_, i) =>
            html`<img
              src="/digit.png?seed=Ada&amp;start=${i}&amp;model=${name}@${version}"
              alt=""
              width="${image.width}"
              height="${image.height}"
              loading="lazy"
            />`,
        )}
      </div>
      <div>
        <button type="button" class="button" id="explore-load">Load the generator</button>
        <p class="soft">${kilobytes} kB, loaded once. Nothing leaves your browser. <span id="explore-status" role="status"></span></p>
        <p class="fault" id="explore-fault" role="alert" hidden></p>
      </div>
    </div>
    <div class="explorer" id="explorer" hidden>
      <div
        class="pad"
        id="pad"
        tabindex="0"
        role="slider"
        aria-label="Place between the four corners"
        aria-describedby="pad-help"
        aria-valuemin="0"
        aria-valuemax="100"
        aria-valuenow="50"
      >
        <canvas id="pad-map"></canvas>
        <span class="thumb" id="pad-thumb"></span>
      </div>
      <div class="seen">
        <canvas
          id="seen"
          role="img"
          aria-label="The picture at this place"
          width="${image.width}"
          height="${image.height}"
        ></canvas>
        <p class="soft" id="pad-help">Move over the map, or focus it and use the arrow keys.</p>
      </div>
      <form class="steer" id="explore-form" autocomplete="off" aria-label="What to walk between">
        <div class="field field-seed">
          <label class="label" for="explore-seed">Seed of the corners</label>
          <span class="joined"
            ><input type="text" id="explore-seed" value="Ada" maxlength="128" spellcheck="false" autocapitalize="none" /><button
              type="button"
              class="dice"
              data-dice="explore-seed"
              aria-label="Another seed for the corners"
            >
              ${DICE}
            </button></span
          >
        </div>
        ${
          classes.length === 0
            ? ''
            : html`<div class="field field-class">
                <span class="label" id="explore-label">Class</span>
                <span class="chips" role="radiogroup" aria-labelledby="explore-label"
                  >${['', ...classes].map((one) => html`<label class="chip"><input type="radio" name="explore-class" value="${one}" ${one === '' ? 'checked' : ''} /><span>${one === '' ? 'the corners’ own' : one}</span></label>`)}</span
                >
              </div>`
        }
        <fieldset class="sliders" id="sliders">
          <legend>Bend it</legend>
          <p class="soft">The directions to which the network’s first layer is most sensitive.</p>
        </fieldset>
      </form>
      <div class="keys">
        <ul id="corners" aria-label="The four corners"></ul>
        <p>
          <button type="button" class="quiet" id="compare">Compare with the API</button>
          <span id="compare-result" role="status"></span>
        </p>
      </div>
    </div>
  </section>`;
}
