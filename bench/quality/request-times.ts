/**
 * How long requests to the worker take, in all and by the stages of its `Server-Timing` header.
 */

export interface TimedRequest {
  readonly totalMs: number;
  readonly stagesMs: Readonly<Record<string, number>>;
  readonly bytes: number;
}

/** Many requests of one kind. */
export interface RequestTimes {
  readonly minMs: number;
  readonly medianMs: number;
  readonly maxMs: number;
  /** Means, since the runtime's clock is coarse. */
  readonly stagesMs: Readonly<Record<'load' | 'generate' | 'encode', number>>;
  /** Of the first answer. */
  readonly bytes: number;
}

/** Times one request, body included. @throws Error  When the answer is no success. */
export async function timeRequest(url: URL): Promise<TimedRequest> {
  const began = performance.now();
  const answer = await fetch(url);
  const bytes = (await answer.arrayBuffer()).byteLength;
  const totalMs = performance.now() - began;
  if (!answer.ok) {
    throw new Error(`${url.href} answers ${answer.status}`);
  }
  const stages = [...(answer.headers.get('server-timing') ?? '').matchAll(/(\w+);dur=([\d.]+)/g)];
  return {
    totalMs,
    bytes,
    stagesMs: Object.fromEntries(stages.map(([, stage, ms]) => [stage, Number(ms)])),
  };
}

/**
 * Sums requests up.
 *
 * @param samples  At least one.
 * @param part     The part of the requests, the fastest ones, that the stages' means are over. Less
 *                 than 1 leaves out requests that other programs slowed down.
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
