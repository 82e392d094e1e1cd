/**
 * `GET /limits`: every limit that a caller can meet.
 */
import { limitsSchema } from '../../shared/contract/answers.ts';
import { LIMIT_NOTES, LIMITS } from '../../shared/contract/limits.ts';
import type { App } from '../context.ts';
import { API_HEADERS } from '../headers.ts';
import type { Operation } from '../operation.ts';

export const LIMITS_OPERATION: Operation = {
  id: 'getLimits',
  path: '/limits',
  routes: ['/limits'],
  kind: 'api',
  summary: 'Every limit that a caller can meet, with its unit',
  answers: { 'application/json': limitsSchema },
  examples: ['/limits'],
};

export function addLimitsRoute(app: App): void {
  const entries = Object.entries(LIMIT_NOTES).map(([name, note]) => [
    name,
    { value: LIMITS[name as keyof typeof LIMITS], ...note },
  ]);
  const limits = Object.fromEntries(entries) as Record<string, unknown>;
  app.get('/limits', (c) => c.json(limits, 200, { ...API_HEADERS, 'Cache-Control': 'public, max-age=300' }));
}
