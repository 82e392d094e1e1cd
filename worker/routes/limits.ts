/**
 * `GET /limits`: every limit that a caller can meet.
 */
import { limitsSchema } from '../../shared/contract/answers.ts';
import { LIMIT_TABLE } from '../../shared/contract/limits.ts';
import type { App, AppDependencies } from '../context.ts';
import { API_HEADERS } from '../http/headers.ts';
import { listPolicies, RATE_WINDOW_SECONDS, type RateLimits } from '../http/rate-limit.ts';
import type { Operation } from '../http/operation.ts';

export const LIMITS_OPERATION: Operation = {
  id: 'getLimits',
  path: '/limits',
  routes: ['/limits'],
  kind: 'api',
  summary: 'Every limit that a caller can meet, with its unit',
  answers: { 'application/json': limitsSchema },
  examples: ['/limits'],
};

export function addLimitsRoute(app: App, { rateLimits }: AppDependencies): void {
  const limits = { ...LIMIT_TABLE, ...describeRates(rateLimits) };
  app.get('/limits', (c) =>
    c.json(limits, 200, { ...API_HEADERS, 'Cache-Control': 'public, max-age=300' }),
  );
}

/** How often one address may ask, where that is limited. */
function describeRates(rateLimits: RateLimits | undefined): Record<string, unknown> {
  const policies = rateLimits === undefined ? [] : listPolicies(rateLimits);
  return Object.fromEntries(
    policies.map(({ name, requests }) => [
      name === 'all' ? 'maxAnswersAMinute' : 'maxLargeAnswersAMinute',
      {
        value: requests,
        unit: 'answers',
        about: `that are ${name === 'all' ? 'drawn or read' : 'large'}, for one address in ${RATE_WINDOW_SECONDS} s; a 304 does not count`,
      },
    ]),
  );
}
