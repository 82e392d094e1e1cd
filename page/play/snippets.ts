/**
 * The texts to copy for a URL.
 */
import { isPicture } from './request.ts';

export interface Shown {
  readonly url: string;
  readonly format: string;
  readonly alt: string;
  /** In CSS pixels; undefined for what is no picture. */
  readonly size: { readonly width: number; readonly height: number } | undefined;
}

/** The texts by the ids of their elements without `snippet-`. */
export function buildSnippets({
  url,
  format,
  alt,
  size,
}: Shown): Readonly<Record<'url' | 'html' | 'markdown' | 'curl', string>> {
  const file = `digits.${format}`;
  const sized = size === undefined ? '' : ` width="${size.width}" height="${size.height}"`;
  return {
    url,
    html: isPicture(format)
      ? `<img src="${escapeHtml(url)}" alt="${escapeHtml(alt)}"${sized}>`
      : `<a href="${escapeHtml(url)}">${escapeHtml(alt)}</a>`,
    markdown: `${isPicture(format) ? '!' : ''}[${alt}](${url.replaceAll('(', '%28').replaceAll(')', '%29')})`,
    curl: `curl ${format === 'txt' ? '' : `-o ${file} `}'${url.replaceAll("'", '%27')}'`,
  };
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
}
