/** Draws the samples of streamed answers: of sets, and of pictures in pieces. */
import { concatBytes } from '@noble/hashes/utils.js';
import { LIMITS } from '../shared/contract/limits.ts';
import type { PinnedDigits } from '../shared/contract/query.ts';
import type { GeneratorPlan } from '../shared/model/generator.ts';
import type { Samples } from '../shared/model/sampler.ts';
import type { AppContext } from './context.ts';
import type { AppDependencies } from './dependencies.ts';
import { readHand } from './hand.ts';
import { estimateMs, measureSamples, yieldThread } from './http/admission.ts';
import type { PinnedSource } from './http/headers.ts';
import { useModel } from './models/model-source.ts';

type PinnedSequence = PinnedSource & Pick<PinnedDigits, 'start' | 'truncation' | 'hand' | 'vary'>;

/**
 * Draws samples later. Each turn takes no longer than a light answer and leases the model anew: a
 * reader who leaves keeps no lease.
 */
export function createDraw(
  c: AppContext,
  { modelSource, streamTurns }: Pick<AppDependencies, 'modelSource' | 'streamTurns'>,
  { model, seed, start, truncation, hand: text, vary }: PinnedSequence,
  label: number | undefined,
): (first: number, count: number) => Promise<Samples> {
  const defer = c.get('defer');
  const hand = text === undefined ? undefined : readHand(text, vary);
  return async (first, count) => {
    const parts: Samples[] = [];
    for (let done = 0; done < count;) {
      const part = await useModel(modelSource, model, defer, ({ sampler }) =>
        streamTurns.run(async () => {
          const n = Math.min(count - done, countPerTurn(sampler.plan));
          const at = start + first + done;
          const drawn = sampler.draw({ seed, start: at, count: n, truncation, label, hand });
          await yieldThread();
          return drawn;
        }, defer),
      );
      if ('code' in part) {
        throw new Error(`the model went away in the middle of an answer: ${part.code}`);
      }
      parts.push(part);
      done += part.count;
    }
    return joinSamples(parts);
  };
}

/** Counts the samples that take no longer than a light answer. */
function countPerTurn(plan: GeneratorPlan): number {
  const [fixedMs, ms] = [0, 1].map((n) => estimateMs(measureSamples(plan, n))) as [number, number];
  return Math.max(1, Math.floor((LIMITS.maxLightMs - fixedMs) / (ms - fixedMs)));
}

/** Joins consecutive samples of one model, at least one part. */
function joinSamples(parts: readonly Samples[]): Samples {
  const [first] = parts as [Samples];
  if (parts.length === 1) {
    return first;
  }
  return {
    ...first,
    count: parts.reduce((sum, { count }) => sum + count, 0),
    pixels: concatBytes(...parts.map(({ pixels }) => pixels)),
    labels: first.labels && concatBytes(...parts.map(({ labels }) => labels ?? new Uint8Array())),
  };
}
