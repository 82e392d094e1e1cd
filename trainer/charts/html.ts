/**
 * Text and numbers for HTML and SVG. Pure.
 */

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Escapes text for use as content and inside a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] as string);
}

/** Formats a number: four significant digits, thousands grouped, an exponent for extreme sizes. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) {
    return 'not finite';
  }
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e9)) {
    return value.toExponential(2).replace('e-', 'e−').replace('e+', 'e').replace(/^-/, '−');
  }
  const digits = size >= 1000 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 4 };
  return value.toLocaleString('en', digits);
}

/** Formats a step: "12,000". */
export function formatStep(step: number): string {
  return step.toLocaleString('en');
}
