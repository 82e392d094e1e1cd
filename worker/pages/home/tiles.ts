/** Ways to use the service, each with its result and its URL. */
import { html } from 'hono/html';
import { hasDigits } from '../../../shared/model/subject.ts';
import { nameRoute, renderSnippet, type ModelView } from './model-view.ts';
import type { Markup } from '../page.ts';

export function renderTiles({ manifest }: ModelView, base: string): Markup {
  const { classes, image } = manifest;
  const { width, height } = image;
  const isDigits = hasDigits(classes);
  const route = nameRoute(manifest);
  const [label] = isDigits ? ['7'] : classes;
  const one =
    label === undefined
      ? `/${route}.png?seed=otter&scale=4&smooth=1`
      : `/${route}.png?label=${encodeURIComponent(label)}&seed=otter&scale=4&smooth=1`;
  const number = '/number/2026.png?seed=otter&scale=3&smooth=1';
  const set = `/${route}.png?seed=Ada&n=10&cols=5&scale=2`;
  return html`<section class="tiles" aria-label="Ways to use it">
    <figure class="tile">
      <img src="${one}" srcset="${one}&dpr=2 2x" alt="${label ?? 'One picture'}" width="${width * 4}" height="${height * 4}" />
      <figcaption>
        <h2>${label === undefined ? 'One picture' : isDigits ? html`A ${label} of your own` : html`“${label}”`}</h2>
        <p>${isDigits ? 'The seed names the hand. Another seed, another hand.' : 'The seed names the picture. Another seed, another picture.'}</p>
        ${renderSnippet('tile-one', 'URL of one picture', base + one)}
      </figcaption>
    </figure>
    ${
      isDigits
        ? html`<figure class="tile">
            <img src="${number}" srcset="${number}&dpr=2 2x" alt="2026 in one hand" width="${width * 12}" height="${height * 3}" />
            <figcaption>
              <h2>A number in one hand</h2>
              <p>Years, prices, dates, times: all digits from the same writer.</p>
              ${renderSnippet('tile-number', 'URL of a number', base + number)}
            </figcaption>
          </figure>`
        : ''
    }
    <figure class="tile">
      <img src="${set}" alt="The first ten pictures of the set" width="${width * 10}" height="${height * 4}" />
      <figcaption>
        <h2>${label === undefined ? 'A data set' : 'A labelled data set'}</h2>
        <p>
          A line of Python: the pixels of 1,000 pictures${label === undefined ? '' : ', each with its label'}. The same URL
          is the same set.
        </p>
        ${renderSnippet('tile-set', 'Python', `import pandas; pandas.read_csv("${base}/dataset.csv?seed=Ada&n=1000")`)}
      </figcaption>
    </figure>
    ${
      isDigits
        ? html`<figure class="tile">
            <img src="/number/0123456789.png?seed=otter&amp;scale=2&amp;smooth=1" alt="All ten digits in one hand" width="${width * 20}" height="${height * 2}" loading="lazy" />
            <figcaption>
              <h2>Your own hand</h2>
              <p>Draw one digit. The network writes any number in your hand, with a URL.</p>
              <p><a class="quiet" href="/hand">Draw a digit</a></p>
            </figcaption>
          </figure>`
        : ''
    }
  </section>`;
}
