/** The frame of every page: one style sheet, and nothing from another origin. */
import { html } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';
import files from 'page-files';
import type { AppContext } from '../context.ts';
import { buildPageHeaders } from '../http/headers.ts';

export type Markup = HtmlEscapedString | Promise<HtmlEscapedString>;

interface Page {
  readonly title: string;
  /** More elements of the head. */
  readonly head?: Markup;
  /** Whether the page loads the script. */
  readonly isScripted?: boolean;
  /** Contains one `main`. */
  readonly body: Markup;
}

/** The start of an attribute that is a path. Texts hold no quotes: `html` escapes them. */
const ROOT_LINK = /( (?:href|src|srcset|data-painter|data-still)=")\//g;

/** Answers with a page; never cached. */
export async function renderPage(
  c: AppContext,
  { title, head, isScripted = false, body }: Page,
): Promise<Response> {
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title} · digitmint</title>
        <link rel="icon" type="image/png" href="/digit.png?seed=digitmint" />
        <link rel="stylesheet" href="${files.style}" />
        ${isScripted ? html`<script type="module" src="${files.page}"></script>` : ''} ${head ?? ''}
      </head>
      <body>
        <a class="skip" href="#main">Skip to the content</a>
        <header class="bar">
          <a class="wordmark" href="/">digitmint</a>
          <nav aria-label="Pages">
            <a href="/#play">Play</a>
            <a href="/#explore">Explore</a>
            <a href="/docs">Docs</a>
          </nav>
        </header>
        ${body}
        <footer class="foot">
          <p>No key, no cookies, no tracking. Free software under the MIT licence.</p>
          <nav aria-label="More">
            <a href="/docs">Documentation</a> <a href="/openapi.json">OpenAPI</a> <a href="/models">Models</a>
            <a href="/errors">Errors</a> <a href="/healthz">Health</a>
          </nav>
        </footer>
      </body>
    </html>`;
  // Links start at the root of the service, which may be a path of its host.
  const text = String(await page).replaceAll(ROOT_LINK, `$1${c.get('basePath')}/`);
  return c.html(text, 200, { ...buildPageHeaders(isScripted), 'Cache-Control': 'no-store' });
}
