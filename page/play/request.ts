/** The playground's request as a URL of the API, its answer, and the texts to copy. */
import { encodeNumber } from '../../shared/contract/query.ts';
import { escapeHtml } from '../../shared/escape-html.ts';

export interface PlayRequest {
  readonly route: 'digit' | 'sample' | 'number';
  /** The number of `/number`. */
  readonly digits: string;
  readonly format: string;
  /** The other parameters with a value, in the order of the controls. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
}

/** Path and query, with the format as the extension. */
export function buildRequestPath({ route, digits, format, parameters }: PlayRequest): string {
  const path = route === 'number' ? `/number/${encodeNumber(digits)}` : `/${route}`;
  const query = new URLSearchParams(parameters.map(([name, value]) => [name, value])).toString();
  return `${path}.${format}${query === '' ? '' : `?${query}`}`;
}

/** The query of the page that restores the form. */
export function buildPageQuery(request: PlayRequest): URLSearchParams {
  const { route, digits, format, parameters } = request;
  const query = new URLSearchParams(parameters.map(([name, value]) => [name, value]));
  query.set('format', format);
  if (route === 'number') {
    query.set('digits', digits);
  }
  return query;
}

export function isPicture(format: string): boolean {
  return format === 'png' || format === 'svg';
}

/** Device pixels for each CSS pixel. */
export function readDpr({ format, parameters }: PlayRequest): number {
  return format === 'png' ? Number(new Map(parameters).get('dpr') ?? 1) : 1;
}

export interface Answer {
  readonly bytes: Blob;
  /** Path and query of the canonical URL. */
  readonly permalink: string;
  readonly seed: string;
  /** The header Cache-Control, which tells whether the URL's answer can change. */
  readonly caching: string;
  /** The header Digitmint-Warning; empty without one. */
  readonly warning: string;
}

export interface Fault {
  readonly detail: string;
  /** The parameters at fault. */
  readonly parameters: readonly string[];
}

/** Requests a path. Rejects when `signal` aborts or the network fails. */
export async function ask(path: string, signal: AbortSignal): Promise<Answer | Fault> {
  // Without this Accept, an error of a picture would be a picture.
  const answer = await fetch(path, {
    signal,
    headers: { Accept: 'application/problem+json, */*' },
  });
  if (!answer.ok) {
    return readFault(answer);
  }
  return {
    bytes: await answer.blob(),
    permalink: answer.headers.get('Content-Location') ?? path,
    seed: decodeURIComponent(answer.headers.get('Digitmint-Seed') ?? ''),
    caching: answer.headers.get('Cache-Control') ?? '',
    warning: answer.headers.get('Digitmint-Warning') ?? '',
  };
}

async function readFault(answer: Response): Promise<Fault> {
  const problem: unknown = await answer.json().catch(() => undefined);
  const { detail = `The answer was ${answer.status}.`, parameters = [] } = (problem ??
    {}) as Partial<Fault>;
  return { detail, parameters };
}

/** Names the model that a request asks for; undefined where it asks for none. */
function readModel({ parameters }: Pick<PlayRequest, 'parameters'>): string | undefined {
  return new Map(parameters).get('model')?.split('@')[0];
}

/** The page's model in words. */
export interface ModelWords {
  readonly name: string;
  /** One of its pictures with its article, and several. */
  readonly one: string;
  readonly many: string;
  readonly hasDigits: boolean;
}

/** Says what an answer shows, for those who do not see it. */
export function buildAlt(request: PlayRequest, { name, one, many, hasDigits }: ModelWords): string {
  const { route, digits, parameters } = request;
  if (route === 'number') {
    return `The number ${digits}, handwritten`;
  }
  const { n = '1', label } = Object.fromEntries(parameters);
  const model = readModel(request) ?? name;
  if (model !== name) {
    return n === '1' ? `A picture of ${model}` : `${n} pictures of ${model}`;
  }
  const all = n === '1' ? one : `${n} ${many}`;
  if (label === undefined) {
    return all;
  }
  if (!hasDigits) {
    return `${all}: ${label}`;
  }
  return n === '1' ? `A handwritten ${label}` : `${all}, each a ${label}`;
}

/**
 * Builds the texts to copy.
 * @param size  In CSS pixels; undefined when the answer is not a picture.
 */
export function buildSnippets(
  url: string,
  format: string,
  alt: string,
  size: { readonly width: number; readonly height: number } | undefined,
): Readonly<Record<'url' | 'html' | 'markdown' | 'curl', string>> {
  const file = `${/\/sample\b/.test(url) ? 'samples' : 'digits'}.${format}`;
  const sized = size === undefined ? '' : ` width="${size.width}" height="${size.height}"`;
  return {
    url,
    html: isPicture(format)
      ? `<img src="${escapeHtml(url)}" alt="${escapeHtml(alt)}"${sized} />`
      : `<a href="${escapeHtml(url)}">${escapeHtml(alt)}</a>`,
    markdown: `${isPicture(format) ? '!' : ''}[${alt.replaceAll(/[\\[\]]/g, String.raw`\$&`)}](${url.replaceAll('(', '%28').replaceAll(')', '%29')})`,
    // Double quotes, because cmd.exe knows no others. Shells take ! for a command of the past.
    curl: `curl ${format === 'txt' ? '' : `-o ${file} `}"${url.replaceAll('!', '%21')}"`,
  };
}
