/**
 * Renders docs/*.md and the cards of the shipped models into the guides that the worker serves
 * under /docs and /learn, with the pictures that they show. One file holds all guides: the worker
 * reads it at the first request.
 */
import * as fs from 'node:fs';
import { basename, dirname, extname, join, relative } from 'node:path';
import MarkdownIt, { type Token } from 'markdown-it';
import { escapeHtml, readHtmlText } from '../../shared/escape-html.ts';
import { GUIDE_GROUPS, LEARN_SLUG, START_SLUG, type Guide } from '../../shared/contract/guides.ts';
import { ASSET_PATH } from '../../worker/http/asset-headers.ts';
import { nameAsset, ROOT } from './bundle.ts';
import { renderFilm } from './film.ts';

const DOCS = join(ROOT, 'docs');
/** Models with a page of their own wherever the worker runs. */
export const BUNDLED_MODELS = GUIDE_GROUPS['The shipped models'];

interface RenderedGuides {
  readonly guides: readonly Guide[];
  /** Contents of the pictures by their names under `/assets/`. */
  readonly pictures: ReadonlyMap<string, Uint8Array>;
  /** Links to files and headings that do not exist. */
  readonly broken: readonly string[];
}

/** Renders every guide. */
export function renderGuides(): RenderedGuides {
  const pictures = new Map<string, Uint8Array>();
  const broken: string[] = [];
  const slugs = [START_SLUG, ...Object.values(GUIDE_GROUPS).flat()];
  const learn = fs.readdirSync(DOCS).filter((file) => file.startsWith(`${LEARN_SLUG}.`));
  const own = slugs.map((slug) => ({ slug, language: '', path: findFile(slug) }));
  const translated = learn.map((file) => {
    const [slug = '', language = ''] = file.replace(/\.?md$/, '').split('.');
    return { slug, language, path: join(DOCS, file) };
  });
  const places = new Map(own.map(({ slug, path }) => [path, slug]));
  const guides = [...own, ...translated].map(({ slug, language, path }) => {
    const text = fs.readFileSync(path, 'utf8');
    const end = text.indexOf('\n');
    const title = text.slice('# '.length, end).replaceAll('`', '');
    const html = renderMarkdown(text.slice(end), { path, places, pictures, broken });
    const lead = readHtmlText(html.slice(html.indexOf('<p>'), html.indexOf('</p>')));
    return { slug, language: language === '' ? 'en' : language, title, lead, html };
  });
  return { guides, pictures, broken };
}

/** Finds a guide's file. */
function findFile(slug: string): string {
  const models: readonly string[] = BUNDLED_MODELS;
  return models.includes(slug) ? join(ROOT, 'models', slug, 'README.md') : join(DOCS, `${slug}.md`);
}

interface Context {
  readonly path: string;
  /** The guides' slugs by their files. */
  readonly places: ReadonlyMap<string, string>;
  readonly pictures: Map<string, Uint8Array>;
  readonly broken: string[];
}

function renderMarkdown(text: string, context: Context): string {
  const markdown = new MarkdownIt({ html: true });
  // Comments are for editors of the text.
  markdown.renderer.rules['html_block'] = (tokens, i) =>
    tokens[i]?.content.startsWith('<!--') === true ? '' : (tokens[i]?.content ?? '');
  const { rules } = markdown.renderer;
  const ids = new Set<string>();
  let blocks = 0;

  rules['heading_open'] = (tokens, i) => {
    const id = nameHeading(tokens[i + 1], ids);
    return `<${tokens[i]?.tag} id="${id}"><a class="anchor" href="#${id}">`;
  };
  rules['heading_close'] = (tokens, i) => `</a></${tokens[i]?.tag}>\n`;
  rules['fence'] = (tokens, i) => {
    const { info = '', content = '' } = tokens[i] ?? {};
    const [language = '', name = ''] = info.split(' ');
    if (language === 'film') {
      const film = renderFilm(name, content.trim());
      film.frames.forEach((frame, f) => context.pictures.set(film.files[f] as string, frame));
      return film.html;
    }
    const id = `code-${++blocks}`;
    const label = language === '' ? 'Code' : `Code: ${language}`;
    return (
      `<div class="snippet"><pre id="${id}" tabindex="0" aria-label="${label} ${blocks}"><code>` +
      `${escapeHtml(content.trimEnd())}</code></pre><button type="button" class="copy-button" ` +
      `data-copies="${id}" aria-label="Copy code ${blocks}">Copy</button></div>\n`
    );
  };
  // A wide table scrolls by itself, by keyboard too.
  let tables = 0;
  rules['table_open'] = () =>
    `<div class="wide" tabindex="0" role="region" aria-label="Table ${++tables}"><table>\n`;
  rules['table_close'] = () => '</table></div>\n';
  // Alignment as a class: the policy of the pages allows no style attribute.
  for (const cell of ['th_open', 'td_open']) {
    rules[cell] = (tokens, i) => {
      const isRight = String(tokens[i]?.attrGet('style')).includes('right');
      return `<${tokens[i]?.tag}${isRight ? ' class="number"' : ''}>`;
    };
  }
  let charts = 0;
  rules['image'] = (tokens, i) => {
    const [source, alt] = [String(tokens[i]?.attrGet('src') ?? ''), tokens[i]?.content ?? ''];
    const image = `<img ${addPicture(source, context)} alt="${escapeHtml(alt)}" loading="lazy">`;
    return extname(source) === '.svg'
      ? `<span class="chart" tabindex="0" role="region" aria-label="Chart ${++charts}">${image}</span>`
      : image;
  };
  // A link to a file that is not served becomes its text.
  const served: boolean[] = [];
  rules['link_open'] = (tokens, i) => {
    const url = resolveLink(String(tokens[i]?.attrGet('href') ?? ''), context);
    served.push(url !== null);
    return url === null ? '' : `<a href="${escapeHtml(url)}">`;
  };
  rules['link_close'] = () => (served.pop() === true ? '</a>' : '');
  return markdown.render(text);
}

