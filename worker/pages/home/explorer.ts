/** The explorer: a map between four pictures, which the generator draws in the browser. */
import { html } from 'hono/html';
import files from 'page-files';
import { findFile, WEIGHTS_FILE } from '../../../shared/model/artifact.ts';
import { BLACK } from '../../../shared/picture/colour.ts';
import { findOwnColours } from '../../../shared/picture/paper.ts';
import { hasDigits } from '../../../shared/model/subject.ts';
import type { Markup } from '../page.ts';
import { DICE, renderClasses } from './controls.ts';
import { nameRoute, renderSnippet, TRUNCATION, type ModelView } from './model-view.ts';

/** Pictures a side of the sheet that fills the map's place until the map is drawn. */
const STILL_SIDE = 7;

const CLASS_FIELD = {
  name: 'explore-class',
  none: 'the corners’ own',
  attributes: html`aria-labelledby="explore-label"`,
};

export function renderExplorer({ manifest }: ModelView): Markup {
  const { name, version, classes, image, latent } = manifest;
  const kilobytes = Math.round(
    (files.bytes.painter + findFile(manifest, WEIGHTS_FILE).bytes) / 1000,
  );
  // Show one class, because no URL draws a picture between classes.
  const opening = hasDigits(classes) ? '2' : (classes[0] ?? '');
  const label = opening === '' ? '' : `&label=${encodeURIComponent(opening)}`;
  const still = `/digit.png?seed=Ada${label}&truncation=${TRUNCATION}&n=${STILL_SIDE ** 2}&cols=${STILL_SIDE}&model=${name}@${version}`;
  return html`<section
    id="explore"
    class="explore"
    aria-labelledby="explore-title"
    data-painter="${files.painter}"
    data-name="${name}"
    data-version="${version}"
    data-truncation="${TRUNCATION}"
    data-classes="${JSON.stringify(classes)}"
    ${image.channels === 1 ? html`data-ink="${findOwnColours(image.paper).fg === BLACK ? 'dark' : 'light'}"` : ''}
    data-route="${nameRoute(manifest)}"
  >
    <h2 id="explore-title">Walk between four of them</h2>
    <p class="lead">
      To the network every picture is a place: ${latent.size} numbers. This map lies between four of them. Your browser draws
      it with the same network that serves this site.
    </p>
    <p class="note needs-script">The map needs JavaScript, and its script has not loaded.</p>
    <div class="explorer">
      <div class="pad" id="pad">
        <img src="${still}" alt="${STILL_SIDE ** 2} pictures, until the map is drawn" width="${image.width * STILL_SIDE}" height="${image.height * STILL_SIDE}" loading="lazy" />
        <canvas id="pad-map" hidden></canvas>
        <span class="thumb" id="pad-thumb" hidden></span>
      </div>
      <div class="seen">
        <div id="explore-start">
          <button type="button" class="button" id="explore-load">Load the network</button>
          <p class="soft">${kilobytes} kB, loaded once. Nothing leaves your browser.</p>
          <p class="soft" id="explore-status" role="status"></p>
          <p class="fault" id="explore-fault" role="alert" hidden></p>
        </div>
        <div class="place" id="place" hidden>
          <canvas
            id="seen"
            role="img"
            aria-label="The picture at this place"
            width="${image.width}"
            height="${image.height}"
          ></canvas>
          <div>
            <p class="soft" id="pad-help">Move over the map, or focus it and use the arrow keys. Press to stay at a place.</p>
            <p><a id="place-link" href="#explore">Link to this place</a></p>
          </div>
          <div id="place-picture">${renderSnippet('place-url', 'URL of the picture at this place', '')}</div>
          <p class="soft" id="place-mixed" hidden>
            This place is between classes, and a URL draws one class. Choose a class below, or go to a corner.
          </p>
        </div>
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
                ${renderClasses(CLASS_FIELD, classes, opening)}
              </div>`
        }
        <fieldset class="sliders" id="sliders" hidden>
          <legend>Bend it</legend>
          <p class="soft">Each slider moves along a direction to which the network’s first layer is most sensitive.</p>
        </fieldset>
      </form>
      <div class="keys" id="keys" hidden>
        <ul id="corners" aria-label="The four corners"></ul>
        <p>
          <button type="button" class="quiet" id="compare">Compare with the API</button>
          <span id="compare-result" role="status"></span>
        </p>
      </div>
    </div>
  </section>`;
}
