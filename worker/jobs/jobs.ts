/**
 * The jobs of a service, if it has any: what is needed to start them, and who may.
 */
import { timingSafeEqual } from 'hono/utils/buffer';
import type { JobQueue } from './job-consumer.ts';
import type { JobStore } from './job-store.ts';

/** What a secret must be: `openssl rand -hex 32` makes one. */
export const SECRET_PATTERN = /^[\x21-\x7e]{24,}$/;

export interface Jobs {
  readonly store: JobStore;
  readonly queue: JobQueue;
  readonly secret: string;
}

/** Why a service has none, worded for the public. */
export interface NoJobs {
  readonly reason: string;
}

/** Whether a request's header has the secret; in a time that tells nothing of it. */
export async function isOwner(
  { secret }: Jobs,
  authorization: string | undefined,
): Promise<boolean> {
  const given = /^Bearer +([\x21-\x7e]+) *$/i.exec(authorization ?? '')?.[1];
  return given !== undefined && (await timingSafeEqual(given, secret));
}
