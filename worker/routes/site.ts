/** What programs look for on every site: `/robots.txt` and `/.well-known/security.txt`. */
import { FORMATS } from '../../shared/contract/formats.ts';
import type { App } from '../context.ts';
import type { AppDependencies } from '../dependencies.ts';
import { DOCUMENT_HEADERS } from '../http/headers.ts';
import type { OperationEntry } from '../http/operation.ts';
import { PLAIN_TEXT, respondText } from '../http/range.ts';
import { SHARED_PICTURE } from '../pages/page.ts';

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

export function addSiteRoutes(app: App, { securityContact }: AppDependencies): void {
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
