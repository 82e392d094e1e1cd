/** The pages of models, for people: `/models…` answers with them or with JSON, by `Accept`. */
import { html } from 'hono/html';
import type * as v from 'valibot';
import files from 'page-files';
import type { ParsedManifest } from '../../shared/model/artifact.ts';
import { listClasses } from '../../shared/model/classes.ts';
import type { modelCardSchema } from '../../shared/contract/answers.ts';
import type { AppContext } from '../context.ts';
import type { ModelSource } from '../models/model-source.ts';
import { renderFacts, renderQuality } from './home/about-model.ts';
import { describeMany } from './home/model-view.ts';
import { renderPage, type Markup } from './page.ts';

const [SHOWN, COLS, SCALE] = [60, 10, 2];

/** The page of all models that serve. */
export function renderModelsPage(
  c: AppContext,
  list: Awaited<ReturnType<ModelSource['list']>>,
): Promise<Response> {
  return renderPage(c, {
    title: 'Models',
    description: 'The models that draw here.',
    body: html`<main id="main" class="prose">
      <h1>Models</h1>
      <p>
        The networks that draw here. A request picks one with
        <a href="/docs/reference#parameter-model"><code>model</code></a>; without it, the default draws.
      </p>
      <ul>
        ${list.models.map(
          ({ name, version }) =>
            html`<li>
              <a href="/models/${name}">${name}</a>, version <code>${version}</code>${name === list.default ? ', the default' : ''}
            </li>`,
        )}
      </ul>
      <p>
        <code>curl</code> gets the same list as JSON, and so does any request with
        <code>Accept: application/json</code>.
      </p>
    </main>`,
  });
}

export function renderModelPage(
  c: AppContext,
  { manifest, plan }: ParsedManifest,
  urls: v.InferOutput<typeof modelCardSchema>['files'],
): Promise<Response> {
  const { name, version, classes, image, training } = manifest;
  const model = `${name}@${version}`;
  const quality = renderQuality(model);
  const things = describeMany(manifest);
  const renderGrid = (alt: string, n: number, query = '') =>
    html`<img
      class="sheet"
      src="/digit.png?seed=model&n=${n}&cols=${COLS}&scale=${SCALE}${query}&model=${model}"
      alt="${alt}"
      width="${image.width * COLS * SCALE}"
      height="${(image.height * SCALE * n) / COLS}"
      loading="lazy"
    />`;
  return renderPage(c, {
    title: `The model ${name}`,
    description: `What the model ${name} draws, how good it is, and its files.`,
    sample: image,
    model: name,
    head: html`<link rel="alternate" type="application/json" href="/models/${name}/${version}" />`,
    body: html`<main id="main" class="prose">
      <h1>The model ${name}</h1>
      <p>
        A network that draws ${things}${classes.length === 0 ? '' : html` of ${classes.length} classes: ${listClasses(classes)}`}. Version
        <code>${version}</code>.
      </p>
      ${renderGrid(`${SHOWN} pictures, all drawn at random from one seed`, SHOWN)}
      ${
        classes.length === 0
          ? ''
          : html`<h2 id="classes">One class, ten times</h2>
              ${classes.slice(0, COLS).map((label) => renderGrid(`Ten of the class ${label}`, COLS, `&label=${encodeURIComponent(label)}`))}`
      }
      <h2 id="facts">What it is</h2>
      ${renderFacts({ manifest, plan })}
      <p>
        It turns ${manifest.latent.size} random numbers${classes.length === 0 ? '' : ' and a class'} into a picture of
        ${image.width} × ${image.height} pixels. It was trained with preset <code>${training.preset}</code>, seed
        <code>${training.seed}</code>, on ${training.backend}.
      </p>
      <h2 id="quality">How good it is</h2>
      ${quality ?? renderFigures(manifest.figures)}
      ${name === 'digits' && quality !== undefined ? renderCharts() : ''}
      <h2 id="files">Its files</h2>
      <ul>
        ${urls.map(({ path, url, bytes }) => html`<li><a href="${url}">${path}</a>, ${describeBytes(bytes)}</li>`)}
      </ul>
      <p>
        <code>curl</code> gets the same card as JSON, and so does any request with
        <code>Accept: application/json</code>.
        <a href="/docs/recipe">From a seed to pixels</a> draws with these files in Python.
      </p>
    </main>`,
  });
}

/** Charts of the shipped `digits`. */
function renderCharts(): Markup {
  const chart = (name: keyof typeof files.charts) =>
    html`<span class="chart" tabindex="0" role="region" aria-label="Chart: ${name}"><img src="${files.charts[name].url}" alt="${files.charts[name].description}" width="640" height="260" loading="lazy" /></span>`;
  return html`<h3>While it learned</h3>
    <p>The distance between its samples and real digits, by the step of the training. Lower is better.</p>
    ${chart('distance')}
    <h3>Plainer or more varied</h3>
    <p>
      <a href="/docs/reference#parameter-truncation"><code>truncation</code></a> below 1 makes digits plainer and more alike.
      The chart shows how much samples of a class differ from each other.
    </p>
    ${chart('truncation')}`;
}

/** The figures of the export: for other models nothing else is known. */
function renderFigures(figures: ParsedManifest['manifest']['figures']): Markup {
  const entries = Object.entries(figures);
  return entries.length === 0
    ? html`<p>Nobody has measured it. <a href="/docs/evaluation">Evaluation</a> says how.</p>`
    : html`<p>Measured at the end of its training. <a href="/docs/evaluation">Evaluation</a> measures more.</p>
        <div class="wide" tabindex="0" role="region" aria-label="Figures">
          <table>
            <tbody>
              ${entries.map(([name, value]) => html`<tr><th scope="row">${name}</th><td class="number">${value.toPrecision(4)}</td></tr>`)}
            </tbody>
          </table>
        </div>`;
}

function describeBytes(bytes: number | undefined): string {
  return bytes === undefined
    ? 'the manifest with the hashes of the others'
    : `${bytes.toLocaleString('en')} bytes`;
}
