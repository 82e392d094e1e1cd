/**
 * The frame of every page: one style, dark and light, phone and desktop; no script, nothing from elsewhere.
 */
import { html, raw } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';
import type { AppContext } from '../context.ts';
import { buildPageHeaders } from '../headers.ts';

export interface Page {
  readonly title: string;
  /** More elements of the head. */
  readonly head?: HtmlEscapedString | Promise<HtmlEscapedString>;
  readonly body: HtmlEscapedString | Promise<HtmlEscapedString>;
}

const NONCE_BYTES = 16;

/** Answers with a page; never cached, as its style's nonce is for once. */
export async function renderPage(c: AppContext, { title, head, body }: Page): Promise<Response> {
  const nonce = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(NONCE_BYTES))));
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title} · digitmint</title>
        <link rel="icon" type="image/png" href="/digit.png?seed=digitmint" />
        ${head ?? ''}
        <style nonce="${nonce}">
          ${raw(STYLE)}
        </style>
      </head>
      <body>
        ${body}
      </body>
    </html>`;
  return c.html(page, 200, { ...buildPageHeaders(nonce), 'Cache-Control': 'no-store' });
}

const STYLE = `
:root {
  color-scheme: light dark;
  --paper: light-dark(#fbfaf7, #14161a);
  --card: light-dark(#ffffff, #1c1f25);
  --ink: light-dark(#1d2430, #e8eaee);
  --soft: light-dark(#5b6472, #9aa3b2);
  --line: light-dark(#e3e0d8, #2c313a);
  --mint: light-dark(#0b7a5b, #54d6ae);
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: clamp(1rem, 4vw, 3rem) clamp(1rem, 4vw, 2rem); max-width: 60rem;
  background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif;
}
h1 { margin: 0; font-size: clamp(1.8rem, 5vw, 2.6rem); letter-spacing: -0.03em; line-height: 1.1; }
h2 { margin: 2.5rem 0 0.75rem; font-size: 1.15rem; }
p { max-width: 38rem; }
.lead { margin: 0.5rem 0 1.5rem; color: var(--soft); }
a { color: var(--mint); text-underline-offset: 0.15em; }
a:focus-visible { outline: 2px solid var(--mint); outline-offset: 2px; }
code, pre { font: 0.875rem/1.5 ui-monospace, monospace; }
pre {
  margin: 0; padding: 0.75rem 1rem; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere;
  background: var(--card); border: 1px solid var(--line); border-radius: 0.5rem;
}
.copy { user-select: all; }
.digits { display: grid; grid-template-columns: repeat(4, 1fr); gap: clamp(0.4rem, 1.5vw, 0.75rem); margin: 0; padding: 0; list-style: none; }
@media (min-width: 48rem) { .digits { grid-template-columns: repeat(8, 1fr); } }
.digits a { display: block; border-radius: 0.5rem; overflow: hidden; border: 1px solid var(--line); background: #000; transition: transform 0.12s; }
.digits a:hover { transform: translateY(-2px); border-color: var(--mint); }
.digits img { display: block; width: 100%; height: auto; aspect-ratio: 1; image-rendering: pixelated; }
.again {
  display: inline-block; margin-top: 1rem; padding: 0.5rem 1.1rem; border-radius: 999px;
  background: var(--mint); color: var(--paper); font-weight: 600; text-decoration: none;
}
dl { display: grid; grid-template-columns: minmax(5rem, auto) 1fr; gap: 0.6rem 1rem; align-items: center; margin: 0; }
dt { color: var(--soft); font-size: 0.9rem; }
dd { margin: 0; min-width: 0; }
.example { display: flex; gap: 1rem; align-items: center; }
.example img { width: 7rem; height: 7rem; image-rendering: pixelated; border-radius: 0.5rem; border: 1px solid var(--line); }
.example pre { flex: 1; min-width: 0; }
@media (max-width: 30rem) { dl { grid-template-columns: 1fr; gap: 0.25rem; } dd { margin-bottom: 0.6rem; } .example { flex-direction: column; align-items: stretch; } }
table { width: 100%; border-collapse: collapse; font-size: 0.9rem; }
th, td { padding: 0.4rem 0.75rem 0.4rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: 500; }
h2, li, p { overflow-wrap: anywhere; }
h2 code { font-size: 1.1rem; font-weight: 600; }
th, td code { white-space: nowrap; }
@media (max-width: 40rem) {
  thead { display: none; }
  table, tbody, tr, td { display: block; }
  tr { padding: 0.5rem 0; border-bottom: 1px solid var(--line); }
  td { padding: 0; border: 0; }
  td[data-label]:not(:empty)::before { content: attr(data-label) ': '; color: var(--soft); }
}
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--soft); font-size: 0.9rem; }
@media (prefers-reduced-motion: reduce) { .digits a { transition: none; } }
`;
