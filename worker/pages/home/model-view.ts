/** Shared by the sections of the page at `/`: the serving model in words, and texts to copy. */
import { html } from 'hono/html';
import { COLOURS } from '../../../shared/design/tokens.ts';
import { parseColour, type Colour } from '../../../shared/picture/colour.ts';
import { listClasses } from '../../../shared/model/classes.ts';
import { HANDWRITTEN_DIGITS, hasDigits, nameOne } from '../../../shared/model/subject.ts';
import { capitalize } from '../../../shared/text.ts';
import type { Manifest, ParsedManifest } from '../../../shared/model/artifact.ts';
import type { Markup } from '../page.ts';

const readColour = (hex: string) => parseColour(hex.slice(1)) as Colour;
/** The page's own ink and paper, in its light and its dark scheme. */
export const INK = readColour(COLOURS.ink[0]);
export const DARK_INK = readColour(COLOURS.ink[1]);
export const PAPER = readColour(COLOURS.paper[0]);
export const DARK_PAPER = readColour(COLOURS.paper[1]);

/** The pages draw plainer digits than data sets need. */
export const TRUNCATION = 0.7;

export interface ModelView extends ParsedManifest {
  /** `r2` for a published model, `bundled` for the one inside the worker. */
  readonly source: string;
}

/** SHA-256 of MNIST's 60,000 training digits, as the trainer hashes a data set. */
const MNIST = 'edc0d1098aa497be14ace79ddd5171e5a3dcf9c4d196c015389203eb3ba1f59b';

/** Says what the model learned from. */
export function describeTraining({ training: { dataset } }: Manifest): string {
  const count = dataset.images.toLocaleString('en');
  return dataset.sha256 === MNIST
    ? `MNIST, ${count} digits that people wrote`
    : `${count} pictures (${dataset.name})`;
}

/** The subject of the model in the plural, such as `handwritten digits`. */
export function describeMany({ name, classes, subject }: Manifest): string {
  return subject?.many ?? (hasDigits(classes) ? HANDWRITTEN_DIGITS.many : name);
}

/** Names one picture with its article: `A handwritten digit`. */
export function describeOne({ name, classes, subject }: Manifest): string {
  const known = subject ?? (hasDigits(classes) ? HANDWRITTEN_DIGITS : undefined);
  return known === undefined ? `One of the ${name}` : nameOne(known);
}

/** The route of pictures, which has two names. */
export function nameRoute({ subject }: Manifest): 'digit' | 'sample' {
  return subject === undefined ? 'digit' : 'sample';
}

/** Names the classes after a colon; everybody knows the digits. */
export function describeClasses({ classes }: Manifest): string {
  return hasDigits(classes) || classes.length === 0 ? '' : `: ${listClasses(classes)}`;
}

/** The same as {@link describeMany} for the start of a sentence. */
export function describeTitle(manifest: Manifest): string {
  return capitalize(describeMany(manifest));
}

/** Renders a text to copy. @param id  Its element's id. @param name  For screen readers. */
export function renderSnippet(id: string, name: string, text: string): Markup {
  return html`<div class="snippet">
    <pre class="copy" id="${id}" tabindex="0" aria-label="${name}">${text}</pre>
    <button type="button" class="copy-button" data-copies="${id}" aria-label="Copy: ${name}">Copy</button>
  </div>`;
}
