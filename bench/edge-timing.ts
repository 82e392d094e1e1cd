/**
 * How long requests to the worker in the local edge runtime take, in all and by the worker's own account.
 */
import type { Asking } from '../test/support/hosts/ask.ts';

/** What the worker tells in `Server-Timing`. */
export const STAGES = ['load', 'generate', 'encode'] as const;

/** One answered request. */
export interface TimedRequest {
  readonly totalMs: number;
  readonly stagesMs: Readonly<Record<string, number>>;
  readonly bytes: number;
}

/** Many of one kind. */
export interface RequestTimes {
  readonly minMs: number;
  readonly medianMs: number;
  readonly maxMs: number;
  /** Means, since the runtime's clock is coarse; over the fastest requests only where that was asked for. */
  readonly stagesMs: Readonly<Record<(typeof STAGES)[number], number>>;
  /** Of the first answer. */
  readonly bytes: number;
}

/**
 * Times one request, body included.
 * @throws Error  When the answer is neither 200 nor 304.
 */
export async function timeRequest(
  worker: Pick<Asking, 'fetch'>,
  path: string,
  init: RequestInit = {},
): Promise<TimedRequest> {
  const began = performance.now();
  const answer = await worker.fetch(path, init);
  const bytes = (await answer.arrayBuffer()).byteLength;
  const totalMs = performance.now() - began;
  if (answer.status !== 200 && answer.status !== 304) {
    throw new Error(`${path} answers ${answer.status}`);
  }
  const stages = [...(answer.headers.get('server-timing') ?? '').matchAll(/(\w+);dur=([\d.]+)/g)];
  return {
    totalMs,
    bytes,
    stagesMs: Object.fromEntries(stages.map(([, stage, ms]) => [stage, Number(ms)])),
  };
}

/** Times requests one after the other. @param warmUp  Requests before those that count. */
export async function timeRequests(
  worker: Pick<Asking, 'fetch'>,
  path: string,
  { warmUp, repeats, init = {} }: { warmUp: number; repeats: number; init?: RequestInit },
): Promise<TimedRequest[]> {
  const samples: TimedRequest[] = [];
  for (let i = 0; i < warmUp + repeats; i++) {
    const sample = await timeRequest(worker, path, init);
    if (i >= warmUp) {
      samples.push(sample);
    }
  }
  return samples;
}

/**
 * Sums up.
 *
 * @param samples  At least one.
 * @param part     How much of the requests, the fastest, the stages' means are taken over: with less than 1, what else the
 *                 machine did now and then counts for less.
 */
export function summariseRequests(samples: readonly TimedRequest[], part = 1): RequestTimes {
  const sorted = samples.toSorted((a, b) => a.totalMs - b.totalMs);
  const totals = sorted.map(({ totalMs }) => totalMs);
  const fastest = sorted.slice(0, Math.ceil(part * sorted.length));
  const mean = (stage: string): number =>
    fastest.reduce((sum, { stagesMs }) => sum + (stagesMs[stage] ?? 0), 0) / fastest.length;
  return {
    minMs: totals[0] ?? NaN,
    medianMs: totals[totals.length >> 1] ?? NaN,
    maxMs: totals.at(-1) ?? NaN,
    stagesMs: { load: mean('load'), generate: mean('generate'), encode: mean('encode') },
    bytes: samples[0]?.bytes ?? 0,
  };
}
