/** The serving model: its size, its training and its measured quality. */
import { html } from 'hono/html';
import files from 'page-files';
import { findFile, WEIGHTS_FILE } from '../../../shared/model/artifact.ts';
import type { Markup } from '../page.ts';
import type { ModelView } from './model-view.ts';

/** Meanings of figures by their names on the model card; the page shows no others. */
const MEANINGS: readonly (readonly [name: RegExp, meaning: string])[] = [
  [/^class accuracy/, 'Samples recognised as the requested class, overall and in the worst class'],
  [/^Fréchet/, 'Distance between all samples and all real ones; lower is better'],
  [/^precision/, 'The share of samples that look real, and of real ones that samples cover'],
  [/^diversity/, 'Variety within a class; near 1'],
  [/^memorisation/, 'Distance to the nearest training picture; a copy has about 0'],
];

export function renderAboutModel({ manifest, plan, source }: ModelView): Markup {
  const { name, version, training, image } = manifest;
  const isShipped = files.quality.model === `${name}@${version}`;
  const facts: [string, string][] = [
    [formatCount(plan.parameters), 'weights'],
    [`${formatCount(findFile(manifest, WEIGHTS_FILE).bytes / 1000)} kB`, 'to download'],
    [`${(plan.macs / 1e6).toFixed(1)} M`, 'multiplications a picture'],
    [formatCount(training.steps), 'training steps'],
    [formatCount(training.dataset.images), 'pictures to learn from'],
  ];
  return html`<section id="model" class="model" aria-labelledby="model-title">
    <h2 id="model-title">The network behind it</h2>
    <p class="lead">
      Model <code>${name}@${version}</code>, ${source === 'r2' ? 'published' : 'bundled with the worker'}, trained on
      ${formatCount(training.dataset.images)} pictures of ${image.width} × ${image.height} pixels (${training.dataset.name}).
      <a href="/models/${name}/${version}">Its card</a> has the rest, and its files.
    </p>
    <dl class="facts">
      ${facts.map(
        ([value, unit]) =>
          html`<div>
            <dt>${unit}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
    </dl>
    ${isShipped ? renderQuality() : ''} ${isShipped ? renderTraining(name) : ''}
  </section>`;
}

function renderQuality(): Markup {
  const rows = MEANINGS.flatMap(([pattern, meaning]) =>
    files.quality.figures
      .filter(({ name }) => pattern.test(name))
      .map((figure) => ({ ...figure, meaning })),
  );
  return html`<table class="figures">
    <thead>
      <tr>
        <th scope="col">measured on 10,000 samples</th>
        <th scope="col">this model</th>
        <th scope="col">real ones</th>
      </tr>
    </thead>
    <tbody>
      ${rows.map(
        ({ name, value, real, meaning }) =>
          html`<tr>
            <th scope="row">${name}<span class="soft">${meaning}</span></th>
            <td data-label="this model">${value}</td>
            <td data-label="real ones">${real}</td>
          </tr>`,
      )}
    </tbody>
  </table>`;
}

function renderTraining(name: string): Markup {
  const { progress, samples, bytes } = files;
  return html`<figure class="training">
    <img
      id="training"
      src="${samples}"
      alt="64 samples of ${name}"
      width="448"
      height="448"
      loading="lazy"
      data-still="${samples}"
    />
    <figcaption>
      <h3>How it learned</h3>
      <p>The same 64 latent vectors during the training, from noise on: a frame every 1,000 steps.</p>
      <p>
        <a class="button" href="${progress}" data-plays="training">Play the training</a>
        <span class="soft">GIF, ${formatCount(bytes.progress / 1000)} kB</span>
      </p>
    </figcaption>
  </figure>`;
}

function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en');
}