/** Names a heading as GitHub does, so that links hold in both places. @param inline  Its text. */
function nameHeading(inline: Token | undefined, taken: Set<string>): string {
  const name = (inline?.children ?? [])
    .filter(({ type }) => type === 'text' || type === 'code_inline')
    .map(({ content }) => content)
    .join('')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(/\s/g, '-');
  let id = name;
  for (let count = 1; taken.has(id); count++) {
    id = `${name}-${count}`;
  }
  taken.add(id);
  return id;
}

/** @returns  The URL in the service; null for a file that is not served. */
function resolveLink(href: string, { path: file, places, broken }: Context): string | null {
  if (/^(?:https?:|mailto:|\/)/.test(href)) {
    return href;
  }
  const [path = '', anchor] = href.split('#');
  const target = path === '' ? file : join(dirname(file), path);
  const fragment = anchor === undefined ? '' : `#${anchor}`;
  if (!fs.existsSync(target)) {
    broken.push(`${relative(ROOT, file)}: ${href}`);
    return null;
  }
  if (anchor !== undefined && extname(target) === '.md' && !hasHeading(target, anchor)) {
    broken.push(`${relative(ROOT, file)}: ${href}`);
  }
  if (path === '') {
    return fragment;
  }
  if (target === join(DOCS, `${LEARN_SLUG}.md`)) {
    return `/learn${fragment}`;
  }
  const slug = places.get(target);
  if (slug === undefined) {
    return null;
  }
  return slug === START_SLUG ? `/docs${fragment}` : `/docs/${slug}${fragment}`;
}

function hasHeading(target: string, anchor: string): boolean {
  const ids = new Set<string>();
  const tokens = new MarkdownIt().parse(fs.readFileSync(target, 'utf8'), {});
  for (const [i, { type }] of tokens.entries()) {
    if (type === 'heading_open') {
      nameHeading(tokens[i + 1], ids);
    }
  }
  return ids.has(anchor);
}

/** @returns  The attributes of an image: its URL in the service, and its size. */
function addPicture(source: string, { path: file, pictures, broken }: Context): string {
  const path = join(dirname(file), source);
  if (!fs.existsSync(path)) {
    broken.push(`${relative(ROOT, file)}: ${source}`);
    return '';
  }
  const content = fs.readFileSync(path);
  const name = nameAsset(basename(source), content);
  pictures.set(name, content);
  const [width, height] = measurePicture(content, extname(source));
  return `src="${ASSET_PATH}${name}" width="${width}" height="${height}"`;
}

/** Reads a picture's size, so that a page does not jump when the picture has loaded. */
function measurePicture(content: Buffer, extension: string): [width: number, height: number] {
  switch (extension) {
    case '.png':
      return [content.readUInt32BE(16), content.readUInt32BE(20)];
    case '.gif':
      return [content.readUInt16LE(6), content.readUInt16LE(8)];
    default: {
      const [, width = 0, height = 0] =
        /width="(\d+)" height="(\d+)"/.exec(content.toString()) ?? [];
      return [Number(width), Number(height)];
    }
  }
}
