/**
 * The jobs of a service, if it has any, and who may start them.
 */
import { timingSafeEqual } from 'hono/utils/buffer';
import type { JobQueue } from './job-consumer.ts';
import type { JobStore } from './job-store.ts';

/** Pattern of a secret: `openssl rand -hex 32` makes one. */
export const SECRET_PATTERN = /^[\x21-\x7e]{24,}$/;

export interface Jobs {
  readonly store: JobStore;
  readonly queue: JobQueue;
  readonly secret: string;
}

/** The reason why a service has no jobs, worded for the public. */
export interface NoJobs {
  readonly reason: string;
}

/** Tells whether an Authorization header has the secret, in a time that does not depend on it. */
export async function isOwner(
  { secret }: Jobs,
  authorization: string | undefined,
): Promise<boolean> {
  const given = /^Bearer +([\x21-\x7e]+) *$/i.exec(authorization ?? '')?.[1];
  return given !== undefined && (await timingSafeEqual(given, secret));
}
