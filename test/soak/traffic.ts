/**
 * The requests of a soak: of every kind that the service answers, and what each must give.
 */
import type { Fixture } from '../support/models/fixture-artifact.ts';

/** A request whose answer is known before it is sent. */
export interface KnownRequest {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly status: number;
  /** The code of an error. */
  readonly code?: string;
}

/**
 * Requests for content that a version decides: what they give is asked for once, before the load.
 * @param n  Varies them.
 */
export const PINNED: Readonly<Record<string, (model: string, n: number) => string>> = {
  png: (model, n) => `/digit.png?seed=soak-${n}&n=4&scale=2&gap=1&model=${model}`,
  'png, smooth and coloured': (model, n) =>
    `/digit.png?seed=soak-${n}&n=2&scale=3&smooth=1&fg=123a&bg=fed&model=${model}`,
  svg: (model, n) => `/digit.svg?seed=soak-${n}&n=3&smooth=1&model=${model}`,
  json: (model, n) => `/digit.json?seed=soak-${n}&n=3&model=${model}`,
  ndjson: (model, n) => `/digit.ndjson?seed=soak-${n}&n=3&pixels=base64&model=${model}`,
  npy: (model, n) => `/digit.npy?seed=soak-${n}&n=5&model=${model}`,
  txt: (model, n) => `/digit.txt?seed=soak-${n}&model=${model}`,
  label: (model, n) => `/digit/${n % 10}.png?seed=soak-${n}&model=${model}`,
  number: (model, n) => `/number/${2020 + n}.png?seed=soak-${n}&scale=2&model=${model}`,
  'morph, GIF': (model, n) => `/morph.gif?seed=soak-${n}&n=2&frames=3&model=${model}`,
  'morph, PNG': (model, n) => `/morph.png?seed=soak-${n}&digits=42&frames=3&model=${model}`,
  'part of a set, NPY': (model, n) =>
    `/dataset.npy?seed=soak&start=${n * 130}&n=130&model=${model}`,
  'part of a set, CSV': (model, n) => `/dataset.csv?seed=soak&start=${n * 70}&n=70&model=${model}`,
  'labels of a set': (model, n) =>
    `/dataset.idx?seed=soak&start=${n * 500}&n=500&part=labels&model=${model}`,
  card: (model) => `/models/${model.replace('@', '/')}`,
  weights: (model) => `/models/${model.replace('@', '/')}/weights.bin`,
};

/** The kinds of answers that hold URLs. */
export const HOLD_ADDRESS: ReadonlySet<string> = new Set(['json', 'ndjson', 'card']);

const PROBLEM = { accept: 'application/problem+json' };

/** Requests with faults, and the pages. */
export const KNOWN: readonly KnownRequest[] = [
  { path: '/digit.json?n=0', status: 400, code: 'invalid_parameter' },
  { path: '/digit.png?n=many', status: 400 },
  { path: '/digit.svg?label=cat', status: 400 },
  { path: '/morph.gif?n=1', status: 400 },
  { path: '/digit.png?n=256&scale=16', headers: PROBLEM, status: 400, code: 'picture_too_large' },
  { path: '/digit?strict=1&sede=1', headers: PROBLEM, status: 400, code: 'unknown_parameter' },
  { path: '/digits', status: 404, code: 'not_found' },
  { path: '/digit.json?model=nobody', status: 404, code: 'model_not_found' },
  { path: '/digit.json?model=fixture@0123456789abcdef', status: 404, code: 'model_not_found' },
  { path: '/models/fixture/0123456789abcdef', status: 404, code: 'model_not_found' },
  { path: '/digit', method: 'POST', status: 405, code: 'method_not_allowed' },
  { path: '/digit', headers: { accept: 'text/css' }, status: 406, code: 'not_acceptable' },
  { path: `/digit.json?seed=${'x'.repeat(5000)}`, status: 414, code: 'url_too_long' },
  { path: '/digit', method: 'OPTIONS', status: 204 },
  { path: '/digit.png', method: 'HEAD', status: 200 },
  { path: '/', status: 200 },
  { path: '/docs', status: 200 },
  { path: '/errors/busy', status: 200 },
  { path: '/limits', status: 200 },
  { path: '/llms.txt', status: 200 },
  { path: '/openapi.json', status: 200 },
  { path: '/models', status: 200 },
];

/** Requests for much, of a reader who leaves in the middle. */
export const LEFT: readonly string[] = [
  '/dataset.npy?n=3000',
  '/dataset.csv?n=3000',
  '/digit.png?n=256&scale=2',
  '/digit.ndjson?n=200',
];

/** Requests for much: at times the service says that it is busy. */
export const LARGE: readonly string[] = [
  '/digit.png?n=256&scale=4&smooth=1',
  '/morph.gif?n=8&frames=16',
  '/digit.svg?n=200',
];

export function nameModel({ manifest }: Fixture): string {
  return `${manifest.name}@${manifest.version}`;
}

/** Requests of each kind among a hundred. */
const SHARES = {
  pinned: 40,
  current: 15,
  fresh: 12,
  revalidated: 12,
  known: 15,
  left: 1,
  large: 1,
  health: 4,
} as const;
export type Kind = keyof typeof SHARES;
export const KINDS = (Object.keys(SHARES) as Kind[]).flatMap((kind) =>
  Array.from({ length: SHARES[kind] }, () => kind),
);
