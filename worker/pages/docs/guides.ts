/** `GET /docs` and below: the guides and their search; and `GET /learn`. */
import { html } from 'hono/html';
import { LEARN_SLUG, START_SLUG, type Guide } from '../../../shared/contract/guides.ts';
import type { Manifest } from '../../../shared/model/artifact.ts';
import type { Parameter } from '../../../shared/contract/parameters.ts';
import { HANDWRITTEN_DIGITS, hasDigits } from '../../../shared/model/subject.ts';
import type { App, AppContext } from '../../context.ts';
import { OF_PAGE, type Operation, type OperationEntry } from '../../http/operation.ts';
import type { AppDependencies } from '../../dependencies.ts';
import { findManifest } from '../../models/model-source.ts';
import { respondFault } from '../fault.ts';
import { describeMany } from '../home/model-view.ts';
import { renderPage, type Markup } from '../page.ts';
import { renderDocsPage, renderGuide, type Guides } from './frame.ts';
import { findText, MAX_WORDS, type Found } from './search.ts';

/** Characters of a search. */
const MAX_SOUGHT = 100;
/** Searches found at most. */
const MAX_FOUND = 20;

const WORDS: Parameter = {
  kind: 'text',
  minLength: 0,
  expected: `words, of which the first ${MAX_WORDS}, and ${MAX_SOUGHT} characters, count`,
  about: 'The words to look for',
  without: 'nothing is found',
  example: 'dark mode',
};

export const GUIDE_OPERATIONS: readonly OperationEntry[] = [
  {
    ...OF_PAGE,
    id: 'getDocs',
    path: '/docs',
    summary: 'The documentation, for people: where to start',
    examples: ['/docs'],
  },
  {
    ...OF_PAGE,
    id: 'searchDocs',
    path: '/docs/search',
    summary: 'The search of the documentation',
    query: { q: WORDS },
    examples: ['/docs/search?q=dark+mode'],
  },
  {
    ...OF_PAGE,
    id: 'getGuide',
    path: '/docs/{guide}',
    summary: 'A guide',
    pathParameters: {
      guide: {
        kind: 'text',
        pattern: /^[a-z-]{1,32}$/,
        expected: 'the name of a guide',
        about: 'A guide’s name',
        example: 'embed',
      },
    },
    errors: ['not_found'],
    examples: ['/docs/embed'],
  },
  {
    ...OF_PAGE,
    id: 'getLearn',
    path: '/learn',
    summary: 'A network’s pictures during its training, and what the losses do not say',
    errors: ['not_found'],
    examples: ['/learn'],
  },
  {
    ...OF_PAGE,
    id: 'getLearnIn',
    path: '/learn/{language}',
    summary: 'The same in another language',
    pathParameters: {
      language: {
        kind: 'text',
        pattern: /^[A-Za-z-]{2,16}$/,
        expected: 'a language',
        about: 'A language as in HTML’s lang',
        example: 'en',
      },
    },
    errors: ['not_found'],
    examples: ['/learn/en'],
  },
];

/** Tells readers of examples with digits what this service draws. */
export function renderSubject(manifest: Manifest): Markup {
  return html`<p class="lead">
    The examples show handwritten digits. By default this service draws ${describeMany(manifest)}:
    <a href="/models/${manifest.name}">classes and figures</a>. Use <code>/sample</code> and its
    classes in place of <code>/digit</code> and <code>label=7</code>.
  </p>`;
}

export function addGuideRoutes(
  app: App,
  operations: readonly Operation[],
  guides: Guides,
  { modelSource }: AppDependencies,
): void {
  /** Says first what another model draws. The documentation needs no model. */
  const renderForModel = (c: AppContext, guide: Guide, manifest: Manifest | undefined): Markup => {
    const areOthers = manifest !== undefined && !hasDigits(manifest.classes);
    return html`${areOthers ? renderSubject(manifest) : ''}${renderGuide(guide, c.get('base'))}`;
  };
  app.get('/docs', async (c) => {
    const guide = guides.find(START_SLUG);
    const manifest = await findManifest(modelSource, c.get('defer'));
    const many = manifest === undefined ? HANDWRITTEN_DIGITS.many : describeMany(manifest);
    return renderDocsPage(c, guides, {
      title: 'Documentation',
      description: `Quick starts and guides for an API of ${many}.`,
      path: '/docs',
      sample: manifest?.image,
      body:
        guide === undefined
          ? html`<h1>Documentation</h1>
              <p>This host has no guides. <a href="/docs/reference">The API reference</a> is here.</p>`
          : renderForModel(c, guide, manifest),
    });
  });
  app.get('/docs/search', (c) => {
    const words = (c.req.query('q') ?? '').slice(0, MAX_SOUGHT);
    const found = findText(guides.list(), operations, words, MAX_FOUND);
    return renderDocsPage(c, guides, {
      title: 'Search',
      description: 'The search of the documentation.',
      path: '/docs/search',
      sought: words,
      body: html`<h1>Search</h1>
        <p class="lead" role="status">${describeCount(found.length, words)}</p>
        <ol class="found">
          ${found.map(renderFound)}
        </ol>`,
    });
  });
  app.get('/docs/:guide', async (c) => {
    const slug = c.req.param('guide');
    const guide = slug === START_SLUG || slug === LEARN_SLUG ? undefined : guides.find(slug);
    return guide === undefined
      ? respondFault(c, { code: 'not_found', path: c.req.path })
      : renderDocsPage(c, guides, {
          title: guide.title,
          description: guide.lead,
          path: `/docs/${slug}`,
          body: renderForModel(c, guide, await findManifest(modelSource, c.get('defer'))),
        });
  });
  const answerLearn = (c: AppContext, language: string) => {
    const guide = guides.find(LEARN_SLUG, language);
    if (guide === undefined) {
      return respondFault(c, { code: 'not_found', path: c.req.path });
    }
    const all = guides.list().filter(({ slug }) => slug === LEARN_SLUG);
    const locate = (each: string) => (each === 'en' ? '/learn' : `/learn/${each}`);
    return renderPage(c, {
      title: guide.title,
      kind: 'reading',
      description: guide.lead,
      language,
      head: html`${all.length < 2 ? '' : all.map((each) => html`<link rel="alternate" hreflang="${each.language}" href="${locate(each.language)}" />`)}`,
      body: html`<main id="main" class="prose learn" dir="auto">
        ${
          all.length < 2
            ? ''
            : html`<nav aria-label="Languages" dir="ltr">
                ${all.map((each) => html`<a href="${locate(each.language)}" hreflang="${each.language}" lang="${each.language}">${each.title}</a> `)}
              </nav>`
        }
        ${renderGuide(guide, c.get('base'))}
      </main>`,
    });
  };
  app.get('/learn', (c) => answerLearn(c, 'en'));
  app.get('/learn/:language', (c) => answerLearn(c, c.req.param('language')));
}

function describeCount(count: number, words: string): string {
  if (words.trim() === '') {
    return 'Type one or more words into the field.';
  }
  if (count === 0) {
    return `Nothing has all of the words “${words}”. Try fewer.`;
  }
  return `${count === MAX_FOUND ? 'The best' : ''} ${count} for “${words}”`.trim();
}

function renderFound({ url, page, title, excerpt: [before, hit, after] }: Found) {
  return html`<li>
    <a href="${url}">${page === title ? page : `${page}: ${title}`}</a>
    <p>${before}<mark>${hit}</mark>${after}</p>
  </li>`;
}
