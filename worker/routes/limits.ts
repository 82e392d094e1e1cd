/** `GET /limits`: every limit that a caller can meet. */
import { LIMIT_TABLE } from '../../shared/contract/limits.ts';
import type { App } from '../context.ts';
import type { AppDependencies } from '../dependencies.ts';
import { DOCUMENT_HEADERS } from '../http/headers.ts';
import { listPolicies, RATE_WINDOW_SECONDS } from '../http/admission.ts';
import type { OperationEntry } from '../http/operation.ts';
import { respondJson } from '../http/range.ts';

export const LIMITS_OPERATION: OperationEntry = {
  id: 'getLimits',
  path: '/limits',
  tag: 'service',
  summary: 'Every limit that a caller can meet, with its unit',
  answers: { 'application/json': 'limitsSchema' },
  examples: ['/limits'],
};

export function addLimitsRoute(app: App, { rateLimits }: AppDependencies): void {
  const rates = listPolicies(rateLimits).map(({ name, requests }) => {
    const [key, which] =
      name === 'all' ? ['maxAnswersAMinute', 'drawn or read'] : ['maxLargeAnswersAMinute', 'large'];
    const window = `for one address in ${RATE_WINDOW_SECONDS} s`;
    const about = `that are ${which}, ${window}; a 304 does not count`;
    return [key, { value: requests, unit: 'answers', about }];
  });
  const limits = { ...LIMIT_TABLE, ...Object.fromEntries(rates) };
  app.get('/limits', () => respondJson(limits, DOCUMENT_HEADERS));
}
