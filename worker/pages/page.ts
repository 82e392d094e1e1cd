/** The frame of every page. Nothing comes from another origin. */
import { html } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';
import files from 'page-files';
import { LIMITS } from '../../shared/contract/limits.ts';
import { measureSheet, type Size } from '../../shared/picture/sheet-layout.ts';
import type { AppContext } from '../context.ts';
import { buildPageHeaders, type PageKind } from '../http/headers.ts';
import { respondText } from '../http/range.ts';

export type Markup = HtmlEscapedString | Promise<HtmlEscapedString>;

export interface Page {
  readonly title: string;
  /** One sentence, for search engines and previews of links. */
  readonly description?: string;
  /** Pixels of one digit of the model that draws the previews; without it they have no picture. */
  readonly sample?: Size | undefined;
  /** The name of that model; default the serving model. */
  readonly model?: string;
  /** More elements of the head. */
  readonly head?: Markup;
  /** BCP 47; default English. */
  readonly language?: string;
  /** Default 200. */
  readonly status?: number;
  /** Default `plain`. */
  readonly kind?: PageKind;
  /** The script; by default that of the kind. */
  readonly script?: string;
  /** Contains one `main`. */
  readonly body: Markup;
}

/** Texts that browsers must not translate: they would be other commands and parameters. */
const CODE = /<(?:pre|code)\b/g;
/** The start of an attribute that is a path. Texts hold no quotes: `html` escapes them. */
const ROOT_LINK = /( (?:href|src|srcset|action|data-painter|data-scribe)=")\//g;
/** The sheet that previews of links show: 1200 x 640 pixels for digits of 28 x 28. */
const SHEET = { n: 50, cols: 10, margin: 40 };
const SHEET_WIDTH = 1400;
/** Path and query of the sheet, the same for pages of one model, so that caches keep one. */
export const SHARED_PICTURE = `/digit.png?seed=digitmint&n=${SHEET.n}&cols=${SHEET.cols}&width=${SHEET_WIDTH}&margin=${SHEET.margin}`;

/** The largest scale, at least 1, at which `pixels` become no more than `most`. */
export function chooseScale(pixels: number, most: number): number {
  return Math.min(LIMITS.maxScale, Math.max(1, Math.floor(most / pixels)));
}

/** Tags of the Open Graph protocol (ogp.me), which Twitter's cards read too. */
function renderPreview(
  { title, description, sample, model }: Page,
  base: string,
  path: string,
): Markup {
  const tell = (property: string, content: string | number) =>
    html`<meta property="${property}" content="${content}" />`;
  const tellPicture = (size: Size): Markup => {
    const scale = chooseScale(size.width * SHEET.cols, SHEET_WIDTH - 2 * SHEET.margin);
    const { width, height } = measureSheet(size, SHEET.n, { ...SHEET, scale });
    const picture = `${base}${SHARED_PICTURE}${model === undefined ? '' : `&model=${model}`}`;
    return html`${tell('og:image', picture)} ${tell('og:image:type', 'image/png')}
      ${tell('og:image:width', width)} ${tell('og:image:height', height)}
      ${tell('og:image:alt', `${SHEET.n} pictures that the service drew`)}
      <meta name="twitter:card" content="summary_large_image" />`;
  };
  return html`${description === undefined ? '' : html`<meta name="description" content="${description}" />`}
    ${tell('og:type', 'website')} ${tell('og:site_name', 'digitmint')} ${tell('og:title', title)}
    ${tell('og:url', `${base}${path}`)} ${description === undefined ? '' : tell('og:description', description)}
    ${
      sample === undefined
        ? html`<meta name="twitter:card" content="summary" />`
        : tellPicture(sample)
    }`;
}

/** The pages of the navigation. */
const PLACES = [
  ['/#play', 'Play'],
  ['/#explore', 'Explore'],
  ['/hand', 'Your hand'],
  ['/learn', 'Learn'],
  ['/docs', 'Docs'],
] as const;

/** Answers with a page; never cached. */
export async function renderPage(c: AppContext, given: Page): Promise<Response> {
  const { title, head, kind = 'plain', language = 'en', status = 200, body } = given;
  const { pathname } = c.get('url');
  const [style, script] =
    kind === 'home' ? [files.style, files.page] : [files.readingStyle, files.reading];
  const page = html`<!doctype html>
    <html lang="${language}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title} · digitmint</title>
        ${renderPreview(given, c.get('base'), pathname)}
        <link rel="icon" type="image/png" href="/digit.png?seed=digitmint" />
        <link rel="stylesheet" href="${style}" />
        ${kind === 'plain' ? '' : html`<script type="module" src="${given.script ?? script}"></script>`} ${head ?? ''}
      </head>
      <body>
        <a class="skip" lang="en" href="#main">Skip to the content</a>
        <p class="unstyled" lang="en">The page’s style sheet has not loaded. Everything works, and looks plain.</p>
        <header class="bar" lang="en">
          <a class="wordmark" href="/">digitmint</a>
          <nav aria-label="Pages">
            ${PLACES.map(
              ([path, name]) =>
                html`<a href="${pathname === '/' ? path.replace('/#', '#') : path}" ${pathname.startsWith(path) ? html`aria-current="page"` : ''}>${name}</a> `,
            )}
          </nav>
        </header>
        ${body}
        <footer class="foot" lang="en">
          <p>No key, no cookies, no tracking. Free software under the MIT licence.</p>
          <nav aria-label="More">
            <a href="/docs">Documentation</a> <a href="/docs/reference">API reference</a>
            <a href="/openapi.json">OpenAPI</a> <a href="/models">Models</a> <a href="/errors">Errors</a>
            <a href="/healthz">Health</a>
          </nav>
        </footer>
      </body>
    </html>`;
  // Links start at the root of the service, which may be a path of its host.
  const text = String(await page)
    .replaceAll(ROOT_LINK, (_, before: string) => `${before}${c.get('basePath')}/`)
    .replaceAll(CODE, '$& translate="no"');
  const headers = { ...buildPageHeaders(kind), 'Cache-Control': 'no-store' };
  return respondText(text, 'text/html; charset=UTF-8', headers, status);
}
