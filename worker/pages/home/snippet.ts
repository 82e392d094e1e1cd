/**
 * A text to copy, with its button. The button needs the script.
 */
import { html } from 'hono/html';
import type { Markup } from '../page.ts';

/** @param id  The id of the text's element. @param name  The label of the button. */
export function renderSnippet(id: string, name: string, text: string): Markup {
  return html`<div class="snippet">
    <pre class="copy" id="${id}" tabindex="0" aria-label="${name}">${text}</pre>
    <button type="button" class="copy-button" data-copies="${id}" aria-label="Copy: ${name}">Copy</button>
  </div>`;
}
