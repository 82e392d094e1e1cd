/** What the sections of the page at `/` share: the serving model, the ink, and texts to copy. */
import { html } from 'hono/html';
import type { Colour } from '../../../shared/picture/colour.ts';
import type { ParsedManifest } from '../../../shared/model/artifact.ts';
import type { Markup } from '../page.ts';

/** The page's own ink, in its light and its dark scheme: see page/style/base.css. */
export const INK: Colour = [0x1d, 0x24, 0x30, 255];
export const DARK_INK: Colour = [0xe8, 0xea, 0xee, 255];

export interface ModelView extends ParsedManifest {
  /** `r2` for a published model, `bundled` for the one inside the worker. */
  readonly source: string;
}

/** Whether the classes include every digit, so that numbers can be written. */
export function hasDigits(classes: readonly string[]): boolean {
  return [...'0123456789'].every((digit) => classes.includes(digit));
}

/** Renders a text to copy. @param id  Of its element. @param name  For screen readers. */
export function renderSnippet(id: string, name: string, text: string): Markup {
  return html`<div class="snippet">
    <pre class="copy" id="${id}" tabindex="0" aria-label="${name}">${text}</pre>
    <button type="button" class="copy-button" data-copies="${id}" aria-label="Copy: ${name}">Copy</button>
  </div>`;
}
