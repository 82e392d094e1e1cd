const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Escapes text for use as content and inside a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] as string);
}

/** Takes the tags out of HTML and resolves what {@link escapeHtml} has escaped. */
export function readHtmlText(html: string): string {
  const parts = html
    .replaceAll(/<\/?(?:a|code|em|strong)\b[^>]*>/g, '') // These stand inside words and sentences.
    .split('<')
    .map((part, i) => (i === 0 ? part : part.split('>').slice(1).join('>')));
  const text = parts.join(' ').replaceAll(/\s+/g, ' ').trim();
  // The ampersand last, so that nothing is resolved twice.
  return Object.entries(ENTITIES).reduceRight(
    (read, [character, entity]) => read.replaceAll(entity, character),
    text,
  );
}
