/** Facts about the service: its health, its limits, OpenAPI, and texts for programs. */
import { FORMATS } from '../../shared/contract/formats.ts';
import { LIMIT_TABLE } from '../../shared/contract/limits.ts';
import type { App } from '../context.ts';
import type { AppDependencies } from '../dependencies.ts';
import { listPolicies, RATE_WINDOW_SECONDS } from '../http/admission.ts';
import { createDocument } from '../http/constant-document.ts';
import { API_HEADERS, DOCUMENT_HEADERS } from '../http/headers.ts';
import type { OperationEntry } from '../http/operation.ts';
import { PLAIN_TEXT, respondJson, respondText } from '../http/range.ts';
import { SHARED_PICTURE } from '../pages/page.ts';

export const LIMITS_OPERATION: OperationEntry = {
  id: 'getLimits',
  path: '/limits',
  tag: 'service',
  summary: 'Every limit that a caller can meet, with its unit',
  answers: { 'application/json': 'limitsSchema' },
  examples: ['/limits'],
};

export const OPENAPI_OPERATION: OperationEntry = {
  id: 'getOpenapi',
  path: '/openapi.json',
  tag: 'service',
  summary: 'This description, OpenAPI 3.1',
  answers: { 'application/json': 'jsonDocumentSchema' },
  examples: ['/openapi.json'],
};

export const HEALTH_OPERATION: OperationEntry = {
  id: 'getHealth',
  path: '/healthz',
  tag: 'service',
  summary: 'Which model serves, its source, and the last error',
  answers: { 'application/json': 'healthSchema' },
  otherStatuses: { 503: 'No model serves' },
  examples: ['/healthz'],
};

export const SITE_OPERATIONS: readonly OperationEntry[] = [
  {
    id: 'getRobots',
    path: '/robots.txt',
    tag: 'service',
    summary: 'What crawlers may read: the pages and documents, not the endless pictures',
    answers: { 'text/plain': 'text' },
    examples: ['/robots.txt'],
  },
  {
    id: 'getSecurity',
    path: '/.well-known/security.txt',
    tag: 'service',
    summary: 'Where to report a vulnerability (RFC 9116)',
    answers: { 'text/plain': 'text' },
    examples: ['/.well-known/security.txt'],
  },
];

/** RFC 9309 takes the longest rule that matches, older parsers the first one. */
function writeRobots(basePath: string): string {
  return [
    '# These fetch the picture of a link that a person shared.',
    'User-agent: Twitterbot',
    'User-agent: LinkedInBot',
    'User-agent: facebookexternalhit',
    `Disallow: ${basePath}/dataset`,
    `Disallow: ${basePath}/jobs`,
    '',
    '# Pictures and sets have no end of URLs. The pages and documents are few.',
    'User-agent: *',
    '# The picture in previews of links to the pages.',
    `Allow: ${basePath}${SHARED_PICTURE}`,
    `Disallow: ${basePath}/*?`,
    ...[...Object.keys(FORMATS), 'sample'].map((route) => `Disallow: ${basePath}/${route}`),
    '',
  ].join('\n');
}

/** RFC 9116 recommends less than a year. */
const SECURITY_DAYS = 180;
const DAY_MS = 86_400_000;

export function addServiceRoutes(
  app: App,
  { modelSource, openapi, rateLimits, securityContact }: AppDependencies,
): void {
  // A 200 while any model serves.
  app.get('/healthz', async (c) => {
    const { serving, failure } = await modelSource.getHealth(c.get('defer'));
    const headers = { ...API_HEADERS, 'Cache-Control': 'no-store' };
    const lastError = failure && { ...failure, at: new Date(failure.at).toISOString() };
    if (serving === undefined) {
      const body = { status: 'unavailable', model: null, lastError: lastError ?? null };
      return respondJson(body, headers, 503);
    }
    const { name, version, origin: source } = serving;
    const loadedAt = new Date(serving.loadedAt).toISOString();
    const status = failure === undefined ? 'ok' : 'degraded';
    const model = { name, version, source, loadedAt };
    return respondJson({ status, model, lastError: lastError ?? null }, headers);
  });
  const rates = listPolicies(rateLimits).map(({ name, requests }) => {
    const [key, which] =
      name === 'all' ? ['maxAnswersAMinute', 'drawn or read'] : ['maxLargeAnswersAMinute', 'large'];
    const window = `for one address in ${RATE_WINDOW_SECONDS} s`;
    const about = `that are ${which}, ${window}; a 304 does not count`;
    return [key, { value: requests, unit: 'answers', about }];
  });
  const limits = { ...LIMIT_TABLE, ...Object.fromEntries(rates) };
  app.get('/limits', () => respondJson(limits, DOCUMENT_HEADERS));
  // Without a document the path is not found.
  if (openapi !== undefined) {
    const write = createDocument(
      () => new TextDecoder().decode(openapi),
      (origin) => JSON.stringify(origin).slice(1, -1),
    );
    app.get('/openapi.json', (c) =>
      respondText(write(c.get('base')), 'application/json', DOCUMENT_HEADERS),
    );
  }
  app.get('/robots.txt', (c) =>
    respondText(writeRobots(c.get('basePath')), PLAIN_TEXT, DOCUMENT_HEADERS),
  );
  app.get('/.well-known/security.txt', (c) => {
    const base = c.get('base');
    const day = Math.floor(Date.now() / DAY_MS) * DAY_MS;
    const lines = [
      `Contact: ${securityContact ?? `${base}/docs/reference#security`}`,
      `Expires: ${new Date(day + SECURITY_DAYS * DAY_MS).toISOString()}`,
      'Preferred-Languages: en',
      `Canonical: ${base}/.well-known/security.txt`,
      '',
    ];
    return respondText(lines.join('\n'), PLAIN_TEXT, DOCUMENT_HEADERS);
  });
}
