/** The search of the documentation: every section that has all of the words, the best first. */
import { LEARN_SLUG, START_SLUG, type Guide } from '../../../shared/contract/guides.ts';
import { readHtmlText } from '../../../shared/escape-html.ts';
import { ROUTES } from '../../../shared/contract/parameters.ts';
import type { Operation } from '../../http/operation.ts';

interface Section {
  readonly url: string;
  readonly page: string;
  readonly title: string;
  readonly text: string;
  /** Page, title and text in lower case. */
  readonly lower: readonly [page: string, title: string, text: string];
}

export interface Found extends Omit<Section, 'text' | 'lower'> {
  /** Text around the first word: before it, the word, after it. */
  readonly excerpt: readonly [before: string, hit: string, after: string];
}

let known: { readonly guides: readonly Guide[]; readonly sections: readonly Section[] } | undefined;

/** Only the first words count: each takes a pass over the sections that have those before it. */
export const MAX_WORDS = 8;

/** @param max  The most sections. */
export function findText(
  guides: readonly Guide[],
  operations: readonly Operation[],
  words: string,
  max: number,
): Found[] {
  const named = new Set(words.toLowerCase().split(/\s+/));
  const wanted = [...named].filter((word) => word !== '').slice(0, MAX_WORDS);
  if (wanted.length === 0) {
    return [];
  }
  if (known?.guides !== guides) {
    const sections = listSections(guides, operations).map((section) => {
      const { page, title, text } = section;
      const lower = [page.toLowerCase(), title.toLowerCase(), text.toLowerCase()] as const;
      return { ...section, lower };
    });
    known = { guides, sections };
  }
  return known.sections
    .map((section) => ({ section, score: rate(section, wanted) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score)
    .slice(0, max)
    .map(({ section: { url, page, title, text } }) => ({
      url,
      page,
      title,
      excerpt: cutExcerpt(text, wanted[0] ?? ''),
    }));
}

/** @returns  0 when a word is missing; a title counts more than text. */
function rate({ lower: [page, title, text] }: Section, wanted: readonly string[]): number {
  let sum = 0;
  for (const word of wanted) {
    const named = (title.includes(word) ? 8 : 0) + (page.includes(word) ? 4 : 0);
    const score = named + countUpTo(3, text, word);
    if (score === 0) {
      return 0;
    }
    sum += score;
  }
  return sum;
}

function countUpTo(most: number, text: string, word: string): number {
  let count = 0;
  for (let at = text.indexOf(word); at >= 0 && count < most; count++) {
    at = text.indexOf(word, at + word.length);
  }
  return count;
}

const AROUND = 70;

function cutExcerpt(text: string, word: string): Found['excerpt'] {
  const at = text.toLowerCase().indexOf(word);
  if (at < 0) {
    return [text.slice(0, 2 * AROUND), '', '…'];
  }
  const [start, end] = [Math.max(0, at - AROUND), at + word.length];
  const before = `${start > 0 ? '…' : ''}${text.slice(start, at)}`;
  return [before, text.slice(at, end), `${text.slice(end, end + AROUND)}…`];
}

function listSections(
  guides: readonly Guide[],
  operations: readonly Operation[],
): Omit<Section, 'lower'>[] {
  const listReference = (id: string, title: string, text: string) => {
    const [url, page] = [`/docs/reference#${id}`, 'API reference'];
    return { url, page, title, text };
  };
  const parameters = new Map(Object.values(ROUTES).flatMap((route) => Object.entries(route)));
  return [
    ...guides.flatMap(splitGuide),
    ...operations.map(({ id, path, summary }) => listReference(id, path, summary)),
    ...[...parameters].map(([name, { about }]) => listReference(`parameter-${name}`, name, about)),
  ];
}

/** Splits a guide at its headings. */
function splitGuide({ slug, language, title, html }: Guide): Omit<Section, 'lower'>[] {
  const place = language === 'en' ? '' : `/${language}`;
  const own = slug === LEARN_SLUG ? `/learn${place}` : `/docs/${slug}`;
  const path = slug === START_SLUG ? '/docs' : own;
  return html.split(/(?=<h[23] id=")/).map((part) => {
    const id = /^<h[23] id="([^"]*)">/.exec(part)?.[1];
    const [heading = '', rest = ''] = id === undefined ? ['', part] : part.split(/<\/h[23]>/);
    return {
      url: id === undefined ? path : `${path}#${id}`,
      page: title,
      title: id === undefined ? title : readHtmlText(heading),
      text: readHtmlText(rest),
    };
  });
}
