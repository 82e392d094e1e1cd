/**
 * Text to HTML. Pure.
 */

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Makes text safe as content and as an attribute's quoted value. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] as string);
}

/** A number as people read it: four digits that count, thousands apart, an exponent for what is tiny or huge. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) {
    return 'not finite';
  }
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e9)) {
    return value.toExponential(2).replace('e-', 'e−').replace('e+', 'e').replace(/^-/, '−');
  }
  return new Intl.NumberFormat(
    'en',
    size >= 1000 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 4 },
  ).format(value);
}

/** A step as people read it: "12,000". */
export function formatStep(step: number): string {
  return step.toLocaleString('en');
}
