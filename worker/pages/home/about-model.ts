/** The serving model: its size, its training and its measured quality. */
import { html } from 'hono/html';
import files from 'page-files';
import { findFile, WEIGHTS_FILE, type ParsedManifest } from '../../../shared/model/artifact.ts';
import { formatCount } from '../../../shared/text.ts';
import type { Markup } from '../page.ts';
import { describeTraining, type ModelView } from './model-view.ts';

/** A sentence for each figure that is shown, by its name on the model card. */
const MEANINGS: readonly (readonly [name: RegExp, sentence: string])[] = [
  [
    /^class accuracy/,
    'How often a classifier reads the digit that was asked for: over all digits, and for the worst one.',
  ],
  [/^Fréchet/, 'How far all drawn digits together are from real ones. Lower is better.'],
  [
    /^precision/,
    'How many drawn digits look real, and how many of the real digits the drawn ones cover.',
  ],
  [
    /^diversity/,
    'How much digits of the same class differ from each other. Real digits have about 1.',
  ],
  [
    /^memorisation/,
    'How far each drawn digit is from the nearest training digit. Copies would be near 0.',
  ],
];

export function renderAboutModel(view: ModelView): Markup {
  const { manifest, source } = view;
  const { name, version } = manifest;
  const quality = renderQuality(`${name}@${version}`);
  return html`<section id="model" class="model" aria-labelledby="model-title">
    <h2 id="model-title">The network behind it</h2>
    <p class="lead">
      A generative adversarial network, trained on ${describeTraining(manifest)}. It is the model
      <a href="/models/${name}/${version}"><code>${name}@${version}</code></a
      >, ${source === 'r2' ? 'published' : 'bundled with the worker'}.
    </p>
    ${renderFacts(view)}
    ${
      quality !== undefined
        ? html`${quality}
            <p class="actions">
              <a class="button" href="/learn">Watch it learn</a>
              <a class="quiet" href="/models/${name}">All about the model</a>
            </p>`
        : ''
    }
  </section>`;
}

export function renderFacts({ manifest, plan }: ParsedManifest): Markup {
  const { training } = manifest;
  const facts: [string, string][] = [
    [formatCount(plan.parameters), 'weights'],
    [`${formatCount(Math.round(findFile(manifest, WEIGHTS_FILE).bytes / 1000))} kB`, 'to download'],
    [formatMillions(plan.macs), 'multiplications a picture'],
    [formatCount(training.steps), 'training steps'],
    [formatCount(training.dataset.images), 'pictures to learn from'],
  ];
  return html`<dl class="facts">
    ${facts.map(
      ([value, unit]) =>
        html`<div>
          <dt>${unit}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}

/**
 * The figures of a bundled model, each after a sentence that says what it means.
 * @param model  name@version.
 * @returns      undefined for another model.
 */
export function renderQuality(model: string): Markup | undefined {
  const card = files.quality.find((each) => each.model === model);
  if (card === undefined) {
    return undefined;
  }
  const rows = MEANINGS.flatMap(([pattern, sentence]) =>
    card.figures
      .filter(({ name }) => pattern.test(name))
      .map((figure) => ({ ...figure, sentence })),
  );
  return html`<table class="figures">
    <thead>
      <tr>
        <th scope="col">measured on 10,000 samples</th>
        <th scope="col">this model</th>
        <th scope="col">real digits</th>
      </tr>
    </thead>
    <tbody>
      ${rows.map(
        ({ name, value, real, sentence }) =>
          html`<tr>
            <th scope="row">${sentence}<span class="soft">${name}</span></th>
            <td data-label="this model">${value}</td>
            <td data-label="real digits">${real}</td>
          </tr>`,
      )}
    </tbody>
  </table>`;
}

function formatMillions(count: number): string {
  return count < 1e5 ? formatCount(count) : `${(count / 1e6).toFixed(1)} M`;
}
