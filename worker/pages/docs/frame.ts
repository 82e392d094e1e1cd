/** The frame of the pages under `/docs`: navigation, search and one page's text. */
import { html, raw } from 'hono/html';
import {
  GUIDE_GROUPS,
  LEARN_SLUG,
  START_SLUG,
  type Guide,
} from '../../../shared/contract/guides.ts';
import { escapeHtml } from '../../../shared/escape-html.ts';
import type { AppContext } from '../../context.ts';
import { renderPage, type Markup, type Page } from '../page.ts';

/** Opens the guides that a host gave to the app. They are decoded at the first request. */
export function openGuides(bytes: ArrayBuffer | undefined) {
  let all: readonly Guide[] | undefined;
  const list = (): readonly Guide[] =>
    (all ??= bytes === undefined ? [] : JSON.parse(new TextDecoder().decode(bytes)));
  const find = (slug: string, language = 'en'): Guide | undefined =>
    list().find((guide) => guide.slug === slug && guide.language === language);
  return { list, find };
}

export type Guides = ReturnType<typeof openGuides>;

interface DocsPage extends Page {
  /** Ends the canonical path; marks the page in the navigation. */
  readonly path: string;
  /** Fills the search field. */
  readonly sought?: string;
}

export function renderDocsPage(c: AppContext, guides: Guides, given: DocsPage): Promise<Response> {
  const { path, body, sought = '', ...page } = given;
  return renderPage(c, {
    ...page,
    kind: 'reading',
    body: html`<div class="docs">
      <nav class="aside" aria-label="Find a page">
        <form class="search" role="search" action="/docs/search" method="get">
          <label class="hidden" for="search">Search the documentation</label>
          <input
            type="search"
            id="search"
            name="q"
            value="${sought}"
            placeholder="Search"
            maxlength="100"
            required
          />
          <button class="quiet">Search</button>
        </form>
        <a class="quiet to-pages" href="#pages">All pages</a>
      </nav>
      <main id="main" class="prose">${body}</main>
      ${renderNavigation(guides, path)}
    </div>`,
  });
}

/** Stands beside the text; below it on a small screen. */
function renderNavigation(guides: Guides, current: string): Markup {
  const mark = (path: string) => (path === current ? html`aria-current="page"` : '');
  const renderLink = (path: string, title: string) =>
    html`<li>
      <a href="${path}" ${mark(path)}>${title}</a>
    </li>`;
  const groups = Object.entries(GUIDE_GROUPS).map(([name, slugs]) => {
    const links = slugs.flatMap((slug) => {
      const guide = guides.find(slug);
      return guide === undefined ? [] : [renderLink(`/docs/${slug}`, guide.title)];
    });
    return links.length === 0
      ? ''
      : html`<h2>${name}</h2>
          <ul>
            ${links}
          </ul>`;
  });
  return html`<nav class="pages" id="pages" aria-label="Documentation">
    <ul>
      ${guides.find(START_SLUG) === undefined ? '' : renderLink('/docs', 'Start here')}
      ${renderLink('/docs/reference', 'API reference')}
      ${guides.find(LEARN_SLUG) === undefined ? '' : renderLink('/learn', 'Watch it learn')}
    </ul>
    ${groups}
  </nav>`;
}

/** Addresses that stand for the service in the guides. */
const ADDRESSES = ['https://YOUR-WORKER', 'http://localhost:8787'];
/** Guides of the machine on which the service runs: there localhost is meant. */
const OF_MACHINE: readonly string[] = [
  ...GUIDE_GROUPS['Run the service'],
  ...GUIDE_GROUPS['Train and learn'],
];

/** Writes a guide's HTML with the service's own address in its samples. */
export function renderGuide({ slug, title, html: text }: Guide, base: string): Markup {
  const own = OF_MACHINE.includes(slug)
    ? text
    : ADDRESSES.reduce(
        (written, address) =>
          written
            .replaceAll(address, () => escapeHtml(base)) // A text with $ would be a pattern.
            .replaceAll(encodeURIComponent(address), () => encodeURIComponent(base)),
        text,
      );
  return html`<h1>${title}</h1>
    ${raw(own)}`;
}
